"""A dead bin's records come out of its flash image as the bin itself would have sent them."""

import json
import random
from pathlib import Path

import pytest

from edge_gateway import inbox
from edge_gateway.__main__ import main as gateway
from farz import salvage
from farz.errors import FarzError
from firmware import contract
from firmware.boards.simlife import WHO, common, token, unsettled
from firmware.boards.simram import MODES, PowerCut, RamFlash
from firmware.journal import Journal
from firmware.salvage import CHIP_BYTES, JOURNAL_AT, JOURNAL_BYTES, found_in

KEY = bytes(range(32))
UP = {(WHO.device, WHO.key_number): contract.derive(KEY, contract.UP)}
FIELDS = {"after_g": 9000, "e_g": 10, "p2p_g": 4, "n": 8, "temp_c10": None}


def mounted(flash: RamFlash) -> Journal:
    return Journal(flash, WHO, lambda n: bytes(range(n)), common)


def lived(deposits: int = 30, settled: int = 10, sectors: int = 8) -> tuple[RamFlash, Journal]:
    flash = RamFlash(sectors)
    journal = mounted(flash)
    for _ in range(deposits):
        journal.open_visit(token, "glass", 8000)
        journal.close_visit("deposit", FIELDS)
    for record in unsettled(journal)[:settled]:
        journal.settle(record.epoch, record.seq, record.hash8)
    return flash, journal


def salvaged(image: bytes, tmp_path: Path) -> tuple[dict[str, object], list[inbox.Record]]:
    target = tmp_path / "salvaged.jsonl"
    told = salvage.report(image, UP, target)
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    readings = [inbox.read(row["topic"], row["jws"].encode()) for row in rows]
    for row in rows:
        contract.verify(contract.split(row["jws"], "record"), contract.derive(KEY, contract.UP))
    assert all(isinstance(each, inbox.Record) for each in readings), readings
    return told, readings  # type: ignore[return-value]


def test_everything_comes_out_under_its_name_and_truly_signed(tmp_path: Path) -> None:
    flash, journal = lived()

    told, found = salvaged(bytes(flash.data), tmp_path)

    assert [each.seq for each in found] == list(range(31))
    assert (told["records"], told["unsettled"], told["damaged"]) == (31, 21, 0)
    own = {(r.epoch, r.seq, r.hash8) for r in unsettled(journal)}
    assert own <= {tuple(each.name) for each in found}


def test_open_visit_is_the_interrupted_record_that_the_bin_would_make(tmp_path: Path) -> None:
    flash, journal = lived()
    journal.open_visit(token, "glass", 4711)
    image = bytes(flash.data)

    told, found = salvaged(image, tmp_path)

    assert told["interrupted"] == 1
    own = unsettled(mounted(flash))[-1]
    assert tuple(found[-1].name) == (own.epoch, own.seq, own.hash8)


@pytest.mark.parametrize("mode", MODES)
def test_image_torn_by_a_cut_gives_all_that_was_saved(mode: str, tmp_path: Path) -> None:
    for operation in range(1, 60, 7):
        flash, saved = RamFlash(8), set()
        flash.power_on(operation, mode, operation)
        try:
            journal = mounted(flash)
            for _ in range(20):
                journal.open_visit(token, "glass", 8000)
                record = journal.close_visit("deposit", FIELDS)
                saved.add((record.epoch, record.seq, record.hash8))
        except PowerCut:
            pass
        image = bytes(flash.data)
        if found_in(image):
            names = {tuple(each.name) for each in salvaged(image, tmp_path)[1]}
            assert saved <= names
            flash.power_on()
            own = {(r.epoch, r.seq, r.hash8) for r in unsettled(mounted(flash))}
            assert names <= own, "the bin would have said something else"
        else:
            assert not saved


def test_holes_rubbish_and_a_cut_end_cost_only_what_they_hit(tmp_path: Path) -> None:
    flash, _ = lived(deposits=100, settled=0)
    whole = {each.seq for each in salvaged(bytes(flash.data), tmp_path)[1]}
    dice = random.Random(3)
    for _ in range(60):
        image = bytearray(flash.data)
        for _ in range(dice.randrange(1, 6)):
            at, length = dice.randrange(len(image)), dice.choice((1, 16, 4096))
            image[at : at + length] = dice.randbytes(len(image[at : at + length]))
        cut = bytes(image[: dice.choice((len(image), len(image) - 700, 20000))])

        told, found = salvaged(cut, tmp_path)

        assert {each.seq for each in found} <= whole
        assert len(found) == told["records"] > 10


def test_image_of_the_whole_chip_is_taken_too(tmp_path: Path) -> None:
    flash, _ = lived(sectors=JOURNAL_BYTES // 4096)
    chip = bytearray(b"\xff" * CHIP_BYTES)
    chip[JOURNAL_AT : JOURNAL_AT + JOURNAL_BYTES] = flash.data

    assert salvaged(bytes(chip), tmp_path)[0]["records"] == 31


def test_other_bytes_and_missing_keys_are_said_in_words(tmp_path: Path) -> None:
    flash, _ = lived()
    with pytest.raises(FarzError, match="no record of a bin"):
        salvage.report(b"\0" * 8192, UP, tmp_path / "nothing")
    told = salvage.report(bytes(flash.data), {}, tmp_path / "keyless")
    assert (told["records"], told["without_key"]) == (0, 31)
    with pytest.raises(FarzError, match="64 hex digits"):
        salvage.keys_of(tmp_path / "keyless", [])


def test_gateway_takes_a_file_in_as_often_as_one_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flash, _ = lived()
    salvaged(bytes(flash.data), tmp_path)
    monkeypatch.setenv("FARZ_GATEWAY_DATA_DIR", str(tmp_path / "gateway"))
    monkeypatch.setenv("FARZ_GATEWAY_BACKEND_KEY", "unused")

    for words in ("31 records are new, 0 were known", "0 records are new, 31 were known"):
        assert gateway(["take", str(tmp_path / "salvaged.jsonl")]) == 0
        assert words in capsys.readouterr().out
    (tmp_path / "rubbish").write_text("[1]\n")
    assert gateway(["take", str(tmp_path / "rubbish")]) == 1
    assert "not a file of salvaged messages" in capsys.readouterr().err
