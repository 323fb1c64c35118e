"""What the books say, in the few numbers that the demo compares."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from backend.ledger import accounts, balances
from backend.ledger import tables as t
from backend.ledger.transfers import Code

DEPOSITS = ("deposit", "interrupted")


@dataclass(frozen=True)
class Booked:
    """Deposits by outcome, and what the waste credit did; amounts in minor units."""

    outcomes: Counter[str]
    minted: int
    redeemed: int
    handed_out_g: int
    balanced: bool

    @property
    def recorded(self) -> int:
        return self.outcomes.total()


def booked(conn: Connection, ledger_id: int) -> Booked:
    """Count the ledger's records and add up its transfers."""
    row = t.record.c
    query = (
        select(row.outcome, func.count())
        .where(row.ledger_id == ledger_id, row.kind.in_(DEPOSITS))
        .group_by(row.outcome)
    )
    minted = _sum(conn, ledger_id, Code.MINT)
    redeemed = _sum(conn, ledger_id, Code.REDEEM)
    issued = -balances.balance(conn, ledger_id, accounts.ISSUER).posted
    retired = balances.balance(conn, ledger_id, accounts.REDEEMED).posted
    return Booked(
        outcomes=Counter(dict(conn.execute(query).tuples().all())),
        minted=minted,
        redeemed=redeemed,
        handed_out_g=_sum(conn, ledger_id, Code.HAND_OVER),
        balanced=issued == minted and retired == redeemed,
    )


def _sum(conn: Connection, ledger_id: int, code: Code) -> int:
    column = t.transfer.c
    query = select(func.coalesce(func.sum(column.amount), 0))
    return int(conn.scalars(query.where(column.ledger_id == ledger_id, column.code == code)).one())
