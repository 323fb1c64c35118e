"""`farz merchant` and `farz settlement`: who accepts credit, what is owed, and that it was paid."""

import json
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from farz.approving import Code, Login, Password, signed_in
from farz.moments import moment
from farz.signing import by_whom, on_behalf
from farz.telling import Json, tell
from farz.town import open_books, open_town

app = typer.Typer(no_args_is_help=True, help="Merchants: registering, promises, payments.")
settlements = typer.Typer(no_args_is_help=True, help="What is owed for redeemed credit, and paid.")
By = Annotated[str, typer.Option(help="The login of who does it.")]
MerchantNo = Annotated[int, typer.Argument(help="The merchant's number; see: farz merchant list")]
Payee = Annotated[str, typer.Argument(help="cooperative, merchant-5, or merchant-5-aid")]


@app.command(name="list")
def show(as_json: Json = False) -> None:
    """Every merchant: kind, currencies, and what is left of the promise in force.

    Example:  farz merchant list --json
    """
    from backend import db
    from backend.merchants import service as merchants

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = merchants.merchants(conn, ledger_id, now_s=int(time.time()))
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    if not found:
        typer.echo("no merchants yet; register one: farz merchant add --help")
    for each in found:
        takes = ", ".join(sorted(each.accounts))
        typer.echo(f"{each.id:>3}  {each.name:<30} {each.kind:<16} {takes}  {each.promised} left")


@app.command()
def add(name: str, kind: str, by: By, as_json: Json = False) -> None:
    """Register a merchant; the kind is what restricted money asks for.

    Example:  farz merchant add "Bakery" grocer --by salma
    """
    from backend.merchants import service as merchants

    with open_town() as services:
        with services.read() as conn:
            who = by_whom(conn, services.ledger_id, by, "merchants:write")
        made = merchants.register(services, name, kind, decided_by=who)
    words = f"merchant {made.id} is registered"
    tell(asdict(made), words, as_json)


@app.command()
def accept(merchant_id: MerchantNo, currency: str, by: By, as_json: Json = False) -> None:
    """Let a merchant take a further currency, like restricted aid.

    Example:  farz merchant accept 1 aid --by salma
    """
    from backend.merchants import service as merchants

    with open_town() as services:
        with services.read() as conn:
            who = by_whom(conn, services.ledger_id, by, "merchants:write")
        made = merchants.accept(services, merchant_id, currency, decided_by=who)
    words = f"{made.name} takes {', '.join(sorted(made.accounts))}"
    tell(asdict(made), words, as_json)


@app.command()
def promise(
    merchant_id: MerchantNo,
    amount: Annotated[int, typer.Argument(min=0, help="Minor units.")],
    since: Annotated[str, typer.Option(help="Start, like 2027-01-01T00:00+02:00.")],
    until: Annotated[str, typer.Option(help="End.")],
    by: By,
    as_json: Json = False,
) -> None:
    """Note what a merchant promises to accept in a period; it counts as cover until then.

    Example:
      farz merchant promise 1 50000 --since 2027-01-01 --until 2027-04-01 --by salma
    """
    from backend.merchants import service as merchants

    with open_town() as services, services.begin() as conn:
        merchants.promise(
            conn,
            services.ledger_id,
            merchant_id,
            from_s=moment(since),
            until_s=moment(until),
            amount=amount,
            decided_by=by_whom(conn, services.ledger_id, by, "merchants:write"),
        )
    words = f"merchant {merchant_id} promises to accept {amount}"
    tell({"merchant_id": merchant_id, "amount": amount}, words, as_json)


@app.command()
def pay(
    merchant_id: MerchantNo,
    amount: Annotated[int, typer.Argument(min=1, help="Minor units.")],
    card: Annotated[str, typer.Option(help="The number printed on the payer's card.")],
    by: By,
    currency: str = "credit",
    as_json: Json = False,
) -> None:
    """Pay at a merchant; prints the receipt.

    Example:  farz merchant pay 1 500 --card 12345674 --by khalil
    """
    from backend.cards import service as cards
    from backend.merchants import service as merchants

    with open_town() as services:
        with services.read() as conn:
            person_id = cards.by_number(conn, services.ledger_id, card).person_id
            who = on_behalf(services, conn, by, "payments:make", person_id)
        made = merchants.pay(
            services,
            merchant_id,
            person_id,
            amount,
            currency=currency,
            taken_by=who,
            key=uuid.uuid4().hex,
        )
    words = f"{made.receipt}  {made.amount} {made.currency}"
    typer.echo(json.dumps(asdict(made)) if as_json else words)


