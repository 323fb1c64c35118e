"""The audit names what was altered in the programme's rows, and finds a lived town right."""

from pathlib import Path

import pytest
from sqlalchemy import text

from backend import db
from backend.deposits.provisional import DEFAULT_DAYS
from backend.deposits.resolving import pay_provisional
from backend.ledger import export
from backend.ledger.verify import Report
from backend.proofs import exported_rates, service
from backend.proofs.audit import audit
from backend.tariffs import service as tariffs
from farz.founding import ripe_compost
from tests.backend.paper.test_slips import confirm, slip
from tests.backend.transfers.test_transfers import leg, post
from tests.backend.village import AMAL, STRANGER, Town


def looked(town: Town) -> Report:
    report = Report(1)
    with town.services.read() as conn:
        audit(conn, 1, report, town.services.vault, now_us=town.clock())
    return report


@pytest.fixture
def lived(town: Town) -> Town:
    """Deposits of a member and of a stranger, and compost for credit."""
    for uid in (AMAL, AMAL, STRANGER):
        town.clock.now_s += 60
        town.outcome(town.bin.deposit(uid=uid))
    town.bin.seq -= 1
    assert town.outcome(town.bin.deposit(net_g=2_001, after_g=12_001))[0] == "quarantined"
    clerk = town.browser("administrator")
    clerk.put(f"/v1/compost/{town.product.id}/price", json={"amount_per_kg": 10})
    ripe_compost(town.services, town.product.id, 9_000, by="staff:2", key="stock")
    body = {"product_id": town.product.id, "person_id": town.amal.id, "grams": 1_000}
    answer = clerk.post("/v1/redemptions", json=body, headers={"Idempotency-Key": '"a"'})
    assert answer.status_code in (200, 201), answer.text
    paid = post(
        town.browser("amal"),
        "p",
        leg(town.amal.account_id, town.bassam.account_id, 5),
        reason="synthetic",
    )
    wrong = paid.json()["transfers"][0]["id"]
    back = leg(town.bassam.account_id, town.amal.account_id, 5, code="correct", corrects_id=wrong)
    assert post(town.browser("officer"), "c", back).status_code == 201
    assert service.sign(town.services)
    return town


