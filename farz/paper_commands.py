"""`farz paper` and `farz collection`: slips with two signatures, and weighbridge tickets."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from farz.approving import Code, Login, Password, signed_in
from farz.moments import clocks, moment
from farz.points import point_id
from farz.signing import by_whom, on_behalf
from farz.telling import Json, tell
from farz.town import open_books, open_town

if TYPE_CHECKING:
    from backend.access.service import Who
    from backend.services import Services

app = typer.Typer(no_args_is_help=True, help="Paper slips: entered by one, confirmed by another.")
collection = typer.Typer(no_args_is_help=True, help="What trucks and the facility weighed.")
By = Annotated[str, typer.Option(help="The login of who does it.")]
SlipNo = Annotated[int, typer.Argument(help="The slip's number here; see: farz paper list")]
When = Annotated[str, typer.Option(help="When it happened, like 2027-01-05T10:30+02:00.")]
Grams = Annotated[int, typer.Option(min=0, help="Whole grams.")]


@app.command(name="list")
def show(as_json: Json = False) -> None:
    """The newest slips: what stands on them, how far they are, and what was booked.

    Example:  farz paper list --json
    """
    from backend import db
    from backend.paper import service as paper

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found, clock = paper.slips(conn, ledger_id), clocks(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    if not found:
        typer.echo("no slips yet; enter one: farz paper enter --help")
    for each in found:
        said = each.outcome or "not booked"
        said += "" if each.amount is None else f" {each.amount}"
        name = f"{each.facts.book}/{each.facts.number}"
        typer.echo(f"{each.id:>5}  {name:<10} {each.facts.kind:<10} {each.state:<10} {said}")
        what = each.facts.fraction or f"of product {each.facts.product_id}"
        typer.echo(
            f"{'':<7}{each.facts.gross_g - each.facts.tare_g} g {what}, person {each.person_id}, "
            f"{clock(each.facts.happened_s)}"
        )


@app.command()
def enter(
    kind: Annotated[str, typer.Argument(help="deposit or redemption")],
    slip: Annotated[str, typer.Argument(help="Book and number, like 3/17.")],
    card: Annotated[str, typer.Option(help="The number printed on the holder's card.")],
    gross: Grams,
    at: When,
    by: By,
    tare: Grams = 0,
    fraction: Annotated[str, typer.Option(help="What was brought.")] = "",
    product: Annotated[int, typer.Option(help="What was handed out.")] = 0,
    point: Annotated[str, typer.Option(help="The collection point.")] = "",
    as_json: Json = False,
) -> None:
    """Enter a slip; nothing is booked before another person has confirmed it.

    Example:
      farz paper enter deposit 3/17 --card 12345674 --gross 4500 --tare 500 \\
          --fraction organic --at 2027-01-05T10:30+02:00 --by khalil
    """
    from backend.cards import service as cards
    from backend.paper import service as paper

    book, _, number = slip.partition("/")
    if not (book.isdecimal() and number.isdecimal()):
        raise typer.BadParameter("Write a slip as BOOK/NUMBER, like 3/17.")
    with open_town() as services:
        with services.read() as conn:
            holder = cards.by_number(conn, services.ledger_id, card).person_id
            who = on_behalf(services, conn, by, "paper:enter", holder)
            place = point_id(conn, services.ledger_id, point)
        facts = paper.Facts(
            kind=kind,
            book=int(book),
            number=int(number),
            gross_g=gross,
            tare_g=tare,
            happened_s=moment(at),
            fraction=fraction or None,
            product_id=product or None,
            point_id=place,
        )
        made = paper.enter(services, facts, card, entered_by=who)
    words = f"slip {made.id} waits for the second signature: farz paper confirm {made.id}"
    typer.echo(json.dumps(asdict(made)) if as_json else words)


@app.command()
def confirm(
    slip_id: SlipNo, login: Login, password: Password = "", code: Code = "", as_json: Json = False
) -> None:
    """Sign a slip as the second person, and book it.

    The password is asked for, and may be piped as one line.
    Example:  farz paper confirm 12 --login mona
    """
    from backend.paper import service as paper

    with signed_in(login, password, code, "paper:confirm") as (services, who):
        _note(services, who, slip_id)
        made = paper.confirm(services, slip_id, by=who.signature)
    sum_ = "" if made.amount is None else f" {made.amount}"
    words = f"slip {made.id}: {made.outcome}{sum_}{f', {made.receipt}' if made.receipt else ''}"
    typer.echo(json.dumps(asdict(made)) if as_json else words)


@app.command()
def reject(
    slip_id: SlipNo,
    reason: Annotated[str, typer.Option(help="What is wrong.")],
    login: Login,
    password: Password = "",
    code: Code = "",
    as_json: Json = False,
) -> None:
    """Say that a slip is not as it was entered; it may be entered anew.

    Example:  farz paper reject 12 --reason "4,500 was 1,500" --login mona
    """
    from backend.paper import service as paper

    with signed_in(login, password, code, "paper:confirm") as (services, who):
        _note(services, who, slip_id)
        made = paper.reject(services, slip_id, by=who.signature, reason=reason)
    words = f"slip {made.id} is {made.state}"
    tell(asdict(made), words, as_json)


def _note(services: "Services", who: "Who", slip_id: int) -> None:
    """That a second person signs somebody's slip is in their log."""
    from backend.paper import service as paper

    with services.read() as conn:
        who.saw("paper:confirm", paper.slip(conn, services.ledger_id, slip_id).person_id)


@collection.command()
def ticket(
    site: Annotated[str, typer.Argument(help="truck or facility")],
    name: Annotated[str, typer.Argument(help="The ticket's own number.")],
    fraction: Annotated[str, typer.Argument(help="What was weighed, like organic.")],
    gross: Grams,
    at: When,
    by: By,
    tare: Grams = 0,
    point: Annotated[str, typer.Option(help="The collection point; none: several.")] = "",
    vehicle: str = "",
    as_json: Json = False,
) -> None:
    """Enter a weighbridge ticket, once.

    Example:
      farz collection ticket truck T-17 organic --gross 7100000 --tare 6400000 \\
          --point School --at 2027-01-05T11:00+02:00 --by rami
    """
    from backend.collecting import service as collecting

    with open_town() as services, services.begin() as conn:
        who = by_whom(conn, services.ledger_id, by, "loads:weigh")
        place = point_id(conn, services.ledger_id, point)
        asked = collecting.Ticket(site, name, fraction, place, vehicle, gross, tare, moment(at))
        made, there = collecting.add(
            conn, services.ledger_id, asked, entered_by=who, now_s=services.now_s()
        )
    words = f"{made.net_g} g{' (was there already)' if there else ''}"
    tell(asdict(made) | {"net_g": made.net_g, "known": there}, words, as_json)


@collection.command()
def tickets(as_json: Json = False) -> None:
    """Every ticket, oldest first.

    Example:  farz collection tickets --json
    """
    from backend import db
    from backend.collecting import service as collecting

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found, clock = collecting.tickets(conn, ledger_id), clocks(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps([asdict(each) | {"net_g": each.net_g} for each in found]))
        return
    for each in found:
        what = f"{each.site:<8} {each.ticket:<12} {each.fraction:<16} {each.net_g} g"
        typer.echo(f"{clock(each.weighed_s)}  {what}")
