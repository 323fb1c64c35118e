"""Issuing and blocking cards; a UID is kept nowhere."""

import pytest
from sqlalchemy import select, text

from backend import tables as t
from backend.cards import service as cards
from backend.cards.service import Holder
from backend.errors import BadInput, BadPin, NotFound, Taken
from tests.backend.village import AMAL, PIN, START_S, Town


def issue(town: Town, uid: bytes, pin: str = PIN, person_id: int | None = None) -> cards.Card:
    with town.services.begin() as conn:
        return cards.issue(
            conn,
            town.services.vault,
            1,
            person_id=person_id or town.amal.id,
            uid=uid,
            pin=pin,
            decided_by="staff:1",
            from_s=START_S,
        )


def test_a_uid_is_in_no_table(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())

    with small_town.services.read() as conn:
        for table in t.metadata.sorted_tables:
            for row in conn.execute(select(text("*")).select_from(table)):
                for value in row:
                    assert AMAL not in (value if isinstance(value, bytes) else b"")
                    assert AMAL.hex() not in str(value).lower()


def test_another_town_secret_gives_another_hash(small_town: Town) -> None:
    from backend.vault import Vault

    assert small_town.services.vault.card_hash(AMAL) != Vault(b"x" * 32).card_hash(AMAL)


def test_a_card_is_issued_once(town: Town) -> None:
    with pytest.raises(Taken):
        issue(town, AMAL, person_id=town.bassam.id)


def test_a_second_card_pays_into_the_same_account(small_town: Town) -> None:
    second = issue(small_town, b"\x04\x77\x77\x77")

    small_town.outcome(small_town.bin.deposit(uid=b"\x04\x77\x77\x77"))

    assert second.number != small_town.numbers["amal"]
    assert small_town.balance(small_town.amal) == 50


@pytest.mark.parametrize("uid", [b"", b"\x01\x02\x03", b"\x01" * 5, b"\x01" * 11])
def test_a_uid_of_a_wrong_length_is_refused(small_town: Town, uid: bytes) -> None:
    with pytest.raises(BadInput):
        issue(small_town, uid)


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "١٢٣٤"])
def test_a_pin_that_is_none_is_refused(small_town: Town, pin: str) -> None:
    with pytest.raises(BadPin):
        issue(small_town, b"\x04\x77\x77\x77", pin)


def test_a_card_needs_a_person(small_town: Town) -> None:
    with pytest.raises(NotFound):
        issue(small_town, b"\x04\x77\x77\x77", person_id=404)


def test_a_card_is_found_by_what_the_reader_saw(small_town: Town) -> None:
    with small_town.services.read() as conn:
        found = cards.by_uid(conn, small_town.services.vault, 1, AMAL)

    assert (found.person_id, found.number) == (small_town.amal.id, small_town.numbers["amal"])


def test_blocking_twice_is_blocking(town: Town) -> None:
    number = town.numbers["amal"]
    for _ in range(2):
        with town.services.begin() as conn:
            card = cards.block(conn, 1, number, decided_by="staff:1", from_s=START_S)

    with town.services.read() as conn:
        assert card.state == cards.by_number(conn, 1, number).state == "blocked"


@pytest.mark.parametrize(
    ("at_s", "active"), [(99, False), (100, True), (199, True), (200, False), (300, False)]
)
def test_a_cards_state_is_that_of_the_moment(at_s: int, active: bool) -> None:
    holder = Holder(1, 1, ((100, "active"), (200, "blocked")))

    assert holder.active_at(at_s) == active
