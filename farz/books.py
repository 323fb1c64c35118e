"""What the books say, in the few numbers that the demo compares."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from backend import tables as programme
from backend.ledger import accounts, totals
from backend.ledger import tables as t
from backend.ledger.transfers import Code
from farz.reckoning import Name

DEPOSITS = ("deposit", "interrupted")


@dataclass(frozen=True)
class Booked:
    """Deposits by outcome, and what the waste credit did; amounts in minor units."""

    names: set[Name]
    outcomes: Counter[str]
    mints: int
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
    mints, minted = _sum(conn, ledger_id, Code.MINT)
    _, redeemed = _sum(conn, ledger_id, Code.REDEEM)
    _, handed_out_g = _sum(conn, ledger_id, Code.HAND_OVER)
    credit = next(s for s in totals.supply(conn, ledger_id) if s.currency_id == accounts.CREDIT)
    return Booked(
        outcomes=Counter({row[0]: row[1] for row in conn.execute(query)}),
        names=_names(conn, ledger_id),
        mints=mints,
        minted=minted,
        redeemed=redeemed,
        handed_out_g=handed_out_g,
        balanced=credit.issued == minted and credit.retired == redeemed,
    )


def _names(conn: Connection, ledger_id: int) -> set[Name]:
    row, device = t.record.c, programme.device.c
    query = select(device.id, row.epoch, row.seq).where(
        row.ledger_id == ledger_id,
        row.kind.in_(DEPOSITS),
        device.ledger_id == row.ledger_id,
        device.source_id == row.source_id,
    )
    return {(name, f"{epoch:016x}", seq) for name, epoch, seq in conn.execute(query)}


def _sum(conn: Connection, ledger_id: int, code: Code) -> tuple[int, int]:
    """How many transfers of a code there are, and their amounts together."""
    column = t.transfer.c
    query = select(func.count(), func.coalesce(func.sum(column.amount), 0))
    row = conn.execute(query.where(column.ledger_id == ledger_id, column.code == code)).one()
    return int(row[0]), int(row[1])
