"""The command line as a town's technician types it, from founding to a restored backup."""

import json
import time
from pathlib import Path

import pytest

from farz.processes import ROOT
from tests.farz.shell import Shell

BY = ("--by", "admin")


def test_a_weak_password_founds_nothing(farz: Shell) -> None:
    ended = farz("init", "Test village (synthetic)", typed="short\n")

    assert ended.returncode == 1
    assert "at least" in ended.stderr
    assert not farz.folder.exists()


def village(folder: Path) -> str:
    """The village that comes with Farz, with one of its households: a hundred PINs take long."""
    file = folder / "village.toml"
    text = (ROOT / "farz" / "towns" / "village.toml").read_text(encoding="utf-8")
    later = text.replace("[[tariffs]]\nsince = 2027", "[[tariffs]]\nsince = 2099")
    file.write_text(later.replace("synthetic = 500", "synthetic = 5"), encoding="utf-8")
    return str(file)


def test_a_town_comes_from_one_file(farz: Shell, tmp_path: Path) -> None:
    file = village(tmp_path)

    told = farz.done("init", file)

    assert "is founded" in told
    assert "tariff 1 is approved, and in force from 2099-01-01" in told
    assert "password of admin: " in told
    assert "5 synthetic people are enrolled, 1 of them with a card" in told
    assert farz.done("init", file) == "Nothing to change.\n"
    assert "  1  approved, and in force from 2099-01-01" in farz.done("tariff", "list")
    assert json.loads(farz.done("tariff", "list", "--json"))[0]["standing"] == "ahead"
    doctor = {
        each["check"]: each for each in json.loads(farz("doctor", "--json").stdout)["findings"]
    }
    assert "none is in force" in doctor["tariff"]["words"]
    assert "tariff 1 is approved, and in force from 2099-01-01" in doctor["tariff"]["words"]
    assert doctor["approvers"]["level"] == 0


def test_a_file_applied_again_stops_at_what_was_decided_since(farz: Shell, tmp_path: Path) -> None:
    file = village(tmp_path)
    farz.done("init", file)
    time.sleep(1.1)
    farz.done("compost", "price", "1", "45", *BY)

    stopped = farz("init", file)
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "Compost costs 45 per kg (decided by staff:1)" in stopped.stderr
    time.sleep(1.1)
    assert farz.done("init", file, "--overwrite") == "Compost costs 30 per kg\n"


def test_compost_is_priced_received_and_never_handed_out_on_credit(
    farz: Shell, tmp_path: Path
) -> None:
    farz.done("init", village(tmp_path))
    issued = farz.done("card", "issue", "04A2B3C4D5E680", "--nameless", "--pin", "2468", *BY)
    number = issued.split()[2]
    time.sleep(1.1)  # each price has a whole second of its own, the file's too
    farz.done("compost", "price", "1", "45", *BY)
    khalil = ("--by", "khalil")
    farz.done("compost", "heap", "1", "--since", "2026-01-05", *khalil)
    farz.done("compost", "input", "1", "organic", "15000", *khalil)
    farz.done("compost", "yield", "1", "5000", *khalil)

    listed = " ".join(farz.done("compost", "list").split())
    assert "Compost 5000 g 0 g waited for 45 per kg" in listed
    poor = farz("compost", "redeem", "1", "1000", "--card", number, "--by", "khalil")
    assert (poor.returncode, "costs 45, the balance is 0" in poor.stderr) == (1, True)
    gone = farz.done("compost", "discard", "1", "900", "--reason", "glass", *khalil, "--json")
    assert json.loads(gone)["discarded_g"] == 900
    assert "was discarded" in farz("compost", "yield", "1", "10", *khalil).stderr
    assert "See: farz staff list" in farz("compost", "price", "1", "9", "--by", "who").stderr


