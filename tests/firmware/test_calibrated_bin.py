"""What a bin does whose calibration is missing, has ended or has failed, under real MicroPython."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.journal import read_image
from tests.fixtures.micropython import START_S, Bin

NOBODY = 9  # a port where no broker answers: these bins keep what they weigh


def spend_day(bin_: Bin, **world: Any) -> list[dict[str, Any]]:
    """One visit of 1,500 g; the bodies of the bin's journal, without its `open` record."""
    visits = [{"at_s": 60, "uid": "04a1b2c3", "grams": 1500}]
    bin_.set_up(NOBODY, visits, give_up_s=0, patience_s=0, noise_counts=0, **world)
    bin_.run()
    return [body for body, _, _ in read_image(bin_.image())][1:]


def kinds(bodies: list[dict[str, Any]]) -> list[str]:
    return [f"{body['kind']} {body.get('what', body['flags'])}" for body in bodies]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"until_s": START_S + 10}, "expired"),
        ({"passed": False}, "failed"),
        ({"limits": [20, 400, 60_000]}, "other range"),
    ],
)
def test_calibration_in_doubt_locks_crediting_in_words_flag_and_alarm(
    make_bin: Callable[..., Bin], changes: dict[str, Any], why: str
) -> None:
    bin_ = make_bin()
    bin_.calibrate(3, **changes)

    bodies = spend_day(bin_)

    found = [body for body in bodies if body["kind"] == "deposit"]
    assert [(body["net_g"], body["flags"], body["cal"]) for body in found] == [
        (1500, ["uncalibrated"], 3)
    ]
    assert "saved_uncalibrated" in bin_.shown()
    assert "saved" not in bin_.shown()
    assert f"alarm calibration {why}" in kinds(bodies)


def test_bin_that_was_never_calibrated_stays_locked_and_says_so(
    make_bin: Callable[..., Bin],
) -> None:
    bin_ = make_bin()
    bin_.calibrate(1, key=bytes(32))  # not signed by the town

    bodies = spend_day(bin_)

    assert "not_calibrated" in bin_.shown()
    assert bin_.lines("turned_away")
    assert {body["kind"] for body in bodies} == {"alarm"}
    assert {body["cal"] for body in bodies} == {0}


def test_change_of_calibration_is_a_record_of_its_own_once(make_bin: Callable[..., Bin]) -> None:
    bin_ = make_bin()
    spend_day(bin_)
    bin_.calibrate(2, cells=[[8000, 40, 2]], seal="S-0002")

    bodies = spend_day(bin_)
    again = spend_day(bin_)

    assert kinds(bodies).count("calibration in force") == 1
    assert kinds(again) == kinds(bodies)
    record = next(body for body in bodies if body["kind"] == "calibration")
    assert (record["by"], record["readings"][0], record["readings"][4:]) == (
        "test S-0002",
        2,
        [8000, 40, 2],
    )


def test_temperature_fit_takes_out_a_hot_day(make_bin: Callable[..., Bin]) -> None:
    bin_ = make_bin()
    bin_.calibrate(2, fit=[200, 0, 200])  # 200 ppm of span a degree

    bodies = spend_day(bin_, temp_c=45, span_ppm_c=200)

    assert [body["net_g"] for body in bodies if body["kind"] == "deposit"] == [1500]
    assert {body["temp_c10"] for body in bodies} == {450}
    assert "calibration in force" in kinds(bodies)  # so that more than deposits were looked at
    without = make_bin("bin-02")
    bodies = spend_day(without, temp_c=45, span_ppm_c=200)
    assert [body["net_g"] for body in bodies if body["kind"] == "deposit"] == [1508]


def test_fit_without_its_thermometer_is_in_doubt(make_bin: Callable[..., Bin]) -> None:
    bin_ = make_bin()
    bin_.calibrate(2, fit=[200, 0, 200])

    bodies = spend_day(bin_, thermometer_out=[[0, True]])

    found = [body for body in bodies if body["kind"] == "deposit"]
    assert [body["flags"] for body in found] == [["uncalibrated"]]
    assert {body["temp_c10"] for body in bodies} == {None}
    assert "alarm calibration no temperature" in kinds(bodies)
