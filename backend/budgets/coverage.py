"""What stands behind the credits outstanding: avoided disposal cost, promises, compost in stock.

All in minor units. What was redeemed was, or will be, paid for out of what the town saves, so the
avoided cost counts less what was retired. A day's figures are computed once and stay.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from backend import rows
from backend.budgets.avoided import DEAREST_TONNE as DEAREST_TONNE
from backend.budgets.avoided import DisposalCost as DisposalCost
from backend.budgets.avoided import avoided as what_sorting_saved
from backend.budgets.avoided import disposal_costs as disposal_costs
from backend.budgets.avoided import set_disposal_cost as set_disposal_cost
from backend.budgets.service import claims
from backend.budgets.tables import coverage_day
from backend.compost import service as compost
from backend.ledger import totals
from backend.ledger.accounts import CREDIT
from backend.merchants import service as merchants
from backend.services import Services

DAY_S = 86_400


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


def coverage(conn: Connection, ledger_id: int, *, now_s: int) -> Coverage:
    """Compute what covers the credits outstanding at this moment."""
    money = next(s for s in totals.supply(conn, ledger_id) if s.currency_id == CREDIT)
    products = compost.products(conn, ledger_id, at_s=now_s)
    costs = disposal_costs(conn, ledger_id)
    avoided = max(0, what_sorting_saved(conn, ledger_id, costs) - money.retired)
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
