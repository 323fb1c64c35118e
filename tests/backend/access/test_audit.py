"""The audit log: on disk before anything is shown, about whom, by whom, and for ever."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend import db
from backend.access import service as access
from backend.access.audit import OFFICE, Actor, Audit
from backend.towns import service as towns
from tests.backend.village import PASSWORD, START_S, Town

CLERK = Actor("staff", 2, "counter_clerk")


@pytest.fixture
def audit(tmp_path: Path, database_url: str) -> Any:
    url = database_url or f"sqlite:///{tmp_path / 'audit.sqlite'}"
    made = Audit(db.create_engine(url), 1)
    yield made
    made.close_engine()


@pytest.mark.parametrize(
    "change", ["UPDATE audit SET actor_id = 9", "DELETE FROM audit", "UPDATE audit SET at_s = 1"]
)
def test_a_line_is_never_changed_nor_taken_out(audit: Audit, change: str) -> None:
    audit.add(CLERK, "balances:read", [7], at_s=5)

    with pytest.raises(DBAPIError, match="append-only"), db.begin(audit._engine) as conn:
        conn.execute(text(change))

    assert audit.lines()[0].actor == CLERK


def test_lines_are_numbered_without_gaps_whoever_writes(audit: Audit) -> None:
    def write() -> None:
        for n in range(10):
            audit.add(CLERK, "people:find", [n, n + 1], at_s=5)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [line.id for line in audit.lines(limit=100)] == list(range(60, 0, -1))


def test_those_who_wait_while_others_write_are_written_together_or_all_told(audit: Audit) -> None:
    write, began, go_on, batches = audit._write, threading.Event(), threading.Event(), []

    def slow(batch: Any) -> None:
        batches.append(len(batch))
        began.set()
        assert go_on.wait(10)
        if len(batches) == 3:
            raise OSError("the disk is full")
        write(batch)

    audit._write = slow  # type: ignore[method-assign]
    with ThreadPoolExecutor(9) as pool:

        def ask(count: int) -> "list[Future[None]]":
            waiting = len(audit._waiting) + count
            asked = [
                pool.submit(audit.add, CLERK, "people:find", [n], at_s=5) for n in range(count)
            ]
            while len(audit._waiting) < waiting and not go_on.is_set():
                time.sleep(0.001)
            return asked

        first = pool.submit(audit.add, CLERK, "people:find", [99], at_s=5)
        assert began.wait(10)
        together = ask(4)
        go_on.set()
        assert [each.exception(10) for each in [first, *together]] == [None] * 5
        assert pool.submit(audit.add, CLERK, "people:find", [98], at_s=5).exception(10) is not None

    assert batches == [1, 4, 1]
    assert len(audit.lines()) == 5


def test_opening_it_again_keeps_what_is_there(audit: Audit) -> None:
    audit.add(OFFICE, "cards:block", [7], at_s=5)

    again = Audit(audit._engine, 1)

    assert [line.action for line in again.lines(person_id=7)] == ["cards:block"]


def test_a_towns_log_is_its_own(audit: Audit) -> None:
    audit.add(CLERK, "balances:read", [7], at_s=5)
    other = Audit(audit._engine, 2)
    other.add(CLERK, "statements:read", [7], at_s=6)

    assert [line.action for line in audit.lines(person_id=7)] == ["balances:read"]
    assert [line.id for line in other.lines()] == [1]


def test_pages_go_back_in_time(audit: Audit) -> None:
    audit.add(CLERK, "people:find", range(5), at_s=5)

    newest = audit.lines(limit=2)
    rest = audit.lines(before_id=newest[-1].id)

    assert [line.person_id for line in (*newest, *rest)] == [4, 3, 2, 1, 0]


def looks_at(town: Town, who: str) -> list[tuple[str, str, str]]:
    found = town.browser(who).get(f"/v1/people/{town.amal.id}/audit").json()
    return [(line["who"], line["role"], line["action"]) for line in found]


def test_a_resident_sees_who_looked_at_them(town: Town) -> None:
    clerk = town.browser("clerk")
    clerk.get(f"/v1/people/{town.amal.id}/balance")
    clerk.get("/v1/people", params={"name": "Amal"})
    clerk.get(f"/v1/people/{town.bassam.id}/balance")

    assert looks_at(town, "amal") == [
        ("clerk", "counter_clerk", "people:find"),
        ("clerk", "counter_clerk", "balances:read"),
    ]
    stranger = town.browser("bassam").get(f"/v1/people/{town.amal.id}/audit")
    assert stranger.status_code == 403


def test_names_in_the_log_are_those_of_this_town(small_town: Town) -> None:
    clerk = small_town.staff["clerk"]
    with small_town.services.begin() as conn:
        towns.found(conn, 2, "Neighbours", now_s=START_S)
        for n in range(clerk.id):  # the last of theirs has the clerk's number
            theirs = {"login": f"{n}", "name": "Zahra", "role": "auditor", "password": PASSWORD}
            assert access.create_staff(conn, 2, **theirs, now_s=START_S).id == n + 1

    small_town.browser("clerk").get(f"/v1/people/{small_town.amal.id}/balance")

    assert looks_at(small_town, "amal") == [("clerk", "counter_clerk", "balances:read")]


def test_looking_at_oneself_is_nobodys_business(small_town: Town) -> None:
    amal = small_town.browser("amal")
    amal.get(f"/v1/people/{small_town.amal.id}/balance")
    amal.get(f"/v1/accounts/{small_town.amal.account_id}/statement")

    assert looks_at(small_town, "amal") == []


def test_what_cannot_be_noted_is_not_shown(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = small_town.browser("clerk")

    def full(*_words: object, **_named: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Audit, "add", full)

    with pytest.raises(OSError):
        clerk.get(f"/v1/people/{small_town.amal.id}/balance")
    with pytest.raises(OSError):
        clerk.post(f"/v1/cards/{small_town.numbers['amal']}/block")
    monkeypatch.undo()
    assert clerk.get(f"/v1/cards/{small_town.numbers['amal']}").json()["state"] == "active"


def test_what_staff_decide_is_noted_even_if_it_is_about_nobody(small_town: Town) -> None:
    small_town.browser("administrator").post("/v1/points", json={"name": "New"})

    found = small_town.browser("auditor").get("/v1/audit").json()

    acts = [(line["who"], line["action"]) for line in found]
    assert acts == [
        ("auditor", "sign_in"),
        ("administrator", "devices:write"),
        ("administrator", "sign_in"),
    ]


def test_a_refused_look_shows_and_notes_nothing(small_town: Town) -> None:
    technician = small_town.browser("technician")

    assert technician.get(f"/v1/people/{small_town.amal.id}/balance").status_code == 403

    assert looks_at(small_town, "amal") == []
