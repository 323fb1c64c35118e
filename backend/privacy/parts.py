"""Every place that names a person: what it holds, and what erasure does to it.

The export and the erasure walk this one table, and a test compares it with the columns of all
tables, so that no place is forgotten. What must be kept is kept by number alone.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Table, and_, select

from backend import tables as t
from backend.cards import tables as chips
from backend.compost.tables import compost_order
from backend.fees.tables import fee_discount
from backend.merchants.tables import shop_payment
from backend.paper.tables import paper_slip
from backend.people import tables as registry
from backend.privacy.tables import erasure

NOBODY = "—"  # stands where a name was
Whose = Callable[[int, int], ColumnElement[bool]]
Blank = Callable[[Row[Any]], Mapping[str, Any]]
KEEP = "keep"
DELETE = "delete"


class Part(NamedTuple):
    """Rows of a table that are about one person.

    `erase` is KEEP with the reason in `why`, DELETE, or what each row's columns become. Columns
    in `hidden`, and all that are bytes, are secrets or keyed hashes and are not exported.
    """

    name: str
    table: Table
    whose: Whose
    erase: str | Blank
    why: str
    hidden: tuple[str, ...] = ()


def _by(table: Table, column: str) -> Whose:
    return lambda ledger_id, person_id: and_(
        table.c.ledger_id == ledger_id, table.c[column] == person_id
    )


def _of_cards(table: Table, column: str) -> Whose:
    def whose(ledger_id: int, person_id: int) -> ColumnElement[bool]:
        card = t.card.c
        mine = select(card.id).where(card.ledger_id == ledger_id, card.person_id == person_id)
        return and_(table.c.ledger_id == ledger_id, table.c[column].in_(mine))

    return whose


def _of_chips(table: Table) -> Whose:
    def whose(ledger_id: int, person_id: int) -> ColumnElement[bool]:
        card = t.card.c
        mine = select(card.uid_hash).where(card.ledger_id == ledger_id, card.person_id == person_id)
        return and_(table.c.ledger_id == ledger_id, table.c.uid_hash.in_(mine))

    return whose


def _of_plain_cards(ledger_id: int, person_id: int) -> ColumnElement[bool]:
    use, them = chips.plain_use.c, t.person.c
    mine = select(them.account_id).where(them.ledger_id == ledger_id, them.id == person_id)
    unheld = _of_chips(chips.plain_use)(ledger_id, person_id)
    return and_(use.ledger_id == ledger_id, use.account_id.in_(mine)) | unheld


def _delegations(ledger_id: int, person_id: int) -> ColumnElement[bool]:
    row = registry.delegation.c
    either = (row.holder_id == person_id) | (row.delegate_id == person_id)
    return and_(row.ledger_id == ledger_id, either)


def _ended(row: Row[Any]) -> Mapping[str, Any]:
    """Over from its start: nobody acts for whoever is not there."""
    return {"ended_s": row.from_s if row.ended_s is None else row.ended_s, "scopes": ""}


def _no_person(row: Row[Any]) -> Mapping[str, Any]:
    return {"name": NOBODY, "household": str(row.id), "language": ""}


def _no_card(_row: Row[Any]) -> Mapping[str, Any]:
    """No chip has this hash, no card this number, and no PIN fits."""
    return {
        "uid_hash": secrets.token_bytes(32),
        "number": f"x{secrets.token_hex(4)[:7]}",
        "last4": "",
        "pin_hash": "",
    }


PARTS = (
    Part(
        "person",
        t.person,
        _by(t.person, "id"),
        _no_person,
        "the number stays, because entries of the books and of the log name it",
    ),
    Part(  # before the cards, by whose hash it is found
        "plain_uses",
        chips.plain_use,
        _of_plain_cards,
        DELETE,
        "weights by account, for a day's cap alone",
    ),
    Part(
        "cards",
        t.card,
        _by(t.card, "person_id"),
        _no_card,
        "the row stays without what could be read from a card",
        hidden=("pin_hash",),
    ),
    Part(
        "card_states",
        t.card_state,
        _of_cards(t.card_state, "card_id"),
        KEEP,
        "when a number was blocked tells nothing of anybody",
    ),
    Part(
        "consents",
        registry.consent,
        _by(registry.consent, "person_id"),
        KEEP,
        "proof that consent was given, by number (Art. 7(1) GDPR)",
    ),
    Part(
        "delegations",
        registry.delegation,
        _delegations,
        _ended,
        "who acted for whom, by number, and what for no more",
    ),
    Part(
        "lists",
        registry.enrolled_row,
        _by(registry.enrolled_row, "person_id"),
        KEEP,
        "the keyed hash of their line in a list, so that the list does not bring them back",
    ),
    Part(
        "secure_cards",
        chips.secure_card,
        _of_chips(chips.secure_card),
        KEEP,
        "a keyed hash that leads to nobody once the card's row has lost it",
    ),
    Part(
        "card_messages",
        chips.card_message,
        _of_chips(chips.card_message),
        KEEP,
        "counts under the same hash: a message that was used stays used",
    ),
    Part(
        "card_swaps",
        chips.card_swap,
        _of_cards(chips.card_swap, "old_card_id"),
        KEEP,
        "which row took the place of which: neither is a card any more",
    ),
    Part(
        "redemptions",
        t.redemption,
        _by(t.redemption, "person_id"),
        KEEP,
        "vouchers of the accounts: by number, for as long as the law of accounts asks",
    ),
    *(
        Part(
            name,
            table,
            _by(table, "person_id"),
            KEEP,
            "vouchers of the accounts: by number, for as long as the law of accounts asks",
        )
        for name, table in (
            ("orders", compost_order),
            ("payments", shop_payment),
            ("fee_discounts", fee_discount),
            ("paper_slips", paper_slip),
        )
    ),
    Part(
        "erasures",
        erasure,
        _by(erasure, "person_id"),
        KEEP,
        "proof that it was done",
    ),
)

# Tables that name an account or a signature, never a person: what is left of somebody erased.
BOOKS = {
    "account": "owned by a number",
    "account_balance": "sums",
    "account_terms": "limits",
    "alert": "devices",
    "balance_snapshot": "sums",
    "claim": "promises, by account",
    "melted": "by account",
    "merchant": "by account",
    "notice": "by account",
    "person_key": "the keys whose destruction is the erasure",
    "provisional_stuck": "names of records, by account",
    "record": "weights, by account; the signed bytes are sealed and their key destroyed",
    "resolution": "decisions, by account",
    "shop_account": "merchants, by account",
    "service_card": "staff, by login",
}
