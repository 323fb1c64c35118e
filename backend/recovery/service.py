"""A restored town reads until it has caught up: who was asked for what, and what is still missing.

Gateways are asked with each answer to their uplink; they relay once more all that was answered
since the backup, and say how much of it still waits. Bins are asked for the numbers that their
births speak of and the books do not have. Everything may come twice: a record counts once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from backend import db, rows
from backend import tables as t
from backend.devices import gaps
from backend.devices import service as devices
from backend.devices.gaps import Gap
from backend.devices.orders import send_command
from backend.errors import NotFound, StillMissing
from backend.recovery import tables as r
from firmware import contract

if TYPE_CHECKING:
    from backend.services import Services

# Clocks of gateways may be wrong by so much, and asking for more than is missing costs nothing.
MARGIN_S = 86_400
ASK_AFTER_S = 600  # bins are asked although a gateway has not answered
PAUSE_S = 30  # between two orders to one bin, which brings records meanwhile
ORDER_MOST = 500  # numbers in one order: what the firmware takes
NOT_KEPT = "none of them is kept any more"  # the firmware's words for it


@dataclass(frozen=True, slots=True)
class Recovery:
    """The books were as at `taken_s` when it began."""

    id: int
    taken_s: int
    began_s: int

    @property
    def since_s(self) -> int:
        return max(0, self.taken_s - MARGIN_S)


@dataclass(frozen=True, slots=True)
class Asked:
    """A gateway and its answer: None until it has given one."""

    gateway_id: int
    name: str
    found: int | None
    waiting: int | None
    told_s: int | None
    since_s: int | None

    @property
    def done(self) -> bool:
        return self.waiting == 0

    def remembers(self, taken_s: int) -> bool:
        """Whether all that it recorded since the backup is still on its disk."""
        return self.done and self.since_s is not None and self.since_s <= taken_s


@dataclass(frozen=True, slots=True)
class Owing:
    """A device whose newest journal has numbers that the books do not.

    `next_seq`: nobody knows whether it has more from there on, for a gateway has lost its memory
    and the device has not been heard; None: it has no more.
    """

    device: str
    epoch: str
    missing: int
    gaps: tuple[Gap, ...]
    next_seq: int | None


@dataclass(frozen=True, slots=True)
class State:
    """How far a recovery has come; `complete` once nobody owes anything that is known of."""

    recovery: Recovery
    gateways: tuple[Asked, ...]
    devices: tuple[Owing, ...]

    @property
    def complete(self) -> bool:
        return all(each.done for each in self.gateways) and not self.devices


class Guard:
    """Whether this town is recovering. Once it is not, this process asks no more: a restore
    needs the backend stopped.
    """

    def __init__(self, engine: Engine, ledger_id: int) -> None:
        self._engine, self._ledger_id = engine, ledger_id
        self._over = False

    @property
    def maybe(self) -> bool:
        """False if it is certain, without a look at the books."""
        return not self._over

    def now(self) -> Recovery | None:
        """Return the recovery that is going on; from any thread."""
        if self._over:
            return None
        with db.read(self._engine) as conn:
            found = current(conn, self._ledger_id)
        self._over = found is None
        return found


def begin(conn: Connection, ledger_id: int, *, taken_s: int, now_s: int) -> Recovery:
    """Note that the books are those of a backup; whatever was going on before is over."""
    row = r.recovery
    conn.execute(
        update(row)
        .where(row.c.ledger_id == ledger_id, row.c.ended_s.is_(None))
        .values(ended_s=now_s, ended_by="another restore")
    )
    made = Recovery(rows.random_id(), taken_s, now_s)
    conn.execute(
        insert(row).values(ledger_id=ledger_id, id=made.id, taken_s=taken_s, began_s=now_s)
    )
    return made


def current(conn: Connection, ledger_id: int) -> Recovery | None:
    """Return the recovery that is going on."""
    row = r.recovery.c
    query = select(row.id, row.taken_s, row.began_s)
    found = conn.execute(
        query.where(row.ledger_id == ledger_id, row.ended_s.is_(None))
    ).one_or_none()
    return Recovery(*found) if found else None


def told(
    conn: Connection,
    ledger_id: int,
    gateway_id: int,
    recovery_id: int,
    *,
    found: int,
    waiting: int,
    since_s: int,
    now_s: int,
) -> None:
    """Keep what a gateway says of a recovery; one that is over or unknown is passed over."""
    going_on = current(conn, ledger_id)
    if going_on is None or going_on.id != recovery_id:
        return
    row = r.recovery_gateway
    name = {"ledger_id": ledger_id, "recovery_id": recovery_id, "gateway_id": gateway_id}
    values = {"found": found, "waiting": waiting, "since_s": since_s, "told_s": now_s}
    mine = [row.c[column] == value for column, value in name.items()]
    if conn.execute(update(row).where(*mine).values(**values)).rowcount == 0:
        conn.execute(insert(row).values(**name, **values))


def state(conn: Connection, ledger_id: int) -> State:
    """Return how far the recovery has come. Raises NotFound without one."""
    found = current(conn, ledger_id)
    if found is None:
        raise NotFound("No recovery is going on here.")
    gateways = _gateways(conn, ledger_id, found)
    return State(found, tuple(gateways), tuple(_owing(conn, ledger_id, found, gateways)))


def ask_bins(services: "Services") -> int:
    """Ask bins for what the books miss, once gateways have given what they had; count orders.

    A bin that is not online gets them at its next birth: they are sent again until it has.
    """
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.begin() as conn:
        if (found := current(conn, ledger_id)) is None:
            return 0
        gateways = list(_gateways(conn, ledger_id, found))
        if now_s < found.began_s + ASK_AFTER_S and not all(each.done for each in gateways):
            return 0
        owing = _owing(conn, ledger_id, found, gateways)
        return sum(_ask(services, conn, found, each, now_s) for each in owing)


def end(services: "Services", *, ended_by: str, anyway: bool) -> Recovery:
    """Open the town again. Raises NotFound, and StillMissing unless it is to end anyway."""
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.begin() as conn:
        found = state(conn, ledger_id)
        if not found.complete and not anyway:
            raise StillMissing(_missing(found))
        row = r.recovery
        conn.execute(
            update(row)
            .where(row.c.ledger_id == ledger_id, row.c.id == found.recovery.id)
            .values(ended_s=now_s, ended_by=ended_by)
        )
    return found.recovery


def _gateways(conn: Connection, ledger_id: int, found: Recovery) -> list[Asked]:
    said = r.recovery_gateway
    answers: Mapping[int, Row[tuple[int, ...]]] = {
        row.gateway_id: row
        for row in conn.execute(
            select(said).where(said.c.ledger_id == ledger_id, said.c.recovery_id == found.id)
        )
    }
    gateways = conn.execute(
        select(t.gateway.c.id, t.gateway.c.name)
        .where(t.gateway.c.ledger_id == ledger_id, t.gateway.c.revoked_s.is_(None))
        .order_by(t.gateway.c.id)
    )
    made = []
    for row in gateways:
        answer = answers.get(row.id)
        given = ("found", "waiting", "told_s", "since_s")
        said_now = [getattr(answer, name) if answer else None for name in given]
        made.append(Asked(row.id, row.name, *said_now))
    return made


def _owing(
    conn: Connection, ledger_id: int, found: Recovery, gateways: Sequence[Asked]
) -> list[Owing]:
    """Devices that have shown more of their newest journal than the books have, or may have more.

    What a gateway that remembers has never had is unsettled at the bin, and comes by itself.
    """
    forgotten = not all(each.remembers(found.taken_s) for each in gateways)
    made = []
    for device in devices.devices(conn, ledger_id):
        epoch = (device.birth or {}).get("epoch")
        for journal in gaps.journals(conn, ledger_id, device.id):
            if journal.epoch != epoch:
                continue
            next_seq = 0 if journal.highest is None else journal.highest + 1
            next_seq = max(next_seq, (device.birth or {}).get("next_seq", 0))
            orders = _orders(conn, ledger_id, device.id, found.began_s)
            # What it has weighed since it said so comes by itself, and asks nothing anew.
            ends = any(
                each == epoch and first <= next_seq <= last
                for each, first, last in _refused(orders, None)
            )
            more = next_seq if forgotten and not ends else None
            if journal.missing or more is not None:
                made.append(Owing(device.id, journal.epoch, journal.missing, journal.gaps, more))
    return made


def _ask(services: "Services", conn: Connection, found: Recovery, owing: Owing, now_s: int) -> int:
    """Order what the device has kept of its first gap: it serves one request at a time.

    Gaps of which it has said in this session that nothing is kept are left out.
    """
    orders = _orders(conn, services.ledger_id, owing.device, found.began_s)
    if orders and orders[-1].created_s > now_s - PAUSE_S:
        return 0
    session = devices.device(conn, services.ledger_id, owing.device).session
    gone = {(epoch, first) for epoch, first, _ in _refused(orders, session)}
    wanted = [(gap.first, gap.last) for gap in owing.gaps if (owing.epoch, gap.first) not in gone]
    if owing.next_seq is not None:
        wanted.append((owing.next_seq, owing.next_seq + ORDER_MOST - 1))
    if session is None or not wanted:
        return 0
    first, last = wanted[0][0], min(wanted[0][1], wanted[0][0] + ORDER_MOST - 1)
    args = {"epoch": owing.epoch, "first": first, "last": last}
    send_command(
        conn, services.vault, services.ledger_id, owing.device, "history", args, now_s=now_s
    )
    return 1


def _orders(conn: Connection, ledger_id: int, device: str, since_s: int) -> Sequence[Any]:
    """The orders to a device since then, oldest first."""
    down = t.down.c
    query = select(down.jws, down.created_s, down.result_ok, down.result_words).where(
        down.ledger_id == ledger_id,
        down.device == device,
        down.channel == "command",
        down.created_s >= since_s,
    )
    return conn.execute(query.order_by(down.id)).all()


def _refused(orders: Sequence[Any], session: int | None) -> set[tuple[str, int, int]]:
    """(epoch, first, last) of history that a device did not have, in a session or (None) in any."""
    refused = set()
    for order in orders:
        if order.result_ok is not False or order.result_words != NOT_KEPT:
            continue
        body = json.loads(contract.unb64(order.jws.split(".")[1]))
        if body["name"] == "history" and session in (None, body["session"]):
            refused.add(tuple(body["args"][name] for name in ("epoch", "first", "last")))
    return refused


def _missing(found: State) -> str:
    silent = [each.name for each in found.gateways if not each.done]
    owing = [f"{each.device} ({each.missing} records)" for each in found.devices if each.missing]
    unheard = [each.device for each in found.devices if not each.missing]
    parts = []
    if silent:
        parts.append(f"these gateways have not relayed everything again: {', '.join(silent)}")
    if owing:
        parts.append(f"these bins have more than the books: {', '.join(owing)}")
    if unheard:
        parts.append(f"these bins have not said whether they have more: {', '.join(unheard)}")
    return (
        f"Not yet: {'; '.join(parts)}. Wait for them, or end the recovery anyway if what they "
        "have is lost for good."
    )
