"""Heaps: what went in, when it is ripe, and what was weighed out of it into stock.

All compost in stock comes out of a heap. One that failed is discarded, with what it weighed and
why. Nothing of a heap comes into stock, and so into anybody's hands, before it is ripe. The yield
is what was measured, never a factor: no citable one exists for wet household waste.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from backend import rows
from backend import tables as programme
from backend.compost import service
from backend.compost import tables as t
from backend.compost.service import Batch
from backend.errors import AlreadyDecided, BadInput, NotFound, NotRipe
from backend.idempotency import answered, named
from backend.ledger import accounts
from backend.ledger.tables import ledger_head
from backend.ledger.transfers import Code, Group, Leg
from backend.services import Services

# A composting cycle as carrot-foundation/methodology-rules accepts it: 60 to 180 days.
LEAST_DAYS, MOST_DAYS = 60, 180
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Input:
    material: str
    grams: int
    source: str
    added_by: str
    added_s: int


@dataclass(frozen=True, slots=True)
class Heap:
    """A heap; `yield_permille` is what was weighed out per 1,000 g in, once there is any.

    `discarded_g` is what was weighed when a heap that failed was taken away; None for others.
    """

    id: int
    product_id: int
    started_s: int
    ripe_s: int
    note: str
    inputs: tuple[Input, ...]
    input_g: int
    out_g: int
    discarded_g: int | None = None
    discarded_s: int | None = None
    reason: str = ""

    @property
    def yield_permille(self) -> int | None:
        return self.out_g * 1000 // self.input_g if self.out_g and self.input_g else None


def start(
    conn: Connection,
    ledger_id: int,
    product_id: int,
    *,
    started_s: int,
    maturity_days: int,
    note: str,
    started_by: str,
    now_s: int,
) -> Heap:
    """Start a heap. Raises BadInput, NotFound."""
    if not LEAST_DAYS <= maturity_days <= MOST_DAYS:
        raise BadInput(f"Compost ripens {LEAST_DAYS} to {MOST_DAYS} days.")
    if started_s > now_s:
        raise BadInput("A heap was started, not will be.")
    service.product(conn, ledger_id, product_id, at_s=now_s)
    heap_id = rows.next_id(conn, ledger_id, t.compost_heap.c.id)
    conn.execute(
        insert(t.compost_heap).values(
            ledger_id=ledger_id,
            id=heap_id,
            product_id=product_id,
            started_s=started_s,
            maturity_days=maturity_days,
            note=note,
            started_by=started_by,
        )
    )
    return heap(conn, ledger_id, heap_id)


def add_input(
    conn: Connection,
    ledger_id: int,
    heap_id: int,
    *,
    material: str,
    grams: int,
    source: str,
    added_by: str,
    now_s: int,
) -> Heap:
    """Note what goes into a heap. Raises NotFound, BadInput once compost was weighed out of it."""
    found = heap(conn, ledger_id, heap_id)
    _check_there(found)
    if found.out_g:
        raise BadInput("Compost was weighed out of this heap; start another one.")
    conn.execute(
        insert(t.compost_input).values(
            ledger_id=ledger_id,
            heap_id=heap_id,
            number=len(found.inputs) + 1,
            material=material,
            grams=grams,
            source=source,
            added_by=added_by,
            added_s=now_s,
        )
    )
    return heap(conn, ledger_id, heap_id)


def weigh_out(services: Services, heap_id: int, grams: int, *, by: str, key: str) -> Batch:
    """Bring ripe compost of a heap into stock.

    Raises NotFound, NotRipe, AlreadyDecided for a discarded one, BadInput for more than went in;
    RowRefused if somebody else did so at the same moment; MissingKey, KeyReused, InProgress.
    """
    service.check_grams(grams)
    asked = {"heap_id": heap_id, "grams": grams}
    idempotency = named("weigh out", by, key, asked)
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        known = answered(conn, ledger_id, idempotency)
        found = heap(conn, ledger_id, heap_id)
        count = _count(conn, ledger_id, heap_id)
        product = service.product(conn, ledger_id, found.product_id, at_s=now_s)
    if not known:
        _check(found, grams, now_s)
    batch = {
        "product_id": found.product_id,
        "grams": grams,
        "note": f"heap {heap_id}",
        "received_by": by,
        "received_s": now_s,
    }
    out = {"heap_id": heap_id, "number": count + 1, "grams": grams}
    group = Group(
        (Leg(accounts.STOCK_SOURCE, product.stock_account_id, grams, Code.RECEIVE_STOCK),),
        now_s,
        idempotency,
        ((programme.batch, batch), (t.compost_yield, out)),
    )
    posted = services.poster.submit(group).result()
    received_s = posted.rows[0]["received_s"]
    return Batch(posted.group_id, found.product_id, grams, received_s, posted.replayed)


def discard(
    conn: Connection,
    ledger_id: int,
    heap_id: int,
    *,
    grams: int,
    reason: str,
    discarded_by: str,
    now_s: int,
) -> Heap:
    """Take a heap that failed away, with what it weighed then and why; no more comes out of it.

    Raises NotFound, BadInput for more than is left of what went in, AlreadyDecided.
    """
    # The books' own lock: what is being weighed out of it is seen, or is refused.
    head = ledger_head.c
    conn.execute(select(head.next_id).where(head.ledger_id == ledger_id).with_for_update())
    found = heap(conn, ledger_id, heap_id)
    _check_there(found)
    if not reason.strip():
        raise BadInput("Say why: what was wrong with the heap.")
    if not 0 <= grams <= found.input_g - found.out_g:
        raise BadInput(
            f"{found.input_g} g went into heap {heap_id} and {found.out_g} g came out; weigh what "
            f"is discarded again: it is 0 to {found.input_g - found.out_g} g."
        )
    row = {"heap_id": heap_id, "grams": grams, "reason": reason, "discarded_by": discarded_by}
    conn.execute(insert(t.compost_discard).values(ledger_id=ledger_id, discarded_s=now_s, **row))
    return heap(conn, ledger_id, heap_id)


def heap(conn: Connection, ledger_id: int, heap_id: int) -> Heap:
    """Raises NotFound."""
    for found in heaps(conn, ledger_id, heap_id):
        return found
    raise NotFound("There is no such heap.")


def heaps(conn: Connection, ledger_id: int, heap_id: int | None = None) -> list[Heap]:
    """Return every heap, or one, the newest first."""
    row, put, out = t.compost_heap.c, t.compost_input.c, t.compost_yield.c
    query = select(t.compost_heap).where(row.ledger_id == ledger_id).order_by(row.id.desc())
    inputs = select(t.compost_input).where(put.ledger_id == ledger_id).order_by(put.number)
    weighed = select(out.heap_id, func.sum(out.grams)).where(out.ledger_id == ledger_id)
    if heap_id is not None:
        query = query.where(row.id == heap_id)
        inputs = inputs.where(put.heap_id == heap_id)
        weighed = weighed.where(out.heap_id == heap_id)
    went_in: dict[int, list[Input]] = {}
    for each in conn.execute(inputs):
        one = Input(each.material, each.grams, each.source, each.added_by, each.added_s)
        went_in.setdefault(each.heap_id, []).append(one)
    gone = {
        each.heap_id: each
        for each in conn.execute(
            select(t.compost_discard).where(t.compost_discard.c.ledger_id == ledger_id)
        )
    }
    came_out = {each[0]: int(each[1]) for each in conn.execute(weighed.group_by(out.heap_id))}
    return [
        Heap(
            each.id,
            each.product_id,
            each.started_s,
            each.started_s + each.maturity_days * DAY_S,
            each.note,
            tuple(went_in.get(each.id, ())),
            sum(one.grams for one in went_in.get(each.id, ())),
            came_out.get(each.id, 0),
            *_gone(gone.get(each.id)),
        )
        for each in conn.execute(query)
    ]


def _gone(row: Any) -> tuple[int | None, int | None, str]:
    return (None, None, "") if row is None else (row.grams, row.discarded_s, row.reason)


def _check_there(found: Heap) -> None:
    if found.discarded_g is not None:
        raise AlreadyDecided(f"Heap {found.id} was discarded: {found.reason}. Start another one.")


def _check(found: Heap, grams: int, now_s: int) -> None:
    _check_there(found)
    if now_s < found.ripe_s:
        days = -(-(found.ripe_s - now_s) // DAY_S)
        raise NotRipe(
            f"Heap {found.id} is ripe in {days} days; nothing of it is handed out before."
        )
    if found.out_g + grams > found.input_g:
        raise BadInput(
            f"{found.input_g} g went into heap {found.id} and {found.out_g} g came out; "
            f"{grams} g more would be more than went in. Note its missing inputs in another heap "
            "or weigh again."
        )


def _count(conn: Connection, ledger_id: int, heap_id: int) -> int:
    out = t.compost_yield.c
    query = select(func.count()).where(out.ledger_id == ledger_id, out.heap_id == heap_id)
    return conn.scalar(query) or 0
