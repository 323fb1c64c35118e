"""Sums for the pages: one person's kilograms, the town's money, what became of deposits."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from backend.ledger import accounts, balances
from backend.ledger.tables import record, resolution
from backend.people import service as people

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
    """Minor units since the town was founded: issued = redeemed + outstanding.

    `suspended` is the part of what is outstanding that has no owner yet.
    """

    issued: int
    redeemed: int
    suspended: int

    @property
    def outstanding(self) -> int:
        return self.issued - self.redeemed


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
    wanted = (accounts.ISSUER, accounts.REDEEMED, accounts.SUSPENSE)
    found = balances.balances(conn, ledger_id, wanted)
    return Money(
        issued=-found[accounts.ISSUER].posted,
        redeemed=found[accounts.REDEEMED].posted,
        suspended=found[accounts.SUSPENSE].posted,
    )


def outcomes(conn: Connection, ledger_id: int, since_s: int = 0) -> dict[str, int]:
    """Count deposits from a moment on by the last word on them."""
    query = (
        select(_LAST_WORD, func.count())
        .select_from(record.outerjoin(resolution, _SAME_RECORD))
        .where(
            record.c.ledger_id == ledger_id,
            record.c.kind.in_(("deposit", "interrupted")),
            record.c.effective_s >= since_s,
        )
        .group_by(_LAST_WORD)
    )
    return {row[0]: row[1] for row in conn.execute(query)}
