"""From counts to grams, and what counts as at rest."""

from firmware.errors import SettingsFault
from firmware.scale.calibration import calibration, mg_of, raw_of
from firmware.scale.limits import permissible_mg
from firmware.scale.weighing import MISSES, PATIENCE, WINDOW, Rest, Weighing
from tests.firmware.raises import raises

CAL = calibration(3, [[8000, 20, 1]])  # 20 counts a gram
KILO = 1000000  # in milligrams
HOUR_MS = 3600000


def weighed(readings, interval_g=10):
    weighing = Weighing(interval_g)
    for mg in readings:
        if weighing.add(mg):
            break
    return weighing.result(), weighing.taken


def at_rest(mg):
    return weighed([mg] * 100)[0]


def test_milligrams_are_rounded_half_up_on_both_sides_of_zero():
    cal = calibration(1, [[0, 2000, 1]])  # half a milligram a count
    for counts, mg in ((0, 0), (1, 1), (2, 1), (3, 2), (-1, 0), (-2, -1), (-3, -1)):
        assert mg_of(cal, [counts]) == mg


def test_span_is_a_ratio():
    assert mg_of(calibration(1, [[0, 3, 2]]), [11]) == 7333  # two grams are three counts


def test_cell_wired_backwards_weighs_the_same():
    assert mg_of(calibration(1, [[8000, -20, 1]]), [8000 - 400]) == 20000


def test_several_cells_are_one_load_wherever_it_stands():
    cal = calibration(1, [[8000, 20, 1], [-500, -37, 2], [0, 21, 1]])
    for parts in ((KILO, 0, 0), (0, KILO, 0), (200000, 300000, 500000)):
        raws = [raw_of(cal.cells[i], parts[i]) for i in range(3)]
        assert abs(mg_of(cal, raws) - KILO) <= 100


def test_calibration_that_cannot_weigh_is_refused():
    for cells in ([], [[0, 0, 1]], [[0, 20, 0]], [[0, 20, -1]]):
        raises(SettingsFault, calibration, 1, cells)


def test_quiet_readings_are_stable_after_one_window():
    weight, taken = weighed([1234000] * 100)

    assert (weight.grams, weight.mg) == (1234, 1234000)
    assert (weight.stable, weight.n, weight.p2p_g) == (True, WINDOW, 0)
    assert taken == WINDOW + 2  # the median of three needs two more


def test_single_spikes_change_nothing():
    readings = [KILO] * 30
    readings[4], readings[8] = 90 * KILO, -20 * KILO

    assert weighed(readings) == weighed([KILO] * 30)  # and cost no sample more


def test_lowest_and_highest_of_the_window_are_left_out_of_the_mean():
    readings = [KILO] * 5 + [KILO + 4900] * 2 + [KILO] * 20
    assert weighed(readings)[0].mg == KILO + 4900 // 6 + 1


def test_creeping_inside_half_the_interval_is_stable_and_beyond_it_is_not():
    slow = [KILO + 600 * i for i in range(PATIENCE)]
    fast = [KILO + 900 * i for i in range(PATIENCE)]

    assert weighed(slow)[0].stable
    weight, taken = weighed(fast)
    assert not weight.stable
    assert taken == PATIENCE


def test_oscillation_waits_for_rest():
    swing = [KILO + (400000 >> i) * (1 if i % 2 else -1) for i in range(12)]
    weight, taken = weighed(swing + [KILO] * 20)

    assert weight.stable
    assert abs(weight.grams - 1000) <= weight.p2p_g <= 5
    assert taken > WINDOW + 2


def test_calm_moment_of_a_restless_platform_is_not_rest():
    calm_at_last = [KILO * (1 + i % 4) for i in range(40)] + [KILO] * (WINDOW + 2)
    weighing = Weighing(10)
    assert not [mg for mg in calm_at_last if weighing.add(mg)]


def test_failed_reading_starts_the_window_anew_and_a_third_loses_the_cell():
    weight, taken = weighed([KILO] * 9 + [None] + [KILO] * 30)
    assert (weight.grams, weight.n, taken) == (1000, 11, 23)  # nearly half of them

    weight, taken = weighed([KILO, None] * 40)
    assert weight is None
    assert taken == 2 * MISSES


def test_drift_at_rest_is_told_until_weighings_agree_again():
    rest = Rest(10)
    for minute, (mg, restless) in enumerate(
        ((0, True), (2500, False), (5001, True), (5001, True), (5001, True), (5001, False))
    ):
        rest.see(at_rest(KILO + mg), 60000 * minute)
        assert rest.restless == restless


def test_slow_change_over_hours_is_no_drift():
    rest = Rest(10)
    rest.see(at_rest(KILO), 0)
    rest.see(at_rest(KILO - 140000), HOUR_MS)  # waste dries
    assert not rest.restless


def test_what_a_visit_left_behind_is_no_drift():
    rest = Rest(10)
    rest.see(at_rest(KILO), 0)
    rest.begin(at_rest(5 * KILO), 60000)
    rest.see(at_rest(5 * KILO), 120000)
    rest.see(at_rest(5 * KILO), 180000)
    assert not rest.restless


def test_platform_that_finds_no_rest_is_told_until_weighings_agree():
    rest = Rest(10)
    for weight, restless in (
        (weighed([KILO, 0, 2 * KILO, 3 * KILO] * 40)[0], True),
        (at_rest(KILO), True),
        (at_rest(KILO), True),
        (at_rest(KILO), True),
        (at_rest(KILO), False),
        (None, True),
    ):
        rest.see(weight, 0)
        assert rest.restless == restless


def test_zero_is_tracked_near_zero_at_rest_alone():
    for mg, offset_mg in ((4000, 4000), (-4999, -4999), (5001, 0), (KILO, 0)):
        rest = Rest(10)
        weight = at_rest(mg)
        rest.see(weight, 0)
        rest.see(weight, 0)
        rest.track(weight)
        assert rest.offset_mg == offset_mg


def test_zero_is_not_tracked_while_the_load_drifts():
    rest = Rest(10)
    rest.see(at_rest(0), 0)
    weight = at_rest(4000)
    rest.see(weight, 60000)
    rest.track(weight)
    assert rest.offset_mg == 0


def test_permissible_errors_are_those_of_class_iii():
    for load_e, halves in ((0, 1), (500, 1), (501, 2), (2000, 2), (2001, 3), (10000, 3)):
        assert permissible_mg(load_e * 10000, 10) == halves * 5000
        assert permissible_mg(-load_e * 10000, 10, True) == 2 * halves * 5000
