"""Settings over the air and keys by number: whole or not at all, through every start."""

import json
import os

from firmware import contract
from firmware.errors import OrderRefused, SettingsFault
from firmware.keys import KEPT
from firmware.tuning import Tuning
from tests.firmware.pure.test_settings import GOOD
from tests.firmware.raises import raises, remove

DOWN = contract.derive(bytes(32), contract.DOWN)
NEW_KEY = bytes(range(32))
FILES = ("settings.json", "tuning.0", "tuning.1", "tuning-tried.0", "tuning-tried.1")
FILES += ("keys.0", "keys.1")


def fresh():
    """Return the path of a folder of its own with a bin's settings."""
    folder = "var/tuned"
    for path in ("var", folder):
        try:
            os.stat(path)
        except OSError:
            os.mkdir(path)
    remove(*[folder + "/" + name for name in FILES])
    with open(folder + "/settings.json", "w") as file:
        json.dump(GOOD, file)
    return folder


def envelope(number, key=DOWN, key_number=1, **values):
    body = {"v": 1, "number": number, "values": values}
    return contract.sign(key, "bin-01", key_number, "settings", body), body


def test_settings_are_in_force_from_the_next_start_on():
    folder = fresh()
    tuning = Tuning(folder)
    jws, body = envelope(3, fractions=["glass", "metal"], language="fr")
    settings, tried = tuning.judge(body)
    assert (settings.fractions, settings.language, tried) == (["glass", "metal"], "fr", False)
    tuning.keep(jws, 3)

    started = Tuning(folder)

    assert (started.number, started.settings.language) == (3, "fr")
    assert started.settings.host == GOOD["host"]
    assert started.judge(body) is None


def test_wrong_settings_change_nothing_and_say_why():
    folder = fresh()
    tuning = Tuning(folder)
    tuning.keep(envelope(5, language="ar")[0], 5)
    tuning = Tuning(folder)
    for number, values, why in (
        (4, {"language": "fr"}, "a new one is higher"),
        (6, {"language": "xx"}, "language"),
        (6, {"fractions": ["gold"]}, "fractions"),
        (6, {"fractions": "organic", "language": "fr"}, "fractions"),
        (6, {"fractions": ["organic"] * 99}, "fractions"),
        (6, {"fractions": 5}, "fractions"),
        (6, {"port": 99999}, "port"),
        (6, {"service_blocked": 5, "scale": None}, "scale"),
        (6, {"key": "00" * 32}, "not changed from afar"),
        (6, {"max_g": 1}, "not changed from afar"),
        (6, {"ca": "zz"}, ""),
        (6, {"host": 5}, "host"),
    ):
        fault = raises(SettingsFault, tuning.judge, {"v": 1, "number": number, "values": values})
        assert why in str(fault), (values, str(fault))
    assert Tuning(folder).settings.language == "ar"


def test_network_settings_are_tried_and_given_up_beforehand():
    folder = fresh()
    tuning = Tuning(folder)
    jws, body = envelope(2, host="other.example", port=8883)
    settings, tried = tuning.judge(body)
    assert (settings.host, settings.port, tried) == ("other.example", 8883, True)
    tuning.attempt(2)

    after_a_cut = Tuning(folder)

    assert after_a_cut.settings.host == GOOD["host"]
    assert "did not come online" in str(raises(SettingsFault, after_a_cut.judge, body))
    after_a_cut.keep(jws, 2)  # it came online after all
    assert Tuning(folder).settings.host == "other.example"
    assert Tuning(folder).judge(body) is None


def test_torn_or_forged_settings_on_the_flash_fall_back_to_older_ones():
    folder = fresh()
    tuning = Tuning(folder)
    tuning.keep(envelope(1, language="ar")[0], 1)
    tuning.keep(envelope(2, language="fr")[0], 2)
    with open(folder + "/tuning.1", "w") as file:
        file.write("1 torn")
    assert Tuning(folder).settings.language == "ar"
    Tuning(folder).keep(envelope(3, key=bytes(32), language="fr")[0], 3)
    started = Tuning(folder)
    assert (started.number, started.settings.language) == (1, "ar")


def test_new_key_signs_only_after_the_switch_and_the_old_one_still_opens():
    folder = fresh()
    keys = Tuning(folder).keys
    keys.add(2, NEW_KEY)
    assert (keys.number, keys.next) == (1, 2)

    keys = Tuning(folder).keys
    assert (keys.number, keys.key, keys.next) == (1, bytes(32), 2)
    keys.switch()

    tuning = Tuning(folder)
    assert (tuning.keys.number, tuning.keys.next) == (2, None)
    assert (tuning.settings.key, tuning.settings.key_number) == (NEW_KEY, 2)
    new_down = contract.derive(NEW_KEY, contract.DOWN)
    assert tuning.keys.opened(envelope(4)[0], "settings")[0] == 1
    assert tuning.keys.opened(envelope(4, new_down, 2)[0], "settings")[0] == 2
    raises(contract.ContractError, tuning.keys.opened, envelope(4, DOWN, 2)[0], "settings")
    raises(contract.ContractError, tuning.keys.opened, envelope(4, DOWN, 3)[0], "settings")


def test_keys_only_grow_in_number_and_have_an_end():
    keys = Tuning(fresh()).keys
    for number, key in ((1, NEW_KEY), (0, NEW_KEY), (2, b"short"), ("2", NEW_KEY)):
        raises(OrderRefused, keys.add, number, key)
    for number in range(2, KEPT + 1):
        keys.add(number, NEW_KEY)
    raises(OrderRefused, keys.add, KEPT + 1, NEW_KEY)
