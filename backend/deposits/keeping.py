"""What an uplink leaves behind besides the books: one short transaction, before the poster's.

Attestations are kept whole; births and new journals are noted; bytes that nobody signed are
kept by hash, limited per device and in all, and counted whether kept or not.
"""

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from backend import rows
from backend import tables as t
from backend.access.service import Gateway
from backend.alerts.said import hear
from backend.deposits.envelope import Signed, Unsigned, bytes_hash
from backend.deposits.receipts import Down
from backend.deposits.rules import SLACK_S
from backend.deposits.schemas import MessageIn, RecordIn, UplinkIn
from backend.devices import orders
from backend.devices import service as devices
from backend.proofs import oaths
from backend.recovery import service as recovery
from backend.services import Services

if TYPE_CHECKING:
    from backend.deposits.uplink import Opened

KEPT_PER_DEVICE, KEPT_IN_ALL = 1_000, 50_000
KEPT = "refused_kept"  # the tally of the refused bytes that are kept now
DOWN_MOST = 100


def keep(
    services: Services,
    gateway: Gateway,
    batch: UplinkIn,
    opened: "Opened",
    statement: bytes,
    signature: bytes,
) -> int | None:
    """Store what the batch brought; return the attestation's id (None without records)."""
    if not (batch.records or batch.messages or batch.delivered or batch.again):
        return None
    ledger_id, now_s = services.ledger_id, services.now_s()
    with services.begin() as conn:
        attestation_id = None
        if batch.records:
            attestation_id = _attestation(conn, gateway, statement, signature, now_s)
        sent_in: list[RecordIn | MessageIn] = [*batch.records, *batch.messages]
        for sent, result in zip(sent_in, [*opened.records, *opened.messages], strict=True):
            if isinstance(result, Unsigned):
                _refuse(conn, ledger_id, sent, result.reason, attestation_id)
        journals(conn, ledger_id, opened.records)
        _key_ends(conn, ledger_id, opened.records)
        hear(conn, ledger_id, opened.records)
        _messages(conn, ledger_id, batch.messages, opened.messages)
        _seen(conn, gateway, [*opened.records, *opened.messages])
        delivered(conn, ledger_id, gateway.id, batch.delivered, now_s)
        if said := batch.again:
            recovery.told(
                conn,
                ledger_id,
                gateway.id,
                said.id,
                found=said.found,
                waiting=said.waiting,
                since_s=said.since_s,
                now_s=now_s,
            )
    return attestation_id


def waiting(services: Services, gateway: Gateway) -> list[Down]:
    """Return the orders for the devices that this gateway heard last."""
    query = (
        select(t.down)
        .join(
            t.device,
            (t.device.c.ledger_id == t.down.c.ledger_id) & (t.device.c.id == t.down.c.device),
        )
        .where(
            t.down.c.ledger_id == services.ledger_id,
            t.down.c.delivered_s.is_(None),
            t.down.c.expires_s > services.now_s(),
            t.device.c.gateway_id == gateway.id,
        )
        .order_by(t.down.c.id)
        .limit(DOWN_MOST)
    )
    with services.read() as conn:
        return [
            Down(row.device, row.channel, row.jws, row.expires_s, row.id)
            for row in conn.execute(query)
        ]


def delivered(
    conn: Connection, ledger_id: int, gateway_id: int, down_ids: list[int], now_s: int
) -> None:
    """Note what a gateway has handed to the devices that it heard last."""
    if not down_ids:
        return
    heard = select(t.device.c.id).where(
        t.device.c.ledger_id == ledger_id, t.device.c.gateway_id == gateway_id
    )
    conn.execute(
        update(t.down)
        .where(
            t.down.c.ledger_id == ledger_id,
            t.down.c.id.in_(down_ids),
            t.down.c.delivered_s.is_(None),
            t.down.c.device.in_(heard),
        )
        .values(delivered_s=now_s)
    )


def count(conn: Connection, ledger_id: int, name: str, n: int = 1) -> None:
    """Add to a tally that outlives the process."""
    row = t.tally.c
    mine = (row.ledger_id == ledger_id, row.name == name)
    if conn.execute(update(t.tally).where(*mine).values(n=row.n + n)).rowcount == 0:
        conn.execute(insert(t.tally).values(ledger_id=ledger_id, name=name, n=n))


def drop(conn: Connection, ledger_id: int, *which: ColumnElement[bool]) -> int:
    """Delete refused bytes; return how many."""
    gone = conn.execute(delete(t.refused).where(t.refused.c.ledger_id == ledger_id, *which))
    if gone.rowcount:
        count(conn, ledger_id, KEPT, -gone.rowcount)
    return gone.rowcount


