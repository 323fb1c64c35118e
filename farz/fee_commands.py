"""`farz fee`: credit taken off a waste-fee bill, and the sheet for the municipality's billing."""

import json
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from farz.moments import clocks, span
from farz.signing import on_behalf
from farz.telling import Json, tell
from farz.town import open_books, open_town

app = typer.Typer(no_args_is_help=True, help="Waste fees: discounts paid with credit.")
By = Annotated[str, typer.Option(help="The login of who does it.")]
Since = Annotated[str, typer.Option(help="From this moment on; empty: from the first.")]
Until = Annotated[str, typer.Option(help="Up to before this moment; empty: up to now.")]


@app.command()
def discount(
    bill: Annotated[str, typer.Argument(help="The bill's own reference.")],
    amount: Annotated[int, typer.Argument(min=1, help="What the credit pays, in minor units.")],
    bill_amount: Annotated[int, typer.Option("--of", min=1, help="The whole bill.")],
    card: Annotated[str, typer.Option(help="The number printed on the holder's card.")],
    by: By,
    as_json: Json = False,
) -> None:
    """Take credit for a discount on a bill, once a bill; prints the receipt.

    Example:  farz fee discount 2027/117 4000 --of 4500 --card 12345674 --by khalil
    """
    from backend.cards import service as cards
    from backend.fees import service as fees

    with open_town() as services:
        with services.read() as conn:
            person_id = cards.by_number(conn, services.ledger_id, card).person_id
            who = on_behalf(services, conn, by, "fees:discount", person_id)
        made = fees.discount(
            services,
            person_id=person_id,
            bill=bill,
            bill_amount=bill_amount,
            amount=amount,
            served_by=who,
            key=uuid.uuid4().hex,
        )
    words = f"{made.receipt}  {made.amount} off the {made.bill_amount} of bill {made.bill}"
    tell(asdict(made), words, as_json)


@app.command()
def void(
    receipt: Annotated[str, typer.Argument(help="The receipt's number, like R12-34.")],
    reason: Annotated[str, typer.Option(help="What was wrong.")],
    by: By,
    as_json: Json = False,
) -> None:
    """Take a wrong discount back, within minutes of it; the bill may be discounted anew.

    Example:  farz fee void R12-34 --reason "wrong bill" --by khalil
    """
    from backend.fees import service as fees

    with open_town() as services:
        with services.read() as conn:
            holder = fees.find(conn, services.ledger_id, receipt).person_id
            who = on_behalf(services, conn, by, "fees:discount", holder)
        made = fees.void(services, receipt, by=who, reason=reason, key=uuid.uuid4().hex)
    tell(asdict(made), f"{made.receipt} counts no more", as_json)


@app.command(name="list")
def show(since: Since = "", until: Until = "", as_json: Json = False) -> None:
    """Discounts by bill, oldest first, without who it was.

    Example:  farz fee list --since 2027-01-01 --until 2027-02-01
    """
    from backend import db
    from backend.fees import service as fees

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = fees.discounts(conn, ledger_id, *span(since, until))
        clock = clocks(conn, ledger_id)
    if as_json:
        rows: list[dict[str, Any]] = [asdict(each) for each in found]
        typer.echo(json.dumps([{k: v for k, v in row.items() if k != "person_id"} for row in rows]))
        return
    if not found:
        typer.echo("no discounts yet; give one: farz fee discount --help")
    for each in found:
        state = "  taken back" if each.voided else ""
        typer.echo(f"{clock(each.redeemed_s)}  {each.receipt}  {each.bill}  {each.amount}{state}")


@app.command()
def sheet(
    target: Annotated[Path, typer.Argument(help="A CSV file that a spreadsheet opens.")],
    since: Since = "",
    until: Until = "",
    as_json: Json = False,
) -> None:
    """Write a period's discounts into a file, for the billing to take them over.

    Example:  farz fee sheet january.csv --since 2027-01-01 --until 2027-02-01
    """
    from backend import db
    from backend.fees import sheets

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        text, discounts = sheets.sheet(conn, ledger_id, *span(since, until))
    target.write_text(text, encoding="utf-8", newline="")
    words = f"discounts in {target}: {discounts}"
    tell({"file": str(target), "discounts": discounts}, words, as_json)
