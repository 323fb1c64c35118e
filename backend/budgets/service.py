"""What a town may mint in a period; what is beyond it waits as dated claims, paid in order."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from backend.errors import BadInput
from backend.ledger import tables as ledger
from backend.ledger.resolve import SetBudget
from backend.services import Services


@dataclass(frozen=True, slots=True)
class Budget:
    """Minor units that may be minted from `from_s` to `until_s` (recorded time)."""

    from_s: int
    until_s: int
    amount: int
    spent: int


@dataclass(frozen=True, slots=True)
class Claims:
    """Weighed waste that waits for budget."""

    count: int
    amount: int


def set_budget(
    services: Services, *, from_s: int, until_s: int, amount: int, decided_by: str
) -> int:
    """Set a period's budget and pay the claims it covers; return how many were paid.

    Raises BadInput, BudgetOverlap.
    """
    if from_s >= until_s or amount < 0:
        raise BadInput("A budget has a period that ends after it starts, and no negative amount.")
    return services.poster.submit(SetBudget(from_s, until_s, amount, decided_by)).result()


def budgets(conn: Connection, ledger_id: int) -> list[Budget]:
    query = select(ledger.budget).where(ledger.budget.c.ledger_id == ledger_id)
    return [
        Budget(row.from_s, row.until_s, row.amount, row.spent)
        for row in conn.execute(query.order_by(ledger.budget.c.from_s))
    ]


def claims(conn: Connection, ledger_id: int) -> Claims:
    """Return how much waits."""
    open_, claim = ledger.claim_open.c, ledger.claim.c
    same = [open_[n] == claim[n] for n in ("ledger_id", "source_id", "epoch", "seq")]
    query = (
        select(func.count(), func.coalesce(func.sum(claim.amount), 0))
        .select_from(ledger.claim_open)
        .join(ledger.claim, same[0] & same[1] & same[2] & same[3])
        .where(open_.ledger_id == ledger_id)
    )
    count, amount = conn.execute(query).one()
    return Claims(int(count), int(amount))
