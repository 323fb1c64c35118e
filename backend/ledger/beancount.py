"""The books as beancount text: every transfer, and each balance asserted at the end.

A member's account is an asset of theirs; the issuer's is the equity that it stands for. What a
transfer reserved or gave back moves nothing and is a `custom` line. Days are UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, TextIO

from sqlalchemy import Connection, func, select

from backend.ledger import tables as t
from backend.ledger.balances import MOVES
from backend.ledger.transfers import Code, State

_BATCH = 1_000


def write(conn: Connection, ledger_id: int, out: TextIO) -> int:
    """Writes the whole ledger; returns the number of transfers."""
    row = t.transfer.c
    first, last = conn.execute(
        select(func.min(row.effective_s), func.max(row.effective_s)).where(
            row.ledger_id == ledger_id
        )
    ).one()
    begins, ends = _day(first or 0), _day(last or 0) + timedelta(days=1)
    money = {
        c.id: (_commodity(c.code), c.scale)
        for c in conn.execute(select(t.currency).where(t.currency.c.ledger_id == ledger_id))
    }
    issuers = set(
        conn.scalars(
            select(t.currency.c.issuer_account_id).where(t.currency.c.ledger_id == ledger_id)
        )
    )
    out.write(f'option "title" "Ledger {ledger_id}"\n\n')
    for name, _ in money.values():
        out.write(f"{begins} commodity {name}\n")
    names: dict[int, tuple[str, str, int]] = {}
    for each in _stream(conn, ledger_id, t.account, "id"):
        root = "Equity" if each.id in issuers else "Assets"
        names[each.id] = (f"{root}:A{each.id}", *money[each.currency_id])
        out.write(f"{begins} open {names[each.id][0]} {money[each.currency_id][0]}\n")
    balances = dict.fromkeys(names, 0)
    count = 0
    for each in _stream(conn, ledger_id, t.transfer, "id"):
        _write_transfer(out, each, names)
        if each.state in MOVES:
            balances[each.debit] -= each.amount
            balances[each.credit] += each.amount
        count += 1
    out.write("\n")  # without "~ 0" beancount would let a minor unit pass
    for account_id, total in balances.items():
        account, commodity, scale = names[account_id]
        out.write(f"{ends} balance {account} {_amount(total, scale)} ~ 0 {commodity}\n")
    return count


def _write_transfer(out: TextIO, row: Any, names: dict[int, tuple[str, str, int]]) -> None:
    payer, commodity, scale = names[row.debit]
    payee, amount = names[row.credit][0], _amount(row.amount, scale)
    what = next((c.name for c in Code if c == row.code), f"CODE-{row.code}")
    day, state = _day(row.effective_s), State(row.state).name
    if row.state in MOVES:
        out.write(f'\n{day} * "{what}"\n')
    else:
        out.write(f'\n{day} custom "hold" "{state}" {payer} {payee} {amount} {commodity}\n')
    told = {
        "transfer": row.id,
        "group": row.group_id,
        "state": f'"{state}"',
        "effective": f'"{_moment(row.effective_s * 1_000_000)}"',
        "recorded": f'"{_moment(row.recorded_us)}"',
        "hold": row.pending_id,
        "corrects": row.corrects_id,
    }
    if row.source_id is not None:
        told["record"] = f'"{row.source_id}/{row.epoch:016x}/{row.seq}"'
    for key, value in told.items():
        if value is not None:
            out.write(f"  {key}: {value}\n")
    if row.state in MOVES:
        out.write(f"  {payer}  -{amount} {commodity}\n  {payee}  {amount} {commodity}\n")


def _stream(conn: Connection, ledger_id: int, table: Any, key: str) -> Iterator[Any]:
    yield from conn.execute(
        select(table)
        .where(table.c.ledger_id == ledger_id)
        .order_by(table.c[key])
        .execution_options(yield_per=_BATCH)
    )


def _commodity(code: str) -> str:
    """beancount's commodities are capitals, of two letters at least."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in f"X-{code}").upper()


def _amount(minor: int, scale: int) -> str:
    """Minor units as an exact decimal."""
    whole, rest = divmod(abs(minor), 10**scale)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{rest:0{scale}d}" if scale else f"{sign}{whole}"


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def _moment(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}Z"
