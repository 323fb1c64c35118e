"""The books as files that anyone can read, and reading them back for the verifier.

CSV as `backend.spreadsheet` writes it; bytes are hexadecimal, an empty cell is "none". Signed
bytes, cards and owners stay at home. `leaves.bin` holds the log's leaf hashes, 32 bytes each; the
log's secret salt only goes along when asked for, since with it entries can be guessed, and without
it leaves cannot be made again from the rows.
"""

import csv
import json
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Boolean, Column, Connection, LargeBinary, String, Table, insert, select
from sqlalchemy.exc import IntegrityError

from backend import spreadsheet
from backend.ledger import log, tiles
from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.spreadsheet import Sheet

FORMAT = "farz-export-1"
# In an order in which every row finds what it refers to.
TABLES: tuple[Table, ...] = (
    t.ledger_head, t.currency, r.money_kind, r.currency_kind, r.crossing, r.spend_rule,
    t.account, r.merchant, t.account_terms, t.account_balance, t.transfer, r.notice,
    r.melt_rule, r.melt_run, r.melted,
    t.hold_open, t.hold_terms, t.record, t.quarantine, t.resolution, t.claim, t.claim_open,
    t.budget, t.log_origin, t.checkpoint, t.log_key,
)  # fmt: skip
# Personal, or secret; what stands in their place is not read by any law.
HIDDEN = {"account.owner_ref", "record.jws", "record.card_ref", "quarantine.jws"}
SALT = "log_origin.salt"
SEALED_ELSEWHERE = 0
_BATCH = 1_000


class UnusableExport(ValueError):
    """The directory is not an export, or a file of it cannot be read."""


class BrokenRow(ValueError):
    """A row of an export breaks a rule of its table, as one that is there twice."""


def export(conn: Connection, ledger_id: int, to: Path, *, with_salt: bool = False) -> list[Path]:
    """Writes one CSV a table, `leaves.bin` and the notes into `to`; returns the files."""
    to.mkdir(parents=True, exist_ok=True)
    hidden = HIDDEN if with_salt else HIDDEN | {SALT}
    made = [_write_table(conn, ledger_id, table, to, hidden) for table in TABLES]
    leaves, notes = to / "leaves.bin", to / "checkpoints.txt"
    hashed = tiles.Leaves(log.origin(conn, ledger_id).salt)
    with leaves.open("wb") as file:
        for row in _rows(conn, ledger_id, t.transfer):
            file.write(hashed.of(row))
    with notes.open("w", encoding="utf-8") as text:
        for row in _rows(conn, ledger_id, t.checkpoint):
            text.write(f"{row.note}\n")
    return [*made, leaves, notes]


def write_manifest(to: Path, ledger_id: int, files: list[Path], *, with_salt: bool) -> None:
    """Says what the files are, last of all: a directory without it is no export."""
    told = {
        "format": FORMAT,
        "ledger_id": ledger_id,
        "with_salt": with_salt,
        "sha256": {path.name: _digest(path) for path in sorted(files)},
    }
    (to / "manifest.json").write_text(json.dumps(told, indent=2) + "\n")


