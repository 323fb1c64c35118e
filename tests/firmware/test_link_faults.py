"""What a bin makes of a broker or gateway that goes on behaving badly: words, and one alarm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farz.broker import HOST, Broker
from farz.drills.proxy import Proxy
from firmware.journal import read_image
from tests.firmware.test_simulated_bin import GAVE_UP, WORD, MakeBin, visits
from tests.fixtures.micropython import Bin

HOURLY = [{**each, "at_s": 60 + 1800 * n} for n, each in enumerate(visits(500, 600, 700, 800))]


@pytest.fixture
def proxy(mosquitto: Broker) -> Iterator[Proxy]:
    with Proxy(HOST, lambda: mosquitto.port) as made:
        yield made


def alarms(bin_: Bin) -> list[str]:
    return [body["what"] for body, _, _ in read_image(bin_.image()) if body["kind"] == "alarm"]


def test_broker_that_accepts_and_drops_is_told_once_it_lasts(
    make_bin: MakeBin, proxy: Proxy, shipped: Path
) -> None:
    proxy.behave("drop")
    bin_ = make_bin()
    bin_.shrink(shipped)  # hundreds of calls leave nothing behind on a small heap
    bin_.set_up(proxy.port, HOURLY, WORD, give_up_s=1, patience_s=0)

    assert bin_.run() == GAVE_UP, bin_.console()

    assert "broker_drops" in bin_.shown()
    assert alarms(bin_) == ["broker_drops"]
    assert bin_.shown().count("saved") == len(HOURLY)
    assert {state for _, _, state in read_image(bin_.image())} == {"unsettled"}
    # It goes on calling, with pauses: half a minute at most over an hour and a half.
    assert 5400 / 32 < proxy.accepted < 5400 / 10


def test_gateway_that_stays_away_is_told_once_it_lasts(
    make_bin: MakeBin, mosquitto: Broker
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, HOURLY, WORD, give_up_s=1, patience_s=0)

    assert bin_.run() == GAVE_UP, bin_.console()

    assert "nobody_listens" in bin_.shown()
    assert alarms(bin_) == ["nobody_listens"]
    assert {state for _, _, state in read_image(bin_.image())} == {"unsettled"}
