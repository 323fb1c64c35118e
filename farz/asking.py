"""Asking a person for a secret: unseen on a terminal, or one line of standard input when piped."""

import getpass
import sys

from farz.errors import FarzError


def secret(what: str, *, twice: bool = False) -> str:
    """Return what was typed, asked for `twice` where typing is blind. Raises FarzError."""
    if not sys.stdin.isatty():
        found = sys.stdin.readline().rstrip("\r\n")
        if not found:
            raise FarzError(f"{what}: nothing came in. Pipe it as one line, or type it.")
        return found
    first = getpass.getpass(f"{what}: ")
    if twice and getpass.getpass("Once more: ") != first:
        raise FarzError("The two differ; nothing was done.")
    return first
