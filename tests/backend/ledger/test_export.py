"""An export holds all that the invariants ask for, and nothing that names a person."""

import csv
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend import db
from backend.ledger import beancount, export
from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.log import SignLog
from backend.ledger.resolve import Amend, SetBudget
from backend.ledger.rules import OpenCurrency
from backend.ledger.schema import metadata
from backend.ledger.transfers import Credit, Suspend
from backend.ledger.verify_export import verify_export
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
# Derived, personal, or a client's own: not exported, each for that reason.
LEFT_OUT = {
    "balance_snapshot", "day_total", "day_total_upto", "journal_run", "log_tile",
    "person_key", "idempotency",
}  # fmt: skip


@pytest.fixture
def lived(town: Town) -> Town:
    member, other = town.account(), town.account(high=1_000)
    done(town.poster.submit(SetBudget(NOW_S - 10, NOW_S + 1_000, 1_000, "council")))
    done(town.poster.submit_all([entry(n, Credit(member, 3)) for n in range(300)]))
    done(town.poster.submit(entry(301, Suspend(50))))
    done(town.poster.submit(entry(302, Credit(other, 70))))
    done(town.poster.submit(entry(303, Credit(other, 70))))
    done(town.poster.submit(pay(member, other, 120, key="k")))
    done(town.poster.submit(SignLog(KEY)))
    return town


def exported(town: Town, to: Path, *, with_salt: bool = False) -> Path:
    with db.read(town.engine) as conn:
        made = export.export(conn, TOWN, to, with_salt=with_salt)
        with (to / "ledger.beancount").open("w") as out:
            beancount.write(conn, TOWN, out)
    made.append(to / "ledger.beancount")
    export.write_manifest(to, TOWN, made, with_salt=with_salt)
    return to


def test_every_table_of_the_ledger_is_exported_or_left_out_for_a_reason() -> None:
    ours = {name for name in (*dir(t), *dir(r)) if name in metadata.tables}

    assert ours == {table.name for table in export.TABLES} | LEFT_OUT


@pytest.mark.parametrize("with_salt", [False, True])
def test_an_export_is_folded_again_offline(lived: Town, tmp_path: Path, with_salt: bool) -> None:
    report = verify_export(exported(lived, tmp_path / "x", with_salt=with_salt))

    assert report.ok, report.problems
    assert (report.transfers, report.checkpoints, report.sealed) == (302, 1, 303)


