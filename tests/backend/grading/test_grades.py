"""A deposit has the grade of its bin at its moment, and the tariff's rate for it, however late."""

from typing import Any

import pytest

from backend.grading.service import Inspection, grade_at
from backend.ledger.verify import verify
from backend.proofs.audit import audit
from backend.tariffs import service as tariffs
from tests.backend.village import START_S, Town

RATES = {("organic", "standard"): 25, ("organic", "mixed"): 10, ("plastic", "standard"): 40}


def graded(town: Town) -> Town:
    """A tariff with two grades of organics is in force from START_S + 10 on."""
    with town.services.begin() as conn:
        made = tariffs.draft(
            conn, 1, RATES, from_s=START_S + 10, drafted_by="staff:0", now_s=START_S
        )
        for role in ("officer", "administrator"):
            staff_id = town.staff[role].id
            tariffs.approve(conn, 1, made.id, staff_id=staff_id, now_s=START_S)
    town.clock.now_s = START_S + 20
    return town


def inspect(town: Town, role: str = "technician", **body: Any) -> Any:
    return town.browser(role).post("/v1/inspections", json={"grade": "mixed"} | body)


def bring(town: Town, at_s: int, **changes: Any) -> dict[str, Any]:
    up_ms = town.bin.up_ms + 1000 * (at_s - town.bin.base_s)
    town.outcome(town.bin.deposit(at_s=at_s, up_ms=up_ms, **changes))
    url = f"/v1/people/{town.amal.id}/deposits"
    found = {each["effective_s"]: each for each in town.browser("amal").get(url).json()}
    deposit: dict[str, Any] = found[at_s]
    return deposit


def test_a_deposit_has_the_grade_of_its_own_moment_however_late_it_comes(town: Town) -> None:
    graded(town)
    made = inspect(town, device="bin-1", fraction="organic", from_s=START_S + 50, note="bags")
    assert made.status_code == 201, made.text
    town.clock.now_s = START_S + 100

    got = [bring(town, START_S + at) for at in (12, 49, 50)]
    other = bring(town, START_S + 60, fraction="plastic")
    with town.services.read() as conn:
        report = verify(conn, 1)
        audit(conn, 1, report)

    assert [(each["grade"], each["amount"]) for each in got] == [
        ("standard", 50),
        ("standard", 50),
        ("mixed", 20),
    ]
    assert (other["grade"], other["amount"]) == ("standard", 80)
    assert report.problems == []


def test_the_next_inspection_takes_over(small_town: Town) -> None:
    graded(small_town)
    inspect(small_town, "collector", point_id=1)
    small_town.clock.now_s += 10
    inspect(small_town, "officer", point_id=1, grade="standard")

    assert bring(small_town, START_S + 25)["grade"] == "mixed"
    assert bring(small_town, START_S + 30)["grade"] == "standard"


def test_paper_has_the_grade_of_its_point(small_town: Town) -> None:
    graded(small_town)
    inspect(small_town, point_id=1)
    small_town.clock.now_s += 10
    slip = {"kind": "deposit", "book": 1, "number": 1, "card": small_town.numbers["amal"]}
    slip |= {"gross_g": 1_000, "happened_s": START_S + 25, "fraction": "organic", "point_id": 1}
    made = small_town.browser("clerk").post("/v1/paper/slips", json=slip).json()

    done = small_town.browser("manager").post(f"/v1/paper/slips/{made['id']}/confirmation").json()

    assert done["amount"] == 10


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"from_s": START_S}, 409, "from now on"),
        ({"grade": "gold"}, 422, "There are: mixed, standard. Draft a tariff with it first."),
        ({"fraction": "plastic"}, 422, "There are: standard"),
        ({"device": "bin-9"}, 404, "no such bin"),
        ({"point_id": 9}, 404, "no such collection point"),
        ({"device": "bin-1", "point_id": 1}, 422, "not both"),
    ],
)
def test_what_cannot_be_graded_is_refused_in_words(
    small_town: Town, body: dict[str, Any], status: int, words: str
) -> None:
    graded(small_town)

    answer = inspect(small_town, **body)

    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert small_town.browser("auditor").get("/v1/inspections").json() == []


def test_narrower_comes_before_newer() -> None:
    def said(number: int, grade: str, **of: Any) -> Inspection:
        whole = {"device": None, "point_id": None, "fraction": None, "from_s": number} | of
        return Inspection(id=number, grade=grade, note="", inspected_by="staff:1", **whole)

    known = [
        said(1, "bin", device="b"),
        said(2, "point", point_id=1),
        said(3, "point organic", point_id=1, fraction="organic"),
        said(4, "town"),
    ]

    def at(fraction: str, moment_s: int, device: str | None, point_id: int | None) -> str:
        return grade_at(known, fraction, moment_s, device=device, point_id=point_id)

    assert at("organic", 9, "b", 1) == "bin"
    assert at("organic", 9, "c", 1) == "point organic"
    assert at("metal", 9, "c", 1) == "point"
    assert at("metal", 9, "c", 2) == "town"
    assert at("metal", 3, "c", 2) == "standard"
