"""A dead board is replaced, whole: its journal is saved from its flash, a new board stands at its
place, what the old one weighed is paid, and the old one is let in no more."""

import json
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from backend.ledger.transfers import credit_for
from farz.device_simulate import prepare, run, uid
from farz.processes import await_until
from tests.farz.chain import BIN, LIMIT_S, Chain, revoked_in
from tests.farz.shell import Shell

CARD, RATE = uid(1, 0), 25  # the card of every visit; minor units for a kilogram
PATIENCE_S = 120  # for a busy machine
DAY_S, AT_S = 50, 5  # each life of a bin whose clock jumps is short: five minutes are the future


def tariff(farz: Shell) -> None:
    """One drafts a tariff, two others approve it."""
    for login in ("noor", "rana"):
        officer = ("staff", "add", login, "--role", "municipal_officer")
        farz.done(*officer, typed="an officers word\n" * 2)
    since = ("--since", "2026-01-01T00:00+02:00", "--by", "noor")
    farz.done("tariff", "draft", f"organic={RATE}", *since)
    for login, word in (("admin", "a password for the first"), ("rana", "an officers word")):
        farz.done("tariff", "approve", "1", "--login", login, typed=f"{word}\n")


def lived(board: Path, visits: int, begins_s: int, **world: object) -> list[dict[str, Any]]:
    """Let a board live through some visits of one card; what it told."""
    prepare(board, visits, seed=begins_s, speed=0)
    path = board / "world.json"
    day = json.loads(path.read_text())
    day["visits"] = [{**visit, "uid": CARD, "at_s": AT_S} for visit in day["visits"]]
    path.write_text(json.dumps({**day, "start_s": begins_s, "give_up_s": PATIENCE_S, **world}))
    told: list[dict[str, Any]] = []
    run(board, told.append)
    return told


def of(told: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in told if line["event"] == event]


def deposited(told: list[dict[str, Any]]) -> dict[str, Any]:
    """What became of the day's last deposit."""
    found = [line for line in of(told, "settled") if line["body"]["net_g"]]
    assert found, [line for line in told if line["event"] not in ("shown", "saved")]
    return found[-1]


def test_dead_board_is_replaced_and_what_it_had_weighed_is_paid(
    founded: Shell, tmp_path: Path
) -> None:
    with ExitStack() as stay:
        tariff(founded)
        founded.done("card", "issue", CARD, "--nameless", "--by", "admin", typed="481516\n")
        chain, began_s = Chain(founded, tmp_path, stay), int(time.time())
        old, new = tmp_path / "old", tmp_path / "new"
        shutil.copytree(chain.files, old)
        chain.serve()
        chain.relay()
        tune = {"values": {"language": "fr"}}

        # A day in the street; the language is changed from afar, and a visit is not brought home.
        first = lived(old, 1, began_s)
        assert deposited(first)["outcome"] == "credited"
        chain.client.post(f"/v1/devices/{BIN}/settings", json=tune).raise_for_status()
        second = lived(old, 1, began_s + DAY_S)
        assert len(of(second, "restart")) == 1, second
        chain.parts["gateway"].stop()
        third = lived(old, 1, began_s + 2 * DAY_S, give_up_s=2)
        assert len(of(third, "saved")) >= 1
        assert not of(third, "settled")

        # It dies. Its journal is read while the backend serves; the board is replaced.
        image, saved, crl = old / "flash.bin", tmp_path / "saved.jsonl", tmp_path / "revoked.crl"
        salvage = ("device", "salvage", str(image), "--to", str(saved), "--json")
        told = json.loads(founded.done(*salvage))
        assert (told["devices"], told["without_key"], told["damaged"]) == ([BIN], 0, 0)
        assert told["unsettled"] >= 1
        chain.parts["serve"].stop()
        swap = ("device", "replace", BIN, "--files", str(chain.files), "--by", "admin")
        founded.done(*swap, "--crl", str(crl))
        chain.broker.revoke(revoked_in(crl))
        chain.serve()
        chain.relay()

        # The old board comes to life again, and is not let in.
        ghost = lived(old, 0, began_s + 3 * DAY_S, until="settled", give_up_s=2)
        assert not [line for line in of(ghost, "link") if line["state"] == "up"], ghost

        # What was saved is taken in, once however often, and paid under the old key.
        epoch = told["epochs"][0]
        assert "0 were refused" in chain.typed_at_gateway("take", str(saved))
        assert " 0 records are new" in " " + chain.typed_at_gateway("take", str(saved))
        gaps = ("device", "gaps", BIN, "--json")
        await_until(
            lambda: json.loads(founded.done(*gaps))[0]["highest"] == told["records"] - 1,
            LIMIT_S,
            "the saved records' coming in",
        )

        # The new board speaks French, and what it weighs waits for a person.
        shutil.copytree(chain.files, new)
        assert json.loads((new / "settings.json").read_text())["language"] == "fr"
        fourth = lived(new, 1, began_s + 3 * DAY_S)
        assert not of(fourth, "refused"), "what the broker kept was signed for the old board"
        held = deposited(fourth)
        assert (held["outcome"], held["body"]["why"]) == ("held", "new_epoch")
        assert held["epoch"] != epoch

        # The swap is confirmed; the journal of the board before is no answer to which.
        chain.parts["serve"].stop()
        wrong = founded(*swap, "--epoch", epoch)
        assert (wrong.returncode, "the board before's" in wrong.stderr) == (1, True)
        done = json.loads(founded.done(*swap, "--epoch", held["epoch"], "--json"))
        assert (done["released"], done["older"]) == (1, 1)
        chain.serve()
        last = deposited(lived(new, 1, began_s + 4 * DAY_S))

        grams = [
            line["net_g"]
            for day in (first, second, third, fourth)
            for line in of(day, "saved")
            if line["kind"] == "deposit"
        ]
        assert len(grams) == 4
        paid = sum(credit_for(net_g, RATE) for net_g in grams)
        assert last["outcome"] == "credited"
        assert last["body"]["balance"] == paid + last["body"]["credit"]
        assert json.loads(founded.done(*gaps))[1]["missing"] == 0
