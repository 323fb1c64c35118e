"""What a device has signed and the books have not: gaps in the numbers of its journals.

A number may be missing because it is still on the way, was lost with a journal, or was refused.
What the device said at its last birth tells how far its newest journal goes.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from backend.devices import service as devices
from backend.devices.service import Device
from backend.ledger import runs

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers from `first` to `last`, both missing."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal's records in the books: all up to `contiguous`, the last is `highest`.

    Both are None while there is none. `gaps` are the first of the missing numbers, `missing` how
    many there are in all; `complete` is False when there are more records than were looked at.
    """

    epoch: str
    contiguous: int | None
    highest: int | None
    missing: int
    gaps: tuple[Gap, ...]
    complete: bool


def journals(conn: Connection, ledger_id: int, device_id: str) -> list[Journal]:
    """Every journal that the device has shown. Raises NotFound."""
    device = devices.device(conn, ledger_id, device_id)
    return [_journal(conn, ledger_id, device, each.epoch) for each in device.epochs]


def keep_all(conn: Connection, ledger_id: int) -> int:
    """Keep the runs of every journal in the town, for looks to be short; needs to write.

    Returns how many journals have more than was looked at this time.
    """
    return sum(
        runs.keep(conn, ledger_id, device.source_id, int(each.epoch, 16))
        for device in devices.devices(conn, ledger_id)
        for each in device.epochs
    )


def _journal(conn: Connection, ledger_id: int, device: Device, epoch: str) -> Journal:
    found, complete = runs.runs(conn, ledger_id, device.source_id, int(epoch, 16))
    highest = found[-1][1] if found else None
    missing = runs.gaps(found)
    said = device.birth or {}
    next_seq = said.get("next_seq", 0) if said.get("epoch") == epoch else 0
    if complete and next_seq > (after := 0 if highest is None else highest + 1):
        missing.append((after, next_seq - 1))
    return Journal(
        epoch,
        found[0][1] if found and found[0][0] == 0 else None,
        highest,
        sum(last - first + 1 for first, last in missing),
        tuple(Gap(*each) for each in missing[:SHOWN]),
        complete,
    )
