"""The whole bin under real MicroPython, from card and load cell to broker and back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from farz.broker import Broker
from firmware.journal import read_image
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, Bin

UIDS = ("04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6a7b8c9")


def visits(*grams: int, gap_s: int = 600, **extra: Any) -> list[dict[str, Any]]:
    return [
        {"at_s": 60 + gap_s * i, "uid": UIDS[i % len(UIDS)], "grams": g, **extra}
        for i, g in enumerate(grams)
    ]


@pytest.fixture
def town(mosquitto: Broker) -> Iterator[Town]:
    made = Town(mosquitto.port, KEY, word_of("gateway"))
    yield made
    made.close()


MakeBin = Callable[..., Bin]


def test_day_of_visits_is_weighed_saved_and_settled(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    grams = [1500, 250, 3210, 87, 640]
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(*grams), word_of("bin-01"))

    assert bin_.run() == 0, bin_.console()

    errors_g = [d["net_g"] - g for d, g in zip(town.deposits(), grams, strict=True)]
    assert all(abs(error) <= 1 for error in errors_g), errors_g
    assert bin_.shown().count("saved") == bin_.shown().count("credited") == len(grams)
    assert {state for _, _, state in read_image(bin_.image())} == {"settled"}
    assert not town.faults
