"""`farz staff`: who works for the town."""

import time
from typing import Annotated

import typer

from farz.town import new_password, open_town

app = typer.Typer(no_args_is_help=True, help="Who works for the town.")


@app.command()
def add(
    login: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Annotated[
        str, typer.Option(help="counter_clerk, municipal_officer …; a wrong one lists all")
    ],
    name: Annotated[str, typer.Option(help="Their name, as others see it.")] = "",
) -> None:
    """Add a colleague, asking for their password.

    Example:  farz staff add salma --role municipal_officer --name "Salma"
    """
    from backend.access import service as access

    password = new_password(login)
    with open_town() as services, services.begin() as conn:
        made = access.create_staff(
            conn,
            services.ledger_id,
            login=login,
            name=name or login,
            role=role,
            password=password,
            now_s=int(time.time()),
        )
    typer.echo(f"{made.name} may sign in as {login} ({made.role})")


@app.command(name="list")
def show() -> None:
    """Everybody who may sign in, with their role."""
    from backend.access import service as access

    with open_town() as services, services.read() as conn:
        for who in access.staff(conn, services.ledger_id):
            typer.echo(f"{who.name:<24} {who.role}")
