"""Taking back a hand-over that was wrong, within minutes: a group that corrects both its legs.

After the window nothing is undone at the counter: an officer books a correction with a reason.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from backend import tables as programme
from backend.compost import orders, rules, service
from backend.compost.service import Redemption
from backend.compost.tables import redemption_void
from backend.counters import service as counters
from backend.errors import AlreadyDecided, WindowOver
from backend.idempotency import answered, named
from backend.ledger.balances import MOVES
from backend.ledger.errors import BadCorrection, RowRefused
from backend.ledger.tables import transfer
from backend.ledger.transfers import MAX_LEGS, Code, Group, Leg
from backend.services import Services


@dataclass(frozen=True, slots=True)
class Voided:
    """A receipt that counts no more; credit and compost are back where they were."""

    receipt: str
    group_id: int
    reason: str
    voided_by: str
    voided_s: int
    replayed: bool = False


def void(
    services: Services,
    receipt: str,
    *,
    by: str,
    reason: str,
    key: str,
    counter_id: int = counters.EVERYWHERE,
    after_close: bool = False,
) -> Voided:
    """Take a hand-over back, once. Raises NotFound, WindowOver, AlreadyDecided, DayClosed."""
    idempotency = named("void", by, key, {"receipt": receipt, "reason": reason})
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        made = service.redemption(conn, ledger_id, receipt)
        known = answered(conn, ledger_id, idempotency)
        if not known:
            _check(conn, ledger_id, made, now_s)
        late = after_close or known
        at = counters.entry(conn, ledger_id, counter_id, now_s=now_s, after_close=late)
        legs = reversed_legs(conn, ledger_id, made.group_id)
    row = {
        "redemption_id": made.group_id,
        "reason": reason,
        "voided_by": by,
        "voided_s": now_s,
    }
    group = Group(
        legs, now_s, idempotency, ((redemption_void, row), *corrections(legs, by, reason), at)
    )
    try:
        posted = services.poster.submit(group).result()
    except (RowRefused, BadCorrection) as error:
        raise AlreadyDecided(f"{receipt} was taken back already.") from error
    with services.read() as conn:
        found = void_of(conn, ledger_id, made.group_id)
    orders.allot_all(services)
    assert found is not None
    return Voided(made.receipt, posted.group_id, *found, replayed=posted.replayed)


def void_of(conn: Connection, ledger_id: int, group_id: int) -> tuple[str, str, int] | None:
    """Return (reason, by, when) if a hand-over was taken back."""
    row = redemption_void.c
    query = select(row.reason, row.voided_by, row.voided_s)
    mine = query.where(row.ledger_id == ledger_id, row.redemption_id == group_id)
    found = conn.execute(mine).one_or_none()
    return None if found is None else (found.reason, found.voided_by, found.voided_s)


def reversed_legs(conn: Connection, ledger_id: int, group_id: int) -> tuple[Leg, ...]:
    """Return the legs that turn a whole group round."""
    row = transfer.c
    query = select(row.id, row.debit, row.credit, row.amount).where(
        row.ledger_id == ledger_id,
        row.id.between(group_id, group_id + MAX_LEGS),
        row.group_id == group_id,
        row.state.in_(MOVES),
    )
    return tuple(
        Leg(each.credit, each.debit, each.amount, Code.CORRECT, corrects_id=each.id)
        for each in conn.execute(query.order_by(row.id))
    )


def corrections(legs: tuple[Leg, ...], by: str, reason: str) -> tuple[tuple[Any, Any], ...]:
    """The rows of a correcting group: who and why, and that each leg is corrected once."""
    return (
        (programme.booking, {"booked_by": by, "reason": reason}),
        *((programme.correction, {"corrects_id": leg.corrects_id}) for leg in legs),
    )


def check_window(conn: Connection, ledger_id: int, what: str, made_s: int, now_s: int) -> None:
    """Raises WindowOver when it is too late to take something back at the counter."""
    window_s = rules.value(conn, ledger_id, "void_window_s", at_s=now_s)
    if now_s - made_s > window_s:
        raise WindowOver(
            f"{what} is {(now_s - made_s) // 60} minutes old; at the counter it can be taken back "
            f"for {window_s // 60}. Ask the municipality for a correction."
        )


def _check(conn: Connection, ledger_id: int, made: Redemption, now_s: int) -> None:
    if void_of(conn, ledger_id, made.group_id) is not None:
        raise AlreadyDecided(f"{made.receipt} was taken back already.")
    check_window(conn, ledger_id, made.receipt, made.redeemed_s, now_s)
