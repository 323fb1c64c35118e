"""`farz ledger` as an auditor uses it: sign, prove, export, check elsewhere."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.ledger import export, merkle, notes
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
    assert isinstance(answer.exception, SystemExit | None), answer.exception
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


MOVED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "missing": lambda lines: lines[:-1],
    "doubled": lambda lines: [*lines, lines[-1]],
    "swapped": lambda lines: [lines[0], *reversed(lines[1:])],
    "ended otherwise": lambda lines: [line.replace(b"\r\n", b"\n") for line in lines],
}
UNREADABLE: tuple[tuple[str, Callable[[str], str], str], ...] = (
    ("manifest.json", lambda text: text.replace('"ledger_id": 1', '"ledger_id": null'), "whose"),
    ("manifest.json", lambda text: text.replace(": false", ': "no"'), "whose books"),
    ("manifest.json", lambda _: "[" * 100_000, "is not an export"),
    ("manifest.json", lambda text: text.replace("sha256", "sha1"), "is not whole"),
    ("attestations.csv", lambda text: text.rstrip().rpartition(",")[0], "attestations in"),
    ("transfer.csv", lambda text: text.replace(",50,", f",{2**63},", 1), "into 64 bits"),
    ("record.csv", lambda text: text + "\x00", "record.csv"),
    ("tariff_rates.csv", lambda _: "rate\n1\n", "rates in"),
)


def test_an_export_that_was_changed_is_named_or_said_to_be_unreadable(
    home: Path, tmp_path: Path
) -> None:
    """Whoever writes the manifest anew can say the same rows in another order, and no others."""
    run("checkpoint", "--sign")
    at = tmp_path / "books"
    run("export", str(at))
    for table, name, forged in product(("account", "transfer"), MOVED, (False, True)):
        other = shutil.copytree(at, tmp_path / f"{table} {name} {forged}")
        file = other / f"{table}.csv"
        file.write_bytes(b"".join(MOVED[name](file.read_bytes().splitlines(keepends=True))))
        if forged:
            told = export.read_manifest(other)
            files = [other / each for each in told["sha256"]]
            export.write_manifest(other, told["ledger_id"], files, with_salt=False)

        code, said, _ = run("verify", "--export", str(other), "--json")

        words = str(json.loads(said)["problems"])
        assert code == int(not forged or name in ("missing", "doubled")), (table, name, words)
        assert forged or f"{table}.csv is not the file that was exported" in words
        if name == "doubled":
            assert f"a row breaks a rule of its table: a row of {table}.csv (ledger" in words
    for number, (changed, change, named) in enumerate(UNREADABLE):
        file = shutil.copytree(at, tmp_path / str(number)) / changed
        file.write_text(change(file.read_text()))

        code, out, said = run("verify", "--export", str(file.parent), "--json")

        assert (code, out, named in said) == (2, "", True), (changed, named, said)
