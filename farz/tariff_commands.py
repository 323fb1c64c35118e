"""`farz tariff`: what a kilogram earns, versioned, dated and approved by two."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farz.approving import Code, Login, Password, signed_in
from farz.errors import FarzError
from farz.moments import clocks, moment, span
from farz.points import point_id
from farz.signing import by_whom
from farz.town import open_books, open_town

if TYPE_CHECKING:
    from backend.tariffs.service import Tariff

Json = Annotated[bool, typer.Option("--json", help="Print JSON, nothing else.")]
app = typer.Typer(no_args_is_help=True, help="What a kilogram earns: versions and approvals.")


@app.command(name="list")
def show(as_json: Json = False) -> None:
    """Every version of the tariff, drafts too.

    Example:  farz tariff list --json
    """
    from backend import db
    from backend.tariffs import service as tariffs
    from backend.towns import service as towns

    now_s = int(time.time())
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = tariffs.tariffs(conn, ledger_id)
        zone, clock = towns.town(conn, ledger_id).timezone, clocks(conn, ledger_id)
        places = {point.id: point.name for point in towns.points(conn, ledger_id)}
    if as_json:
        told = [_told(each) | {"standing": tariffs.standing(found, each, now_s)} for each in found]
        typer.echo(json.dumps(told))
        return
    for version in found:
        state = tariffs.said(found, version, now_s, zone)
        meant = "" if version.approved else f", meant from {clock(version.from_s)}"
        until = f" until {clock(version.until_s)}" if version.until_s else ""
        where = f" at {places[version.point_id]}" if version.point_id else ""
        typer.echo(f"{version.id:>3}  {state}{meant}{until}{where}  {version.note}")
        for (fraction, grade_), amount in sorted(version.rates.items()):
            typer.echo(f"       {fraction:<18} {grade_:<10} {amount:>6} per kg")


def _told(version: "Tariff") -> dict[str, object]:
    rates = [
        {"fraction": fraction, "grade": grade_, "amount_per_kg": amount}
        for (fraction, grade_), amount in sorted(version.rates.items())
    ]
    return asdict(version) | {"rates": rates, "approved": version.approved}


@app.command()
def draft(
    rates: Annotated[
        list[str],
        typer.Argument(help="fraction=minor units per kilogram, or fraction:grade=…"),
    ],
    since: Annotated[str, typer.Option(help="From when on, like 2027-01-01T00:00+02:00.")],
    by: Annotated[str, typer.Option(help="The login of who drafts it; two others approve.")],
    until: Annotated[str, typer.Option(help="When it ends; empty: when a later one starts.")] = "",
    point: Annotated[str, typer.Option(help="Only at this collection point.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: Json = False,
) -> None:
    """Write a tariff down; it is in force once two of the staff have approved it.

    Example:
      farz tariff draft organic=25 organic:mixed=10 --since 2027-01-01 --by salma
    """
    from backend.tariffs import service as tariffs

    with open_town() as services, services.begin() as conn:
        made = tariffs.draft(
            conn,
            services.ledger_id,
            _rates(rates),
            from_s=moment(since),
            until_s=moment(until) if until else None,
            point_id=point_id(conn, services.ledger_id, point),
            drafted_by=by_whom(conn, services.ledger_id, by, "tariffs:draft"),
            note=note,
            now_s=int(time.time()),
        )
    words = f"tariff {made.id} is a draft; approve it with: farz tariff approve {made.id}"
    typer.echo(json.dumps(_told(made)) if as_json else words)


@app.command()
def grade(
    grade: Annotated[str, typer.Argument(help="A grade that a tariff has a rate for.")],
    by: Annotated[str, typer.Option(help="The login of who inspected it.")],
    device: Annotated[str, typer.Option(help="Of this bin.")] = "",
    point: Annotated[str, typer.Option(help="Of this collection point; else of the town.")] = "",
    fraction: Annotated[str, typer.Option(help="Of this fraction; else of all.")] = "",
    since: Annotated[str, typer.Option(help="From when on; empty: from now on.")] = "",
    note: Annotated[str, typer.Option(help="What was seen.")] = "",
    as_json: Json = False,
) -> None:
    """Say after an inspection what grade a bin's or a point's waste has from now on.

    Example:  farz tariff grade mixed --device bin-3 --fraction organic --by rana
    """
    from backend.grading import service as grading

    now_s = int(time.time())
    with open_town() as services, services.begin() as conn:
        ledger_id = services.ledger_id
        made = grading.inspect(
            conn,
            ledger_id,
            grade=grade,
            device=device or None,
            point_id=point_id(conn, ledger_id, point),
            fraction=fraction or None,
            from_s=moment(since) if since else now_s,
            note=note,
            inspected_by=by_whom(conn, ledger_id, by, "grades:write"),
            now_s=now_s,
        )
        when = clocks(conn, ledger_id)(made.from_s)
    where = device or point or "the whole town"
    words = f"{fraction or 'everything'} of {where} is {grade} from {when} on"
    typer.echo(json.dumps(asdict(made)) if as_json else words)


@app.command()
def grades(as_json: Json = False) -> None:
    """Every inspection, and the grade that it gave.

    Example:  farz tariff grades --json
    """
    from backend import db
    from backend.grading import service as grading

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found, clock = grading.inspections(conn, ledger_id), clocks(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    for each in found:
        where = each.device or (f"point {each.point_id}" if each.point_id else "the town")
        typer.echo(
            f"{each.id:>3}  {clock(each.from_s)}  {where:<20} {each.fraction or 'all':<16} "
            f"{each.grade:<10} {each.note}"
        )


@app.command()
def approve(
    tariff_id: int,
    login: Login,
    password: Password = "",
    code: Code = "",
    as_json: Json = False,
) -> None:
    """Sign a tariff; the second signature, of somebody else, puts it in force.

    The password is asked for, and may be piped as one line.
    Examples:
      farz tariff approve 3 --login noor
      farz tariff approve 3 --login noor < noor.password
    """
    from backend.tariffs import service as tariffs
    from backend.towns import service as towns

    now_s = int(time.time())
    with (
        signed_in(login, password, code, "tariffs:approve") as (services, who),
        services.begin() as conn,
    ):
        town = services.ledger_id
        version = tariffs.approve(conn, town, tariff_id, staff_id=who.id, now_s=now_s)
        versions = tariffs.tariffs(conn, town)
        zone = towns.town(conn, town).timezone
    state = tariffs.said(versions, version, now_s, zone)
    typer.echo(json.dumps(_told(version)) if as_json else f"tariff {version.id} is {state}")


@app.command()
def simulate(
    tariff_id: int,
    since: Annotated[str, typer.Option(help="Replay what happened from this moment on.")] = "",
    until: Annotated[str, typer.Option(help="… and before this one.")] = "",
    plot: Annotated[Path | None, typer.Option(help="Also draw the changes as an SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Replay past deposits under a tariff: cost per tonne, who gains, who loses.

    Example:
      farz tariff simulate 3 --since 2026-10-01T00:00+03:00 --plot march.svg
    """
    from backend import db
    from backend.tariffs import service as tariffs
    from backend.tariffs.simulation import simulate as replay

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        draft = tariffs.tariff(conn, ledger_id, tariff_id)
        found = replay(conn, ledger_id, draft, *span(since, until))
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


def _rates(words: list[str]) -> dict[tuple[str, str], int]:
    from backend.tariffs.service import GRADE

    try:
        pairs = [word.split("=") for word in words]
        named = [(*name.partition(":")[::2], int(amount)) for name, amount in pairs]
    except ValueError:
        raise FarzError(
            "Write rates like organic=25 or organic:mixed=10, in minor units per kilogram."
        ) from None
    return {(fraction, grade or GRADE): amount for fraction, grade, amount in named}
