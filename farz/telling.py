"""What a command prints: words for a person, or with --json one JSON value for a program."""

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value, nothing else.")]


def tell(told: Any, words: str, as_json: bool) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else words)
