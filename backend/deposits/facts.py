"""What deposits are judged by, remembered until the town's revision says that it changed.

Keys are unsealed once; places, journals and tariffs are read once. The revision is bumped in
the transaction of the change itself, so that no process judges by what another has replaced.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from backend import tables as t
from backend.cards import caps, secure
from backend.cards.caps import Cap
from backend.cards.sun import Keys
from backend.deposits import provisional
from backend.devices import service as devices
from backend.devices.keys import DeviceKey
from backend.grading.service import Inspection, inspections
from backend.tariffs.service import Tariff, tariffs
from backend.towns import service as towns
from backend.vault import Vault


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device as its records are judged: keys by number, dated places, journals."""

    id: str
    source_id: int
    keys: dict[int, DeviceKey]
    places: list[tuple[int, int]]
    journals: dict[str, bool]  # epoch: confirmed
    max_g: int | None  # the scale's maximum, as the device's last birth says
    key_ends: dict[int, tuple[str, int]] = field(default_factory=dict)  # number: (epoch, seq)

    def believes(self, number: int, body: dict[str, Any]) -> bool:
        """Tell whether a key still counts for a body: up to its end in that journal, in journals
        known before, and for nothing that is no record. One that was shut counts for nothing."""
        if number not in self.key_ends:
            return True
        epoch, seq = end = self.key_ends[number]
        if "seq" not in body or end == devices.SHUT:
            return False
        return body["seq"] <= seq if body["epoch"] == epoch else body["epoch"] in self.journals

    def point_at(self, effective_s: int) -> int | None:
        """Return the point where the device stood at a moment."""
        return next((p for from_s, p in reversed(self.places) if from_s <= effective_s), None)


@dataclass(slots=True)
class _Remembered:
    revision: int
    devices: dict[str, DeviceFacts] = field(default_factory=dict)
    versions: list[Tariff] | None = None
    inspections: list[Inspection] | None = None
    card_keys: dict[int, Keys] | None = None
    caps: list[Cap] | None = None
    timezone: str | None = None
    provisional_days: int | None = None


class View:
    """The facts as one database snapshot has them."""

    def __init__(
        self, conn: Connection, vault: Vault, ledger_id: int, remembered: _Remembered
    ) -> None:
        self._conn, self._vault, self._ledger_id = conn, vault, ledger_id
        self._remembered = remembered

    def device(self, name: str) -> DeviceFacts | None:
        """Return what is known of a device; None for a stranger, whom nobody remembers."""
        found = self._remembered.devices.get(name)
        if found is None:
            found = self._read(name)
            if found is not None:
                self._remembered.devices[name] = found
        return found

    def tariffs(self) -> list[Tariff]:
        if self._remembered.versions is None:
            self._remembered.versions = tariffs(self._conn, self._ledger_id)
        return self._remembered.versions

    def inspections(self) -> list[Inspection]:
        if self._remembered.inspections is None:
            self._remembered.inspections = inspections(self._conn, self._ledger_id)
        return self._remembered.inspections

    def card_keys(self) -> dict[int, Keys]:
        """Return the town's keys of secure cards by version."""
        if self._remembered.card_keys is None:
            found = secure.versions(self._conn, self._vault, self._ledger_id)
            self._remembered.card_keys = found
        return self._remembered.card_keys

    def caps(self) -> list[Cap]:
        if self._remembered.caps is None:
            self._remembered.caps = caps.caps(self._conn, self._ledger_id)
        return self._remembered.caps

    def timezone(self) -> str:
        if self._remembered.timezone is None:
            self._remembered.timezone = towns.town(self._conn, self._ledger_id).timezone
        return self._remembered.timezone

    def provisional_days(self) -> int:
        """Return how long provisional credit waits for a person; 0: for ever."""
        if self._remembered.provisional_days is None:
            self._remembered.provisional_days = provisional.days(self._conn, self._ledger_id)
        return self._remembered.provisional_days

    def _read(self, name: str) -> DeviceFacts | None:
        conn, ledger_id = self._conn, self._ledger_id
        mine = (t.device.c.ledger_id == ledger_id, t.device.c.id == name)
        row = conn.execute(select(t.device.c.source_id, t.device.c.birth).where(*mine)).first()
        if row is None:
            return None
        return DeviceFacts(
            name,
            row.source_id,
            devices.keys(conn, self._vault, ledger_id, name),
            devices.assignments(conn, ledger_id, name),
            devices.journals(conn, ledger_id, name),
            devices.max_g(row.birth),
            devices.key_ends(conn, ledger_id, name),
        )


class Facts:
    """The memory; a view of it belongs to one connection."""

    def __init__(self, vault: Vault, ledger_id: int) -> None:
        self._vault, self._ledger_id = vault, ledger_id
        self._remembered = _Remembered(revision=-1)

    def view(self, conn: Connection) -> View:
        """Return the facts for a connection's snapshot, forgetting what has changed since."""
        revision = towns.revision(conn, self._ledger_id)
        remembered = self._remembered
        if remembered.revision != revision:
            remembered = self._remembered = _Remembered(revision)
        return View(conn, self._vault, self._ledger_id, remembered)
