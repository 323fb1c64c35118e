"""Gateways' attestations in an export: written as CSV, and checked against its checkpoints."""

import csv
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

from backend.ledger.export import UnusableExport
from backend.proofs.oaths import Oath, oaths, wrong
from backend.spreadsheet import ENCODING, Sheet, text_of

FILE = "attestations.csv"


def write(conn: Connection, ledger_id: int, to: Path) -> Path:
    """Writes every attestation with its gateway's key; bytes are hexadecimal."""
    path = to / FILE
    with path.open("w", encoding=ENCODING, newline="") as file:
        sheet = Sheet(file, Oath._fields)
        for number, gateway, *bytes_ in oaths(conn, ledger_id):
            sheet.add([number, gateway, *(each.hex() for each in bytes_)])
    return path


def problems(at: Path) -> Iterator[str]:
    """What is wrong with an export's attestations. Raises UnusableExport."""
    try:
        yield from wrong(_read(at / FILE), _notes(at / "checkpoint.csv"))
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise UnusableExport(f"The attestations in {at} cannot be read: {error}.") from None


def _read(path: Path) -> Iterator[Oath]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        next(rows, None)
        for number, gateway, *rest in rows:
            yield Oath(int(number), text_of(gateway), *(bytes.fromhex(each) for each in rest))


def _notes(path: Path) -> list[str]:
    """The checkpoints of the newest log: those of a closed one may contradict."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    newest = max((int(row["origin_no"]) for row in rows), default=0)
    return [row["note"] for row in rows if int(row["origin_no"]) == newest]