def read_manifest(at: Path) -> dict[str, Any]:
    """The manifest of an export. Raises UnusableExport."""
    try:
        told = json.loads((at / "manifest.json").read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UnusableExport(
            f"{at} is not an export: its manifest.json cannot be read "
            f"({getattr(error, 'strerror', None) or error}). "
            "Give the directory that `farz ledger export` wrote."
        ) from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UnusableExport(f"{at} is no export of this program's kind ({FORMAT}).")
    if type(told.get("ledger_id")) is not int or type(told.get("with_salt")) is not bool:
        raise UnusableExport(f"{at}/manifest.json does not say whose books these are.")
    return told


def altered(at: Path, told: dict[str, Any]) -> list[str]:
    """The files that are not as they were exported. Raises UnusableExport for one that is gone."""
    try:
        return [name for name, digest in told["sha256"].items() if _digest(at / name) != digest]
    except (OSError, KeyError, AttributeError) as error:
        raise UnusableExport(f"The export in {at} is not whole: {error}.") from None


def load(conn: Connection, at: Path) -> None:
    """Puts an export's rows into the empty tables behind `conn`, in their order.

    Raises UnusableExport, and BrokenRow for a row that its table refuses.
    """
    for table in TABLES:
        batch: list[dict[str, Any]] = []
        for row in _read_table(at, table):
            batch.append(row)
            if len(batch) == _BATCH:
                _insert(conn, table, batch)
                batch.clear()
        if batch:
            _insert(conn, table, batch)


def _insert(conn: Connection, table: Table, batch: list[dict[str, Any]]) -> None:
    """All at once; if that is refused, one after another, to tell which row it was."""
    try:
        with conn.begin_nested():
            conn.execute(insert(table), batch)
        return
    except IntegrityError:
        pass
    for row in batch:
        try:
            conn.execute(insert(table), row)
        except IntegrityError as error:
            key = ", ".join(f"{c.name} {row[c.name]}" for c in table.primary_key)
            raise BrokenRow(f"a row of {table.name}.csv ({key}): {error.orig}") from None


class LeafReader:
    """The next leaf of `leaves.bin` for the next row: zeros when there are too few."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __call__(self, _row: Any) -> bytes:
        return self._file.read(tiles.HASH).ljust(tiles.HASH, b"\0")


def _write_table(
    conn: Connection, ledger_id: int, table: Table, to: Path, hidden: set[str]
) -> Path:
    path = to / f"{table.name}.csv"
    shown = [column for column in table.columns if str(column) not in hidden]
    with path.open("w", encoding=spreadsheet.ENCODING, newline="") as file:
        sheet = Sheet(file, (column.name for column in shown))
        for row in _rows(conn, ledger_id, table):
            sheet.add(_cell(row._mapping[column.name]) for column in shown)
    return path


def _rows(conn: Connection, ledger_id: int, table: Table) -> Iterator[Any]:
    yield from conn.execute(
        select(table)
        .where(table.c.ledger_id == ledger_id)
        .order_by(*table.primary_key.columns)
        .execution_options(yield_per=_BATCH)
    )


def _cell(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return int(value) if isinstance(value, bool) else value


def _read_table(at: Path, table: Table) -> Iterator[dict[str, Any]]:
    path = at / f"{table.name}.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, cells in enumerate(csv.DictReader(file, strict=True), start=2):
                try:
                    row = {
                        column.name: _value(column, cells.get(column.name))
                        for column in table.columns
                        if str(column) not in HIDDEN and (str(column) != SALT or "salt" in cells)
                    }
                except (ValueError, TypeError) as error:
                    raise UnusableExport(f"{path.name}, line {line}: {error}.") from None
                yield row | _placeholders(table, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableExport(f"{path} cannot be read: {error}.") from None


def _placeholders(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """What stands for the bytes that stayed at home: the record counts as sealed."""
    if table is t.record:
        sealed_for = row.get("sealed_for")
        return {"jws": b"", "sealed_for": SEALED_ELSEWHERE if sealed_for is None else sealed_for}
    if table is t.quarantine:
        return {"jws": b""}
    return {"salt": bytes(32)} if table is t.log_origin and "salt" not in row else {}


def _value(column: Column[Any], text: str | None) -> Any:
    if text is None:
        raise ValueError(f"the cell of {column.name} is missing")
    kind = column.type
    if text == "" and (column.nullable or not isinstance(kind, String)):
        return None
    if isinstance(kind, LargeBinary):
        return bytes.fromhex(text)
    if isinstance(kind, Boolean):
        return bool(int(text))
    return spreadsheet.text_of(text) if isinstance(kind, String) else _number(kind, text)


def _number(kind: Any, text: str) -> int:
    number, least = int(text), 0 if isinstance(kind, t.Unsigned64) else -(2**63)
    if not least <= number < least + 2**64:
        raise ValueError(f"{number} does not fit into 64 bits")
    return number


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
