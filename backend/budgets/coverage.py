"""What stands behind the credits outstanding: avoided disposal cost, promises, compost in stock.

All in minor units. What was redeemed was, or will be, paid for out of what the town saves, so the
avoided cost counts less what was retired. A day's figures are computed once and stay.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise

from sqlalchemy import Connection, func, insert, select

from backend import rows
from backend.budgets.service import claims
from backend.budgets.tables import coverage_day, disposal_cost
from backend.compost import service as compost
from backend.errors import BadInput, UnknownFraction
from backend.ledger import totals
from backend.ledger.accounts import CREDIT
from backend.ledger.tables import record, resolution
from backend.merchants import service as merchants
from backend.reports.service import PAID, decided_late
from backend.services import Services
from firmware import contract

GRAMS_PER_TONNE = 1_000_000
DEAREST_TONNE = 10**12
DAY_S = 86_400
EVER_S = 2**40


@dataclass(frozen=True, slots=True)
class Coverage:
    """What covers `outstanding`, by part; `waiting` are claims without budget, which come on top.

    `permille` is the cover per 1,000 outstanding, None when nothing is. `missing` names the parts
    that nobody has given a figure for.
    """

    outstanding: int
    waiting: int
    avoided: int
    promised: int
    stock: int
    computed_s: int
    permille: int | None
    missing: tuple[str, ...] = ()

    @property
    def cover(self) -> int:
        return self.avoided + self.promised + self.stock


@dataclass(frozen=True, slots=True)
class DisposalCost:
    """A decision: from `from_s` on, a tonne of the fraction saves so much."""

    fraction: str
    from_s: int
    amount_per_tonne: int
    decided_by: str


def set_disposal_cost(conn: Connection, ledger_id: int, asked: DisposalCost) -> None:
    """Say what a tonne of a fraction saves from a moment on. Raises UnknownFraction, BadInput."""
    if asked.fraction not in contract.FRACTIONS:
        names = ", ".join(contract.FRACTIONS)
        raise UnknownFraction(f"There is no fraction {asked.fraction}. Choose among: {names}.")
    if not 0 <= asked.amount_per_tonne <= DEAREST_TONNE:
        raise BadInput(f"A cost per tonne is 0 to {DEAREST_TONNE} minor units.")
    key = {"ledger_id": ledger_id, "fraction": asked.fraction, "from_s": asked.from_s}
    rows.require_free(conn, disposal_cost, "A cost was set for that very moment already.", **key)
    conn.execute(insert(disposal_cost).values(ledger_id=ledger_id, **asdict(asked)))


def disposal_costs(conn: Connection, ledger_id: int) -> list[DisposalCost]:
    row = disposal_cost.c
    query = select(row.fraction, row.from_s, row.amount_per_tonne, row.decided_by)
    ordered = query.where(row.ledger_id == ledger_id).order_by(row.fraction, row.from_s)
    return [DisposalCost(*each) for each in conn.execute(ordered)]


def coverage(conn: Connection, ledger_id: int, *, now_s: int) -> Coverage:
    """Compute what covers the credits outstanding at this moment."""
    money = next(s for s in totals.supply(conn, ledger_id) if s.currency_id == CREDIT)
    products = compost.products(conn, ledger_id, at_s=now_s)
    costs = disposal_costs(conn, ledger_id)
    avoided = max(0, _avoided(conn, ledger_id, costs) - money.retired)
    promised = sum(merchants.promised(conn, ledger_id, now_s=now_s).values())
    stock = sum(each.stock_g * (each.amount_per_kg or 0) // 1000 for each in products)
    missing = [f"the price of {each.name}" for each in products if each.amount_per_kg is None]
    if not costs:
        missing.append("what a tonne of sorted waste saves")
    return Coverage(
        money.outstanding,
        claims(conn, ledger_id).amount,
        avoided,
        promised,
        stock,
        now_s,
        _permille(avoided + promised + stock, money.outstanding),
        tuple(missing),
    )


def keep_today(services: Services) -> bool:
    """Compute the day's coverage unless it is there; return whether it was computed."""
    day = services.now_s() // DAY_S
    name = {"ledger_id": services.ledger_id, "day": day}
    with services.read() as conn:
        if rows.exists(conn, coverage_day, **name):
            return False
        found = asdict(coverage(conn, services.ledger_id, now_s=services.now_s()))
    kept = {column.name: found[column.name] for column in coverage_day.c if column.name in found}
    with services.begin() as conn:
        if not rows.exists(conn, coverage_day, **name):
            conn.execute(insert(coverage_day).values(**name, **kept))
    return True


def days(conn: Connection, ledger_id: int, *, limit: int = 400) -> list[Coverage]:
    """Return the kept days, oldest first, at most the `limit` newest."""
    row = coverage_day.c
    query = select(coverage_day).where(row.ledger_id == ledger_id).order_by(row.day.desc())
    return [
        Coverage(
            each.outstanding,
            each.waiting,
            each.avoided,
            each.promised,
            each.stock,
            each.computed_s,
            _permille(each.avoided + each.promised + each.stock, each.outstanding),
        )
        for each in reversed(conn.execute(query.limit(limit)).all())
    ]


def _permille(cover: int, outstanding: int) -> int | None:
    return cover * 1000 // outstanding if outstanding > 0 else None


def _avoided(conn: Connection, ledger_id: int, costs: list[DisposalCost]) -> int:
    """What all sorted deposits saved, each at the cost of its own moment."""
    saved = 0
    for this, later in pairwise([*costs, None]):
        assert this is not None
        same = later is not None and later.fraction == this.fraction
        until_s = later.from_s if later is not None and same else EVER_S
        row = record.c
        net_g = func.coalesce(func.sum(row.net_g), 0)
        mine = (
            row.fraction == this.fraction,
            row.effective_s >= this.from_s,
            row.effective_s < until_s,
        )
        first = select(net_g).where(
            row.ledger_id == ledger_id, row.kind == "deposit", row.outcome.in_(PAID), *mine
        )
        late = decided_late(ledger_id, net_g).where(resolution.c.outcome.in_(PAID), *mine)
        grams = sum(int(conn.scalar(query) or 0) for query in (first, late))
        saved += grams * this.amount_per_tonne // GRAMS_PER_TONNE
    return saved
