"""From counts to grams, and what counts as at rest."""

from firmware.errors import SettingsFault
from firmware.scale.calibration import calibration, grams_of, zeroed
from firmware.scale.weighing import LOST, PATIENCE, WINDOW, Weighing
from tests.firmware.raises import raises

CAL = calibration(3, 8000, 20, 1)  # 20 counts a gram


def weighed(readings, interval_g=10):
    weighing = Weighing(CAL, interval_g)
    taken = 0
    for raw in readings:
        taken += 1
        if weighing.add(raw):
            break
    return weighing.result(), taken


def test_grams_are_rounded_half_up_on_both_sides_of_zero():
    for counts, grams in ((0, 0), (9, 0), (10, 1), (29, 1), (30, 2), (-10, 0), (-11, -1)):
        assert grams_of(CAL, 8000 + counts, 1) == grams


def test_span_is_a_ratio_and_the_mean_is_rounded_once():
    cal = calibration(1, 0, 3, 2)  # two grams are three counts
    assert grams_of(cal, 10 + 11 + 12, 3) == 7  # 11 counts are 7.33 g


def test_cell_wired_backwards_weighs_the_same():
    assert grams_of(calibration(1, 8000, -20, 1), 8000 - 400, 1) == 20


def test_calibration_that_cannot_weigh_is_refused():
    for counts, grams in ((0, 1), (20, 0), (20, -1)):
        raises(SettingsFault, calibration, 1, 0, counts, grams)


def test_zeroing_moves_the_zero_to_the_mean():
    assert zeroed(CAL, 8101 + 8102, 2).zero == 8102
    assert zeroed(CAL, 8101 + 8102, 2).counts == CAL.counts


def test_quiet_readings_are_stable_after_one_window():
    weight, taken = weighed([8000 + 20 * 1234] * 100)

    assert weight.grams == 1234
    assert (weight.stable, weight.n, weight.p2p_g) == (True, WINDOW, 0)
    assert taken == WINDOW + 2  # the median of three needs two more


def test_single_spikes_change_nothing():
    readings = [28000] * 30
    readings[4], readings[8] = 2000000, -500000

    assert weighed(readings)[0] == weighed([28000] * 30)[0]


def test_drift_inside_the_interval_is_stable_and_beyond_it_is_not():
    slow = [28000 + 20 * i for i in range(PATIENCE)]  # a gram a reading
    fast = [28000 + 60 * i for i in range(PATIENCE)]

    assert weighed(slow)[0].stable
    weight, taken = weighed(fast)
    assert not weight.stable
    assert (weight.p2p_g, taken) == (3 * (WINDOW - 1), PATIENCE)


def test_oscillation_waits_for_rest():
    swinging = [28000 + (4000 >> i) * (1 if i % 2 else -1) for i in range(12)] + [28000] * 20
    weight, taken = weighed(swinging)

    assert weight.stable
    assert abs(weight.grams - 1000) <= weight.p2p_g <= 10
    assert taken > WINDOW + 2


def test_failed_readings_are_skipped_and_many_in_a_row_lose_the_cell():
    some = [28000, None, 28000, None] * 20
    assert weighed(some)[0].grams == 1000

    weight, taken = weighed([28000] * 5 + [None] * 50)
    assert weight is None
    assert taken == 5 + LOST


def test_nothing_but_failures_is_no_weight():
    assert weighed([None] * 100)[0] is None
