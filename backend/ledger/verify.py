"""Re-folding the books from their rows alone, and naming every row that does not fit.

Reads one snapshot and changes nothing. I1-I5 are folded from the transfers in order, I6, I8 and
I9 are the queries of `laws`, I7 looks for the triggers, I10 computes the tree again.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import time_ns
from typing import Any

from sqlalchemy import Connection, Table, select, text

from backend.ledger import log, tiles
from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.balances import MOVES
from backend.ledger.errors import LogMissing
from backend.ledger.laws import LAWS, Law
from backend.ledger.transfers import unsigned64
from backend.ledger.verify_cells import naming_wrong_cells
from backend.ledger.verify_head import check_head
from backend.ledger.verify_log import LogCheck
from backend.ledger.verify_melting import MELT_LAWS, MeltCheck
from backend.ledger.verify_records import check_records
from backend.ledger.verify_records import signed_hash as signed_hash
from backend.ledger.verify_report import NAMED
from backend.ledger.verify_report import Problem as Problem
from backend.ledger.verify_report import Report as Report
from backend.ledger.verify_rules import RULE_LAWS, check_notices, read_rules
from backend.ledger.verify_triggers import check_triggers
from backend.ledger.verify_unmelted import UnmeltedCheck
from backend.vault import Vault

_BATCH = 5_000
LEDGER_TABLES = [each for each in (*vars(t).values(), *vars(r).values()) if isinstance(each, Table)]


@dataclass(slots=True)
class _Account:
    """An account while it is folded again."""

    currency_id: int
    folded: tuple[int, int, int]
    terms: list[tuple[int, int | None, int | None]]
    debits: int = 0
    credits: int = 0
    held: int = 0
    coming: int = 0
    at_fold: tuple[int, int] = (0, 0)

    def limits(self, transfer_id: int) -> tuple[int | None, int | None]:
        """The limits that were in force when the transfer was booked."""
        low_high: tuple[int | None, int | None] = (None, None)
        for from_id, low, high in self.terms:
            if from_id <= transfer_id:
                low_high = (low, high)
        return low_high


def verify(
    conn: Connection,
    ledger_id: int,
    vault: Vault | None = None,
    *,
    leaf_of: Callable[[Any], bytes] | None = None,
    with_tiles: bool = True,
    now_us: int | None = None,
    into: Report | None = None,
) -> Report:
    """Checks I1 to I10 on one snapshot; without `now_us` it is this moment.

    Whoever gives the report, `into`, may read meanwhile how far it is.

    With the `vault` sealed bytes are opened and judged too. For an export: `leaf_of` gives a
    transfer's leaf where the log's salt is not there to make it, and there are no tiles.
    """
    report = into or Report(ledger_id)
    with naming_wrong_cells(conn, LEDGER_TABLES, report):
        accounts = _accounts(conn, ledger_id)
        report.accounts = len(accounts)
        _fold_logged(conn, ledger_id, accounts, report, leaf_of, with_tiles=with_tiles)
        check_head(conn, ledger_id, report.transfers, now_us or time_ns() // 1_000, report.add)
        _check_counters(accounts, report)
        _check_currencies(conn, ledger_id, accounts, report)
        _check_laws(conn, ledger_id, report)
        check_notices(conn, ledger_id, report.add)
        check_records(conn, ledger_id, report, vault)
        check_triggers(conn, report.add)
    return report


def _fold_logged(
    conn: Connection,
    ledger_id: int,
    accounts: dict[int, _Account],
    report: Report,
    leaf_of: Callable[[Any], bytes] | None,
    *,
    with_tiles: bool,
) -> None:
    """Folds the transfers, and the log over them; without a log, the transfers alone."""
    try:
        origin = log.origin(conn, ledger_id)
    except LogMissing as error:
        report.add("I10", str(error))
        _fold(conn, ledger_id, accounts, report, tiles.Leaves(bytes(tiles.HASH)).of)
        return
    logged = LogCheck(conn, ledger_id, origin, report.add, with_tiles=with_tiles)
    made = leaf_of or tiles.Leaves(origin.salt).of
    _fold(conn, ledger_id, accounts, report, lambda row: logged.add(made(row)))
    logged.finish()
    report.checkpoints = logged.checkpoints


def _accounts(conn: Connection, ledger_id: int) -> dict[int, _Account]:
    balance = t.account_balance.c
    folded = {
        row.account_id: (row.debits_posted, row.credits_posted, row.folded_id)
        for row in conn.execute(select(t.account_balance).where(balance.ledger_id == ledger_id))
    }
    found = {
        row.id: _Account(row.currency_id, folded.get(row.id, (0, 0, 0)), [])
        for row in conn.execute(select(t.account).where(t.account.c.ledger_id == ledger_id))
    }
    terms = t.account_terms.c
    for row in conn.execute(
        select(t.account_terms).where(terms.ledger_id == ledger_id).order_by(terms.number)
    ):
        if account := found.get(row.account_id):  # a law names terms of no account
            account.terms.append((row.from_id, row.min_balance, row.max_balance))
    return found


def _fold(
    conn: Connection,
    ledger_id: int,
    accounts: dict[int, _Account],
    report: Report,
    logged: Callable[[Any], object],
) -> None:
    """Goes through the transfers in order; each is handed on to the log's check."""
    last_us, pending = 0, {}
    snapshots = _Snapshots(conn, ledger_id)
    rules = read_rules(conn, ledger_id, report.add)
    melting = MeltCheck(conn, ledger_id, rules, report.add)
    unmelted = UnmeltedCheck(conn, ledger_id, rules, report.add)
    for row in _transfers(conn, ledger_id):
        report.transfers += 1
        if row.id != report.transfers:
            report.add("I5", f"transfer {row.id} stands where {report.transfers} should")
        try:
            logged(row)
        except struct.error:  # SQLite keeps whatever it is given
            report.add("I1", f"transfer {row.id} holds what is no whole number")
            continue
        if row.recorded_us <= last_us:
            report.add("I5", f"transfer {row.id} is recorded at {row.recorded_us}, not later")
        last_us = row.recorded_us
        melting.check(row, accounts)
        unmelted.check(row, accounts)
        payer, payee = accounts.get(row.debit), accounts.get(row.credit)
        if payer is None or payee is None:
            report.add("I1", f"transfer {row.id} moves {row.amount} of an unknown account")
        elif payer.currency_id != payee.currency_id:
            report.add("I1", f"transfer {row.id} joins two currencies")
        else:
            if row.state == 1:
                pending[row.id] = row.amount
            _apply(row, payer, payee, pending.get(row.pending_id, 0), report)
        snapshots.check(row.id, accounts, report)
    unmelted.finish(accounts)