def test_an_export_is_of_one_moment_though_more_is_booked(
    lived: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee, write = lived.account(low=-100), lived.account(), export._write_table

    def booking(*asked: Any) -> Path:
        done(lived.poster.submit(pay(payer, payee, 1)))
        return write(*asked)

    monkeypatch.setattr(export, "_write_table", booking)

    report = verify_export(exported(lived, tmp_path / "x"))

    assert report.ok, report.problems
    assert (report.transfers, lived.balance(payee)) == (303, len(export.TABLES))


def test_beancount_loads_it_without_a_complaint(lived: Town, tmp_path: Path) -> None:
    at = exported(lived, tmp_path / "x")

    entries, errors, _ = loader.load_file(str(at / "ledger.beancount"))

    assert errors == []
    kinds = [type(entry).__name__ for entry in entries]
    assert kinds.count("Transaction") == 302
    assert kinds.count("Balance") == kinds.count("Open") == 9


def test_further_kinds_of_money_go_along_with_their_rules(lived: Town, tmp_path: Path) -> None:
    hours = done(lived.poster.submit(OpenCurrency("hours", 0, "hours", "staff:1", -10)))
    giver, taker = (lived.account(currency=hours, low=-10) for _ in range(2))
    done(lived.poster.submit(Amend(giver, -10, None, soft_min=-4)))
    done(lived.poster.submit(pay(giver, taker, 5)))
    at = exported(lived, tmp_path / "x")

    report = verify_export(at)
    _, errors, _ = loader.load_file(str(at / "ledger.beancount"))

    assert report.ok, report.problems
    assert errors == []
    assert "soft_min,-4,-5" in (at / "notice.csv").read_text()


def test_beancount_sees_a_balance_that_is_wrong(lived: Town, tmp_path: Path) -> None:
    path = exported(lived, tmp_path / "x") / "ledger.beancount"
    text = path.read_text()
    path.write_text(text.replace("  1.20 X-CREDIT", "  1.21 X-CREDIT").replace("-1.20 ", "-1.21 "))

    errors = loader.load_file(str(path))[1]

    assert "Balance failed" in str(errors[0])


def test_an_altered_row_is_named(lived: Town, tmp_path: Path) -> None:
    at = exported(lived, tmp_path / "x", with_salt=True)
    path = at / "transfer.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[4]["amount"] = "9"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)

    report = verify_export(at)

    words = "; ".join(problem.words for problem in report.problems)
    assert "transfer.csv is not the file that was exported" in words
    assert "transfer_id 5" in words
    assert "the checkpoint of 302 transfers is no prefix" in words


def change(at: Path, table: str, place: int, **cells: str) -> None:
    """Cells of a row, and the manifest too: whoever forges an export can count as well."""
    path = at / f"{table}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[place] |= cells
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    told = export.read_manifest(at)
    files = [at / name for name in told["sha256"]]
    export.write_manifest(at, TOWN, files, with_salt=told["with_salt"])


@pytest.mark.parametrize(
    ("invariant", "table", "place", "cells", "named"),
    [
        ("I1", "transfer", -1, {"credit": "12"}, "transfer 302 joins two currencies"),
        ("I2", "account_balance", 0, {"credits_posted": "9"}, "account 1 has the counters"),
        ("I3", "transfer", -1, {"amount": "901"}, "transfer 302 leaves -1"),
        ("I4", "currency", 1, {"issuer_account_id": "1"}, "compost_g has no issuer"),
        ("I5", "transfer", 9, {"recorded_us": "7"}, "transfer 10 is recorded at 7, not later"),
        ("I6", "record", 4, {"amount": "4"}, "seq 4, transfer_id 5"),
        ("I8", "transfer", -1, {"state": "1"}, "not in the list of open ones: id 302"),
        ("I9", "budget", 0, {"spent": "1"}, "spent 1"),
        ("I10", "transfer", -1, {"effective_s": "7"}, "checkpoint of 302 transfers is no prefix"),
    ],
)
def test_each_invariant_is_asked_of_an_export(
    lived: Town, tmp_path: Path, invariant: str, table: str, place: int,
    cells: dict[str, str], named: str,
) -> None:  # fmt: skip
    at = exported(lived, tmp_path / "x", with_salt=True)
    change(at, table, place, **cells)

    found = [p.words for p in verify_export(at).problems if p.invariant == invariant]

    assert any(named in words for words in found), found


def test_a_row_that_no_table_takes_is_said_in_words(lived: Town, tmp_path: Path) -> None:
    at = exported(lived, tmp_path / "x")
    change(at, "transfer", -1, amount="0")

    words = [problem.words for problem in verify_export(at).problems]

    assert len(words) == 1
    assert "a row breaks a rule of its table" in words[0]


def test_a_leaf_that_was_altered_contradicts_the_checkpoint(lived: Town, tmp_path: Path) -> None:
    at = exported(lived, tmp_path / "x")
    leaves = bytearray((at / "leaves.bin").read_bytes())
    leaves[40] ^= 1
    (at / "leaves.bin").write_bytes(leaves)

    words = "; ".join(problem.words for problem in verify_export(at).problems)

    assert "leaves.bin is not the file that was exported" in words
    assert "the checkpoint of 302 transfers is no prefix" in words


def test_nothing_personal_and_no_secret_is_in_it(lived: Town, tmp_path: Path) -> None:
    at = exported(lived, tmp_path / "x")

    for name, column in (("record", "jws"), ("record", "card_ref"), ("account", "owner_ref"),
                         ("quarantine", "jws"), ("log_origin", "salt")):  # fmt: skip
        head = (at / f"{name}.csv").read_text(encoding="utf-8-sig").splitlines()[0]
        assert column not in head.split(",")
    assert (at / "transfer.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("spoil", ["manifest.json", "transfer.csv", "leaves.bin"])
def test_what_is_not_an_export_is_said_in_words(lived: Town, tmp_path: Path, spoil: str) -> None:
    at = exported(lived, tmp_path / "x")
    (at / spoil).unlink()

    with pytest.raises(export.UnusableExport, match=spoil):
        verify_export(at)


def test_a_cell_that_cannot_be_read_is_named(lived: Town, tmp_path: Path) -> None:
    at = exported(lived, tmp_path / "x")
    path = at / "budget.csv"
    path.write_text(path.read_text().replace("council", "council\x00").replace("1000", "many"))

    with pytest.raises(export.UnusableExport, match=r"budget\.csv"):
        verify_export(at)
