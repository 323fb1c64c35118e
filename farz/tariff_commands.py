"""`farz tariff`: what a kilogram earns, versioned, dated and approved by two."""

import time
from datetime import datetime
from typing import Annotated

import typer

from farz.errors import FarzError
from farz.town import open_town

app = typer.Typer(no_args_is_help=True, help="What a kilogram earns: versions and approvals.")


@app.command(name="list")
def show() -> None:
    """Every version of the tariff, drafts too."""
    from backend.tariffs import service as tariffs

    with open_town() as services, services.read() as conn:
        for version in tariffs.tariffs(conn, services.ledger_id):
            state = "in force from" if version.approved else "draft, meant from"
            typer.echo(f"{version.id:>3}  {state} {time.ctime(version.from_s)}  {version.note}")
            for (fraction, grade), amount in sorted(version.rates.items()):
                typer.echo(f"       {fraction:<18} {grade:<10} {amount:>6} per kg")


@app.command()
def draft(
    rates: Annotated[list[str], typer.Argument(help="fraction=minor units per kilogram")],
    since: Annotated[str, typer.Option(help="From when on, like 2027-01-01T00:00+02:00.")],
    by: Annotated[str, typer.Option(help="Who drafts it.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Write a tariff down; it is in force once two of the staff have approved it.

    Example:  farz tariff draft organic=25 plastic=40 --since 2027-01-01T00:00+02:00 --by office
    """
    from backend.tariffs import service as tariffs

    with open_town() as services, services.begin() as conn:
        made = tariffs.draft(
            conn,
            services.ledger_id,
            _rates(rates),
            from_s=_moment(since),
            drafted_by=by,
            note=note,
            now_s=int(time.time()),
        )
    typer.echo(f"tariff {made.id} is a draft; approve it with: farz tariff approve {made.id}")


@app.command()
def approve(
    tariff_id: int,
    login: Annotated[str, typer.Option(prompt=True, help="Your login.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True)],
) -> None:
    """Sign a tariff; the second signature, of somebody else, puts it in force."""
    from backend.access import service as access
    from backend.tariffs import service as tariffs

    with open_town() as services:
        signed_in = access.sign_in_staff(services, login, password, "console")
        with services.begin() as conn:
            version = tariffs.approve(
                conn,
                services.ledger_id,
                tariff_id,
                staff_id=signed_in.who.id,
                now_s=int(time.time()),
            )
        access.sign_out(services, signed_in.token)
    state = "in force" if version.approved else "waiting for a second signature"
    typer.echo(f"tariff {version.id} is {state}")


def _rates(words: list[str]) -> dict[str, int]:
    try:
        pairs = [word.split("=") for word in words]
        return {fraction: int(amount) for fraction, amount in pairs}
    except ValueError:
        raise FarzError("Write rates like organic=25, in minor units per kilogram.") from None


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FarzError(f"{text!r} is no moment; write it like 2027-01-01T00:00+02:00.") from None
    return int(moment.timestamp())