class _Snapshots:
    """I2 for the counters of the past: each is compared when its transfer has been folded."""

    def __init__(self, conn: Connection, ledger_id: int) -> None:
        row = t.balance_snapshot.c
        kept = select(t.balance_snapshot).where(row.ledger_id == ledger_id)
        self._rows = iter(
            conn.execute(kept.order_by(row.upto_id).execution_options(yield_per=_BATCH))
        )
        self._next = next(self._rows, None)

    def check(self, folded_id: int, accounts: dict[int, _Account], report: Report) -> None:
        """Compares the snapshots that were taken at this transfer."""
        while self._next is not None and self._next.upto_id <= folded_id:
            row, self._next = self._next, next(self._rows, None)
            account = accounts.get(row.account_id)
            if account is None or (row.debits, row.credits) != (account.debits, account.credits):
                report.add(
                    "I2",
                    f"the snapshot of account {row.account_id} at transfer {row.upto_id} says "
                    f"{row.debits} and {row.credits}; folded again it is another",
                )


def _transfers(conn: Connection, ledger_id: int) -> Iterator[Any]:
    yield from conn.execute(
        select(t.transfer)
        .where(t.transfer.c.ledger_id == ledger_id)
        .order_by(t.transfer.c.id)
        .execution_options(yield_per=_BATCH)
    )


