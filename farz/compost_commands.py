"""`farz compost`: what the cooperative has in stock, its prices, and handing it out."""

import json
import time
import uuid
from dataclasses import asdict
from typing import Annotated, Any

import typer

from farz.moments import clocks, moment
from farz.signing import by_whom, on_behalf
from farz.telling import Json, tell
from farz.town import open_books, open_town

app = typer.Typer(no_args_is_help=True, help="Compost: stock, prices, hand-over.")
Product = Annotated[int, typer.Argument(help="The product's number; see: farz compost list")]
By = Annotated[str, typer.Option(help="The login of who does it.")]
Grams = Annotated[int, typer.Argument(min=1, help="Whole grams.")]
HeapNo = Annotated[int, typer.Argument(help="The heap's number; see: farz compost heaps")]
OrderNo = Annotated[int, typer.Argument(help="The order's number; see: farz compost orders")]
Card = Annotated[str, typer.Option(help="The number printed on the holder's card.")]
Counter = Annotated[int, typer.Option(min=0, help="Where it happens; 0 is the only one at first.")]
AfterClose = Annotated[
    bool, typer.Option("--after-close", help="Also on a closed day; it belongs to the next close.")
]


def _print(found: Any, as_json: bool, words: str) -> None:
    typer.echo(json.dumps(asdict(found)) if as_json else words)


@app.command(name="list")
def show(as_json: Json = False) -> None:
    """Every product: what is free in stock, what people wait for, and the price.

    Example:  farz compost list --json
    """
    from backend import db
    from backend.compost import service as compost

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = compost.products(conn, ledger_id, at_s=int(time.time()))
    if as_json:
        typer.echo(json.dumps([asdict(each) | {"free_g": each.free_g} for each in found]))
        return
    for each in found:
        typer.echo(
            f"{each.id:>3}  {each.name:<24} {each.stock_g:>10} g  {each.waiting_g:>8} g waited for"
            f"  {each.amount_per_kg} per kg"
        )


@app.command()
def heaps(as_json: Json = False) -> None:
    """Every heap: what went in, when it is ripe, what was weighed out.

    Example:  farz compost heaps
    """
    from backend import db
    from backend.compost import heaps as service

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = service.heaps(conn, ledger_id)
        told = clocks(conn, ledger_id)
    if as_json:
        rows = [asdict(each) | {"yield_permille": each.yield_permille} for each in found]
        typer.echo(json.dumps(rows))
        return
    for each in found:
        ripe = told(each.ripe_s)[:10]
        share = "" if each.yield_permille is None else f"  ({each.yield_permille / 10:.1f} %)"
        typer.echo(
            f"{each.id:>3}  {each.input_g:>10} g in  ripe {ripe}  {each.out_g:>10} g out{share}"
            f"  {each.note}{'' if each.discarded_g is None else f'  discarded: {each.reason}'}"
        )


@app.command()
def heap(
    product_id: Product,
    by: By,
    days: Annotated[int, typer.Option(min=60, max=180, help="Until it is ripe.")] = 60,
    since: Annotated[str, typer.Option(help="When it was started; empty: now.")] = "",
    note: str = "",
    as_json: Json = False,
) -> None:
    """Start a heap; nothing of it is handed out before it is ripe.

    Example:
      farz compost heap 1 --days 90 --since 2027-01-05 --by khalil --note "north wall"
    """
    from backend.compost import heaps as service

    with open_town() as services, services.begin() as conn:
        now_s = services.now_s()
        made = service.start(
            conn,
            services.ledger_id,
            product_id,
            started_s=moment(since) if since else now_s,
            maturity_days=days,
            note=note,
            started_by=by_whom(conn, services.ledger_id, by, "compost:receive"),
            now_s=now_s,
        )
        ripe = clocks(conn, services.ledger_id)(made.ripe_s)
    _print(made, as_json, f"heap {made.id} is ripe {ripe}")


@app.command(name="input")
def input_(
    heap_id: HeapNo,
    material: Annotated[str, typer.Argument(help="A fraction, or wood chips, straw …")],
    grams: Grams,
    by: By,
    source: Annotated[str, typer.Option(help="Where it came from: a ticket, a bin.")] = "",
    as_json: Json = False,
) -> None:
    """Note what goes into a heap.

    Example:
      farz compost input 3 organic 180000 --source "ticket F-17" --by khalil
    """
    from backend.compost import heaps as service

    with open_town() as services, services.begin() as conn:
        made = service.add_input(
            conn,
            services.ledger_id,
            heap_id,
            material=material,
            grams=grams,
            source=source,
            added_by=by_whom(conn, services.ledger_id, by, "compost:receive"),
            now_s=services.now_s(),
        )
    _print(made, as_json, f"heap {made.id}: {made.input_g} g in all")


