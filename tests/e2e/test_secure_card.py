"""A secure card from the antenna to the books: a simulated NTAG 424 DNA before a real backend."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.cards import secure
from backend.devices import service as devices
from farz.broker import Broker
from firmware import contract
from firmware.journal import read_image
from tests.backend import village
from tests.backend.village import AMAL, START_S, Town
from tests.firmware.town import Town as Answering
from tests.fixtures import micropython
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY

DEVICE = "bin-01"


@pytest.fixture
def small_town(tmp_path: Path) -> Iterator[Town]:
    with village.town(tmp_path / "town", "") as made:
        yield made


def signed(key: bytes, image: bytes) -> list[str]:
    """The very bytes that a bin's journal stands for: envelopes are made anew for sending."""
    up, made = contract.derive(key, contract.UP), []
    for body, hash8, state in read_image(image):
        assert state == "settled"
        jws = contract.sign(up, DEVICE, 1, "record", body)
        assert contract.hash8(contract.split(jws, "record").hash) == hash8
        made.append(jws)
    return made


def test_secure_deposit_is_credited_once_and_what_the_card_said_before_is_held(
    make_bin: Callable[..., micropython.Bin], mosquitto: Broker, small_town: Town
) -> None:
    vault, uid = small_town.services.vault, AMAL.hex()
    with small_town.services.begin() as conn:
        chip = secure.register(conn, vault, 1, AMAL, decided_by="staff:1", from_s=START_S)
        devices.provision(conn, vault, 1, DEVICE, key=KEY, from_s=START_S, point_id=1)
    visits = [
        {"at_s": 60 + 600 * i, "uid": uid, "grams": 2000, "replays": i == 1} for i in range(3)
    ]
    bin_ = make_bin(DEVICE)
    keys = {uid: [chip.picc.hex(), chip.mac.hex()]}
    bin_.set_up(mosquitto.port, visits, word_of(DEVICE), secure=keys)
    path: Path = bin_.folder / "settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "reader": "pn532"}))
    answering = Answering(mosquitto.port, KEY, word_of("gateway"))
    try:
        assert bin_.run() == 0, bin_.console()
    finally:
        answering.close()
    small_town.clock.now_s = micropython.START_S + 3600

    records = signed(KEY, bin_.image())
    results = small_town.gateway.relay(*[(DEVICE, jws) for jws in records])["results"]

    assert [(r["outcome"], r["reason"]) for r in results] == [
        ("noted", ""),
        ("credited", ""),
        ("held", "card_replayed"),
        ("credited", ""),
    ]
    assert small_town.balance(small_town.amal) == 100
    payloads = b"".join(contract.unb64(jws.split(".")[1]) for jws in records)
    assert AMAL.hex() not in payloads.decode().lower()
