"""A calibration is taken signed, whole, for this bin, and with a higher number; or not at all."""

from firmware import contract
from firmware.errors import CalibrationRefused, SettingsFault
from firmware.scale import calibration
from firmware.scale.certificate import Certificate
from firmware.scale.envelope import assemble, read
from firmware.scale.issuing import arguments, issue
from firmware.twin import Twin
from tests.firmware.raises import raises, remove

KEY, OTHER = bytes(range(32)), bytes(32)
LIMITS = (10, 200, 60000)
BODY = {
    "v": 1,
    "number": 4,
    "cells": [[8000, 20, 1], [-120, -37, 2]],
    "fit": [200, 150, -40],
    "passed": True,
    "limits": [10, 200, 60000],
    "from_s": 1795000000,
    "until_s": 1830000000,
    "seal": "S-0017",
    "by": "F. Technician",
}


class Settings:
    device, key, key_number = "bin-01", KEY, 1


Settings.keys = {1: KEY}


def issued(key=KEY, device="bin-01", key_number=1, **changes):
    body = dict(BODY)
    body.update(changes)
    return issue(key, device, key_number, body)


def fresh(cells=2):
    for name in ("./calibration", "./calibration-noted"):
        remove(name + ".0", name + ".1")
    return Certificate(".", Settings, cells)


def again():
    return Certificate(".", Settings, 2)


def test_record_of_calibration_reads_as_it_was_issued():
    found = read(issued(), KEY, "bin-01", 1)

    assert (found.number, found.passed, found.seal) == (4, True, "S-0017")
    assert [cell.zero for cell in found.cells] == [8000, -120]
    assert found.fit.span_ppm_c == -40


def test_one_in_force_outlives_a_start_and_a_higher_number_takes_its_place():
    certificate = fresh()
    assert (certificate.current, certificate.unnoted()) == (None, None)
    certificate.take(issued())
    assert again().current.number == 4
    for number in (3, 4):
        refusal = raises(CalibrationRefused, certificate.take, issued(number=number))
        assert "higher" in str(refusal)
    certificate.take(issued(number=5))
    assert again().current.number == 5
    fresh()


def test_whatever_is_not_truly_signed_for_this_bin_keeps_the_old_one():
    certificate = fresh()
    certificate.take(issued())
    good = issued(number=9)
    forged = good[:-20] + ("A" if good[-20] != "A" else "B") + good[-19:]
    for bad in (
        forged,
        issued(OTHER, number=9),
        issued(device="bin-02", number=9),
        issued(key_number=2, number=9),
        issued(cells=[[8000, 20, 1]], number=9),
        contract.sign(contract.derive(KEY, contract.UP), "bin-01", 1, "calibration", BODY),
        contract.sign(contract.derive(KEY, contract.DOWN), "bin-01", 1, "command", BODY),
        good[: len(good) // 2],
        "",
    ):
        raises(CalibrationRefused, certificate.take, bad)
        assert certificate.current.number == again().current.number == 4
    fresh()


def test_forged_file_on_the_flash_is_passed_over_for_the_one_before():
    certificate = fresh()
    certificate.take(issued())
    Twin("./calibration").write(issued(OTHER, number=99))

    found = again()

    assert found.current.number == 4
    assert "signature" in found.refused
    fresh()


def test_each_wrong_field_is_refused():
    for wrong in (
        {"v": 2},
        {"number": -1},
        {"cells": []},
        {"cells": [[0, 0, 1]]},
        {"cells": [[0, 20, 0]]},
        {"cells": [[0, 20]]},
        {"cells": [[0, 20, 1]] * 8},
        {"fit": [1, 2]},
        {"fit": [1, 2, "3"]},
        {"passed": 1},
        {"limits": [10, 200]},
        {"from_s": -1},
        {"until_s": "2027"},
        {"seal": ""},
        {"by": None},
    ):
        raises(CalibrationRefused, lambda wrong=wrong: issued(**wrong))
    for name in BODY:
        body = dict(BODY)
        del body[name]
        raises(CalibrationRefused, issue, KEY, "bin-01", 1, body)


def test_command_carries_four_cells_and_gives_the_very_envelope_again():
    jws = issued(cells=[[8388607, -1234567, 60000]] * 4)
    args = arguments(jws)
    body = {"v": 1, "name": "calibrate", "id": "123456789", "session": 99999999}
    body.update(expires_s=1830000000, args=args)

    command = contract.sign(KEY, "bin-01", 1, "command", body)

    assert len(command) <= contract.MAX_JWS
    assert assemble(args, "bin-01", 1) == jws
    for bad in ({}, {"body": 1.5, "signature": ""}, {"body": {}}):
        raises(CalibrationRefused, assemble, bad, "bin-01", 1)


def test_change_is_noted_once_with_its_numbers():
    certificate = fresh()
    certificate.take(issued())
    fields = certificate.unnoted()
    assert fields["by"] == "F. Technician S-0017"
    assert fields["readings"] == [4, 1, 1795000000, 1830000000, 8000, 20, 1, -120, 37, -2]
    certificate.note(4)
    assert again().unnoted() is None
    certificate.take(issued(number=5, passed=False))
    assert again().unnoted()["what"] == "failed"
    fresh()


def test_calibration_that_failed_ended_or_is_for_another_range_is_doubted():
    def doubt(at_s=None, temp_c10=200, limits=LIMITS, **changes):
        found = read(issued(**changes), KEY, "bin-01", 1)
        return calibration.doubt(found, limits, at_s, temp_c10)

    assert doubt() is None
    assert doubt(1829999999) is None
    assert doubt(1830000000) == "expired"
    assert doubt(2000000000, until_s=None) is None
    assert doubt(passed=False) == "failed"
    assert doubt(limits=(5, 200, 60000)) == "other range"
    assert doubt(temp_c10=None) == "no temperature"
    assert doubt(temp_c10=None, fit=None) is None
    assert calibration.doubt(None, LIMITS, None, None) == "failed"


def test_fit_takes_out_what_the_temperature_does():
    cal = calibration.calibration(1, [[1000, 20, 1]], [200, 500, 100])
    for temp_c10, load_mg in ((200, 5000000), (-100, 0), (400, 10000000), (375, -250)):
        away_c10 = temp_c10 - 200
        seen_mg = load_mg * (10000000 + 100 * away_c10) // 10000000 + 500 * away_c10 // 10
        raw = calibration.raw_of(cal.cells[0], seen_mg)
        assert abs(calibration.mg_of(cal, [raw], temp_c10) - load_mg) <= 51, temp_c10
    assert calibration.mg_of(cal, [1000 + 20]) == 1000  # without a thermometer, as it is


def test_fit_of_the_wrong_shape_is_refused():
    raises(SettingsFault, calibration.calibration, 1, [[0, 20, 1]], [1])
