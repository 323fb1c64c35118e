"""A bundle reaches a bin and is in force, or the old firmware stays: over the air and by cable."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from farz import device_update
from farz.broker import Broker
from farz.device_bundles import About, key_name, pack, public_hex, simulated
from farz.device_cable import connected
from farz.device_simulate import bin_process, on_cable
from farz.device_update import Bundle, ByCable, OverAir, Refused, Silent, State, read, send, state
from farz.processes import await_until
from firmware.journal import read_image
from firmware.slots import Slots
from tests.backend import village
from tests.backend.village import Town as Books
from tests.firmware.test_simulated_bin import WORD, visits
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, Bin

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TRUSTED = {key_name(public_hex(SIGNER)): public_hex(SIGNER)}
BIN, RESTARTS = "bin-01", 5
NOBODY = 9
LIMIT_S = 60.0
MakeBin = Callable[..., Bin]


def bundle(version: int = 7, key: Ed25519PrivateKey = SIGNER, few: bool = True) -> Bundle:
    """The firmware with the simulated board's, for this processor; `few`: no more than two files
    of it, for what never gets as far as a start."""
    files = {name: raw for name, raw in simulated().items() if not name.endswith("r.bin")}
    if few:
        files = {name: files[name] for name in ("firmware/app.mpy", "firmware/cbor.mpy")}
    return read(pack(files, About(version, 1, "bin-a"), key))


class ByTown:
    """Pieces as a town's orders; the gateway and backend of a test hand them on."""

    piece, window = device_update.PIECE, device_update.WINDOW

    def __init__(self, town: Town) -> None:
        self._town = town
        self._number = len(town.results)
        self.lose = 0  # of the next orders so many never arrive
        self.sent: list[int] = []

    def send(self, args: dict[str, Any]) -> Any:
        self._number += 1
        if self.lose:
            self.lose -= 1
            return None
        self.sent.append(args.get("at", -1))
        self._town.command(BIN, "update", self._number, args=args)
        return str(self._number)

    def answer(self, sent: Any) -> str:
        if sent is None:
            raise Silent("lost")
        await_until(lambda: any(row[0] == sent for row in self._town.results), LIMIT_S, sent)
        _, ok, words = next(row for row in self._town.results if row[0] == sent)
        if not ok:
            raise Refused(words)
        return words


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with village.town(tmp_path / "town", "") as made:
        yield made


@pytest.fixture
def town(mosquitto: Broker) -> Iterator[Town]:
    made = Town(mosquitto.port, KEY, word_of("gateway"))
    yield made
    made.close()


