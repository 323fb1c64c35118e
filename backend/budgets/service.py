"""What a town may mint in a period; what is beyond it waits as dated claims, paid in order."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

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

    @property
    def left(self) -> int:
        return self.amount - self.spent

    def runs_out_s(self, now_s: int) -> int | None:
        """When it is used up if it goes on as since its start; None if its period ends before.

        Linear: left / (spent / elapsed).
        """
        elapsed_s = now_s - self.from_s
        if not self.from_s <= now_s < self.until_s or self.spent <= 0 or elapsed_s <= 0:
            return None
        at_s = now_s + max(0, self.left) * elapsed_s // self.spent
        return at_s if at_s < self.until_s else None


@dataclass(frozen=True, slots=True)
class Claims:
    """Weighed waste that waits for budget: how much, of how many accounts, since when."""

    count: int
    amount: int
    accounts: int = 0
    oldest_s: int | None = None


@dataclass(frozen=True, slots=True)
class OwnClaims:
    """What waits for one person; `ahead_amount` is owed to others before their first."""

    count: int
    amount: int
    oldest_s: int | None
    ahead_amount: int


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
    claim = ledger.claim.c
    count, amount, accounts, oldest_s = conn.execute(
        _waiting(
            ledger_id,
            func.count(),
            func.coalesce(func.sum(claim.amount), 0),
            func.count(func.distinct(claim.account_id)),
            func.min(claim.effective_s),
        )
    ).one()
    return Claims(int(count), int(amount), int(accounts), oldest_s)


def claims_of(conn: Connection, ledger_id: int, account_id: int) -> OwnClaims:
    """Return what waits for an account, and what is paid before it."""
    claim = ledger.claim.c
    total = func.coalesce(func.sum(claim.amount), 0)
    own = _waiting(ledger_id, func.count(), total, func.min(claim.effective_s))
    count, amount, oldest_s = conn.execute(own.where(claim.account_id == account_id)).one()
    ahead = 0
    if oldest_s is not None:
        ahead = conn.scalar(_waiting(ledger_id, total).where(claim.effective_s < oldest_s)) or 0
    return OwnClaims(int(count), int(amount), oldest_s, int(ahead))


def _waiting(ledger_id: int, *columns: Any) -> Select[Any]:
    """Claims without their payment yet."""
    open_, claim = ledger.claim_open.c, ledger.claim.c
    same = and_(*(open_[n] == claim[n] for n in ledger.KEY))
    return (
        select(*columns)
        .select_from(ledger.claim_open)
        .join(ledger.claim, same)
        .where(open_.ledger_id == ledger_id)
    )