@app.command()
def void(
    receipt: Annotated[str, typer.Argument(help="The receipt's number, like R12-34.")],
    reason: Annotated[str, typer.Option(help="What was wrong.")],
    by: By,
    as_json: Json = False,
) -> None:
    """Take a wrong payment back, within minutes of it; the payer has the credit again.

    Example:  farz merchant void R12-34 --reason "paid twice" --by khalil
    """
    from backend.merchants import service as merchants

    with open_town() as services:
        with services.read() as conn:
            payer = merchants.payment(conn, services.ledger_id, receipt).person_id
            who = on_behalf(services, conn, by, "payments:make", payer)
        made = merchants.void(services, receipt, by=who, reason=reason, key=uuid.uuid4().hex)
    tell(asdict(made), f"{made.receipt} counts no more", as_json)


@settlements.command(name="list")
def list_statements(as_json: Json = False) -> None:
    """Every statement, newest first, and whether it was paid.

    Example:  farz settlement list
    """
    from backend import db
    from backend.settlements import service

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = service.statements(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    if not found:
        typer.echo("no statements yet; draw one up: farz settlement draw --help")
    for each in found:
        state = f"paid: {each.reference}" if each.paid_by else "not paid"
        typer.echo(f"{each.payee:<16} {each.number:>4}  {each.amount:>12}  {state}")


@settlements.command()
def draw(
    payee: Payee,
    by: By,
    until: Annotated[str, typer.Option(help="Up to before this moment; empty: up to now.")] = "",
    as_json: Json = False,
) -> None:
    """Draw up what is owed since the last statement.

    Example:
      farz settlement draw cooperative --until 2027-02-01T00:00+02:00 --by mona
    """
    from backend.settlements import service

    with open_town() as services:
        with services.read() as conn:
            who = by_whom(conn, services.ledger_id, by, "settlements:draw")
        made = service.draw(
            services,
            payee,
            until_s=moment(until) if until else None,
            drawn_by=who,
            key=uuid.uuid4().hex,
        )
    words = f"{made.payee} {made.number}: {made.amount}, bookings: {made.bookings}"
    typer.echo(json.dumps(asdict(made)) if as_json else words)


@settlements.command()
def sheet(
    payee: Payee,
    number: int,
    target: Annotated[Path, typer.Argument(help="A CSV file that a spreadsheet opens.")],
    as_json: Json = False,
) -> None:
    """Write every booking of a statement into a file for a spreadsheet.

    Example:  farz settlement sheet cooperative 1 january.csv
    """
    from backend.settlements import service, sheets

    with open_town() as services, services.read() as conn:
        found = service.statement(conn, services.ledger_id, payee, number)
        text, bookings = sheets.sheet(conn, services, found)
    target.write_text(text, encoding="utf-8", newline="")
    words = f"bookings in {target}: {bookings}"
    tell({"file": str(target), "bookings": bookings}, words, as_json)


@settlements.command(name="pay")
def mark_paid(
    payee: Payee,
    number: int,
    reference: Annotated[str, typer.Option(help="The bank's or the cash book's.")],
    login: Login,
    password: Password = "",
    code: Code = "",
    as_json: Json = False,
) -> None:
    """Note that a statement was paid: once, by somebody else than who drew it up.

    The password is asked for, and may be piped as one line.
    Example:
      farz settlement pay cooperative 1 --reference "bank 2027/14" --login salma
    """
    from backend.settlements import service

    with signed_in(login, password, code, "settlements:pay") as (services, who):
        made = service.pay(
            services,
            payee,
            number,
            reference=reference,
            paid_by=who.signature,
            key=uuid.uuid4().hex,
        )
    words = f"{made.payee} {made.number} is paid: {made.reference}"
    typer.echo(json.dumps(asdict(made)) if as_json else words)
