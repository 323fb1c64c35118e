"""Provisioning devices, standing them at points, confirming their journals, sending orders."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from backend import rows
from backend import tables as t
from backend.devices import tables as d
from backend.devices.keys import KEY_BYTES, DeviceKey, bound_to, opened
from backend.errors import AlreadyDecided, BadInput, NotFound
from backend.towns import service as towns
from backend.vault import Vault
from firmware import contract

SHUT = ("0" * 16, -1)  # the end of a key that counts for nothing new, in no journal
DESK = "paper-desk"  # the backend's own device, which signs what was on paper (backend/paper)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """`key` is written to the device now and never shown again."""

    device: str
    source_id: int
    number: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Epoch:
    """A device's journal; without `confirmed_s` its deposits are held."""

    epoch: str
    seen_s: int
    confirmed_s: int | None
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class Device:
    """`birth` is what the device last said it has; `point_id` is where it stands now."""

    id: str
    source_id: int
    point_id: int | None
    seen_s: int | None
    gateway_id: int | None
    state: str | None
    session: int | None
    birth: Mapping[str, Any] | None
    birth_s: int | None
    epochs: tuple[Epoch, ...]


def provision(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    device: str,
    *,
    point_id: int | None = None,
    key: bytes | None = None,
    number: int = 1,
    epoch: str | None = None,
    from_s: int,
) -> Provisioned:
    """Register a device with its first key, at a point from a moment on.

    `epoch` names the journal it was made with; without it the first one it shows is accepted.
    Raises BadInput, Taken, NotFound.
    """
    if not contract.is_device(device):
        raise BadInput("A device's name has 1 to 32 of a-z, 0-9 and the hyphen.")
    rows.require_free(
        conn,
        t.device,
        f"There is a device called {device} already.",
        ledger_id=ledger_id,
        id=device,
    )
    source_id = rows.next_id(conn, ledger_id, t.device.c.source_id)
    conn.execute(
        insert(t.device).values(
            ledger_id=ledger_id, id=device, source_id=source_id, provisioned_s=from_s
        )
    )
    made = add_key(conn, vault, ledger_id, device, key=key, number=number, now_s=from_s)
    if point_id is not None:
        assign(conn, ledger_id, device, point_id, from_s=from_s)
    if epoch is not None:
        see_epoch(conn, ledger_id, device, epoch, now_s=from_s)
    return Provisioned(device, source_id, number, made)


def add_key(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    device: str,
    *,
    key: bytes | None = None,
    number: int,
    now_s: int,
) -> bytes:
    """Give a device a key by number; return it. Raises BadInput, NotFound, Taken."""
    made = secrets.token_bytes(KEY_BYTES) if key is None else key
    if len(made) != KEY_BYTES:
        raise BadInput(f"A device key has {KEY_BYTES} bytes.")
    row_of(conn, ledger_id, device)
    name = {"ledger_id": ledger_id, "device": device, "number": number}
    rows.require_free(conn, t.device_key, f"{device} has a key number {number} already.", **name)
    sealed = vault.seal(made, bound_to(ledger_id, device, number))
    conn.execute(insert(t.device_key).values(**name, sealed=sealed, created_s=now_s))
    towns.changed(conn, ledger_id)
    return made


def assign(conn: Connection, ledger_id: int, device: str, point_id: int, *, from_s: int) -> None:
    """Stand a device at a point from a moment on. Raises NotFound, Taken."""
    row_of(conn, ledger_id, device)
    towns.point(conn, ledger_id, point_id)
    name = {"ledger_id": ledger_id, "device": device, "from_s": from_s}
    rows.require_free(
        conn, t.assignment, f"{device} was assigned from that very moment already.", **name
    )
    conn.execute(insert(t.assignment).values(**name, point_id=point_id))
    towns.changed(conn, ledger_id)