def test_a_file_with_mistakes_makes_nothing(farz: Shell, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[town]\nname = "X"\n')

    ended = farz("init", str(wrong))

    assert ended.returncode == 1
    assert "line 1: town.currency is missing. Write it: currency" in ended.stderr
    assert not farz.folder.exists()


def test_a_tariff_needs_two_different_people(founded: Shell) -> None:
    founded.done(
        "staff", "add", "salma", "--role", "municipal_officer", typed="a password for salma\n"
    )
    founded.done(
        "staff", "add", "noor", "--role", "municipal_officer", typed="a password for noor\n"
    )
    since = "2099-01-01T00:00+02:00"
    founded.done("tariff", "draft", "organic=25", "--since", since, "--by", "noor")
    own = ("tariff", "approve", "1", "--login", "noor", "--password", "a password for noor")
    assert "You have drafted" in founded(*own).stderr
    first = ("tariff", "approve", "1", "--login", "admin", "--password", "a password for the first")

    assert "waiting for a second" in founded.done(*first)
    assert founded(*first).returncode == 1
    second = ("tariff", "approve", "1", "--login", "salma", "--password", "a password for salma")
    assert "is approved, and in force from 2099-01-01" in founded.done(*second)
    picture = founded.folder / "change.svg"
    told = json.loads(founded.done("tariff", "simulate", "1", "--plot", str(picture), "--json"))
    assert (told["paid"], told["households"]) == (0, {"gain": 0, "lose": 0, "same": 0})
    assert picture.read_text().startswith("<svg")


@pytest.mark.parametrize("words", [("ledger", "verify"), ("report", "streams")])
def test_without_a_town_the_cure_is_named(farz: Shell, words: tuple[str, ...]) -> None:
    ended = farz(*words)

    assert ended.returncode == 1
    assert "farz init" in ended.stderr


def test_doctor_names_what_is_missing_and_its_cure(farz: Shell) -> None:
    ended = farz("doctor", "--json")
    findings = {each["check"]: each for each in json.loads(ended.stdout)["findings"]}

    assert ended.returncode == 1
    assert "farz init" in findings["town secret"]["cure"]
    lines = farz("doctor").stdout.splitlines()
    assert {
        f"               mend it:  {cure}" for each in findings.values() if (cure := each["cure"])
    } <= set(lines)


def test_doctor_calls_a_readable_secret_wrong(founded: Shell) -> None:
    (founded.folder / "town.secret").chmod(0o644)

    ended = founded("doctor", "--json")
    findings = {each["check"]: each for each in json.loads(ended.stdout)["findings"]}

    assert ended.returncode == 2
    assert findings["town secret"]["cure"].startswith("chmod 600")


def test_money_is_read_beside_the_backend(founded: Shell) -> None:
    key = ("device", "provision", "bin-1", "--point", "School")
    founded.done(*key)

    assert json.loads(founded.done("ledger", "balance", "3", "--json"))["available"] == 0
    at = founded.done("ledger", "balance", "3", "--at", "2026-11-24T10:00", "--json")
    assert json.loads(at)["balance"] == 0
    assert "after transfer 0" in founded.done("ledger", "balance", "3", "--at", "2026-11-24")
    assert json.loads(founded.done("ledger", "statement", "3", "--json")) == []
    money = json.loads(founded.done("ledger", "supply", "--json"))
    assert [each["outstanding"] for each in money["supply"]] == [0, 0]
    assert "outstanding" in founded.done("ledger", "supply")
    kinds = json.loads(founded.done("ledger", "kinds", "--json"))
    assert [each["kind"] for each in kinds["currencies"]] == ["waste_credit", "goods"]
    assert "may go together: goods (hand_over)" in founded.done("ledger", "kinds")
    assert json.loads(founded.done("ledger", "notices", "--json")) == []
    assert founded.done("ledger", "notices", "3") == ""
    assert json.loads(founded.done("device", "gaps", "bin-1", "--json")) == []
    assert founded("ledger", "balance", "4711").returncode == 1
    assert founded("ledger", "balance", "3", "--at", "noon").returncode == 2
    assert "Example" in founded.done("ledger", "balance", "--help")


def test_a_town_whose_secret_is_lost_gets_no_new_one(founded: Shell) -> None:
    (founded.folder / "town.secret").unlink()

    again = founded("init", "Test village (synthetic)", typed="a password for the first\n")

    assert again.returncode == 1
    assert "Put back the copy that was kept apart" in again.stderr
    assert not (founded.folder / "town.secret").exists()


def test_a_database_that_is_away_is_told_in_words(
    farz: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARZ_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/books")

    away = farz("ledger", "balance", "5")

    assert away.returncode == 1
    assert "Traceback" not in away.stderr
    assert "The database does not answer" in away.stderr
    assert "FARZ_DATABASE_URL" in away.stderr
