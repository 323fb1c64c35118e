"""What `farz gateway --help` adds to itself: every setting, read from the gateway's own class."""

from typing import Any

import typer
from typer.core import TyperCommand


class WithSettings(TyperCommand):
    """A command whose help ends with the gateway's settings, where a gateway is installed."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        try:
            from edge_gateway.settings import described
        except ModuleNotFoundError:
            typer.echo("No gateway is installed here: pip install 'farz[gateway]'")
            return
        typer.echo("Settings, each with what it is if nothing is said:\n")
        for variable, default, words in described():
            typer.echo(f"{variable}={default}\n    {words}")