@app.command(name="yield")
def yield_(heap_id: HeapNo, grams: Grams, by: By, as_json: Json = False) -> None:
    """Bring ripe compost of a heap into stock, as it was weighed.

    Example:  farz compost yield 3 61500 --by khalil
    """
    from backend.compost import heaps as service
    from backend.compost import orders

    with open_town() as services:
        with services.read() as conn:
            who = by_whom(conn, services.ledger_id, by, "compost:receive")
        made = service.weigh_out(services, heap_id, grams, by=who, key=uuid.uuid4().hex)
        orders.allot(services, made.product_id)
    _print(made, as_json, f"{made.grams} g of heap {heap_id} are in stock")


@app.command()
def discard(
    heap_id: HeapNo,
    grams: Annotated[int, typer.Argument(min=0, help="What was weighed as it was taken away.")],
    reason: Annotated[str, typer.Option(help="What was wrong with it.")],
    by: By,
    as_json: Json = False,
) -> None:
    """Take a heap that failed away; nothing comes out of it any more.

    Example:  farz compost discard 3 140000 --reason "glass in it" --by khalil
    """
    from backend.compost import heaps as service

    with open_town() as services, services.begin() as conn:
        made = service.discard(
            conn,
            services.ledger_id,
            heap_id,
            grams=grams,
            reason=reason,
            discarded_by=by_whom(conn, services.ledger_id, by, "compost:receive"),
            now_s=services.now_s(),
        )
    _print(made, as_json, f"heap {made.id} is discarded: {made.discarded_g} g, {made.reason}")


