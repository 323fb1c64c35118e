"""Signed updates: what may be tried, and that anything else keeps the firmware in force."""

import asyncio
import json
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from farz.device_bundles import About, key_name, pack, public_hex
from firmware import contract
from firmware.errors import UpdateRefused
from firmware.ota import Update
from firmware.renewal import Renewal
from firmware.slots import Slots

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
TRUSTED = {key_name(public_hex(KEY)): public_hex(KEY)}
FILES = {
    "firmware/__init__.mpy": b"",
    "firmware/app.mpy": bytes(range(256)) * 11,
    "firmware/frames/en.bin": b"\x00\xff" * 700,
}
EPOCH = "e" * 16


def made(
    version: int = 2, min_version: int = 0, model: str = "bin-a", key: Ed25519PrivateKey = KEY
) -> bytes:
    return pack(FILES, About(version, min_version, model), key)


def update(root: Path, floor: int = 0) -> Update:
    slots = Slots(str(root))
    return Update(slots, TRUSTED, "bin-a", max(floor, slots.floor), EPOCH)


def feed(taking: Update, raw: bytes, step: int = 405) -> bool:
    done = False
    for at in range(0, len(raw), step):
        done = taking.feed(at, raw[at : at + step])
    return done


def test_bundle_is_on_trial_once_it_is_whole_and_in_force_once_it_has_proved_itself(
    tmp_path: Path,
) -> None:
    assert feed(update(tmp_path), made(min_version=1))

    slots = Slots(str(tmp_path))
    assert (slots.version, slots.choose()) == (0, "a")
    slots.commit()
    again = Slots(str(tmp_path))
    assert (again.choose(), again.version, again.floor) == ("a", 2, 1)
    for name, raw in FILES.items():
        assert (tmp_path / "a" / name).read_bytes() == raw
    assert feed(update(tmp_path), made(3))
    assert Slots(str(tmp_path)).choose() == "b"


def test_trial_that_is_not_proved_in_its_one_start_is_rolled_back(tmp_path: Path) -> None:
    feed(update(tmp_path), made())
    assert Slots(str(tmp_path)).choose() == "a"  # and then the power fails, or a watchdog bites

    slots = Slots(str(tmp_path))

    assert slots.choose() == "factory"
    assert slots.failed == [2, "it did not stay up"]
    assert Slots(str(tmp_path)).choose() == "factory"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (made(key=STRANGER), "does not know"),
        (made().replace(b'"version":2', b'"version":3'), "signature"),
        (b"00" + made()[2:], "signature"),
        (b"zz" + made()[2:], "no manifest"),
        (made(model="station"), "model"),
        (made(1), "version 1 runs"),
        (made()[:-1] + b"\x01", "not what the manifest says"),
        (made() + b"\x00", "longer"),
        (b"A" * 20_000, "no manifest"),
        (b"\n\n", "no manifest"),
        (b"00\n[]\n", "no manifest"),
    ],
)
def test_whatever_is_wrong_with_a_bundle_keeps_the_old_firmware(
    tmp_path: Path, bad: bytes, why: str
) -> None:
    feed(update(tmp_path), pack(FILES, About(1, 0, "bin-a"), KEY))
    Slots(str(tmp_path)).choose()
    Slots(str(tmp_path)).commit()

    with pytest.raises(UpdateRefused, match=why):
        feed(update(tmp_path), bad)

    assert (Slots(str(tmp_path)).choose(), Slots(str(tmp_path)).trial) == ("a", None)


def test_truncated_bundle_is_never_tried(tmp_path: Path) -> None:
    raw = made()
    for length in range(0, len(raw), 97):
        taking = update(tmp_path)
        assert not feed(taking, raw[:length])
    assert Slots(str(tmp_path)).trial is None


def test_bundle_cut_between_two_files_waits_for_the_rest(tmp_path: Path) -> None:
    raw = made()
    end = len(raw) - sum(map(len, FILES.values()))
    for size in map(len, FILES.values()):
        taking = update(tmp_path)
        assert not taking.feed(0, raw[:end])
        assert Slots(str(tmp_path)).trial is None
        end += size
    assert taking.feed(taking.taken, raw[taking.taken :])


def test_file_that_the_flash_lost_meanwhile_is_found_before_the_switch(tmp_path: Path) -> None:
    taking, raw = update(tmp_path), made()
    assert not taking.feed(0, raw[:-1])
    (tmp_path / "a/firmware/app.mpy").write_bytes(b"something else")

    with pytest.raises(UpdateRefused, match="did not stay on the flash"):
        taking.feed(len(raw) - 1, raw[-1:])

    assert Slots(str(tmp_path)).trial is None


def test_nothing_is_written_before_the_signature_was_checked(tmp_path: Path) -> None:
    with pytest.raises(UpdateRefused):
        feed(update(tmp_path), made(key=STRANGER))
    assert not list(tmp_path.iterdir())


def test_version_below_the_floor_never_comes_again(tmp_path: Path) -> None:
    feed(update(tmp_path), made(5, 4))
    Slots(str(tmp_path)).choose()
    Slots(str(tmp_path)).commit()
    Slots(str(tmp_path)).provision(1)  # somebody put the factory's firmware back by cable

    with pytest.raises(UpdateRefused, match="below 4"):
        feed(update(tmp_path), made(3))
    feed(update(tmp_path), made(4, 1))  # a bundle that asks for less lowers nothing
    Slots(str(tmp_path)).choose()
    Slots(str(tmp_path)).commit()
    assert Slots(str(tmp_path)).floor == 4
    with pytest.raises(UpdateRefused, match="below 6"):
        feed(update(tmp_path, floor=6), made(5))  # the board's own memory outlives the files


