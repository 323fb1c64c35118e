"""What a command prints: words for a person, or with --json one JSON value for a program."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value, nothing else.")]


def tell(told: Any, words: str, as_json: bool) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else words)


def say(words: str) -> None:
    """Progress: it is not the answer."""
    typer.echo(words, err=True)


@contextmanager
def saying(how_far: Callable[[], str], every_s: float = 10) -> Iterator[None]:
    """Say every so often how far the work within has come; nothing of what is soon done."""
    done = threading.Event()

    def tell_on() -> None:
        while not done.wait(every_s):
            say(how_far())

    teller = threading.Thread(target=tell_on, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
