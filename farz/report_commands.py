"""`farz report`: figures for those who pay and those who watch."""

import time
from pathlib import Path
from typing import Annotated

import typer

from farz.errors import FarzError
from farz.moments import span
from farz.town import open_books

app = typer.Typer(no_args_is_help=True, help="Figures: streams of waste, what covers the credit.")


@app.command()
def streams(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write a table for a spreadsheet.")] = None,
    language: Annotated[str, typer.Option(help="The table's language: ar or en.")] = "ar",
) -> None:
    """Kilograms and credit per fraction and collection point, since the beginning.

    Examples:
      farz report streams --json
      farz report streams --csv streams.csv
    """
    import json
    from dataclasses import asdict

    from backend import db
    from backend.reports import service as reports

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = reports.streams(conn, ledger_id)
    if csv is not None:
        from dashboards.languages import LANGUAGES
        from dashboards.municipality.table import table

        if language not in LANGUAGES:
            raise FarzError(f"There are tables in {' and '.join(LANGUAGES)}, not in {language}.")
        csv.write_text(table(LANGUAGES[language], found.streams), encoding="utf-8", newline="")
        return
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for stream in found.streams:
        where = stream.point or "no place"
        typer.echo(
            f"{stream.fraction:<16} {where:<20} {stream.net_g / 1000:>10.3f} kg "
            f"{stream.deposits:>6} deposits {stream.amount:>10} credit"
        )


@app.command()
def coverage(
    days: Annotated[int, typer.Option(min=1, max=3_700, help="How many kept days.")] = 90,
    plot: Annotated[Path | None, typer.Option(help="Also draw the days as an SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What covers the credits outstanding: avoided disposal cost, merchants' promises, compost.

    Examples:
      farz report coverage --json
      farz report coverage --plot coverage.svg
    """
    import json
    from dataclasses import asdict

    from backend import db
    from backend.budgets import coverage as cover
    from backend.budgets.endpoints import WORDS
    from backend.budgets.picture import drawn

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        now = cover.coverage(conn, ledger_id, now_s=int(time.time()))
        kept = cover.days(conn, ledger_id, limit=days)
        costs = cover.disposal_costs(conn, ledger_id)
    if plot is not None:
        plot.write_text(drawn(kept, WORDS), encoding="utf-8")
    if as_json:
        parts = {"now": asdict(now), "days": [asdict(each) for each in kept]}
        typer.echo(json.dumps({**parts, "disposal_costs": [asdict(each) for each in costs]}))
        return
    share = "-" if now.permille is None else f"{now.permille / 10:.1f} %"
    typer.echo(
        f"outstanding {now.outstanding}, covered {now.cover} ({share}): compost {now.stock}, "
        f"promised {now.promised}, avoided disposal {now.avoided}; {now.waiting} waits for budget"
    )
    for missing in now.missing:
        typer.echo(f"not counted: {missing}")
    for each in kept:
        share = "-" if each.permille is None else f"{each.permille / 10:.1f} %"
        day = time.strftime("%Y-%m-%d", time.gmtime(each.computed_s))
        typer.echo(f"{day}  outstanding {each.outstanding:>10}  covered {each.cover:>10}  {share}")


@app.command(name="mass-balance")
def mass_balance(
    since: Annotated[str, typer.Option(help="From this moment on; empty: from the start.")] = "",
    until: Annotated[str, typer.Option(help="… and before this one.")] = "",
    tolerance: Annotated[int, typer.Option(min=0, max=1000, help="Per mille, no alarm.")] = 50,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What bins, trucks and the facility weighed of the same waste, and where they differ.

    Exit code 1 where a difference is beyond the tolerance.
    Example:
      farz report mass-balance --since 2027-01-01 --until 2027-02-01 --json
    """
    import json
    from dataclasses import asdict

    from backend import db
    from backend.collecting import service as collecting

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = collecting.balance(
            conn,
            ledger_id,
            *span(since, until),
            tolerance_permille=tolerance,
        )
    rows = (*found.town, *found.points)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    for each in () if as_json else rows:
        typer.echo(
            f"{each.fraction:<16} {each.point or 'the town':<20} deposits {each.deposited_g:>10} g"
            f"  emptied {each.emptied_g:>10} g  trucks {each.truck_g:>10} g"
            f"  facility {each.facility_g:>10} g"
        )
        for what, grams, permille in each.differences:
            mark = "  LOOK" if what in each.alarms else ""
            typer.echo(f"    {what:<24} {grams:>+10} g  {permille / 10:>+6.1f} %{mark}")
    raise typer.Exit(1 if any(each.alarms for each in rows) else 0)
