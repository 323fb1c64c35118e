"""Whose card opened a bin: emptyings are named, and a resident's card is never a service card."""

import pytest

from backend.cards import secure, service_cards
from backend.errors import NotFound, Taken
from tests.backend.cards.chip import Chip
from tests.backend.village import AMAL, START_S, STRANGER, Town

UID = bytes.fromhex("04de5f1eacc040")


def register(town: Town, uid: bytes, login: str = "technician", **given: object) -> Chip | None:
    with town.services.begin() as conn:
        made = service_cards.register(
            conn,
            town.services.vault,
            1,
            uid,
            login=login,
            proves=bool(given.get("proves", True)),
            decided_by="staff:1",
            from_s=START_S - 100,
        )
    return None if made is None else Chip(uid, made.picc, made.mac)


def emptied(town: Town, who: str) -> None:
    record = town.bin.next("emptied", who=who, before_g=9_000, after_g=40, container="organic")
    assert town.outcome(town.bin.sign(record)) == ("noted", "")


def test_emptyings_name_who_by_a_secure_card_a_plain_one_and_nobody(town: Town) -> None:
    chip = register(town, UID)
    assert chip is not None
    assert register(town, STRANGER, login="officer", proves=False) is None
    town.bin.next("open")
    emptied(town, chip.token())
    emptied(town, town.bin.token(STRANGER))
    emptied(town, town.bin.token(b"\x04\x77\x77\x77"))
    emptied(town, "somebody")

    told = town.browser("technician").get("/v1/emptyings").json()

    assert [each["who"] for each in told] == [None, None, "officer", "technician"]
    assert [(each["before_g"], each["after_g"]) for each in told] == [(9_000, 40)] * 4


def test_service_chips_have_keys_that_no_residents_card_has(small_town: Town) -> None:
    chip = register(small_town, UID)
    resident = secure.chip_keys(small_town.services.vault, UID, secure.FIRST_VERSION)

    assert chip is not None
    assert {chip.picc_key, chip.mac_key}.isdisjoint({resident.picc, resident.mac})


def test_residents_cards_and_strangers_logins_are_refused(small_town: Town) -> None:
    with pytest.raises(Taken):
        register(small_town, AMAL)
    with pytest.raises(NotFound):
        register(small_town, UID, login="nobody")


def test_registering_again_gives_the_same_keys(small_town: Town) -> None:
    first, again = register(small_town, UID), register(small_town, UID)

    assert first is not None
    assert again is not None
    assert first.mac_key == again.mac_key