def see_epoch(conn: Connection, ledger_id: int, device: str, epoch: str, *, now_s: int) -> None:
    """Note a journal that a device signs with. The first is accepted, others wait."""
    known = {seen.epoch for seen in _epochs(conn, ledger_id, device)}
    if epoch in known:
        return
    first = not known
    conn.execute(
        insert(t.journal_epoch).values(
            ledger_id=ledger_id,
            device=device,
            epoch=epoch,
            seen_s=now_s,
            confirmed_s=now_s if first else None,
            confirmed_by="first journal" if first else None,
        )
    )
    towns.changed(conn, ledger_id)


def accept_epoch(
    conn: Connection, ledger_id: int, device: str, epoch: str, *, decided_by: str, now_s: int
) -> None:
    """A technician vouches for a swap or a wipe. Raises NotFound, AlreadyDecided.

    Deposits that were held for it are released by `deposits.resolving.confirm_epoch`.
    """
    found = {seen.epoch: seen for seen in _epochs(conn, ledger_id, device)}.get(epoch)
    if found is None:
        raise NotFound("This device has shown no such journal.")
    if found.confirmed_s is not None:
        raise AlreadyDecided("This journal is confirmed.")
    row = t.journal_epoch
    conn.execute(
        update(row)
        .where(row.c.ledger_id == ledger_id, row.c.device == device, row.c.epoch == epoch)
        .values(confirmed_s=now_s, confirmed_by=decided_by)
    )
    towns.changed(conn, ledger_id)


def seen(conn: Connection, ledger_id: int, devices: Mapping[str, int], gateway_id: int) -> None:
    """Note when, and through which gateway, devices were last heard: {device: received_s}."""
    for device, received_s in devices.items():
        conn.execute(
            update(t.device)
            .where(t.device.c.ledger_id == ledger_id, t.device.c.id == device)
            .values(seen_s=received_s, gateway_id=gateway_id)
        )


def save_birth(
    conn: Connection, ledger_id: int, device: str, body: Mapping[str, Any], *, received_s: int
) -> None:
    """Keep what a device says of itself, unless a later birth is known."""
    before = max_g(row_of(conn, ledger_id, device).birth)
    conn.execute(
        update(t.device)
        .where(
            t.device.c.ledger_id == ledger_id,
            t.device.c.id == device,
            (t.device.c.birth_s.is_(None)) | (t.device.c.birth_s <= received_s),
        )
        .values(birth=json.dumps(body), birth_s=received_s, session=body["session"], state="online")
    )
    see_epoch(conn, ledger_id, device, body["epoch"], now_s=received_s)
    if max_g(row_of(conn, ledger_id, device).birth) != before:
        towns.changed(conn, ledger_id)


def max_g(birth: str | None) -> int | None:
    """Return what a scale can weigh at most, from the device's birth as it is kept."""
    found: int | None = json.loads(birth).get("max_g") if birth else None
    return found


def save_state(conn: Connection, ledger_id: int, device: str, state: str, session: int) -> None:
    """Keep online, sleeping or lost; the will of a session that is over is ignored."""
    conn.execute(
        update(t.device)
        .where(
            t.device.c.ledger_id == ledger_id,
            t.device.c.id == device,
            t.device.c.session == session,
        )
        .values(state=state)
    )


def keys(conn: Connection, vault: Vault, ledger_id: int, device: str) -> dict[int, DeviceKey]:
    """Return a device's keys by number; none for a device that is unknown."""
    query = select(t.device_key).where(
        t.device_key.c.ledger_id == ledger_id, t.device_key.c.device == device
    )
    return {
        row.number: opened(vault, ledger_id, device, row.number, row.sealed)
        for row in conn.execute(query)
    }


def key_ends(conn: Connection, ledger_id: int, device: str) -> dict[int, tuple[str, int]]:
    """Return by number of key the (epoch, seq) of the record that ended it."""
    row = d.key_end.c
    query = select(row.number, row.epoch, row.seq).where(
        row.ledger_id == ledger_id, row.device == device
    )
    return {found.number: (found.epoch, found.seq) for found in conn.execute(query)}


