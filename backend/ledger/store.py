"""The poster's SQL: loading what a batch needs under the lock, and writing its rows in bulk.

The two engines differ here and nowhere above: the look-up of many record names and the bulk
write go through each driver's fastest route. Everything else is the same SQLAlchemy Core.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    bindparam,
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
from backend.ledger.balances import balance_query
from backend.ledger.booking import Books, Known, RecordName
from backend.ledger.errors import UnknownAccount
from backend.ledger.loading import chunks
from backend.ledger.sheet import Sheet
from backend.ledger.transfers import (
    Outcome,
    signed64,
    unsigned64,
)

# Rows between two wanted seqs that are cheaper to read than a second look-up.
_GAP = 32
_PROBED = "epoch, seq, hash, outcome, reason, amount, transfer_id"
_LOCK = "SELECT next_id, clock_us, terms_no FROM ledger_head WHERE ledger_id = ?"
_MOVE_ON = "UPDATE ledger_head SET next_id = ?, clock_us = ?, terms_no = ? WHERE ledger_id = ?"
_SET_BUDGET = (
    "UPDATE budget SET until_s = ?, amount = ?, spent = ?, decided_by = ? "
    "WHERE ledger_id = ? AND from_s = ?"
)


Rows = Sequence[Sequence[Any]]
Journal = tuple[int, int]  # source and epoch
Insert = Callable[[Rows], None]


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


def store_for(engine: Engine, ledger_id: int) -> "Store":
    """The store that speaks to this engine's driver."""
    kinds = {"sqlite": SqliteStore, "postgresql": PostgresStore}
    return kinds[engine.dialect.name](ledger_id)


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

    def __init__(self, ledger_id: int) -> None:
        self.ledger_id = ledger_id

    @abstractmethod
    def inserting(self, conn: Connection, table: Table) -> AbstractContextManager[Insert]:
        """Gives what inserts rows, in the order of the table's columns.

        They may be on their way until the context ends; nothing else may be asked meanwhile.
        """

    def bulk(self, conn: Connection, table: Table, rows: Rows) -> None:
        """Inserts rows given in the order of the table's columns."""
        if rows:
            with self.inserting(conn, table) as insert:
                insert(rows)

    @abstractmethod
    def probe(self, conn: Connection, wanted: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
        """Yields (source_id, *_PROBED) of every record in the runs."""

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
        table = t.account_balance.c
        for account_id, length in tails.items():
            if length >= 2 * history.EVERY and account_id != ISSUER:
                history.keep_between(conn, self.ledger_id, account_id, upto_id)
        for chunk in chunks(tails):
            asked = balance_query(self.ledger_id).where(
                table.account_id.in_(chunk), table.folded_id < upto_id
            )
            folded = [
                {
                    "of_account": row.account_id,
                    "debits_posted": row.debits,
                    "credits_posted": row.credits,
                }
                for row in conn.execute(asked)
            ]
            if not folded:
                continue
            history.keep(conn, self.ledger_id, upto_id, folded)
            conn.execute(
                update(t.account_balance)
                .where(
                    table.ledger_id == self.ledger_id,
                    table.account_id == bindparam("of_account"),
                )
                .values(folded_id=upto_id),
                folded,
            )

    def write(self, conn: Connection, books: Books) -> None:
        """Writes a decided batch but its transfers: the rows in bulk, then the head."""
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
        (t.record, sheet.records),
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


class SqliteStore(Store):
    """The driver's own cursor, with up to BLOCK rows a statement."""

    MARK = "?"
    BLOCK = 64

    @contextmanager
    def inserting(self, conn: Connection, table: Table) -> Iterator[Insert]:
        cursor: Any = conn.connection.cursor()

        def insert(rows: Rows) -> None:
            first = 0
            for count in _powers(len(rows), self.BLOCK):
                values = list(chain.from_iterable(rows[first : first + count]))
                cursor.execute(_insert(table, count), values)
                first += count

        yield insert

    def probe(self, conn: Connection, wanted: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
        cursor: Any = conn.connection.cursor()
        query = (
            f"SELECT {_PROBED} FROM record "
            "WHERE ledger_id = ? AND source_id = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        )
        for run in wanted:
            cursor.execute(
                query, (self.ledger_id, run.source_id, signed64(run.epoch), run.first, run.last)
            )
            for row in cursor:
                yield (run.source_id, *row)

    def highest(self, conn: Connection, journals: Collection[Journal]) -> dict[Journal, int]:
        cursor: Any = conn.connection.cursor()
        found: dict[Journal, int] = {}
        for source_id, epoch in journals:
            cursor.execute(
                "SELECT max(seq) FROM record WHERE ledger_id = ? AND source_id = ? AND epoch = ?",
                (self.ledger_id, source_id, signed64(epoch)),
            )
            (seq,) = cursor.fetchone()
            if seq is not None:
                found[source_id, epoch] = seq
        return found


def _powers(count: int, largest: int) -> Iterator[int]:
    """Powers of two that sum up to `count`: few statements, and few kinds of them to prepare."""
    size = largest
    while count:
        while size > count:
            size //= 2
        yield size
        count -= size


@lru_cache
def _insert(table: Table, rows: int) -> str:
    one = f"({', '.join('?' * len(table.columns))})"
    return f"INSERT INTO {table.name} VALUES {', '.join([one] * rows)}"


class PostgresStore(Store):
    """COPY in binary, and one round trip for all look-ups of a batch."""

    MARK = "%s"
    FOR_UPDATE = " FOR UPDATE"

    @contextmanager
    def inserting(self, conn: Connection, table: Table) -> Iterator[Insert]:
        cursor: Any = conn.connection.cursor()
        with cursor.copy(_copy(table)) as copy:
            copy.set_types([_binary_type(column.type) for column in table.columns])

            def insert(rows: Rows) -> None:
                for row in rows:
                    copy.write_row(row)

            yield insert

    def probe(self, conn: Connection, wanted: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
        if not wanted:
            return
        sources, epochs, firsts, lasts = zip(*wanted, strict=True)
        cursor: Any = conn.connection.cursor()
        cursor.execute(
            # OFFSET 0 keeps the planner from joining with all records of the ledger instead.
            f"SELECT p.source, r.* FROM unnest(%s::int[], %s::bigint[], %s::bigint[], "
            "%s::bigint[]) AS p(source, epoch_of, first, last) CROSS JOIN LATERAL "
            f"(SELECT {_PROBED} FROM record WHERE ledger_id = %s AND source_id = p.source "
            "AND epoch = p.epoch_of AND seq BETWEEN p.first AND p.last OFFSET 0) AS r",
            (
                list(sources),
                [signed64(epoch) for epoch in epochs],
                list(firsts),
                list(lasts),
                self.ledger_id,
            ),
        )
        yield from cursor

    def highest(self, conn: Connection, journals: Collection[Journal]) -> dict[Journal, int]:
        sources, epochs = zip(*journals, strict=True)
        cursor: Any = conn.connection.cursor()
        cursor.execute(
            "SELECT p.source, p.epoch_of, r.seq FROM unnest(%s::int[], %s::bigint[]) "
            "AS p(source, epoch_of) CROSS JOIN LATERAL (SELECT seq FROM record "
            "WHERE ledger_id = %s AND source_id = p.source AND epoch = p.epoch_of "
            "ORDER BY seq DESC LIMIT 1) AS r",
            (list(sources), [signed64(epoch) for epoch in epochs], self.ledger_id),
        )
        return {(source_id, unsigned64(epoch)): seq for source_id, epoch, seq in cursor}


@lru_cache
def _copy(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"


def _binary_type(kind: object) -> str:
    """PostgreSQL's name of a column's type, which a binary COPY must be told."""
    if isinstance(kind, t.Unsigned64 | BigInteger):
        return "int8"
    if isinstance(kind, SmallInteger):
        return "int2"
    if isinstance(kind, Integer):
        return "int4"
    if isinstance(kind, LargeBinary):
        return "bytea"
    return "bool" if isinstance(kind, Boolean) else "text"
