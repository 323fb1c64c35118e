"""`farz ledger` as an auditor uses it: sign, prove, export, check elsewhere."""

import json
import sqlite3
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
    for name in ("attestations.csv", "tariff_rates.csv"):
        (at / name).write_text((at / name).read_text(encoding="utf-8-sig").splitlines()[0] + "\n")
    code, said, _ = run("verify", "--export", str(at))
    assert code == 1
    assert "attestations, which are not in the books" in said
    assert "a record's rate is not its tariff's" in said
    (at / "transfer.csv").write_text("id\n1\n")
    assert run("verify", "--export", str(at))[0] in (1, 2)


def test_a_checkpoint_that_was_published_must_be_in_the_books(home: Path, tmp_path: Path) -> None:
    run("checkpoint", "--sign")
    at, kept, url = tmp_path / "books", tmp_path / "kept", f"sqlite:///{home}/books.sqlite"
    kept.write_text((home / "published" / "checkpoint").read_text())
    published = ("--checkpoint", str(kept))
    assert run("export", str(at))[0] == 0
    assert [run("verify")[0], run("verify", "--database", url, *published)[0]] == [0, 0]
    assert run("verify", "--export", str(at), *published)[0] == 0

    with sqlite3.connect(home / "books.sqlite") as books:
        books.execute("DROP TRIGGER checkpoint_no_delete")
        books.execute("DELETE FROM checkpoint")
    kept.write_text(kept.read_text().replace("\n2\n", "\n9\n"))

    for words in ((), ("--database", url, *published), ("--export", str(at), *published)):
        code, said, _ = run("verify", *words)
        assert (code, "was published and is not in the books" in said) == (1, True)
    assert run("verify", "--checkpoint", str(home / "none"))[0] == 2


def test_an_export_says_whose_limits_were_loosened(home: Path, tmp_path: Path) -> None:
    with sqlite3.connect(home / "books.sqlite") as books:
        books.execute("DROP TRIGGER account_terms_no_update")
        books.execute("UPDATE account_terms SET min_balance = -9 WHERE account_id > 100")
    assert run("export", str(tmp_path / "books"))[0] == 0

    code, said, _ = run("verify", "--export", str(tmp_path / "books"))

    assert (code, "may fall below 0 in money that is issued" in said) == (1, True)


def test_what_cannot_be_read_is_said_in_words(home: Path) -> None:
    for words in (["--export", str(home)], ["--database", f"sqlite:///{home}/none.sqlite"]):
        code, out, said = run("verify", "--json", *words)

        assert (code, out) == (2, "")
        assert "Give the" in said


def test_the_books_at_a_url_are_checked(home: Path) -> None:
    code, said, _ = run("verify", "--json", "--database", f"sqlite:///{home}/books.sqlite")

    assert (code, json.loads(said)["transfers"]) == (0, 2)