def end_key(
    conn: Connection, ledger_id: int, device: str, number: int, name: tuple[str, int], now_s: int
) -> None:
    """Believe nothing under a key after the record (epoch, seq) that ended it; once, for ever."""
    if not rows.exists(conn, d.key_end, ledger_id=ledger_id, device=device, number=number):
        conn.execute(
            insert(d.key_end).values(
                ledger_id=ledger_id,
                device=device,
                number=number,
                epoch=name[0],
                seq=name[1],
                noted_s=now_s,
            )
        )
        towns.changed(conn, ledger_id)


def shut_keys(conn: Connection, ledger_id: int, device: str, now_s: int) -> list[int]:
    """Believe nothing more under any of a device's keys; return those that were not shut yet."""
    ends = key_ends(conn, ledger_id, device)
    fresh = [n for n in keys_made(conn, ledger_id, device) if ends.get(n) != SHUT]
    row = d.key_end
    for number in fresh:
        end_key(conn, ledger_id, device, number, SHUT, now_s)
        conn.execute(  # an end that left older journals open is drawn nearer
            update(row)
            .where(row.c.ledger_id == ledger_id, row.c.device == device, row.c.number == number)
            .values(epoch=SHUT[0], seq=SHUT[1], noted_s=now_s)
        )
    towns.changed(conn, ledger_id)
    return fresh


def keys_made(conn: Connection, ledger_id: int, device: str) -> dict[int, int]:
    """Return when each key of a device was made, by number."""
    row = t.device_key.c
    query = select(row.number, row.created_s).where(
        row.ledger_id == ledger_id, row.device == device
    )
    return {found.number: found.created_s for found in conn.execute(query)}


def device(conn: Connection, ledger_id: int, device_id: str) -> Device:
    """Raises NotFound."""
    row = row_of(conn, ledger_id, device_id)
    places = assignments(conn, ledger_id, device_id)
    return Device(
        row.id,
        row.source_id,
        places[-1][1] if places else None,
        row.seen_s,
        row.gateway_id,
        row.state,
        row.session,
        json.loads(row.birth) if row.birth else None,
        row.birth_s,
        tuple(_epochs(conn, ledger_id, device_id)),
    )


def devices(conn: Connection, ledger_id: int) -> list[Device]:
    """Return what stands in the town; the paper desk stands nowhere, and is never heard of."""
    mine = (t.device.c.ledger_id == ledger_id, t.device.c.id != DESK)
    query = select(t.device.c.id).where(*mine).order_by(t.device.c.id)
    return [device(conn, ledger_id, name) for name in conn.scalars(query)]


def names(conn: Connection, ledger_id: int) -> frozenset[str]:
    """Return what the town's devices are called."""
    return frozenset(conn.scalars(select(t.device.c.id).where(t.device.c.ledger_id == ledger_id)))


def assignments(conn: Connection, ledger_id: int, device_id: str) -> list[tuple[int, int]]:
    """Return (from_s, point_id) in the order of time."""
    places = t.assignment
    query = select(places).where(places.c.ledger_id == ledger_id, places.c.device == device_id)
    return [(row.from_s, row.point_id) for row in conn.execute(query.order_by(places.c.from_s))]


def journals(conn: Connection, ledger_id: int, device_id: str) -> dict[str, bool]:
    """Return each journal that a device has shown, and whether its deposits may be paid."""
    found = _epochs(conn, ledger_id, device_id)
    return {epoch.epoch: epoch.confirmed_s is not None for epoch in found}


def row_of(conn: Connection, ledger_id: int, device_id: str) -> Row[Any]:
    """Return a device's row. Raises NotFound."""
    query = select(t.device).where(t.device.c.ledger_id == ledger_id, t.device.c.id == device_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no device called {device_id} in this town.")
    return row


def _epochs(conn: Connection, ledger_id: int, device_id: str) -> list[Epoch]:
    shown = t.journal_epoch
    query = select(shown).where(shown.c.ledger_id == ledger_id, shown.c.device == device_id)
    return [
        Epoch(row.epoch, row.seen_s, row.confirmed_s, row.confirmed_by)
        for row in conn.execute(query.order_by(shown.c.seen_s, shown.c.epoch))
    ]