@app.command(name="orders")
def list_orders(as_json: Json = False) -> None:
    """Open orders in the order of asking: ready to fetch, or their place in the queue.

    Example:  farz compost orders --json
    """
    from backend import db
    from backend.compost import orders

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = orders.orders(conn, ledger_id, now_s=int(time.time()), open_only=True)
        told = clocks(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    for each in found:
        state = each.state if each.place is None else f"number {each.place} in the queue"
        until = told(each.expires_s)[:10]
        typer.echo(f"{each.id:>8}  {each.grams:>8} g for {each.amount}  {state}  until {until}")


@app.command()
def order(product_id: Product, grams: Grams, card: Card, by: By, as_json: Json = False) -> None:
    """Reserve credit and stock; where stock is short, join the queue for it.

    Example:  farz compost order 1 20000 --card 12345674 --by khalil
    """
    from backend.cards import service as cards
    from backend.compost import orders

    with open_town() as services:
        with services.read() as conn:
            person_id = cards.by_number(conn, services.ledger_id, card).person_id
            who = on_behalf(services, conn, by, "orders:make", person_id)
        made = orders.order(
            services,
            product_id=product_id,
            person_id=person_id,
            grams=grams,
            ordered_by=who,
            key=uuid.uuid4().hex,
        )
    where = "is ready" if made.place is None else f"is number {made.place} in the queue"
    _print(made, as_json, f"order {made.id} {where}; {made.amount} are reserved")


@app.command()
def collect(
    order_id: OrderNo,
    by: By,
    counter: Counter = 0,
    after_close: AfterClose = False,
    as_json: Json = False,
) -> None:
    """Hand out an order that is ready; prints the receipt.

    Example:  farz compost collect 4711 --by khalil
    """
    from backend.compost import orders

    with open_town() as services:
        with services.read() as conn:
            holder = orders.read(services, order_id).person_id
            who = on_behalf(services, conn, by, "redemptions:make", holder)
        made = orders.hand_over(
            services,
            order_id,
            served_by=who,
            key=uuid.uuid4().hex,
            counter_id=counter,
            after_close=after_close,
        )
    _print(made, as_json, f"{made.receipt}  {made.grams} g of {made.product} for {made.amount}")


@app.command()
def cancel(order_id: OrderNo, by: By, as_json: Json = False) -> None:
    """Let an order go: credit and stock are free again.

    Example:  farz compost cancel 4711 --by khalil
    """
    from backend.compost import orders

    with open_town() as services:
        with services.read() as conn:
            holder = orders.read(services, order_id).person_id
            who = on_behalf(services, conn, by, "orders:make", holder)
        made = orders.cancel(services, order_id, by=who, key=uuid.uuid4().hex)
    _print(made, as_json, f"order {made.id} is {made.state}")


@app.command()
def void(
    receipt: Annotated[str, typer.Argument(help="The receipt's number, like R12-34.")],
    reason: Annotated[str, typer.Option(help="What was wrong.")],
    by: By,
    counter: Counter = 0,
    after_close: AfterClose = False,
    as_json: Json = False,
) -> None:
    """Take a wrong hand-over back, within minutes of it; credit and compost return.

    Example:  farz compost void R12-34 --reason "wrong sack" --by khalil
    """
    from backend.compost import service, voiding

    with open_town() as services:
        with services.read() as conn:
            holder = service.redemption(conn, services.ledger_id, receipt).person_id
            who = on_behalf(services, conn, by, "redemptions:make", holder)
        made = voiding.void(
            services,
            receipt,
            by=who,
            reason=reason,
            key=uuid.uuid4().hex,
            counter_id=counter,
            after_close=after_close,
        )
    _print(made, as_json, f"{made.receipt} counts no more")


@app.command()
def rule(
    name: Annotated[str, typer.Argument(help="void_window_s, order_days, order_most_g")],
    value: int,
    by: By,
    as_json: Json = False,
) -> None:
    """Set one of the cooperative's figures from now on.

    Example:  farz compost rule void_window_s 900 --by mona
    """
    from backend.compost import rules

    with open_town() as services, services.begin() as conn:
        who = by_whom(conn, services.ledger_id, by, "compost:write")
        now_s = services.now_s()
        rules.decide(conn, services.ledger_id, name, value, decided_by=who, from_s=now_s)
    words = f"{name} is {value} from now on"
    tell({"name": name, "value": value, "from_s": now_s}, words, as_json)


@app.command()
def close(by: By, counter: Counter = 0, as_json: Json = False) -> None:
    """Close today at a counter: what was handed out and voided since the last close.

    Example:  farz compost close --by khalil --json
    """
    from backend.counters import service as counters

    with open_town() as services:
        with services.read() as conn:
            who = by_whom(conn, services.ledger_id, by, "redemptions:make")
        made = counters.close(services, counter, closed_by=who)
    sums = ", ".join(f"{each.grams} g of product {each.product_id}" for each in made.totals)
    words = f"{made.day}: {sums or 'nothing'} for {made.amount + made.voided_amount}"
    if made.voids:
        words += f"; {made.voids} voided for {made.voided_amount}, {made.amount} in all"
    _print(made, as_json, words)


@app.command()
def price(product_id: Product, amount_per_kg: int, by: By, as_json: Json = False) -> None:
    """Price a product from now on; earlier receipts keep theirs.

    Example:  farz compost price 1 30 --by mona
    """
    from backend.compost import service as compost

    with open_town() as services, services.begin() as conn:
        decided_by = by_whom(conn, services.ledger_id, by, "compost:write")
        compost.set_price(
            conn,
            services.ledger_id,
            product_id,
            amount_per_kg,
            decided_by=decided_by,
            from_s=int(time.time()),
        )
    words = f"product {product_id} costs {amount_per_kg} minor units per kg"
    tell({"product_id": product_id, "amount_per_kg": amount_per_kg}, words, as_json)


@app.command()
def redeem(
    product_id: Product,
    grams: Grams,
    card: Annotated[str, typer.Option(help="The number printed on the holder's card.")],
    by: By,
    counter: Counter = 0,
    after_close: AfterClose = False,
    as_json: Json = False,
) -> None:
    """Take credit and hand out compost, both or neither; prints the receipt.

    Example:  farz compost redeem 1 5000 --card 12345674 --by khalil
    """
    from backend.cards import service as cards
    from backend.compost import redeeming

    with open_town() as services:
        with services.read() as conn:
            person_id = cards.by_number(conn, services.ledger_id, card).person_id
            served_by = on_behalf(services, conn, by, "redemptions:make", person_id)
        made = redeeming.redeem(
            services,
            product_id=product_id,
            person_id=person_id,
            grams=grams,
            served_by=served_by,
            key=uuid.uuid4().hex,
            counter_id=counter,
            after_close=after_close,
        )
    _print(made, as_json, f"{made.receipt}  {made.grams} g of {made.product} for {made.amount}")
