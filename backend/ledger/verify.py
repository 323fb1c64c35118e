"""Re-folding the books from their rows alone, and naming every row that does not fit.

Reads one snapshot and changes nothing. I1-I5 are folded from the transfers in order, I6, I8 and
I9 are the queries of `laws`, I7 looks for the triggers, I10 computes the tree again.
"""

import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import time_ns
from typing import Any

from sqlalchemy import Connection, select, text

from backend.ledger import log, tiles
from backend.ledger import tables as t
from backend.ledger.balances import MOVES
from backend.ledger.erasure import Opener
from backend.ledger.errors import LogMissing
from backend.ledger.laws import LAWS, Law
from backend.ledger.transfers import unsigned64
from backend.ledger.verify_head import check_head
from backend.ledger.verify_log import LogCheck
from backend.ledger.verify_melting import MELT_LAWS, MeltCheck
from backend.ledger.verify_rules import RULE_LAWS, check_notices, read_rules
from backend.ledger.verify_triggers import check_triggers
from backend.ledger.verify_unmelted import UnmeltedCheck
from backend.vault import Vault
from firmware import contract

# So many offenders of one law are named; the rest are counted.
NAMED = 20
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken invariant and the row that breaks it."""

    invariant: str
    words: str


@dataclass(slots=True)
class Report:
    """What was checked and what was found.

    `erased` records are left as a commitment only; `sealed` ones wait for their person's key.
    """

    ledger_id: int
    transfers: int = 0
    accounts: int = 0
    records: int = 0
    erased: int = 0
    sealed: int = 0
    checkpoints: int = 0
    issued: dict[int, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, invariant: str, words: str) -> None:
        """Notes a problem, up to a bound for each invariant."""
        if sum(p.invariant == invariant for p in self.problems) < NAMED:
            self.problems.append(Problem(invariant, words))


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
    accounts = _accounts(conn, ledger_id)
    report.accounts = len(accounts)
    _fold_logged(conn, ledger_id, accounts, report, leaf_of, with_tiles=with_tiles)
    check_head(conn, ledger_id, report.transfers, now_us or time_ns() // 1_000, report.add)
    _check_counters(accounts, report)
    _check_currencies(conn, ledger_id, accounts, report)
    _check_laws(conn, ledger_id, report)
    check_notices(conn, ledger_id, report.add)
    _check_records(conn, ledger_id, report, vault)
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
    """I1 and I4: what the issuer owes is what all others have."""
    for row in conn.execute(select(t.currency).where(t.currency.c.ledger_id == ledger_id)):
        members = [a for a in accounts.values() if a.currency_id == row.id]
        debits, credits = sum(a.debits for a in members), sum(a.credits for a in members)
        if debits != credits:
            report.add("I1", f"currency {row.code}: {debits} debited, {credits} credited")
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


def _check_records(conn: Connection, ledger_id: int, report: Report, vault: Vault | None) -> None:
    """The signed bytes are those whose hash the books name, and say what the columns say."""
    table = t.record
    opener = None if vault is None else Opener(conn, ledger_id, vault)
    destroyed = set(
        conn.scalars(
            select(t.person_key.c.id).where(
                t.person_key.c.ledger_id == ledger_id, t.person_key.c.sealed.is_(None)
            )
        )
    )
    for row in conn.execute(
        select(table.c.source_id, table.c.epoch, table.c.seq, table.c.hash, table.c.jws,
               table.c.sealed_for, table.c.kind, table.c.fraction, table.c.net_g)
        .where(table.c.ledger_id == ledger_id)
        .execution_options(yield_per=_BATCH)
    ):  # fmt: skip
        report.records += 1
        jws: bytes | str | None = row.jws
        if row.sealed_for is not None:
            erased = row.sealed_for in destroyed
            report.erased += erased
            report.sealed += not erased
            jws = opener.open(row) if opener is not None else None
        if jws is None:
            continue
        if signed_hash(jws) != bytes(row.hash):
            report.add(
                "I6",
                f"a record's bytes are not those of its hash: source_id {row.source_id}, "
                f"epoch {row.epoch:016x}, seq {row.seq}",
            )
        elif differing := _unlike(row, jws):
            report.add(
                "I6",
                f"a record's {differing} is not what its device signed: source_id "
                f"{row.source_id}, epoch {row.epoch:016x}, seq {row.seq}",
            )


def _unlike(row: Any, jws: bytes | str) -> str:
    """The first column of a record that its signed payload contradicts; "" for none."""
    raw = jws.encode() if isinstance(jws, str) else bytes(jws)
    try:
        body = contract.parse_json(contract.unb64(raw.split(b".")[1].decode()))
    except (ValueError, IndexError):
        body = None
    if not isinstance(body, dict):
        return ""  # not an envelope of the contract: its hash was compared, there is no more to it
    said = {"kind": row.kind, "epoch": f"{row.epoch:016x}", "seq": row.seq}
    if row.kind in ("deposit", "interrupted"):
        said["fraction"] = row.fraction
    if row.kind == "deposit":
        said["net_g"] = row.net_g
    return next((name for name in said if body.get(name) != said[name]), "")


def signed_hash(jws: bytes | str) -> bytes:
    """SHA-256 of a JWS without its signature. SQLite hands out text where a hand put text."""
    raw = jws.encode() if isinstance(jws, str) else bytes(jws)
    return hashlib.sha256(raw.rpartition(b".")[0]).digest()
