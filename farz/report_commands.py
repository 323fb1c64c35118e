"""`farz report`: figures for those who pay and those who watch."""

from typing import Annotated

import typer

from farz.town import open_books

app = typer.Typer(no_args_is_help=True, help="Figures: streams of waste.")


@app.command()
def streams(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Kilograms and credit per fraction and collection point, since the beginning."""
    import json
    from dataclasses import asdict

    from backend import db
    from backend.reports import service as reports

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = reports.streams(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for stream in found.streams:
        where = stream.point or "no place"
        typer.echo(
            f"{stream.fraction:<16} {where:<20} {stream.net_g / 1000:>10.3f} kg "
            f"{stream.deposits:>6} deposits {stream.amount:>10} credit"
        )
