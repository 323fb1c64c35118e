"""Settings are taken whole or not at all."""

from firmware.errors import SettingsFault
from firmware.settings import checked
from tests.firmware.raises import raises

GOOD = {
    "device": "bin-01",
    "key": "00" * 32,
    "key_number": 1,
    "fractions": ["organic"],
    "host": "127.0.0.1",
    "port": 1883,
    "e_g": 10,
    "min_g": 200,
    "max_g": 60000,
}


def changed(**values):
    body = dict(GOOD)
    body.update(values)
    return body


def test_good_settings_are_taken():
    settings = checked(GOOD)
    assert (settings.key, settings.e_g) == (bytes(32), 10)


def test_each_wrong_value_is_refused():
    for wrong in (
        {"device": "Bin 1"},
        {"key": "00" * 31},
        {"key": "no hex"},
        {"fractions": []},
        {"fractions": ["gold"]},
        {"fractions": {"organic": 1}},
        {"fractions": [["organic"]]},
        {"fractions": 5},
        {"fractions": ["organic", "organic"]},  # a hundred of them would fit into no birth
        {"port": 0},
        {"port": 65536},
        {"port": "1883"},
        {"host": ""},
        {"device": 1},
        {"e_g": 0},
        {"min_g": 70000},
        {"reader": "rdm6300"},
        {"language": "he"},
        {"lid_safe": "ajar"},
        {"battery": {"ratio_x1000": 5700, "low_mv": 11000, "least_mv": 11500}},
        {"battery": {"ratio_x1000": 5700}},
        {"fill": {"empty_mm": 300, "full_mm": 900}},
        {"fill": {"empty_mm": "900", "full_mm": 300}},
    ):
        raises(SettingsFault, checked, changed(**wrong))


def test_each_missing_value_is_refused():
    for name in GOOD:
        body = dict(GOOD)
        del body[name]
        raises(SettingsFault, checked, body)