def test_pieces_may_repeat_but_none_may_be_missing(tmp_path: Path) -> None:
    taking, raw = update(tmp_path), made()
    taking.feed(0, raw[:700])
    taking.feed(300, raw[300:900])
    with pytest.raises(UpdateRefused, match="missing at 900"):
        taking.feed(901, raw[901:])
    assert taking.feed(0, raw)
    assert taking.feed(0, raw)  # the last answer was lost


def test_second_update_waits_for_the_verdict_on_the_first(tmp_path: Path) -> None:
    feed(update(tmp_path), made(2))
    with pytest.raises(UpdateRefused, match="on trial"):
        feed(update(tmp_path), made(3))


def test_two_senders_at_once_spoil_nothing(tmp_path: Path) -> None:
    board = SimpleNamespace(folder=str(tmp_path), floor=lambda: 0)
    settings = SimpleNamespace(update_keys=TRUSTED, model="bin-a")
    restarts: list[bool] = []
    about = (board, settings, SimpleNamespace(epoch=EPOCH), dict, print)
    renewal = Renewal(*about, lambda: restarts.append(True))
    bundles = {"one": made(2), "two": made(3)}

    def send(name: str, at: int) -> str:
        data = contract.b64(bundles[name][at : at + 405])
        return renewal.take({"at": at, "data": data, "of": name})

    for at in range(0, len(bundles["one"]), 405):
        for name in bundles:
            with suppress(UpdateRefused):
                assert send(name, at) != "complete"
    assert Slots(str(tmp_path)).trial is None

    words = [send("two", at) for at in range(0, len(bundles["two"]), 405)]

    assert words[-1] == "complete"
    assert restarts == [True]
    trial = Slots(str(tmp_path)).trial
    assert trial is not None
    assert trial[:2] == ["a", 3]


def test_failed_update_that_cannot_be_forgotten_ends_nothing(tmp_path: Path) -> None:
    Slots(str(tmp_path)).switch(2, 0, EPOCH)
    Slots(str(tmp_path)).fail("it did not stay up")
    told: list[str] = []
    journal = SimpleNamespace(append=lambda kind, fields: told.append(fields["what"]))

    def full() -> None:
        raise OSError(28, "no space left")

    for forget in (full, None, full):
        board = SimpleNamespace(folder=str(tmp_path), floor=lambda: 0)
        about: tuple[Any, ...] = (board, SimpleNamespace(), journal, dict, lambda record: None)
        renewal = Renewal(*about, lambda: None)
        renewal.slots.forget_failed = forget or renewal.slots.forget_failed
        asyncio.run(renewal.run())

    assert told == ["update 2 given up"] * 2  # at the next start once more, and then no more


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "firmware/../../x.mpy", "firmware/a.py", "main.mpy", "firmware//x.mpy", "x"],
)
def test_no_path_leads_out_of_its_slot(tmp_path: Path, path: str) -> None:
    bad = pack({path: b"x"}, About(2, 0, "bin-a"), KEY)
    with pytest.raises(UpdateRefused, match="a row of its listing"):
        feed(update(tmp_path), bad)


def test_firmware_that_cannot_be_loaded_is_passed_over_at_once(
    tmp_path: Path, run_micropython: Callable
) -> None:
    for slot, source in (("factory", "def main(word):\n    print('old', word)\n"), ("a", "oops")):
        (tmp_path / slot / "firmware").mkdir(parents=True)
        (tmp_path / slot / "firmware" / "main.py").write_text(source)
    Slots(str(tmp_path)).switch(2, 0, EPOCH)
    script = tmp_path / "power_up.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent.parent.parent)!r})\n"
        "from firmware.slots import due\n"
        f"due({str(tmp_path)!r}, 'firmware.main')('up')\n"
    )

    done = run_micropython(script)

    assert done.stdout == "old up\n", done.stderr
    failed = Slots(str(tmp_path)).failed
    assert failed is not None
    assert failed[0] == 2
    assert "cannot be loaded" in failed[1]


def test_power_cut_at_every_operation_of_an_update_leaves_a_whole_firmware(
    tmp_path: Path, run_micropython: Callable
) -> None:
    small = {
        name: raw[:900] + bytes([zlib.crc32(name.encode()) % 251]) for name, raw in FILES.items()
    }
    newer = {name: raw[::-1] for name, raw in small.items()}
    (tmp_path / "old.bundle").write_bytes(pack(small, About(1, 1, "bin-a"), KEY))
    (tmp_path / "new.bundle").write_bytes(pack(newer, About(2, 2, "bin-a"), KEY))
    (tmp_path / "key.json").write_text(json.dumps(next(iter(TRUSTED.items()))))

    done = run_micropython(Path(__file__).parent / "run_updates.py", str(tmp_path))

    assert re.match(r"\{", done.stdout), done.stdout + done.stderr
    counts = json.loads(done.stdout)
    assert counts["cuts"] == 5 * counts["operations"] > 150
    assert counts["ends"]["1"] > counts["ends"]["2"] > 0
