"""What is solved and judged from a protocol of a calibration."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farz.calibrating import Protocol, Reading, check_plan, fitted, judge, places, solve
from farz.errors import FarzError
from firmware.scale.calibration import calibration, mg_of, raw_of

LIMITS = [10, 200, 60_000]


def under(cells: list[list[int]], shares_g: list[int]) -> list[int]:
    """What cells say under the grams that rest on each."""
    made = calibration(1, cells)
    return [raw_of(cell, 1000 * g) for cell, g in zip(made.cells, shares_g, strict=True)]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(-2_000_000, 2_000_000),
            st.integers(200_000, 900_000).flatmap(lambda n: st.sampled_from([n, -n])),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_spans_are_found_again_whatever_the_cells(cells_of: list[tuple[int, int]]) -> None:
    cells = [[zero, counts, 10_000] for zero, counts in cells_of]
    size = len(cells)
    zero = Reading(0, "middle", under(cells, [0] * size))
    spans = []
    for at in range(size):
        shares = [1000] * size
        shares[at] += 10_000 - 1000 * size
        spans.append(Reading(10_000, f"corner {at + 1}", under(cells, shares)))

    found = calibration(1, solve(zero, spans))

    for grams in (0, 7_000, 60_000):
        counts = under(cells, [grams // size] * size)
        load_g = grams // size * size
        assert abs(mg_of(found, counts) - 1000 * load_g) <= 500


def protocol(cells: list[list[int]], off_ppm: int = 0, bent_corner: int = 0) -> Protocol:
    checks = []
    for grams, place in check_plan(LIMITS):
        seen = grams + grams * off_ppm // 1_000_000
        if place == f"corner {bent_corner}":
            seen += 40
        checks.append(Reading(grams, place, under(cells, [seen])))
    span = Reading(10_000, "middle", under(cells, [10_000]))
    return Protocol("bin-01", 4, LIMITS, Reading(0, "middle", under(cells, [0])), [span], checks)


CELL = [[8_000, 430_000, 10_000]]


def test_good_scale_passes_every_check() -> None:
    outcome = judge(protocol(CELL))
    assert outcome.passed
    assert outcome.cells == CELL
    assert [each.grams for each in outcome.verdicts] == [15_000, 30_000, 60_000] + [20_000] * 4
    assert [each.permissible_mg for each in outcome.verdicts[:3]] == [10_000, 15_000, 15_000]


def test_span_that_is_off_fails_where_the_error_outgrows_the_permissible() -> None:
    outcome = judge(protocol(CELL, off_ppm=400))
    assert not outcome.passed
    assert [each.passed for each in outcome.verdicts[:3]] == [True, True, False]
    assert judge(protocol(CELL, off_ppm=400), in_service=True).passed


def test_one_bad_corner_fails() -> None:
    outcome = judge(protocol(CELL, bent_corner=3))
    assert [each.place for each in outcome.verdicts if not each.passed] == ["corner 3"]


def test_no_check_is_no_pass() -> None:
    without = protocol(CELL)
    without.checks = []
    assert not judge(without).passed


@pytest.mark.parametrize(
    ("zero", "spans", "why"),
    [
        ([0], [], "1 known weights"),
        ([0, 0], [[100, 0]], "2 known weights"),
        ([0, 0], [[100, 100], [100, 100]], "tell the cells apart"),
        ([5], [[5]], "tell the cells apart"),
    ],
)
def test_readings_that_tell_nothing_are_refused(
    zero: list[int], spans: list[list[int]], why: str
) -> None:
    with pytest.raises(FarzError, match=why):
        solve(Reading(0, "middle", zero), [Reading(1000, "corner 1", each) for each in spans])


def test_protocol_survives_being_written_down() -> None:
    made = protocol(CELL)
    assert Protocol.of(made.as_dict()) == made
    with pytest.raises(FarzError, match="no protocol"):
        Protocol.of({"device": "bin-01"})
    assert (places(1), places(4)[3]) == (["middle"], "corner 4")


def at_temperature(temp_c10: int, zero_mg_c: int, span_ppm_c: int, ref_c10: int = 200) -> Protocol:
    """What a scale says that moves by so many mg, and ppm of its load, a degree."""

    def reading(grams: int, place: str) -> Reading:
        away_c10 = temp_c10 - ref_c10
        moved = 1000 * grams * span_ppm_c * away_c10 // 10_000_000 + zero_mg_c * away_c10 // 10
        cell = calibration(1, CELL).cells[0]
        return Reading(grams, place, [raw_of(cell, 1000 * grams + moved)], temp_c10)

    checks = [reading(grams, place) for grams, place in check_plan(LIMITS)]
    return Protocol("bin-01", 4, LIMITS, reading(0, "middle"), [reading(10_000, "middle")], checks)


@settings(max_examples=40)
@given(
    zero_mg_c=st.integers(-3000, 3000),
    span_ppm_c=st.integers(-300, 300),
    ref_c10=st.integers(0, 300),
    colder=st.integers(-100, -60),
)
def test_temperature_fit_is_found_again_and_weighs_right_from_frost_to_heat(
    zero_mg_c: int, span_ppm_c: int, ref_c10: int, colder: int
) -> None:
    moves = (zero_mg_c, span_ppm_c, ref_c10)
    mild = at_temperature(ref_c10, *moves)
    others = [at_temperature(ref_c10 + each, *moves) for each in (colder, 150)]

    fit = fitted(mild, others)

    assert fit[0] == ref_c10
    assert abs(fit[1] - zero_mg_c) <= 3
    assert abs(fit[2] - span_ppm_c) <= 2
    made = calibration(1, solve(mild.zero, mild.spans), fit)
    for temp_c10 in (-100, 400):
        for each in at_temperature(temp_c10, *moves).checks:
            assert abs(mg_of(made, each.counts, temp_c10) - 1000 * each.grams) <= 5000


def test_temperatures_too_near_and_readings_without_one_make_no_fit() -> None:
    with pytest.raises(FarzError, match="within 5 degrees"):
        fitted(at_temperature(200, 10, 10), [at_temperature(240, 10, 10)])
    bare = protocol(CELL)
    with pytest.raises(FarzError, match="no temperature"):
        fitted(bare, [bare])
