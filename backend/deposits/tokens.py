"""Whose card a record names: opens its token, and believes a secure card's message once.

A plain token hides a number that anybody can copy. A secure card's message is checked against
the keys of its chip at the record's moment, and given to the first record that brings it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from backend.cards import secure, sun
from backend.cards.secure import Use
from backend.cards.service import PLAIN, SECURE
from backend.deposits import keeping
from backend.deposits.envelope import Signed
from backend.deposits.facts import View
from backend.deposits.rules import Moment
from backend.ledger.transfers import RecordKey
from backend.services import Services
from firmware import contract

NOT_GENUINE, REPLAYED = "card_not_genuine", "card_replayed"


@dataclass(frozen=True, slots=True)
class Seen:
    """A card as a record names it; `doubt` is why its word is not believed.

    `uid_hash` is None where no card could be read, and so is `counter` for a plain one.
    """

    uid_hash: bytes | None = None
    tier: str = PLAIN
    doubt: str | None = None
    counter: int | None = None


NOBODY = Seen()


def seen(
    services: Services,
    conn: Connection,
    view: View,
    signed: Sequence[Signed],
    moments: Sequence[Moment],
) -> list[Seen]:
    """Return whose card each record names, in order; a secure message is used up by it."""
    found = [read(services, view, each) for each in signed]
    chips = secure.chips(conn, services.ledger_id, _secure_hashes(found))
    for index, moment in enumerate(moments):
        found[index] = _checked(found[index], chips, moment)
    _claim(services, signed, found)
    return found


def read(services: Services, view: View, each: Signed) -> Seen:
    """Open the token of a record or an ask. Nothing is used up."""
    body = each.body
    token = body.get("card") or body.get("who") or ""  # of a visit, or of an emptying
    try:
        if token[:2] == "s.":
            return _read_secure(services, view, contract.open_secure_token(token))
        name, number = (body["nonce"], 0) if "nonce" in body else (body["epoch"], body["seq"])
        uid: bytes = contract.open_card_token(each.key.card, name, number, token)
    except contract.ContractError:
        return NOBODY
    return Seen(services.vault.card_hash(uid))


def record_key(each: Signed) -> RecordKey:
    """Return a record's name in the books."""
    body = each.body
    return RecordKey(each.device.source_id, int(body["epoch"], 16), body["seq"], each.hash)


@dataclass(frozen=True, slots=True)
class _Spoken(Seen):
    """A secure card's word with the version of its keys, until that is checked."""

    version: int = secure.FIRST_VERSION


def _read_secure(services: Services, view: View, message: bytes) -> Seen:
    proven = sun.verify(view.card_keys(), message)
    if proven is None:
        return Seen(None, SECURE, NOT_GENUINE)
    uid_hash = services.vault.card_hash(proven.uid)
    return _Spoken(uid_hash, SECURE, None, proven.counter, proven.version)


def _secure_hashes(found: Sequence[Seen]) -> set[bytes]:
    return {each.uid_hash for each in found if isinstance(each, _Spoken) and each.uid_hash}


def _checked(each: Seen, chips: dict[bytes, list[tuple[int, int]]], moment: Moment) -> Seen:
    """A chip that got newer keys is not believed with those that it had before."""
    if not isinstance(each, _Spoken) or each.uid_hash is None:
        return each
    dated = chips.get(each.uid_hash, [])
    if secure.version_at(dated, moment.effective_s) != each.version:
        return Seen(None, SECURE, NOT_GENUINE)
    return each


def _claim(services: Services, signed: Sequence[Signed], found: list[Seen]) -> None:
    """Mark what was said before; one short transaction, and none without secure cards."""
    spoken = [(i, each) for i, each in enumerate(found) if isinstance(each, _Spoken)]
    uses = [
        Use(each.uid_hash, each.version, each.counter, record_key(signed[i]))
        for i, each in spoken
        if each.uid_hash is not None and each.counter is not None
    ]
    if not uses:
        return
    with services.begin() as conn:
        owned = secure.claim(conn, services.ledger_id, uses, now_s=services.now_s())
        for (i, each), mine in zip(spoken, owned, strict=True):
            if not mine:
                keeping.count(conn, services.ledger_id, REPLAYED)
                found[i] = Seen(each.uid_hash, SECURE, REPLAYED, each.counter)