def test_a_lived_town_is_right(lived: Town) -> None:
    assert looked(lived).ok, looked(lived).problems


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("attestation", "SET signature = statement", "is not signed by its gateway"),
        ("attestation", "SET id = id + 1", "is not in the books"),
        ("attestation", "SET id = id + 1", "is not in the chain"),
        ("attestation", "SET statement = signature", "cannot be read"),
        ("attestation_link", "SET number = number + 9", "not the next one of the chain"),
        ("record", "SET seq = seq + 100 WHERE seq = 1", "does not name the record"),
        ("record", "SET received_s = received_s + 1 WHERE seq = 1", "does not name the record"),
        ("quarantine", "SET received_s = received_s + 1", "does not name the record"),
        ("quarantine", "SET jws = substr(jws, 2)", "bytes in quarantine are not those of their"),
        (
            "device_key",
            "SET sealed = substr(sealed, 2)",
            "key 1 of the device bin-1 cannot be read",
        ),
        ("record", "SET jws = substr(jws, 2) WHERE seq = 1", "is not signed by its device bin-1"),
        ("record", "SET amount_per_kg = 26 WHERE seq = 1", "rate is not its tariff's"),
        ("record", "SET amount_per_kg = NULL WHERE seq = 1", "has no rate"),
        ("redemption", "SET amount = amount + 1", "is not what was paid"),
        ("redemption", "SET grams = grams + 1", "is not what was handed out"),
        ("redemption", "SET group_id = group_id + 90", "redeemed for nothing that is written"),
    ],
)
def test_what_was_altered_is_named(lived: Town, table: str, change: str, words: str) -> None:
    alter(lived, f"UPDATE {table} {change}")

    assert words in "; ".join(problem.words for problem in looked(lived).problems)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE account SET owner_ref = 'person:77' WHERE owner_ref = {amal}", "is not theirs"),
        ("UPDATE account SET owner_ref = 'person:77' WHERE owner_ref = {amal}", "nobody who was"),
        ("UPDATE account SET owner_ref = {amal} WHERE owner_ref = {bassam}", "has two accounts"),
        ("UPDATE account_terms SET min_balance = -9 WHERE account_id = {account}", "fall below 0"),
        (
            "UPDATE account_terms SET min_balance = NULL WHERE account_id = {account}",
            "fall below 0 in money that is issued: account_id {account}",
        ),
        ("DELETE FROM booking WHERE reason = 'synthetic'", "nobody is written down who asked"),
        ("UPDATE booking SET group_id = group_id + 900", "a booking is of no transfer"),
        ("DELETE FROM attestation", "which records came with, is not in the books"),
        ("DELETE FROM attestation_link", "attestations, which are not in the books"),
        ("DELETE FROM correction", "was corrected and is not marked"),
        ("DELETE FROM idempotency WHERE key = 'a'", "was forgotten before its time"),
        ("DELETE FROM idempotency WHERE key = 'p'", "was forgotten before its time"),
        ("DELETE FROM idempotency WHERE key = 'c'", "was forgotten before its time"),
        ("UPDATE idempotency SET group_id = 900 WHERE key = 'p'", "request names no transfers"),
        ("UPDATE idempotency SET recorded_us = recorded_us + 9", "or not of its moment"),
        (
            "DELETE FROM tariff_approval WHERE staff_id = {officer}",
            "two people other than its drafter have not approved: tariff_id ",
        ),
        ("UPDATE tariff SET drafted_by = 'staff:{officer}'", "other than its drafter have not"),
    ],
)
def test_what_was_taken_out_or_loosened_is_named(lived: Town, statement: str, words: str) -> None:
    facts = {
        "amal": f"'person:{lived.amal.id}'",
        "bassam": f"'person:{lived.bassam.id}'",
        "account": lived.amal.account_id,
        "officer": lived.staff["officer"].id,
    }
    alter(lived, statement.format(**facts))

    found = "; ".join(problem.words for problem in looked(lived).problems)
    assert words.format(**facts) in found, found


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM paper_signature",
        "UPDATE paper_signature SET outcome = 'rejected'",
        "UPDATE paper_signature SET signed_by = x.entered_by FROM paper_slip x",
        "UPDATE paper_slip SET entered_by = x.signed_by FROM paper_signature x",
        "UPDATE paper_slip SET gross_g = gross_g + 1",
        "UPDATE paper_slip SET number = number + 1",
    ],
)
def test_paper_without_a_second_person_is_named(town: Town, statement: str) -> None:
    assert confirm(town, slip(town).json()["id"]).json()["outcome"] == "credited"
    assert looked(town).ok, looked(town).problems

    alter(town, statement)

    named = f"a deposit from paper has not two signatures: epoch {3:016x}, seq 17"
    assert named in [problem.words for problem in looked(town).problems]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET until_s = until_s + 2 WHERE outcome = 'held'",
        "UPDATE record SET until_s = NULL WHERE outcome = 'held'",
        "UPDATE resolution SET recorded_us = recorded_us - 2000000",
    ],
)
def test_what_time_credited_before_its_time_is_named(town: Town, statement: str) -> None:
    assert town.outcome(town.bin.deposit(flags=["unstable"]))[0] == "held"
    town.clock.now_s += DEFAULT_DAYS * 86_400
    assert pay_provisional(town.services) == 1
    assert looked(town).ok, looked(town).problems

    alter(town, statement)

    found = [problem.words for problem in looked(town).problems]
    named = "a held record was credited by time before its time: source_id 1, seq 1, until_s "
    assert any(words.startswith(named) for words in found), found


def test_a_second_founding_tariff_is_named(lived: Town) -> None:
    with lived.services.begin() as conn:
        tariffs.draft(conn, 1, {"glass": 9}, from_s=1, drafted_by="staff:0", now_s=1)
    alter(lived, "UPDATE tariff SET drafted_by = 'town file'")

    assert "founded with its first tariff alone" in str(looked(lived).problems)


def test_answers_may_be_forgotten_in_time(lived: Town) -> None:
    lived.clock.now_s += 31 * 86_400
    alter(lived, "DELETE FROM idempotency")

    assert looked(lived).ok, looked(lived).problems


def alter(town: Town, statement: str) -> None:
    """Changes rows behind the triggers' back."""
    with db.begin(town.services.engine) as conn:
        if town.services.engine.dialect.name == "sqlite":
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in conn.scalars(text(triggers)).all():
                conn.execute(text(f"DROP TRIGGER {name}"))
            conn.execute(text("PRAGMA defer_foreign_keys = ON"))
        else:
            conn.execute(text("SET LOCAL session_replication_role = replica"))
        conn.execute(text(statement))


def test_an_export_says_at_which_rates_records_were_paid(lived: Town, tmp_path: Path) -> None:
    to = tmp_path / "export"
    with lived.services.read() as conn:
        export.export(conn, 1, to)
        exported_rates.write(conn, 1, to)
    assert list(exported_rates.problems(to)) == []

    path = to / exported_rates.FILE
    told = path.read_text(encoding="utf-8-sig")
    path.write_text(told.replace("organic,standard,25", "organic,standard,26"))
    found = list(exported_rates.problems(to))

    assert told != path.read_text()
    assert len(found) == 3
    assert "a record's rate is not its tariff's: source_id 1, seq " in found[0]
    path.unlink()
    with pytest.raises(export.UnusableExport, match=exported_rates.FILE):
        list(exported_rates.problems(to))