def _apply(row: Any, payer: _Account, payee: _Account, released: int, report: Report) -> None:
    """Books a transfer again and checks the limits at this point of history.

    The end of a hold breaks none: it was counted when it was made, by the limits of that time.
    """
    if row.state == 1:
        payer.held += row.amount
        payee.coming += row.amount
    payer.held -= released
    payee.coming -= released
    if row.state in MOVES:
        payer.debits += row.amount
        payee.credits += row.amount
    for account in (payer, payee):
        if row.id <= account.folded[2]:
            account.at_fold = (account.debits, account.credits)
    low = payer.limits(row.id)[0]
    left = payer.credits - payer.debits - payer.held
    if low is not None and left < low and row.state < 2:
        report.add("I3", f"transfer {row.id} leaves {left} on account {row.debit}, below {low}")
    high = payee.limits(row.id)[1]
    has = payee.credits - payee.debits + payee.coming
    if high is not None and has > high and row.state < 2:
        report.add("I3", f"transfer {row.id} leaves {has} on account {row.credit}, above {high}")


def _check_counters(accounts: dict[int, _Account], report: Report) -> None:
    for account_id, account in accounts.items():
        debits, credits, folded_id = account.folded
        if (debits, credits) != account.at_fold:
            report.add(
                "I2",
                f"account {account_id} has the counters {debits} and {credits} at transfer "
                f"{folded_id}; folded again they are {account.at_fold[0]} and "
                f"{account.at_fold[1]}",
            )


def _check_currencies(
    conn: Connection, ledger_id: int, accounts: dict[int, _Account], report: Report
) -> None:
    """I4: what the issuer owes is what all others have, for each transfer joins two of them."""
    for row in conn.execute(select(t.currency).where(t.currency.c.ledger_id == ledger_id)):
        issuer = accounts.get(row.issuer_account_id)
        if issuer is None or issuer.currency_id != row.id:
            report.add("I4", f"currency {row.code} has no issuer of its own")
            continue
        report.issued[row.id] = issuer.debits - issuer.credits
        if report.issued[row.id] < 0:
            report.add("I4", f"currency {row.code}: more was retired than was issued")


@contextmanager
def by_sets(conn: Connection) -> Iterator[None]:
    """Makes PostgreSQL join whole tables.

    Of tables that were filled just now it knows nothing, and would compare all rows with all.
    """
    postgresql = conn.dialect.name == "postgresql"
    if postgresql:
        conn.exec_driver_sql("SET LOCAL enable_nestloop = off")
    yield
    if postgresql:
        conn.exec_driver_sql("SET LOCAL enable_nestloop = on")


def _check_laws(conn: Connection, ledger_id: int, report: Report) -> None:
    with by_sets(conn):
        check_laws(conn, ledger_id, LAWS, report)
    check_laws(conn, ledger_id, (*RULE_LAWS, *MELT_LAWS), report)


def check_laws(
    conn: Connection, ledger_id: int, laws: Iterable[Law], report: Report, **given: int
) -> None:
    """Asks each law for the rows that break it; `given` are further values of the queries."""
    for law in laws:
        query = text(_of_any_town(conn, law.query))
        for row in conn.execute(query, {"l": ledger_id, **given}).fetchmany(NAMED):
            names = ", ".join(_named(key, value) for key, value in row._mapping.items())
            report.add(law.invariant, f"{law.words}: {names}")


def _of_any_town(conn: Connection, query: str) -> str:
    """A law's query that PostgreSQL plans as for any town: what `LedgerId` does for our own."""
    hidden = "(SELECT CAST(:l AS integer))"
    return re.sub(r":l\b", hidden, query) if conn.dialect.name == "postgresql" else query


def _named(key: str, value: Any) -> str:
    known = key == "epoch" and value is not None
    return f"{key} {unsigned64(value):016x}" if known else f"{key} {value}"
