"""`farz compost`: what the cooperative has in stock, its prices, and handing it out."""

import time
import uuid
from typing import Annotated

import typer

from farz.town import open_town

app = typer.Typer(no_args_is_help=True, help="Compost: stock, prices, hand-over.")
Product = Annotated[int, typer.Argument(help="The product's number; see: farz compost list")]
By = Annotated[str, typer.Option(help="The login of who does it.")]
Grams = Annotated[int, typer.Argument(min=1, help="Whole grams.")]


@app.command(name="list")
def show() -> None:
    """Every product: stock and price."""
    from backend.compost import service as compost

    with open_town() as services, services.read() as conn:
        for each in compost.products(conn, services.ledger_id, at_s=services.now_s()):
            typer.echo(
                f"{each.id:>3}  {each.name:<24} {each.stock_g:>10} g  {each.amount_per_kg} per kg"
            )


@app.command()
def price(product_id: Product, amount_per_kg: int, by: By) -> None:
    """Price a product from now on; earlier receipts keep theirs.

    Example:  farz compost price 1 30 --by salma
    """
    from backend.access import service as access
    from backend.compost import service as compost

    with open_town() as services, services.begin() as conn:
        decided_by = access.by_login(conn, services.ledger_id, by).signature
        compost.set_price(
            conn,
            services.ledger_id,
            product_id,
            amount_per_kg,
            decided_by=decided_by,
            from_s=int(time.time()),
        )
    typer.echo(f"product {product_id} costs {amount_per_kg} minor units per kg")


@app.command()
def receive(product_id: Product, grams: Grams, by: By, note: str = "") -> None:
    """Bring a batch into stock.

    Example:  farz compost receive 1 250000 --by khalil --note "heap 3"
    """
    from backend.access import service as access
    from backend.compost import service as compost

    with open_town() as services:
        with services.read() as conn:
            received_by = access.by_login(conn, services.ledger_id, by).signature
        made = compost.receive(
            services, product_id, grams, received_by=received_by, note=note, key=uuid.uuid4().hex
        )
    typer.echo(f"batch {made.id}: {made.grams} g")


@app.command()
def redeem(
    product_id: Product,
    grams: Grams,
    card: Annotated[str, typer.Option(help="The number printed on the holder's card.")],
    by: By,
) -> None:
    """Take credit and hand out compost, both or neither; prints the receipt.

    Example:  farz compost redeem 1 5000 --card 12345674 --by khalil
    """
    from backend.access import service as access
    from backend.cards import service as cards
    from backend.compost import service as compost

    with open_town() as services:
        with services.read() as conn:
            served_by = access.by_login(conn, services.ledger_id, by).signature
            person_id = cards.by_number(conn, services.ledger_id, card).person_id
        made = compost.redeem(
            services,
            product_id=product_id,
            person_id=person_id,
            grams=grams,
            served_by=served_by,
            key=uuid.uuid4().hex,
        )
    typer.echo(f"{made.receipt}  {made.grams} g of {made.product} for {made.amount}")
