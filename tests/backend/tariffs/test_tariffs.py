"""A tariff is a dated version that two people approve and nobody edits."""

from typing import Any

import pytest

from backend.errors import Backdated, BadInput, Overlap, SameApprover, UnknownFraction
from backend.tariffs import service as tariffs
from backend.tariffs.service import Rate, Tariff
from tests.backend.village import START_S, Town

DAY_S = 86_400
RATE = {"organic": 9}


def draft(town: Town, from_s: int, **rates: int) -> int:
    with town.services.begin() as conn:
        return tariffs.draft(
            conn, 1, rates, from_s=from_s, drafted_by="staff:0", now_s=town.clock.now_s
        ).id


def approve(town: Town, tariff_id: int, *roles: str) -> Tariff:
    with town.services.begin() as conn:
        for role in roles:
            made = tariffs.approve(
                conn, 1, tariff_id, staff_id=town.staff[role].id, now_s=town.clock.now_s
            )
    return made


def test_a_tariff_needs_two_people(town: Town) -> None:
    tariff_id = draft(town, START_S + 60, organic=99)

    assert not approve(town, tariff_id, "officer").approved
    assert approve(town, tariff_id, "administrator").approved


def test_the_same_person_cannot_approve_twice(town: Town) -> None:
    tariff_id = draft(town, START_S + 60, organic=99)
    approve(town, tariff_id, "officer")

    with pytest.raises(SameApprover):
        approve(town, tariff_id, "officer")


def test_a_draft_pays_nobody(small_town: Town) -> None:
    tariff_id = draft(small_town, START_S - 5, organic=99)
    approve(small_town, tariff_id, "officer")

    small_town.outcome(small_town.bin.deposit())

    assert small_town.balance(small_town.amal) == 50


def test_a_new_tariff_cannot_start_in_the_past(town: Town) -> None:
    tariff_id = draft(town, START_S, organic=99)
    approve(town, tariff_id, "officer")

    with pytest.raises(Backdated):
        approve(town, tariff_id, "administrator")


def test_a_deposit_gets_the_tariff_of_its_own_day_however_late_it_comes(town: Town) -> None:
    early = town.bin.deposit()
    approve(town, draft(town, START_S + DAY_S, organic=100), "officer", "administrator")
    town.clock.now_s += 2 * DAY_S
    late = town.bin.deposit(at_s=START_S + DAY_S, up_ms=town.bin.up_ms + DAY_S * 1000)

    town.outcome(late)
    assert town.balance(town.amal) == 200
    town.outcome(early)
    assert town.balance(town.amal) == 250


def test_a_deposit_gets_the_tariff_of_its_own_point(small_town: Town) -> None:
    with small_town.services.begin() as conn:
        mill = tariffs.towns.add_point(conn, 1, "Mill", now_s=1).id
    for point_id, rate in ((1, 100), (mill, 900)):
        with small_town.services.begin() as conn:
            version = {"from_s": START_S + 60, "drafted_by": "staff:0", "now_s": START_S}
            made = tariffs.draft(conn, 1, {"organic": rate}, point_id=point_id, **version)
        approve(small_town, made.id, "officer", "administrator")
    small_town.clock.now_s += 120
    body = small_town.bin.next(at_s=START_S + 100, up_ms=small_town.bin.up_ms + 100_000)

    small_town.outcome(small_town.bin.sign(body))

    assert small_town.balance(small_town.amal) == 200


def test_a_new_tariff_is_used_without_a_restart(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())
    approve(small_town, draft(small_town, START_S + 60, organic=100), "officer", "administrator")
    small_town.clock.now_s += 120
    body = small_town.bin.next(at_s=START_S + 100, up_ms=small_town.bin.up_ms + 100_000)

    small_town.outcome(small_town.bin.sign(body))

    assert small_town.balance(small_town.amal) == 250


def test_rates_that_are_none_are_refused_in_words(small_town: Town) -> None:
    with pytest.raises(UnknownFraction, match="paper_cardboard"):
        draft(small_town, START_S + 60, gold=5)
    with pytest.raises(BadInput):
        draft(small_town, START_S + 60)
    with pytest.raises(BadInput):
        draft(small_town, START_S + 60, organic=-1)


