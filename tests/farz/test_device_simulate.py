"""A simulated bin that wants to be started anew is, by whoever runs it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from farz.broker import Broker
from farz.device_simulate import run
from farz.processes import Part, await_until
from farz.stage import Pace, Stage
from farz.village import build
from tests.firmware.test_simulated_bin import WORD, visits
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, Bin


@pytest.fixture
def town(mosquitto: Broker) -> Iterator[Town]:
    made = Town(mosquitto.port, KEY, word_of("gateway"))
    yield made
    made.close()


def test_bin_with_new_settings_starts_anew_and_goes_on(
    make_bin: Callable[..., Bin],
    mosquitto: Broker,
    town: Town,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make_bin()
    monkeypatch.chdir(made.folder.parent)  # a person types the folder's name alone
    made.set_up(mosquitto.port, visits(500, 600), WORD)
    town.tune("bin-01", 1, language="ar")
    told: list[dict[str, Any]] = []

    assert run(Path(made.folder.name), told.append) == 0, made.console()

    events = [line["event"] for line in told]
    assert events.count("restart") == 1
    assert events[-1] == "end"
    assert [deposit["net_g"] for deposit in town.deposits()] == [500, 600]
    assert "من فضلكم" in str([line["lines"] for line in told if line["event"] == "shown"][-4:])


def test_stage_starts_a_bin_again_that_asks_for_it_and_only_such_a_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path, build(1, 1, 1), Pace(start_s=0), lambda _: None)
    flag, log = tmp_path / "started", tmp_path / "bin-1.log"
    once = Part("bin-1", ["sh", "-c", f"[ -e {flag} ] && exit 0; touch {flag}; exit 5"], log)
    fallen = Part("bin-2", ["sh", "-c", "exit 1"], tmp_path / "bin-2.log")
    stage.bins = {part.name: part for part in (once, fallen)}
    for part in stage.bins.values():
        part.start()
    await_until(lambda: [p.exit_code for p in (once, fallen)] == [5, 1], 10, "their ends")

    assert stage.start_anew() == ["bin-1"]

    await_until(lambda: once.exit_code == 0, 10, "its second end")
    assert stage.start_anew() == []
