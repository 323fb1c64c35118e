"""Sums for the pages: one person's kilograms, the town's money, what became of deposits."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from backend.ledger import accounts, balances, totals
from backend.ledger.tables import record, resolution
from backend.people import service as people
from backend.reports import sums

_SAME_RECORD = and_(
    *(record.c[name] == resolution.c[name] for name in ("ledger_id", "source_id", "epoch", "seq"))
)
_LAST_WORD = func.coalesce(resolution.c.outcome, record.c.outcome)


@dataclass(frozen=True, slots=True)
class FractionTotal:
    """What one person brought of one fraction, whatever became of the money."""

    fraction: str
    deposits: int
    net_g: int


@dataclass(frozen=True, slots=True)
class Money:
    """Minor units since the town was founded: issued = redeemed + melted + outstanding.

    `melted` went back to the town by rule. `suspended` is the part of what is outstanding that
    has no owner yet.
    """

    issued: int
    redeemed: int
    suspended: int
    melted: int = 0

    @property
    def outstanding(self) -> int:
        return self.issued - self.redeemed - self.melted


def of_person(conn: Connection, ledger_id: int, person_id: int) -> list[FractionTotal]:
    """Return a person's kilograms by fraction, the heaviest first. Raises NotFound."""
    account_id = people.person(conn, ledger_id, person_id).account_id
    net_g = func.coalesce(func.sum(record.c.net_g), 0).label("net_g")
    query = (
        select(record.c.fraction, func.count().label("deposits"), net_g)
        .select_from(record.outerjoin(resolution, _SAME_RECORD))
        .where(
            record.c.ledger_id == ledger_id,
            record.c.kind == "deposit",
            (record.c.account_id == account_id) | (resolution.c.account_id == account_id),
            _LAST_WORD != "refused",
        )
        .group_by(record.c.fraction)
        .order_by(net_g.desc(), record.c.fraction)
    )
    return [
        FractionTotal(row.fraction, row.deposits, int(row.net_g)) for row in conn.execute(query)
    ]


def money(conn: Connection, ledger_id: int) -> Money:
    credit = next(s for s in totals.supply(conn, ledger_id) if s.currency_id == accounts.CREDIT)
    suspended = balances.balance(conn, ledger_id, accounts.SUSPENSE).posted
    return Money(credit.issued, credit.retired, suspended, credit.melted)


def outcomes(conn: Connection, ledger_id: int, since_s: int = 0) -> dict[str, int]:
    """Count deposits from a moment on by the last word on them."""
    found: Counter[str] = Counter()
    for word, (n, _, _) in sums.sums(conn, ledger_id, since_s).items():
        if word.kind in ("deposit", "interrupted"):
            found[word.last or word.outcome] += n
            if word.last:
                found[word.outcome] -= n
    return {outcome: n for outcome, n in found.items() if n}