def _attestation(
    conn: Connection, gateway: Gateway, statement: bytes, signature: bytes, now_s: int
) -> int:
    digest = sha256(statement).digest()
    known = conn.scalar(
        select(t.attestation.c.id).where(
            t.attestation.c.ledger_id == gateway.ledger_id,
            t.attestation.c.gateway_id == gateway.id,
            t.attestation.c.hash == digest,
        )
    )
    if known is not None:
        return int(known)
    attestation_id = rows.random_id()
    conn.execute(
        insert(t.attestation).values(
            ledger_id=gateway.ledger_id,
            id=attestation_id,
            gateway_id=gateway.id,
            hash=digest,
            statement=statement,
            signature=signature,
            received_s=now_s,
        )
    )
    oaths.append(conn, gateway.ledger_id, attestation_id, digest, signature)
    return attestation_id


def _refuse(
    conn: Connection,
    ledger_id: int,
    sent: RecordIn | MessageIn,
    reason: str,
    attestation_id: int | None,
) -> None:
    """Keep refused bytes once and count them; a flood is counted and no longer kept."""
    digest = bytes_hash(sent.jws)
    if rows.exists(conn, t.refused, ledger_id=ledger_id, hash=digest):
        return
    count(conn, ledger_id, f"refused:{reason}")
    if isinstance(sent, MessageIn):
        return  # a question or a birth comes again; only weighed waste is worth keeping
    row, tally = t.refused.c, t.tally.c
    of_device = select(func.count()).where(row.ledger_id == ledger_id, row.device == sent.device)
    kept = select(tally.n).where(tally.ledger_id == ledger_id, tally.name == KEPT)
    if (conn.scalar(of_device) or 0) >= KEPT_PER_DEVICE or (conn.scalar(kept) or 0) >= KEPT_IN_ALL:
        count(conn, ledger_id, "refused_not_kept")
        return
    count(conn, ledger_id, KEPT)
    conn.execute(
        insert(t.refused).values(
            ledger_id=ledger_id,
            hash=digest,
            device=sent.device,
            reason=reason,
            sent=sent.jws.encode(),
            attestation_id=attestation_id,
            received_s=sent.received_s,
        )
    )


def journals(conn: Connection, ledger_id: int, opened: Iterable[Signed | Unsigned]) -> None:
    """Note new epochs, and one right moment of each start of a device."""
    moments: dict[tuple[str, str, int], tuple[int, int]] = {}
    for each in opened:
        if isinstance(each, Unsigned):
            continue
        device, body = each.device, each.body
        if body["epoch"] not in device.journals:
            devices.see_epoch(conn, ledger_id, device.id, body["epoch"], now_s=each.received_s)
        if body["clock"] == "synced" and body["at_s"] <= each.received_s + SLACK_S:
            name = (device.id, body["epoch"], body["boot"])
            moments.setdefault(name, (body["up_ms"], body["at_s"]))
    for (device_id, epoch, boot), (up_ms, at_s) in moments.items():
        start = {"ledger_id": ledger_id, "device": device_id, "epoch": epoch, "boot": boot}
        if not rows.exists(conn, t.boot_clock, **start):
            conn.execute(insert(t.boot_clock).values(**start, up_ms=up_ms, at_s=at_s))


def _key_ends(conn: Connection, ledger_id: int, opened: Iterable[Signed | Unsigned]) -> None:
    """A `key` record is the last one that its key signs."""
    for each in opened:
        if isinstance(each, Signed) and each.body["kind"] == "key":
            name = (each.body["epoch"], each.body["seq"])
            number = each.key.number
            devices.end_key(conn, ledger_id, each.device.id, number, name, each.received_s)


def _messages(
    conn: Connection,
    ledger_id: int,
    sent: Iterable[MessageIn],
    opened: Iterable[Signed | Unsigned],
) -> None:
    for message, each in zip(sent, opened, strict=True):
        if isinstance(each, Unsigned):
            continue
        device_id, body = each.device.id, each.body
        if message.channel == "birth":
            body = {**body, "key_number": each.key.number}
            devices.save_birth(conn, ledger_id, device_id, body, received_s=each.received_s)
        elif message.channel == "result":
            orders.save_result(conn, ledger_id, device_id, body)


def _seen(conn: Connection, gateway: Gateway, opened: Iterable[Signed | Unsigned]) -> None:
    newest: Counter[str] = Counter()
    for each in opened:
        if isinstance(each, Signed):
            newest[each.device.id] = max(newest[each.device.id], each.received_s)
    devices.seen(conn, gateway.ledger_id, newest, gateway.id)
