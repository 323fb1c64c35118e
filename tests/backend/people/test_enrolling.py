"""A list is applied once however often, a page at a time; PINs are on slips and nowhere else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text

from backend import tables as t
from backend.errors import BadList
from backend.people import consents, enrolling, lists
from backend.people import service as people
from backend.people.enrolling import Enrolled, Slip
from backend.privacy import restores
from tests.backend.people.test_lists import HEAD
from tests.backend.village import AMAL, PIN, STRANGER, Town


def rows(first: int, last: int, uid: str = "04BB{:04X}") -> list[str]:
    return [
        f"Person {n},House {n // 3},ar,{uid.format(n)},2026-1,2026-09-01,paper"
        for n in range(first, last)
    ]


def enrol(town: Town, lines: list[str]) -> tuple[Enrolled, list[Slip]]:
    slips: list[Slip] = []
    entries = lists.read("\n".join((HEAD, *lines)).encode(), now_s=town.clock.now_s)
    made = enrolling.enrol_list(
        town.services, entries, decided_by="staff:2", keep_slips=slips.extend
    )
    return made, slips


def count(town: Town, table: str) -> int:
    with town.services.read() as conn:
        return conn.scalars(select(func.count()).select_from(text(table))).one()


def test_the_same_list_enrols_nobody_twice_and_a_longer_one_the_rest(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolling, "PAGE", 2)

    first, slips = enrol(town, rows(0, 5))
    again, no_slips = enrol(town, rows(0, 5))
    longer, one = enrol(town, [*rows(0, 6)])

    assert (first.people, first.cards, first.known) == (5, 5, 0)
    assert (again.people, again.cards, again.known, no_slips) == (0, 0, 5, [])
    assert (longer.people, longer.cards, longer.known, len(one)) == (1, 1, 5, 1)
    assert count(town, "person") == 2 + 6
    assert count(town, "consent") == 6
    assert len({slip.pin for slip in slips}) > 1


def test_a_list_does_not_bring_back_who_was_erased_until_they_agree_anew(town: Town) -> None:
    enrol(town, rows(0, 2))
    with town.services.read() as conn:
        people_now = {each.name: each.id for each in people.find(conn, 1, "Person")}
    for person_id in people_now.values():
        restores.erase(town.services, person_id, reason="asked", decided_by="staff:5")

    old, slips = enrol(town, rows(0, 3))
    again = [line.replace("2026-09-01", "2026-09-22") for line in rows(0, 1, uid="04CC{:04X}")]
    town.clock.now_s += 86_400
    new, one = enrol(town, again)
    twice, none = enrol(town, again)

    assert (old.people, old.known, old.erased, len(slips)) == (1, 0, 2, 1)
    assert (new.people, new.erased, len(one)) == (1, 0, 1)
    assert (twice.people, twice.known, twice.erased, none) == (0, 1, 0, [])
    assert one[0].person_id not in people_now.values()


def test_who_was_enrolled_at_the_counter_and_erased_is_not_brought_by_a_list(
    small_town: Town,
) -> None:
    with small_town.services.begin() as conn:
        made = people.enrol(conn, 1, "Person 0", household="House 0", now_s=1)
    restores.erase(small_town.services, made.id, reason="asked", decided_by="staff:5")

    assert enrol(small_town, rows(0, 1))[0].erased == 1


def test_a_slip_opens_its_persons_page(small_town: Town) -> None:
    _made, (slip,) = enrol(small_town, rows(7, 8))

    body = {"number": slip.number, "pin": slip.pin}
    client = TestClient(small_town.client.app)
    answer = client.post("/v1/sessions/resident", json=body)

    assert (answer.status_code, answer.json()["name"]) == (200, "Person 7")
    assert client.get(f"/v1/people/{slip.person_id}/consents").json() == [
        {"version": "2026-1", "given_s": 1_788_220_800, "how": "paper"}
    ]


def test_what_could_not_be_put_on_a_slip_is_not_in_the_books(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolling, "PAGE", 2)
    kept: list[Slip] = []

    def full(slips: list[Slip]) -> None:
        if kept:
            raise OSError("No space left on device")
        kept.extend(slips)

    entries = lists.read("\n".join((HEAD, *rows(0, 6))).encode(), now_s=small_town.clock.now_s)
    with pytest.raises(OSError):
        enrolling.enrol_list(small_town.services, entries, decided_by="x", keep_slips=full)

    assert count(small_town, "card") == 2 + 2
    made, slips = enrol(small_town, rows(0, 6))
    assert (made.people, len(slips)) == (4, 4)


def test_a_list_that_is_sent_twice_at_once_enrols_everybody_once(town: Town) -> None:
    with ThreadPoolExecutor(2) as at_once:
        made = list(at_once.map(lambda _n: enrol(town, rows(0, 4)), range(2)))

    assert sum(each.people for each, _slips in made) == 4
    assert sum(len(slips) for _each, slips in made) == 4
    assert count(town, "person") == 2 + 4


def test_a_pin_is_nowhere_but_on_its_slip(
    small_town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    _made, slips = enrol(small_town, rows(0, 3))

    with small_town.services.read() as conn:
        for table in t.metadata.sorted_tables:
            for row in conn.execute(select(text("*")).select_from(table)):
                assert not {str(value) for value in row} & {slip.pin for slip in slips}
    assert not any(slip.pin in caplog.text for slip in slips)


def test_somebody_elses_card_stops_the_whole_list(small_town: Town) -> None:
    lines = [*rows(0, 2), rows(2, 3, uid=AMAL.hex())[0]]

    with pytest.raises(BadList) as told:
        enrol(small_town, lines)

    assert "line 4, uid: This card was issued to somebody else." in str(told.value)
    assert AMAL.hex() not in str(told.value).lower()
    assert count(small_town, "person") == 2


def test_what_was_brought_before_the_list_is_claimed(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit(uid=STRANGER))

    made, (slip,) = enrol(small_town, rows(0, 1, uid=STRANGER.hex()))

    assert made.claimed == 1
    with small_town.services.read() as conn:
        from backend.people import service as people

        assert people.balance(conn, 1, slip.person_id).posted == 50


def test_a_list_over_http_is_checked_whole_and_its_pins_are_shown_once(small_town: Town) -> None:
    clerk = small_town.browser("clerk")
    body = {"csv": "\n".join((HEAD, *rows(0, 2)))}

    looked = clerk.post("/v1/people/lists", json=body | {"check": True})
    first, again = (clerk.post("/v1/people/lists", json=body).json() for _ in range(2))
    wrong = clerk.post("/v1/people/lists", json={"csv": HEAD + "\nA,,,,,,\n"})

    assert looked.json()["slips"] == []
    assert (first["people"], len(first["slips"])) == (2, 2)
    assert (again["known"], again["slips"]) == (2, [])
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_list")
    assert "line 2, household" in wrong.json()["detail"]


def test_a_name_is_kept_with_a_consent_and_a_card_goes_without_either(small_town: Town) -> None:
    clerk = small_town.browser("clerk")
    given = {"version": "2026-1", "given_s": 5, "how": "paper"}

    named = clerk.post("/v1/people", json={"name": "Dalal", "consent": given})
    alone = clerk.post("/v1/people", json={"name": "Dalal"})
    for_nobody = clerk.post("/v1/people", json={"consent": given})
    housed = clerk.post("/v1/people", json={"household": "House 5"})
    nameless = clerk.post("/v1/people", json={})

    assert (named.status_code, named.json()["name"]) == (201, "Dalal")
    assert [each.status_code for each in (alone, for_nobody, housed)] == [422] * 3
    assert "A name is kept with a consent alone" in alone.text
    assert (nameless.status_code, nameless.json()["name"]) == (201, "")
    body = {"uid": STRANGER.hex()}
    card = clerk.post(f"/v1/people/{nameless.json()['id']}/cards", json=body).json()
    sign_in = {"number": card["number"], "pin": card["pin"]}
    assert small_town.client.post("/v1/sessions/resident", json=sign_in).status_code == 200
    assert count(small_town, "consent") == 1


def test_consent_is_noted_once_and_the_newest_comes_first(small_town: Town) -> None:
    with small_town.services.begin() as conn:
        for version, given_s in (("1", 5), ("2", 9), ("1", 5)):
            given = consents.Consent(version, given_s, "spoken")
            consents.record(conn, 1, small_town.amal.id, given, taken_by="staff:2", now_s=10)

        assert [each.version for each in consents.of_person(conn, 1, small_town.amal.id)] == [
            "2",
            "1",
        ]


def test_a_household_is_found_and_changed_and_the_account_stays(small_town: Town) -> None:
    clerk, amal = small_town.browser("clerk"), small_town.amal
    moved = clerk.put(f"/v1/people/{amal.id}/household", json={"household": "House 12"})
    asked = {"household": "House 12"}
    alone = clerk.get("/v1/people", params=asked).json()
    clerk.put(f"/v1/people/{small_town.bassam.id}/household", json=asked)

    found = clerk.get("/v1/people", params=asked).json()

    assert moved.json()["household"] == "House 12"
    assert [each["id"] for each in alone] == [amal.id]
    assert {each["id"] for each in found} == {amal.id, small_town.bassam.id}
    assert PIN  # the same card and PIN open the same page
    assert small_town.browser("amal").get("/v1/sessions/mine").json()["id"] == amal.id
