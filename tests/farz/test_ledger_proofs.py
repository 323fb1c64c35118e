"""`farz ledger` as an auditor uses it: sign, prove, export, check elsewhere."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.ledger import merkle, notes
from farz.__main__ import app
from tests.backend import village


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a town that took two deposits, and whose backend is stopped."""
    with village.town(tmp_path, "") as town:
        for _ in range(2):
            town.clock.now_s += 60
            assert town.outcome(town.bin.deposit())[0] == "credited"
    monkeypatch.setenv("FARZ_DATA_DIR", str(tmp_path))
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, ["ledger", *words])
    return answer.exit_code, answer.stdout, answer.stderr


def test_a_transfer_is_signed_and_proved(home: Path) -> None:
    code, note, _ = run("checkpoint", "--sign")
    assert code == 0
    assert (home / "published" / "checkpoint").read_text() == note

    code, said, _ = run("prove", "2")

    proof, root = json.loads(said), notes.read_checkpoint(note).root
    path = [bytes.fromhex(step) for step in proof["path"]]
    assert code == 0
    assert merkle.includes(bytes.fromhex(proof["leaf"]), 1, 2, path, root)


def test_an_export_is_checked_apart_from_the_town(home: Path, tmp_path: Path) -> None:
    run("checkpoint", "--sign")
    at = tmp_path / "books"
    assert run("export", str(at))[0] == 0

    code, said, _ = run("verify", "--export", str(at), "--json")

    report = json.loads(said)
    assert (code, report["ok"], report["transfers"], report["checkpoints"]) == (0, True, 2, 1)
    assert run("export", str(at))[0] == 2  # not over what is there
    (at / "transfer.csv").write_text("id\n1\n")
    assert run("verify", "--export", str(at))[0] in (1, 2)


def test_what_cannot_be_read_is_said_in_words(home: Path) -> None:
    for words in (["--export", str(home)], ["--database", f"sqlite:///{home}/none.sqlite"]):
        code, out, said = run("verify", "--json", *words)

        assert (code, out) == (2, "")
        assert "Give the" in said


def test_the_books_at_a_url_are_checked(home: Path) -> None:
    code, said, _ = run("verify", "--json", "--database", f"sqlite:///{home}/books.sqlite")

    assert (code, json.loads(said)["transfers"]) == (0, 2)
