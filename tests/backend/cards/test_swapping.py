"""A lost card in one step; at whatever moment, no money moves twice and no claim is lost."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from backend.ledger.verify import verify
from tests.backend.village import AMAL, PIN, Bin, Town
from tests.backend.village import town as village

NEW = b"\x04\x77\x77\x77"


def lost(town: Town, who: str = "clerk", **body: Any) -> Any:
    path = f"/v1/people/{town.amal.id}/cards/lost"
    return town.browser(who).post(path, json={"uid": NEW.hex()} | body)


def pass_time(town: Town, seconds: int) -> None:
    """For the town and, alike, for its bin."""
    town.clock.now_s += seconds
    town.bin.base_s += seconds
    town.bin.up_ms += 1000 * seconds


def test_a_lost_card_is_stopped_and_the_new_one_pays_into_the_same_account(town: Town) -> None:
    town.outcome(town.bin.deposit())
    late = town.bin.deposit()  # weighed before the loss, relayed after it
    pass_time(town, 3600)

    made = lost(town).json()

    assert (made["old_number"], made["state"]) == (town.numbers["amal"], "active")
    assert town.outcome(late) == ("credited", "")
    pass_time(town, 3600)
    assert town.outcome(town.bin.deposit(uid=NEW)) == ("credited", "")
    assert town.outcome(town.bin.deposit())[0] == "suspended"
    assert town.balance(town.amal) == 150
    body = {"number": made["number"], "pin": made["pin"]}
    assert town.client.post("/v1/sessions/resident", json=body).status_code == 200
    old = {"number": town.numbers["amal"], "pin": PIN}
    assert town.client.post("/v1/sessions/resident", json=old).status_code == 401


def test_whoever_found_the_slip_with_the_card_is_signed_out(small_town: Town) -> None:
    finder = small_town.browser("amal")

    lost(small_town)

    assert finder.get("/v1/sessions/mine").status_code == 401


def test_a_card_is_swapped_once(town: Town) -> None:
    first = lost(town).json()

    again = town.browser("clerk").post(
        f"/v1/cards/{town.numbers['amal']}/swap", json={"uid": "04999999"}
    )

    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert first["number"] in again.json()["detail"]


def test_two_counters_swap_one_card_at_once_and_one_of_them_does(town: Town) -> None:
    clerks = [town.browser("clerk") for _ in range(4)]
    path = f"/v1/cards/{town.numbers['amal']}/swap"
    with ThreadPoolExecutor(len(clerks)) as at_once:
        answers = at_once.map(
            lambda n: clerks[n].post(path, json={"uid": f"0455555{n}"}).status_code, range(4)
        )

    assert sorted(answers) == [201, 409, 409, 409]
    cards = clerks[0].get(f"/v1/people/{town.amal.id}/cards").json()
    assert sorted(each["state"] for each in cards) == ["active", "blocked"]


def test_a_card_that_cannot_be_given_out_stops_no_other(small_town: Town) -> None:
    taken = lost(small_town, uid="040a0b0c")
    short = lost(small_town, uid="0411223344")

    assert (taken.status_code, short.status_code) == (409, 422)
    clerk = small_town.browser("clerk")
    assert clerk.get(f"/v1/cards/{small_town.numbers['amal']}").json()["state"] == "active"


def test_of_several_cards_the_lost_one_is_named(small_town: Town) -> None:
    clerk, path = small_town.browser("clerk"), f"/v1/people/{small_town.amal.id}/cards"
    second = clerk.post(path, json={"uid": "04aaaaaa"}).json()

    unclear = lost(small_town)
    others = lost(small_town, number=small_town.numbers["bassam"])
    named = lost(small_town, number=second["number"])

    assert (unclear.status_code, second["number"] in unclear.json()["detail"]) == (409, True)
    assert others.status_code == 404
    assert named.json()["old_number"] == second["number"]
    states = {each["number"]: each["state"] for each in clerk.get(path).json()}
    assert states[small_town.numbers["amal"]] == "active"


def test_a_card_that_was_blocked_at_night_is_replaced_in_the_morning(small_town: Town) -> None:
    small_town.browser("amal").post(f"/v1/cards/{small_town.numbers['amal']}/block")

    assert lost(small_town).json()["old_number"] == small_town.numbers["amal"]
    again = lost(small_town, uid="04123456")  # the new one was lost, too
    assert again.json()["state"] == "active"


def test_a_new_pin_opens_at_once_and_the_old_one_nothing(town: Town) -> None:
    number, held = town.numbers["amal"], town.browser("amal")
    body = {"number": number, "pin": "0000"}
    for _ in range(6):
        locked = town.client.post("/v1/sessions/resident", json=body)
    assert locked.status_code == 429

    made = town.browser("clerk").post(f"/v1/cards/{number}/pin").json()

    assert held.get("/v1/sessions/mine").status_code == 401
    client = TestClient(town.client.app)
    new = {"number": number, "pin": made["pin"]}
    assert client.post("/v1/sessions/resident", json={**new, "pin": PIN}).status_code == 401
    assert client.post("/v1/sessions/resident", json=new).status_code == 200


def test_a_holder_changes_their_pin_knowing_the_old_one(small_town: Town) -> None:
    amal, path = small_town.browser("amal"), f"/v1/cards/{small_town.numbers['amal']}/pin"

    wrong = amal.put(path, json={"old_pin": "1111", "pin": "86420"})
    right = amal.put(path, json={"old_pin": PIN, "pin": "86420"})

    assert (wrong.status_code, wrong.json()["code"], right.status_code) == (401, "bad_login", 204)
    body = {"number": small_town.numbers["amal"], "pin": "86420"}
    assert small_town.client.post("/v1/sessions/resident", json=body).status_code == 200
    other = small_town.browser("bassam").put(path, json={"old_pin": "86420", "pin": "1111"})
    assert other.status_code == 404


def test_a_counters_machine_finds_a_card_with_its_own_key_until_it_is_revoked(town: Town) -> None:
    keeper = town.browser("administrator")
    made = keeper.post("/v1/counters", json={"name": "coop"}).json()
    headers, body = {"Authorization": f"Bearer {made['key']}"}, {"uid": AMAL.hex()}

    def tap() -> Any:
        return town.client.post("/v1/counters/mine/taps", json=body, headers=headers)

    assert tap().json()["number"] == town.numbers["amal"]
    lines = town.browser("amal").get(f"/v1/people/{town.amal.id}/audit").json()
    assert (lines[0]["who"], lines[0]["kind"]) == ("coop", "counter")
    keeper.delete(f"/v1/counters/{made['id']}")
    assert (tap().status_code, tap().json()["code"]) == (401, "bad_counter_key")


class Cards(RuleBasedStateMachine):
    """Deposits, delays, blocks and swaps in any order; the model is who may have what."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.running = village(Path(self.folder.name), "")
        self.town = self.running.__enter__()
        self.clerk, self.officer = self.town.browser("clerk"), self.town.browser("officer")
        self.bin: Bin = self.town.bin
        self.uid, self.number, self.n = AMAL, self.town.numbers["amal"], 0
        self.blocked = False
        self.kept: list[tuple[str, bool]] = []  # relayed later: what was weighed, and may be paid
        self.paid = self.waiting = 0

    def teardown(self) -> None:
        self.running.__exit__(None, None, None)
        self.folder.cleanup()

    @rule(at_once=st.booleans(), old=st.booleans())
    def bring(self, at_once: bool, old: bool) -> None:
        pass_time(self.town, 100)
        uid = AMAL if old else self.uid
        good = uid == self.uid and not self.blocked
        self.kept.append((self.bin.deposit(uid=uid), good))
        if at_once:
            self.relay(len(self.kept) - 1)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def relay_late(self, data: st.DataObject) -> None:
        self.relay(data.draw(st.integers(0, len(self.kept) - 1)), twice=True)

    def relay(self, at: int, twice: bool = False) -> None:
        jws, good = self.kept.pop(at)
        for _ in range(2 if twice else 1):
            outcome = self.town.outcome(jws)[0]
            assert outcome == ("credited" if good else "suspended")
        self.paid += 50 * good
        self.waiting += not good

    @precondition(lambda self: not self.blocked)
    @rule()
    def block(self) -> None:
        pass_time(self.town, 100)
        assert self.clerk.post(f"/v1/cards/{self.number}/block").status_code == 200
        self.blocked = True

    @rule()
    def swap(self) -> None:
        pass_time(self.town, 100)
        self.n += 1
        uid = b"\x04\x99\x99" + bytes([self.n])
        body = {"uid": uid.hex(), "pin": PIN}
        made = self.clerk.post(f"/v1/cards/{self.number}/swap", json=body)
        again = self.clerk.post(f"/v1/cards/{self.number}/swap", json=body)
        assert (made.status_code, again.status_code) == (201, 409)
        self.uid, self.number, self.blocked = uid, made.json()["number"], False

    @invariant()
    def what_is_due_is_paid_once_and_the_rest_waits(self) -> None:
        assert self.town.balance(self.town.amal) == self.paid
        waiting = self.officer.get("/v1/deposits/waiting").json()
        assert len(waiting) == self.waiting

    @invariant()
    def the_books_are_right(self) -> None:
        with self.town.services.read() as conn:
            assert verify(conn, 1).ok


TestCards = Cards.TestCase
TestCards.settings = settings(max_examples=5, stateful_step_count=12, deadline=None)