@pytest.fixture
def bin_(make_bin: MakeBin, mosquitto: Broker, town: Town) -> Iterator[Bin]:
    """A bin that has had a visit and stays, started as whoever simulates one starts it."""
    made = make_bin(BIN)
    made.set_up(mosquitto.port, visits(500), WORD, until="stopped")
    made.change_settings(update_keys=TRUSTED)
    made.process = bin_process(made.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_until(lambda: len(made.lines("settled")) >= 2, LIMIT_S, "settling")
    await_until(lambda: made.shown()[-1] == "welcome", LIMIT_S, "being alone")
    yield made
    made.stop()


def told(bin_: Bin) -> list[str]:
    bodies = [body for body, _, _ in read_image(bin_.image())]
    whats = [body["what"] for body in bodies if body["kind"] == "alarm"]
    return [what for what in whats if what.startswith("update")]


def again(bin_: Bin) -> None:
    """Start the bin again because it ended with the code that asks for it."""
    assert bin_.wait(LIMIT_S) == RESTARTS
    bin_.process = bin_process(bin_.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_update_over_the_air_goes_on_where_it_was_interrupted_and_is_in_force(
    bin_: Bin, town: Town
) -> None:
    way, whole = ByTown(town), bundle(few=False)
    half = Bundle(whole.raw[: len(whole.raw) // 2], whole.version, whole.name)
    with pytest.raises(Silent):
        send(way, half, lambda _: None, patience_s=0)
    assert state(way) == State(0, 0, len(half.raw), whole.name)
    sent = len(way.sent)

    before = send(way, whole, lambda _: None, patience_s=LIMIT_S)

    assert before.version == 0
    assert min(at for at in way.sent[sent:] if at >= 0) == len(half.raw)
    births = len(town.births)
    again(bin_)
    await_until(lambda: len(town.births) > births, LIMIT_S, "a birth")
    device_update.await_in_force(ByTown(town), whole, before, lambda _: None, LIMIT_S)
    assert Slots(str(bin_.folder)).version == 7
    assert told(bin_) == ["update 7 on trial", "update 7 in force"]
    assert send(ByTown(town), whole, lambda _: None, LIMIT_S).version == 7  # nothing is left to do


def test_lost_orders_are_asked_for_again(bin_: Bin, town: Town) -> None:
    way, short = ByTown(town), bundle()
    way.answer(way.send({"at": 0, "data": "", "of": short.name}))
    way.lose = 3

    assert send(way, short, lambda _: None, patience_s=LIMIT_S).version == 0

    assert Slots(str(bin_.folder)).trial is not None


def test_what_is_not_signed_whole_or_old_leaves_the_old_one_in_force(bin_: Bin, town: Town) -> None:
    Slots(str(bin_.folder)).provision(6)  # read at the first order
    way, right = ByTown(town), bundle()
    for raw, why in (
        (bundle(key=STRANGER).raw, "a key that this bin does not know"),
        (b"0" * 128 + right.raw[128:], "the signature is not that of"),
        (right.raw + b"x", "longer than its manifest says"),
        (right.raw[:-1] + b"x", "is not what the manifest says"),
        (bundle(version=5).raw, "version 6 is in force"),
    ):
        with pytest.raises(Refused, match=why):
            send(way, read(raw), lambda _: None, LIMIT_S)
    with pytest.raises(Silent, match="no progress"):
        send(way, read(right.raw[:-1]), lambda _: None, patience_s=1)

    assert state(way).version == 6
    assert (Slots(str(bin_.folder)).slot, Slots(str(bin_.folder)).trial) == ("factory", None)


def test_update_by_cable_is_tried_once_the_cable_is_let_go(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    made, whole = make_bin(BIN), bundle(few=False)
    made.set_up(NOBODY, [], until="cable", patience_s=0)
    made.change_settings(update_keys=TRUSTED)
    with on_cable(made.folder) as port, connected(port) as cable:
        way = ByCable(cable)
        with pytest.raises(Refused, match="does not know"):
            send(way, bundle(key=STRANGER), lambda _: None, 0)
        assert send(way, whole, lambda _: None, 0).version == 0
        assert state(way).trial == 7

    made.set_up(mosquitto.port, visits(900), WORD)
    made.change_settings(update_keys=TRUSTED)
    process = bin_process(made.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert process.wait(LIMIT_S) == 0

    assert Slots(str(made.folder)).version == 7
    assert [deposit["net_g"] for deposit in town.deposits()] == [900]


def test_orders_of_an_update_go_through_the_api(books: Books) -> None:
    books.gateway.message("bin-1", "birth", books.bin.birth(session=7))
    way = OverAir(books.browser("technician"), "bin-1", answer_s=0.1)
    sent = way.send({"at": 0, "data": "aGk", "of": "f" * 16})
    with pytest.raises(Silent, match="bin-1 does not answer"):
        way.answer(sent)
    down = books.gateway.relay()["down"][-1]

    body = books.bin.open(down["channel"], down["body"])
    for ok, words in ((True, "next 2"), (False, "it has no manifest")):
        said = {"v": 1, "id": str(sent), "ok": ok, "words": words}
        if not ok:
            said["id"] = str(sent := way.send({}))
        signed = books.bin.sign(said, "result")
        books.gateway.message("bin-1", "result", signed)
        if ok:
            assert way.answer(sent) == words
        else:
            with pytest.raises(Refused, match=words):
                way.answer(sent)

    assert (body["name"], body["args"]["at"], body["session"]) == ("update", 0, 7)
    with pytest.raises(device_update.FarzError, match="The backend says"):
        OverAir(books.browser("technician"), "bin-99").send({})


def test_what_is_no_bundle_is_said(tmp_path: Path) -> None:
    for raw in (b"", b"x\ny\nz", os.urandom(50)):
        with pytest.raises(device_update.FarzError, match="This is no bundle"):
            read(raw)
