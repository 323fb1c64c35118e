"""Holds for people: looking at what is reserved, and settling it once.

A hold is a transfer in the state `pending`; it is settled by another that names it.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend.access.service import Who
from backend.accounts import service as accounts
from backend.errors import BadInput, NotFound
from backend.idempotency import named
from backend.ledger import tables as ledger
from backend.ledger.holds import Settle, Void
from backend.ledger.transfers import State
from backend.services import Services
from backend.transfers import rules
from backend.transfers import service as transfers
from backend.transfers.service import Booked, Transfer


@dataclass(frozen=True, slots=True)
class Hold:
    """What is reserved and on what terms; `settled` is the transfer that ended it."""

    hold: Transfer
    expires_s: int
    on_expiry: str
    settled: Transfer | None


def hold(conn: Connection, ledger_id: int, hold_id: int) -> Hold:
    """Raises NotFound."""
    terms, row = ledger.hold_terms.c, ledger.transfer.c
    found = conn.execute(
        select(terms.expires_s, terms.on_expiry).where(
            terms.ledger_id == ledger_id, terms.transfer_id == hold_id
        )
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such hold.")
    ended = conn.scalar(select(row.id).where(row.ledger_id == ledger_id, row.pending_id == hold_id))
    return Hold(
        transfers.transfer(conn, ledger_id, hold_id),
        found.expires_s,
        found.on_expiry,
        None if ended is None else transfers.transfer(conn, ledger_id, ended),
    )


def settle(
    services: Services, who: Who, hold_id: int, *, outcome: str, amount: int | None, key: str
) -> Booked:
    """Post a hold in whole or in part, or void it, once for each key.

    Raises Forbidden, NotFound, BadInput; then UnknownHold, HoldSettled, AboveHold, KeyReused.
    """
    void = outcome == State.VOID.name.lower()
    if void and amount is not None:
        raise BadInput("A hold is voided whole.")
    who.require_if_staff("transfers:book")
    with services.read() as conn:
        held = hold(conn, who.ledger_id, hold_id).hold
        ends = (held.debit_account_id, held.credit_account_id)
        if who.kind == "resident":
            own = accounts.owned(conn, who.ledger_id, who.id)
            rules.check_settlement(*ends, own, outcome, amount not in (None, held.amount))
        else:
            transfers.note(conn, who, "transfers:book", ends)
    asked = {"hold_id": hold_id, "outcome": outcome, "amount": amount}
    idempotency = named("settlement", who.signature, key, asked)
    end = Void(hold_id, idempotency) if void else Settle(hold_id, amount, idempotency)
    posted = services.poster.submit(end).result()
    with services.read() as conn:
        return transfers.group_of(conn, who.ledger_id, posted.group_id, replayed=posted.replayed)
