"""Tariffs' rates in an export, so that what a record was worth can be computed again without us."""

import csv
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select

from backend import tables as t
from backend.ledger.export import UnusableExport
from backend.spreadsheet import ENCODING, Sheet

FILE = "tariff_rates.csv"
_COLUMNS = ("tariff_id", "fraction", "grade", "amount_per_kg")


def write(conn: Connection, ledger_id: int, to: Path) -> Path:
    """Writes the rates of every version of the tariff, in minor units a kilogram."""
    path, row = to / FILE, t.tariff_rate.c
    asked = select(*(row[name] for name in _COLUMNS)).where(row.ledger_id == ledger_id)
    with path.open("w", encoding=ENCODING, newline="") as file:
        sheet = Sheet(file, _COLUMNS)
        for each in conn.execute(asked.order_by(row.tariff_id, row.fraction, row.grade)):
            sheet.add(each)
    return path


def problems(at: Path) -> Iterator[str]:
    """Records of an export that were paid at another rate than their tariff's.

    Raises UnusableExport.
    """
    try:
        rates = {tuple(row[name] for name in _COLUMNS) for row in _read(at / FILE)}
        for row in _read(at / "record.csv"):
            if row["amount_per_kg"] and tuple(row[name] for name in _COLUMNS) not in rates:
                yield (
                    f"a record's rate is not its tariff's: source_id {row['source_id']}, "
                    f"seq {row['seq']}, tariff_id {row['tariff_id']}"
                )
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise UnusableExport(f"The rates in {at} cannot be read: {error}.") from None


def _read(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file, strict=True)
