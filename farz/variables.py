"""The environment's FARZ_ variables: which there are, and what is wrong with those that are given.

A setting under a misspelt name would be left at what it is if nothing is said: other books, a
cookie without its protection. So nothing starts beside one.
"""

import os
import sys
from difflib import get_close_matches

from farz.errors import FarzError

PREFIX = "FARZ_"
# Which commands take as options, and what deploy/compose.yaml asks for beside them.
OPTIONS = frozenset({"FARZ_DATA_DIR", "FARZ_STAFF_PASSWORD", "FARZ_BACKUPS"})


def given() -> list[str]:
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX))


def misspelt() -> dict[str, str]:
    """Return what is given and no setting of any room, each with the nearest that is, or ""."""
    strange = {name for name in given() if name.upper() not in OPTIONS}
    if not strange:
        return {}
    known = _known()
    return {
        name: "".join(get_close_matches(name.upper(), known, 1))
        for name in sorted(strange)
        if name.upper() not in known
    }


def require_known(command: str | None) -> None:
    """Raises FarzError beside a name that is no setting, or a value that cannot be read.

    The doctor tells them among its findings, and who asks for help may be looking for the name.
    """
    if command == "doctor" or "--help" in sys.argv:
        return
    if wrong := misspelt():
        raise FarzError(
            "\n      ".join(about(name, near) for name, near in wrong.items())
            + "\nNothing was done: what it says would not have been heeded. See: farz doctor"
        )
    if set(given()) - OPTIONS and (unread := wrong_value()):
        raise FarzError(f"{unread[0]} cannot be read. {unread[1]}. See: farz doctor")


def about(name: str, near: str) -> str:
    meant = f" Did you mean {near}?" if near else f" Take it away: unset {name}"
    return f"{name} is no setting of Farz.{meant}"


def wrong_value() -> tuple[str, str] | None:
    """Return (variable, what is wrong with what it says) of the first that cannot be read.

    The gateway tells its own.
    """
    from pydantic import ValidationError

    from backend.settings import Settings

    try:
        Settings()
    except ValidationError as error:
        first = error.errors()[0]
        return f"{PREFIX}{'_'.join(map(str, first['loc'])).upper()}", str(first["msg"])
    return None


def _known() -> frozenset[str]:
    from backend.settings import Settings
    from edge_gateway.settings import described

    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return OPTIONS | settings | {variable for variable, _, _ in described()}
