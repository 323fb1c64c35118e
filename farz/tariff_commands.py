"""`farz tariff`: what a kilogram earns, versioned, dated and approved by two."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farz.errors import FarzError
from farz.moments import moment
from farz.town import open_books, open_town

if TYPE_CHECKING:
    from backend.towns.service import Point

app = typer.Typer(no_args_is_help=True, help="What a kilogram earns: versions and approvals.")


@app.command(name="list")
def show() -> None:
    """Every version of the tariff, drafts too."""
    from backend.tariffs import service as tariffs

    with open_town() as services, services.read() as conn:
        for version in tariffs.tariffs(conn, services.ledger_id):
            state = "in force from" if version.approved else "draft, meant from"
            until = f" until {time.ctime(version.until_s)}" if version.until_s else ""
            where = f" at point {version.point_id}" if version.point_id else ""
            dated = f"{state} {time.ctime(version.from_s)}{until}{where}"
            typer.echo(f"{version.id:>3}  {dated}  {version.note}")
            for (fraction, grade), amount in sorted(version.rates.items()):
                typer.echo(f"       {fraction:<18} {grade:<10} {amount:>6} per kg")


@app.command()
def draft(
    rates: Annotated[list[str], typer.Argument(help="fraction=minor units per kilogram")],
    since: Annotated[str, typer.Option(help="From when on, like 2027-01-01T00:00+02:00.")],
    by: Annotated[str, typer.Option(help="The login of who drafts it; two others approve.")],
    until: Annotated[str, typer.Option(help="When it ends; empty: when a later one starts.")] = "",
    point: Annotated[str, typer.Option(help="Only at this collection point.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Write a tariff down; it is in force once two of the staff have approved it.

    Example:  farz tariff draft organic=25 plastic=40 --since 2027-01-01T00:00+02:00 --by salma
    """
    from backend.access import service as access
    from backend.tariffs import service as tariffs
    from backend.towns import service as towns

    with open_town() as services, services.begin() as conn:
        made = tariffs.draft(
            conn,
            services.ledger_id,
            _rates(rates),
            from_s=moment(since),
            until_s=moment(until) if until else None,
            point_id=_point(towns.points(conn, services.ledger_id), point) if point else None,
            drafted_by=access.by_login(conn, services.ledger_id, by).signature,
            note=note,
            now_s=int(time.time()),
        )
    typer.echo(f"tariff {made.id} is a draft; approve it with: farz tariff approve {made.id}")


@app.command()
def approve(
    tariff_id: int,
    login: Annotated[str, typer.Option(prompt=True, help="Your login.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True)],
    code: Annotated[
        str, typer.Option(help="Your telephone's code, if you are asked for one.")
    ] = "",
) -> None:
    """Sign a tariff; the second signature, of somebody else, puts it in force."""
    from backend.access import signing_in
    from backend.tariffs import service as tariffs

    with open_town() as services:
        place = signing_in.From("console")
        signed_in = signing_in.staff(services, login, password, place, code)
        signed_in.who.require("tariffs:approve")
        with services.begin() as conn:
            version = tariffs.approve(
                conn,
                services.ledger_id,
                tariff_id,
                staff_id=signed_in.who.id,
                now_s=int(time.time()),
            )
        signing_in.out(services, signed_in.token)
    state = "in force" if version.approved else "waiting for a second signature"
    typer.echo(f"tariff {version.id} is {state}")


@app.command()
def simulate(
    tariff_id: int,
    since: Annotated[str, typer.Option(help="Replay what happened from this moment on.")] = "",
    until: Annotated[str, typer.Option(help="… and before this one.")] = "",
    plot: Annotated[Path | None, typer.Option(help="Also draw the changes as an SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Replay past deposits under a tariff: cost per tonne, who gains, who loses.

    Example:  farz tariff simulate 3 --since 2026-10-01T00:00+03:00 --plot march.svg
    """
    from backend import db
    from backend.tariffs import service as tariffs
    from backend.tariffs.simulation import simulate as replay

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        draft = tariffs.tariff(conn, ledger_id, tariff_id)
        end_s = moment(until) if until else 2**40
        found = replay(conn, ledger_id, draft, moment(since) if since else 0, end_s)
    if plot is not None:
        plot.write_text(drawn(found.spread), encoding="utf-8")
    report = found.as_dict()
    if as_json:
        typer.echo(json.dumps(report))
        return
    for each in found.fractions:
        typer.echo(
            f"{each.fraction:<16} {each.net_g / 1000:>12.3f} kg  "
            f"{each.paid_per_tonne:>9} -> {each.would_pay_per_tonne:>9} per tonne"
        )
    counts = found.households
    typer.echo(f"paid {report['paid']}, would pay {report['would_pay']} minor units")
    typer.echo(
        f"households: {counts['gain']} gain, {counts['lose']} lose, {counts['same']} stay\n"
        f"a household's change, lowest to highest tenth: {', '.join(map(str, found.spread))}"
    )


def drawn(spread: tuple[int, ...]) -> str:
    """Return an SVG of a household's change by decile: bars above and below a line."""
    top = max([1, *map(abs, spread)])
    bars = [
        f'<rect x="{20 + 40 * i}" y="{100 - max(0, v) * 80 // top}" width="30" '
        f'height="{abs(v) * 80 // top}"><title>{i * 10} %: {v}</title></rect>'
        for i, v in enumerate(spread)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 200" role="img">'
        f"<title>Change per household by decile, at most {top} minor units</title>"
        f'<path d="M10 100H470" stroke="black"/>{"".join(bars)}</svg>\n'
    )


def _point(known: "list[Point]", name: str) -> int:
    for each in known:
        if each.name == name:
            return each.id
    names = ", ".join(each.name for each in known) or "none yet"
    raise FarzError(f"There is no collection point {name!r}. There are: {names}.")


def _rates(words: list[str]) -> dict[str, int]:
    try:
        pairs = [word.split("=") for word in words]
        return {fraction: int(amount) for fraction, amount in pairs}
    except ValueError:
        raise FarzError("Write rates like organic=25, in minor units per kilogram.") from None
