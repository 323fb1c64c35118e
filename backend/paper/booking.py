"""How confirmed slips come into the books, each once for ever.

A deposit becomes a record like any bin's, signed by the paper desk, a device of the backend's
own: its journal is the book, its number the slip's. Its bytes carry both signatures. A redemption
is booked like one at the counter, with a row of its own as its key. The compost is gone, whatever
the balance says: where the holder has too little, the slip is first a record of a sale to the
desk's till, which takes what is available and the rest from the town's shortfall account, and then
the till pays. Each step is found again when it was broken off.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from backend import rows
from backend import tables as programme
from backend.accounts import service as accounts_of
from backend.compost import redeeming
from backend.compost import service as compost
from backend.counters import service as counters
from backend.devices import service as devices
from backend.devices.service import DESK as DESK
from backend.grading.service import grade_at
from backend.ledger import accounts, balances
from backend.ledger.errors import InsufficientFunds, RowRefused
from backend.ledger.tables import record
from backend.ledger.transfers import Credit, Entry, Group, Hold, RecordKey, Sale, credit_for
from backend.paper import tables as t
from backend.people import service as people
from backend.services import Services
from backend.tables import device
from backend.tariffs.service import rate_at
from firmware import contract

if TYPE_CHECKING:
    from backend.paper.service import Facts, Slip

TILL = "paper-desk:till"  # whose account it is: what slips paid before their compost was booked
BASIS = "paper"
SALE = "sale"


def provision(services: Services, conn: Connection, book: int) -> None:
    """The desk and its till are made when first needed; its key never leaves the backend."""
    ledger_id, now_s = services.ledger_id, services.now_s()
    if not rows.exists(conn, device, ledger_id=ledger_id, id=DESK):
        epoch = f"{book:016x}"
        devices.provision(conn, services.vault, ledger_id, DESK, epoch=epoch, from_s=now_s)
    if accounts_of.of_owner(conn, ledger_id, TILL) is None:
        accounts.open_account(conn, ledger_id, accounts.CREDIT, TILL)


def require_bookable(conn: Connection, ledger_id: int, facts: "Facts") -> None:
    """Raises NotFound, BadInput for what could be signed, and never be booked.

    Neither is put right later: prices are not set for a time that is past.
    """
    if facts.product_id is not None:
        compost.for_sale(conn, ledger_id, facts.product_id, facts.happened_s)
        counters.entry(conn, ledger_id, facts.counter_id, now_s=facts.happened_s, after_close=True)


def deposit(services: Services, found: "Slip") -> None:
    """The same bytes each time that it is tried: only what was signed is in them."""
    facts, ledger_id = found.facts, services.ledger_id
    assert facts.fraction is not None
    with services.read() as conn:
        account_id = people.person(conn, ledger_id, found.person_id).account_id
        view = services.facts.view(conn)
        tariffs, known = view.tariffs(), view.inspections()
    what = (facts.fraction, facts.happened_s)
    grade = grade_at(known, *what, device=None, point_id=facts.point_id)
    rate = rate_at(tariffs, *what, grade, facts.point_id)
    net_g = facts.gross_g - facts.tare_g
    amount = credit_for(net_g, rate.amount_per_kg) if rate else 0
    key, jws = _signed(services, found, _deposit_body(found))
    entry = Entry(
        key=key,
        kind="deposit",
        jws=jws,
        received_s=found.signed_s or services.now_s(),
        effective_s=facts.happened_s,
        wanted=Credit(account_id, amount) if rate else Hold("no_tariff", account_id=account_id),
        basis=BASIS,
        point_id=facts.point_id,
        fraction=facts.fraction,
        net_g=net_g,
        grade=grade,
        tariff_id=rate.tariff_id if rate else None,
        amount_per_kg=rate.amount_per_kg if rate else None,
    )
    services.poster.submit(entry).result()


def redemption(services: Services, found: "Slip") -> None:
    """At the price of its moment, with no queue before it.

    Raises InsufficientFunds where the books have not so much compost.
    """
    facts, ledger_id = found.facts, services.ledger_id
    assert facts.product_id is not None
    grams = facts.gross_g - facts.tare_g
    with services.read() as conn:
        bought = compost.for_sale(conn, ledger_id, facts.product_id, facts.happened_s)
        payer_id = people.person(conn, ledger_id, found.person_id).account_id
        till_id = accounts_of.of_owner(conn, ledger_id, TILL)
        sold = _is_sold(services, conn, found)
        stock_g = balances.balance(conn, ledger_id, bought.stock_account_id).available
    assert till_id is not None
    amount = compost.cost(grams, bought.amount_per_kg)
    values = {
        "product_id": facts.product_id,
        "person_id": found.person_id,
        "grams": grams,
        "amount": amount,
        "amount_per_kg": bought.amount_per_kg,
        "served_by": found.entered_by,
        "redeemed_s": facts.happened_s,
    }
    try:
        _hand_over(services, found, bought, till_id if sold else payer_id, values)
    except InsufficientFunds as error:
        if sold or stock_g < grams or error.facts["account_id"] == bought.stock_account_id:
            raise redeeming.short(bought, error) from error
        _sell(services, found, Sale(payer_id, till_id, amount))
        _hand_over(services, found, bought, till_id, values)


def _hand_over(
    services: Services, found: "Slip", bought: Any, payer_id: int, values: Mapping[str, Any]
) -> None:
    """Credit for compost in one group, once for each slip."""
    facts, ledger_id, grams = found.facts, services.ledger_id, values["grams"]
    named = {"book": facts.book, "number": facts.number}
    with services.read() as conn:
        at = counters.entry(
            conn, ledger_id, facts.counter_id, now_s=facts.happened_s, after_close=True
        )
    moved = redeeming.legs(payer_id, values["amount"], bought.stock_account_id, grams)
    key = (t.paper_booking, {**named, "slip_id": found.id})
    group = Group(moved, facts.happened_s, rows=((programme.redemption, values), at, key))
    try:
        services.poster.submit(group).result()
    except RowRefused as error:
        with services.read() as conn:
            known = rows.exists(conn, t.paper_booking, ledger_id=ledger_id, **named)
        if not known:
            raise error from None


def _sell(services: Services, found: "Slip", sale: Sale) -> None:
    key, jws = _signed(services, found, _head(found, SALE) | {"amount": sale.amount})
    entry = Entry(
        key=key,
        kind=SALE,
        jws=jws,
        received_s=found.signed_s or services.now_s(),
        effective_s=found.facts.happened_s,
        wanted=sale,
        basis=BASIS,
    )
    services.poster.submit(entry).result()


def _is_sold(services: Services, conn: Connection, found: "Slip") -> bool:
    desk = services.facts.view(conn).device(DESK)
    assert desk is not None
    name = {"source_id": desk.source_id, "epoch": found.facts.book, "seq": found.facts.number}
    row = record.c
    mine = [row[column] == value for column, value in name.items()]
    return conn.scalar(select(row.kind).where(row.ledger_id == services.ledger_id, *mine)) == SALE


def _signed(services: Services, found: "Slip", body: dict[str, Any]) -> tuple[RecordKey, bytes]:
    with services.read() as conn:
        desk = services.facts.view(conn).device(DESK)
    assert desk is not None
    key = desk.keys[min(desk.keys)]
    jws = contract.sign(key.up, DESK, key.number, "record", body)
    digest = contract.split(jws, "record").hash
    return RecordKey(desk.source_id, found.facts.book, found.facts.number, digest), jws.encode()


def _head(found: "Slip", kind: str) -> dict[str, Any]:
    """What every record of a slip says, and who vouches that it was written.

    `prev` is the hash of what the first person entered, so that the second signature, which the
    record is made with, commits to it.
    """
    facts = found.facts
    entered = {name: getattr(facts, name) for name in facts.__slots__ if name != "note"}
    entered |= {"entered_by": found.entered_by, "entered_s": found.entered_s}
    digest = sha256(json.dumps(entered, sort_keys=True).encode()).digest()
    return {
        "v": contract.VERSION,
        "kind": kind,
        "epoch": f"{facts.book:016x}",
        "seq": facts.number,
        "boot": 0,
        "prev": contract.hash8(digest),
        "at_s": facts.happened_s,
        "clock": "holdover",
        "up_ms": 0,
        "cal": 0,
        "fw": "0" * 16,
        "flags": ["paper"],
        "entered_by": found.entered_by,
        "confirmed_by": found.signed_by,
    }


def _deposit_body(found: "Slip") -> dict[str, Any]:
    """A slip as what a bin would have measured."""
    facts = found.facts
    return _head(found, "deposit") | {
        "card": "s.paper",
        "fraction": facts.fraction,
        "before_g": facts.tare_g,
        "after_g": facts.gross_g,
        "net_g": facts.gross_g - facts.tare_g,
        "e_g": facts.e_g,
        "p2p_g": 0,
        "n": 0,
        "temp_c10": None,
    }
