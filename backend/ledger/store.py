"""The poster's SQL: loading what a batch needs under the lock, and writing its rows in bulk.

The two engines differ in store_sqlite.py and store_postgresql.py alone: the look-up of many record
names and the bulk write go through each driver's fastest route. All else is the same SQL.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Table,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from backend.ledger import history
from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.accounts import ISSUER
from backend.ledger.booking import Books, Known, RecordName
from backend.ledger.errors import UnknownAccount
from backend.ledger.loading import chunks
from backend.ledger.sheet import Sheet
from backend.ledger.transfers import (
    Outcome,
    unsigned64,
)

# Rows between two wanted seqs that are cheaper to read than a second look-up.
_GAP = 32
PROBED = "epoch, seq, hash, outcome, reason, amount, transfer_id"
_LOCK = "SELECT next_id, clock_us, terms_no FROM ledger_head WHERE ledger_id = ?"
_MOVE_ON = "UPDATE ledger_head SET next_id = ?, clock_us = ?, terms_no = ? WHERE ledger_id = ?"
_SET_BUDGET = (
    "UPDATE budget SET until_s = ?, amount = ?, spent = ?, decided_by = ? "
    "WHERE ledger_id = ? AND from_s = ?"
)


Rows = Sequence[Sequence[Any]]
Journal = tuple[int, int]  # source and epoch
Insert = Callable[[Table, Rows], None]


class Head(NamedTuple):
    """The lock row of a ledger."""

    next_id: int
    clock_us: int
    terms_no: int


class Run(NamedTuple):
    """Neighbouring seqs of one journal that are looked up together."""

    source_id: int
    epoch: int
    first: int
    last: int


def runs(names: Iterable[RecordName]) -> Iterator[Run]:
    """Groups record names into runs, so that a gap costs no more than it saves."""
    journals: dict[tuple[int, int], list[int]] = defaultdict(list)
    for source_id, epoch, seq in names:
        journals[source_id, epoch].append(seq)
    for (source_id, epoch), seqs in journals.items():
        seqs.sort()
        first = last = seqs[0]
        for seq in seqs:
            if seq - last > _GAP:
                yield Run(source_id, epoch, first, last)
                first = seq
            last = seq
        yield Run(source_id, epoch, first, last)


class Store(ABC):
    """One ledger's rows. All methods run inside a write transaction that holds the lock."""

    MARK: str  # of a parameter, in the driver's SQL
    FOR_UPDATE = ""
    PART: int | None = None  # requests whose rows are sent off while the next are decided

    def __init__(self, ledger_id: int) -> None:
        self.ledger_id = ledger_id

    @abstractmethod
    def bulk(self, conn: Connection, table: Table, rows: Rows) -> None:
        """Inserts rows given in the order of the table's columns."""

    @contextmanager
    def inserting(self, conn: Connection) -> Iterator[Insert]:
        """Gives what inserts rows as `bulk` does, but may leave them on their way.

        All are there when the context ends; nothing else may be asked meanwhile.
        """
        yield partial(self.bulk, conn)

    @abstractmethod
    def probe(self, conn: Connection, wanted: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
        """Yields (source_id, *PROBED) of every record in the runs."""

    def lock(self, conn: Connection) -> Head:
        """Takes the ledger's head row, in a statement of its own. Raises UnknownAccount."""
        row = self._run(conn, _LOCK + self.FOR_UPDATE, self.ledger_id).fetchone()
        if row is None:
            raise UnknownAccount(f"Ledger {self.ledger_id} has not been opened.")
        return Head(*row)

    def _run(self, conn: Connection, statement: str, *values: object) -> Any:
        """The driver's cursor after a statement whose parameters are written as "?"."""
        cursor: Any = conn.connection.cursor()
        cursor.execute(statement.replace("?", self.MARK), values)
        return cursor

    @abstractmethod
    def highest(self, conn: Connection, journals: Collection[Journal]) -> dict[Journal, int]:
        """The highest seq that is recorded of each journal that has any."""

    def known(
        self, conn: Connection, names: Collection[RecordName], marks: dict[Journal, int]
    ) -> dict[RecordName, Known]:
        """The records among `names` that the books hold.

        `marks` has no less than the highest seq of each journal that is in it; nothing beyond is
        looked up. It is kept up to date, as if all of `names` were recorded next.
        """
        journals = {name[:2] for name in names} - marks.keys()
        if journals:
            marks.update(dict.fromkeys(journals, -1) | self.highest(conn, journals))
        asked: list[RecordName] = []
        for name in names:
            journal, seq = name[:2], name[2]
            if seq > marks[journal]:
                marks[journal] = seq
            else:
                asked.append(name)
        found: dict[RecordName, Known] = {}
        for source_id, epoch, seq, digest, *rest in self.probe(conn, list(runs(asked))):
            outcome, reason, amount, transfer_id = rest
            found[source_id, unsigned64(epoch), seq] = Known(
                bytes(digest), Outcome(outcome, reason, amount, None, transfer_id, True)
            )
        return found

    def quarantined(
        self, conn: Connection, names: Collection[RecordName]
    ) -> set[tuple[RecordName, bytes]]:
        """The (name, hash) pairs that are in quarantine already."""
        table = t.quarantine.c
        seen: set[tuple[RecordName, bytes]] = set()
        for chunk in chunks(names):
            for row in conn.execute(
                select(table.source_id, table.epoch, table.seq, table.hash).where(
                    table.ledger_id == self.ledger_id,
                    tuple_(table.source_id, table.epoch, table.seq).in_(chunk),
                )
            ):
                seen.add(((row.source_id, row.epoch, row.seq), bytes(row.hash)))
        return seen

    def fold(self, conn: Connection, tails: Mapping[int, int], upto_id: int) -> None:
        """Moves the accounts' tails, {account: transfers}, into their counters and keeps these.

        Nothing may be posted meanwhile.
        """
        for account_id, length in tails.items():
            if length >= 2 * history.EVERY and account_id != ISSUER:
                history.keep_between(conn, self.ledger_id, account_id, upto_id)
        counters, kept = t.account_balance.c, t.balance_snapshot.c
        for chunk in chunks(tails):
            history.keep(conn, self.ledger_id, upto_id, chunk)
            conn.execute(
                update(t.account_balance)
                .where(
                    counters.ledger_id == self.ledger_id,
                    counters.account_id.in_(chunk),
                    counters.folded_id < upto_id,
                    kept.ledger_id == self.ledger_id,
                    kept.account_id == counters.account_id,
                    kept.upto_id == upto_id,
                )
                .values(folded_id=upto_id, debits_posted=kept.debits, credits_posted=kept.credits)
            )

    def write(self, conn: Connection, books: Books) -> None:
        """Writes a decided batch but its transfers and records: rows in bulk, then the head."""
        sheet = books.sheet
        for table, rows in _bulk_tables(sheet):
            self.bulk(conn, table, rows)
        for table, values in _by_table(sheet.rows):
            conn.execute(insert(table), values)
        for ended in sheet.claims_ended:
            key = zip(t.claim_open.primary_key.columns, ended, strict=True)
            conn.execute(
                delete(t.claim_open).where(
                    *(
                        column == (unsigned64(value) if column.name == "epoch" else value)
                        for column, value in key
                    )
                )
            )
        for chunk in chunks(sheet.holds_ended):
            row = t.hold_open.c
            conn.execute(
                delete(t.hold_open).where(
                    row.ledger_id == self.ledger_id, row.transfer_id.in_(chunk)
                )
            )
        self._write_budgets(conn, books)
        self._run(conn, _MOVE_ON, books.next_id, books.clock_us, books.terms_no, self.ledger_id)

    def _write_budgets(self, conn: Connection, books: Books) -> None:
        touched = [*books.sheet.budgets]
        if books.budget is not None and books.budget not in touched:
            touched.append(books.budget)
        for budget in touched:
            period = (self.ledger_id, budget.from_s)
            values = (budget.until_s, budget.amount, budget.spent, budget.decided_by)
            if self._run(conn, _SET_BUDGET, *values, *period).rowcount == 0:
                self.bulk(conn, t.budget, [(*period, *values)])


def store_for(dialect: str) -> type[Store]:
    """The store of an engine; the other one's driver is not even loaded."""
    if dialect == "sqlite":
        from backend.ledger.store_sqlite import SqliteStore

        return SqliteStore
    from backend.ledger.store_postgresql import PostgresStore

    return PostgresStore


def _by_table(rows: Sequence[tuple[Table, dict[str, Any]]]) -> Iterator[tuple[Table, list[Any]]]:
    """The rows that callers added, those together that fill the same columns of a table."""
    together: dict[tuple[Table, frozenset[str]], list[dict[str, Any]]] = {}
    for table, values in rows:
        together.setdefault((table, frozenset(values)), []).append(values)
    for (table, _), values_of in together.items():
        yield table, values_of


def _bulk_tables(sheet: Sheet) -> tuple[tuple[Table, Sequence[Sequence[Any]]], ...]:
    """Each list of the sheet with its table, in an order that no foreign key minds."""
    return (
        (t.quarantine, sheet.quarantined),
        (t.claim, sheet.claims),
        (t.claim_open, sheet.claims_opened),
        (t.resolution, sheet.resolutions),
        (t.idempotency, sheet.idempotency),
        (t.account_terms, sheet.terms),
        (r.notice, sheet.notices),
        (t.hold_terms, sheet.hold_terms),
        (t.hold_open, sheet.holds_opened),
        (t.log_tile, sheet.tiles),
    )