@pytest.mark.parametrize(
    ("effective_s", "rate"),
    [(9, None), (10, Rate(1, 5)), (19, Rate(1, 5)), (20, Rate(2, 7)), (99, Rate(2, 7))],
)
def test_the_newest_version_in_force_counts(effective_s: int, rate: Rate | None) -> None:
    key = ("organic", "standard")
    versions = [
        Tariff(1, 10, "", "a", (1, 2), {key: 5}),
        Tariff(2, 20, "", "a", (1, 2), {key: 7}),
        Tariff(3, 15, "a draft", "a", (1,), {key: 9}),
    ]

    assert tariffs.rate_at(versions, "organic", effective_s) == rate


def test_a_fraction_that_the_newest_version_leaves_out_has_no_rate() -> None:
    versions = [
        Tariff(1, 10, "", "a", (1, 2), {("glass", "standard"): 5}),
        Tariff(2, 20, "", "a", (1, 2), {("organic", "standard"): 7}),
    ]

    assert tariffs.rate_at(versions, "glass", 30) is None


def test_nobody_approves_what_they_have_drafted(town: Town) -> None:
    with town.services.begin() as conn:
        drafter = town.staff["officer"]
        made = tariffs.draft(
            conn, 1, {"organic": 9}, from_s=START_S + 60, drafted_by=drafter.signature, now_s=1
        )

    with pytest.raises(SameApprover, match="drafted"):
        approve(town, made.id, "officer")


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        ((100, 200), (150, 300), True),
        ((100, 200), (200, 300), False),
        ((100, 200), (50, 500), True),
        ((100, None), (100, None), True),
        ((100, None), (100, 200), False),
    ],
)
def test_tariffs_that_overlap_are_refused(
    small_town: Town,
    first: tuple[int, int | None],
    second: tuple[int, int | None],
    meet: bool,
) -> None:
    def draft_for(period: tuple[int, int | None]) -> int:
        from_s, until_s = (START_S + each if each else None for each in period)
        assert from_s is not None
        with small_town.services.begin() as conn:
            return tariffs.draft(
                conn, 1, RATE, from_s=from_s, until_s=until_s, drafted_by="staff:0", now_s=1
            ).id

    raced = draft_for(second)
    approve(small_town, draft_for(first), "officer", "administrator")

    if not meet:
        approve(small_town, raced, "officer", "administrator")
        return
    with pytest.raises(Overlap, match="another period"):
        draft_for(second)
    with pytest.raises(Overlap):
        approve(small_town, raced, "officer", "administrator")


def test_a_period_and_a_point_come_before_the_town_rate_by_rate() -> None:
    organic, glass = ("organic", "standard"), ("glass", "standard")
    versions = [
        Tariff(1, 10, "", "a", (1, 2), {organic: 5, glass: 3}),
        Tariff(2, 20, "", "a", (1, 2), {organic: 9}, until_s=30),
        Tariff(3, 15, "", "a", (1, 2), {organic: 7}, point_id=8),
    ]

    def rate(effective_s: int, point_id: int | None, fraction: str = "organic") -> Rate | None:
        return tariffs.rate_at(versions, fraction, effective_s, point_id=point_id)

    assert rate(20, None) == Rate(2, 9)
    assert rate(30, None) == Rate(1, 5)
    assert rate(25, 8) == Rate(3, 7)
    assert rate(25, 8, "glass") == Rate(1, 3)


def test_a_town_is_founded_with_a_tariff_once(town: Town) -> None:
    with town.services.begin() as conn, pytest.raises(BadInput, match="once"):
        tariffs.draft(conn, 1, {"organic": 9}, from_s=1, drafted_by=tariffs.FOUNDING, now_s=START_S)


def test_a_version_stands_as_a_draft_ahead_in_force_or_over() -> None:
    def version(number: int, from_s: int, until_s: int | None = None, **more: Any) -> Tariff:
        given: dict[str, Any] = {"drafted_by": "staff:1", "approved_by": (2, 3)} | more
        return Tariff(number, from_s, "", rates={}, until_s=until_s, **given)

    versions = [
        version(1, 100),
        version(2, 200),
        version(3, 300),
        version(4, 100, 150),
        version(5, 150, point_id=7),
        version(6, 100, approved_by=(2,)),
    ]
    found = [tariffs.standing(versions, each, 250) for each in versions]

    assert found == ["over", "in_force", "ahead", "over", "in_force", "draft"]
    assert tariffs.standing(versions, versions[3], 149) == "in_force"
    assert tariffs.said(versions, versions[5], 0, "UTC") == "waiting for a second signature"
