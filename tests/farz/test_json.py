"""Every command says what it has to say to a program, too: one table from the parser itself."""

from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from farz.__main__ import app

# What goes on until it is stopped, or speaks with a person or a cable all the while, and why.
WITHOUT = {
    "serve": "serves until it is stopped; its log is JSON lines",
    "gateway": "the gateway's own process, with its own words",
    "device flash": "what esptool prints",
}


def leaves() -> Iterator[tuple[str, list[str], str]]:
    """(name, options, help) of every command that can be typed."""
    waiting = [("", get_command(app))]
    while waiting:
        name, command = waiting.pop()
        if isinstance(command, TyperGroup):
            waiting += [(f"{name} {n}".strip(), each) for n, each in command.commands.items()]
            continue
        options = [word for each in command.params for word in each.opts]
        yield name, options, command.help or ""


COMMANDS = sorted(leaves())


@pytest.mark.parametrize(("name", "options", "words"), COMMANDS, ids=[each[0] for each in COMMANDS])
def test_every_command_has_json_and_says_what_it_does(
    name: str, options: list[str], words: str
) -> None:
    assert ("--json" in options) != (name in WITHOUT), f"give `farz {name}` --json (farz.telling)"
    assert words, f"say in a docstring what `farz {name}` does"


def test_the_exceptions_are_commands() -> None:
    names = {name for name, _, _ in COMMANDS}
    assert WITHOUT.keys() <= names
    assert len(names) > 80
