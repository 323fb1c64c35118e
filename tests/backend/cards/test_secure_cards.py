"""A secure card's deposit is credited once; what it said before, or never said, is not."""

import pytest
from sqlalchemy import select

from backend.cards import secure
from backend.cards import service as cards
from backend.cards import tables as c
from backend.errors import BadInput
from tests.backend.cards.chip import Chip
from tests.backend.village import AMAL, BASSAM, START_S, Town

UID = AMAL  # seven bytes, as an NTAG 424 DNA has


def chip(town: Town, uid: bytes = UID, version: int = 1, from_s: int = START_S - 500) -> Chip:
    """Set a chip up and register it."""
    with town.services.begin() as conn:
        made = secure.register(
            conn,
            town.services.vault,
            1,
            uid,
            version=version,
            decided_by="staff:1",
            from_s=from_s,
        )
    return Chip(uid, made.picc, made.mac)


def bring(town: Town, token: str) -> tuple[str, str]:
    return town.outcome(town.bin.deposit(card=token))


def test_a_card_says_how_far_it_is_trusted(small_town: Town) -> None:
    clerk = small_town.browser("clerk")
    before = clerk.get(f"/v1/cards/{small_town.numbers['amal']}").json()
    chip(small_town)
    after = clerk.get(f"/v1/people/{small_town.amal.id}/cards").json()

    assert (before["tier"], [each["tier"] for each in after]) == ("plain", ["secure"])
    assert clerk.get(f"/v1/cards/{small_town.numbers['bassam']}").json()["tier"] == "plain"


def test_secure_deposit_is_credited_and_its_replay_is_held(town: Town) -> None:
    card = chip(town)
    token = card.token()

    assert bring(town, token) == ("credited", "")
    assert bring(town, token) == ("held", "card_replayed")
    assert bring(town, card.token()) == ("credited", "")

    assert town.balance(town.amal) == 100


def test_same_record_again_is_the_same_answer(small_town: Town) -> None:
    jws = small_town.bin.deposit(card=chip(small_town).token())

    assert [small_town.outcome(jws) for _ in range(3)] == [("credited", "")] * 3
    assert small_town.balance(small_town.amal) == 50


def test_two_records_of_one_message_in_one_batch_are_credited_once(town: Town) -> None:
    token = chip(town).token()
    sent = [(town.bin.device, town.bin.deposit(card=token)) for _ in range(2)]

    results = town.gateway.relay(*sent)["results"]

    assert [(r["outcome"], r["reason"]) for r in results] == [
        ("credited", ""),
        ("held", "card_replayed"),
    ]


def test_counts_may_arrive_in_any_order(small_town: Town) -> None:
    card = chip(small_town)
    said = [card.token() for _ in range(6)]

    assert {bring(small_town, said[i]) for i in (5, 0, 3, 1, 4, 2)} == {("credited", "")}
    assert small_town.balance(small_town.amal) == 300


def test_a_message_far_behind_is_credited_and_shown_to_the_auditor(town: Town) -> None:
    card = chip(town)
    old = card.token()
    card.counter += secure.FAR_BEHIND
    bring(town, card.token())

    assert bring(town, old) == ("credited", "")

    late = town.browser("auditor").get("/v1/secure-cards/late").json()
    assert [(each["device"], each["behind"]) for each in late] == [("bin-1", 101)]


def test_a_copied_uid_without_the_key_is_held_for_nobody(small_town: Town) -> None:
    chip(small_town)
    false = Chip(UID, bytes(16), bytes(16))

    assert bring(small_town, false.token()) == ("held", "card_not_genuine")
    assert small_town.balance(small_town.amal) == 0
    with small_town.services.read() as conn:
        assert conn.execute(select(c.card_message)).all() == []


def test_a_forged_message_does_not_use_up_a_count(small_town: Town) -> None:
    card = chip(small_town)
    true = card.message()
    from firmware import contract

    forged = contract.secure_token(true[:16] + bytes(8))
    assert bring(small_town, forged)[0] == "held"
    assert bring(small_town, contract.secure_token(true)) == ("credited", "")


def test_an_unknown_secure_card_waits_in_suspense_and_is_claimed_with_its_holder(
    small_town: Town,
) -> None:
    uid = b"\x04\x99\x98\x97\x96\x95\x94"
    card = chip(small_town, uid)
    assert bring(small_town, card.token()) == ("suspended", "unknown_card")

    answer = small_town.browser("clerk").post(
        f"/v1/people/{small_town.bassam.id}/cards", json={"uid": uid.hex(), "pin": "2468"}
    )

    assert answer.json()["claimed"] == 1
    assert small_town.balance(small_town.bassam) == 50


def test_a_chip_that_got_newer_keys_is_not_believed_with_the_old_ones(small_town: Town) -> None:
    old = chip(small_town)
    before = small_town.bin.deposit(card=old.token())
    new = chip(small_town, version=2, from_s=START_S + 10)
    small_town.bin.seq = 20  # the next records are of a later moment
    small_town.clock.now_s += 100

    assert bring(small_town, old.token()) == ("held", "card_not_genuine")
    assert bring(small_town, new.token()) == ("credited", "")
    assert small_town.outcome(before) == ("credited", "")


def test_a_chip_may_be_asked_for_its_keys_again_but_not_be_set_back(small_town: Town) -> None:
    first, again = chip(small_town), chip(small_town)
    assert (first.picc_key, first.mac_key) == (again.picc_key, again.mac_key)
    chip(small_town, version=2, from_s=START_S)

    with pytest.raises(BadInput, match="higher version"):
        chip(small_town, version=1, from_s=START_S + 1)


def test_asking_for_the_balance_uses_up_nothing(small_town: Town) -> None:
    card = chip(small_town)
    bring(small_town, card.token())
    token = card.token()
    body = {"v": 1, "nonce": "ab" * 16, "card": token, "session": 1, "ttl_s": 30}

    down = small_town.gateway.message("bin-1", "ask", small_town.bin.sign(body, "ask"))["down"]

    answer = small_town.bin.open("answer", down[0]["body"])
    assert small_town.bin.unseal(answer["body"]) == {"balance": 50, "why": ""}
    assert bring(small_town, token) == ("credited", "")


def test_a_blocked_secure_card_is_suspended(small_town: Town) -> None:
    card = chip(small_town)
    with small_town.services.begin() as conn:
        cards.block(conn, 1, small_town.numbers["amal"], decided_by="staff:1", from_s=START_S - 10)

    assert bring(small_town, card.token()) == ("suspended", "blocked_card")


def test_a_held_replay_is_not_released_with_a_new_journal(small_town: Town) -> None:
    card = chip(small_town)
    token = card.token()
    bring(small_town, token)
    small_town.bin.epoch, small_town.bin.seq, small_town.bin.boot = "00000000000000b2", 0, 9

    assert bring(small_town, token) == ("held", "card_replayed")


def test_only_chips_of_seven_bytes_and_known_versions_are_registered(small_town: Town) -> None:
    for uid, version in ((BASSAM, 1), (UID, 0), (UID, secure.VERSIONS_MOST + 1)):
        with pytest.raises(BadInput):
            chip(small_town, uid, version)


def test_a_uid_is_in_no_table_of_secure_cards(small_town: Town) -> None:
    bring(small_town, chip(small_town).token())

    with small_town.services.read() as conn:
        for table in (c.secure_card, c.card_message):
            for row in conn.execute(select(table)):
                assert not any(UID in value for value in row if isinstance(value, bytes))
