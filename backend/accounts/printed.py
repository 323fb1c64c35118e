"""An account's statement for a sheet of paper: what it held, what moved, what it holds then.

A period is of recorded time, so that one sheet follows on the other and nothing is on two.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from backend.ledger import balances, history
from backend.ledger.balances import Line

MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class Printed:
    """`lines` are oldest first; `left_out` says that there were more, before the first of them."""

    from_s: int
    until_s: int
    opening: int
    closing: int
    lines: tuple[Line, ...]
    left_out: bool


def printed(
    conn: Connection, ledger_id: int, account_id: int, from_s: int, until_s: int
) -> Printed:
    """Return what was recorded in [from_s, until_s). Raises UnknownAccount."""
    after_id, upto_id = (
        history.id_at(conn, ledger_id, moment_s * 1_000_000 - 1) for moment_s in (from_s, until_s)
    )
    newest = balances.statement(conn, ledger_id, account_id, upto_id + 1, MOST_LINES + 1)
    lines = [each for each in reversed(newest) if each.transfer_id > after_id]
    left_out = len(lines) > MOST_LINES
    lines = lines[-MOST_LINES:]
    opening, closing = (
        credits - debits
        for debits, credits in (
            balances.balance_at(conn, ledger_id, account_id, each) for each in (after_id, upto_id)
        )
    )
    return Printed(from_s, until_s, opening, closing, tuple(lines), left_out)
