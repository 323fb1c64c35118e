"""What is past its time goes, by the one table that the impact assessment repeats."""

from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from backend import tables as t
from backend.alerts.tables import alert
from backend.cards import caps
from backend.cards.tables import plain_use
from backend.errors import NotErasable
from backend.housekeeping import CHORES
from backend.ledger import erasure, repeats
from backend.ledger import tables as ledger
from backend.ledger.resolve import Amend
from backend.ledger.transfers import Code, Group, Leg
from backend.ledger.verify import verify
from backend.privacy import restores, retention, service
from backend.privacy.parts import NOBODY
from backend.privacy.retention import DAY_S, RETENTION
from backend.proofs.audit import audit
from backend.telemetry import FIELDS, HOUR, Sample
from farz.processes import ROOT
from tests.backend.privacy.test_erasure import spend
from tests.backend.village import AMAL, BASSAM, PIN, START_S, STRANGER, Town

DAYS = {kept.purpose: kept.days for kept in RETENTION}


def test_the_assessment_has_the_table_that_the_program_applies() -> None:
    text = (ROOT / "docs" / "dpia.md").read_text()
    section = text.partition("## Retention")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]

    assert rows[2:] == retention.as_markdown(), "write what retention.as_markdown() returns"


def test_what_has_days_is_dropped_by_somebody() -> None:
    for kept in RETENTION:
        assert (kept.days is None) == (kept.apply is None) or kept.purpose == "repeats"
    assert DAYS["repeats"] == repeats.KEPT_DAYS
    assert {"apply retention", "forget keys", "keep erasures"} <= {each.name for each in CHORES}


def test_the_bytes_of_old_deposits_go_and_their_hash_stays(town: Town) -> None:
    body = town.bin.next()
    assert town.outcome(town.bin.sign(body))[0] == "credited"
    assert town.outcome(town.bin.sign(body | {"temp_c10": 1}))[0] == "quarantined"
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
    assert town.outcome(town.bin.deposit(uid=STRANGER))[0] == "suspended"
    apply = {kept.purpose: kept.apply for kept in RETENTION}
    deposits, quarantine = apply["proof of deposits"], apply["quarantine"]
    assert deposits is not None
    assert quarantine is not None

    # Everything that happened before the second deposit is past its time.
    assert deposits(town.services, START_S + body["seq"] + 1) == 1
    assert quarantine(town.services, town.clock.now_s + 1) == 1

    with town.services.read() as conn:
        row = ledger.record.c
        query = select(row.kind, row.sealed_for, row.card_ref).order_by(row.seq)
        found = [
            (each.kind, each.sealed_for is None, each.card_ref is None)
            for each in conn.execute(query)
        ]
        assert found == [
            ("deposit", False, True),
            ("deposit", True, False),
            ("deposit", True, False),
        ]
        report = verify(conn, 1, vault=town.services.vault)
    assert (report.ok, report.erased) == (True, 1), report.problems
    assert deposits(town.services, START_S + body["seq"] + 1) == 0


def test_settled_deposits_are_sealed_and_open_for_their_person_alone(town: Town) -> None:
    for uid in (AMAL, AMAL, BASSAM):
        town.outcome(town.bin.deposit(uid=uid))
    town.outcome(town.bin.deposit(uid=STRANGER))  # waits, and stays open
    assert retention.seal(town.services) == 0
    town.clock.now_s += (retention.OPEN_DAYS + 1) * DAY_S

    assert retention.seal(town.services) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(town.services), "begin", None)  # nobody waits while it only looks
        assert retention.seal(town.services) == 0

    with town.services.read() as conn:
        key = ledger.person_key.c
        keys = conn.execute(select(key.account_id, key.period)).all()
        assert {row.account_id for row in keys} == {town.amal.account_id, town.bassam.account_id}
        assert len(keys) == 2  # one of each person and period
        blind = verify(conn, 1)
        seeing = verify(conn, 1, vault=town.services.vault)
    for report in (blind, seeing):
        assert (report.ok, report.sealed, report.erased) == (True, 3, 0), report.problems
    amal = town.browser("amal")
    told = amal.get(f"/v1/people/{town.amal.id}/deposits").json()
    assert [(each["before_g"], each["calibration"]) for each in told] == [(10_000, 3)] * 2
    assert len(amal.get(f"/v1/people/{town.amal.id}/export").json()["signed"]) == 2


def test_the_keys_of_an_old_period_are_destroyed(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())
    small_town.clock.now_s += (retention.OPEN_DAYS + 1) * DAY_S
    assert retention.seal(small_town.services) == 1
    apply = next(each.apply for each in RETENTION if each.purpose == "proof of deposits")
    assert apply is not None

    assert apply(small_town.services, START_S + 5) == 0  # its period is not over by then
    assert apply(small_town.services, START_S + 2 * erasure.PERIOD_S) == 1

    with small_town.services.read() as conn:
        report = verify(conn, 1, vault=small_town.services.vault)
        assert (report.ok, report.erased) == (True, 1), report.problems
        assert conn.scalars(select(ledger.record.c.card_ref)).all() == [None]


def test_what_waits_for_a_decision_keeps_its_bytes(small_town: Town) -> None:
    assert small_town.outcome(small_town.bin.deposit(uid=STRANGER))[0] == "suspended"
    small_town.clock.now_s += (DAYS["proof of deposits"] or 0) * DAY_S + 1000

    assert retention.apply(small_town.services)["proof of deposits"] == 0


def test_sessions_refusals_orders_and_samples_go_in_their_time(town: Town) -> None:
    services = town.services
    town.browser("amal")
    town.client.post("/v1/sessions/resident", json={"number": "12345674", "pin": "0000"})
    assert town.outcome("not.truly.signed")[0] == "refused"
    town.gateway.message("bin-1", "birth", town.bin.birth())
    technician = town.browser("technician")
    for _ in range(2):
        assert technician.post("/v1/devices/bin-1/commands", json={"name": "tare"}).is_success
    with services.read() as conn:
        newest = conn.scalar(select(func.max(t.down.c.id)))
    series = services.telemetry
    series.write([Sample("bin-1", town.clock.now_s, dict.fromkeys(FIELDS, 5))])
    assert series.settle()
    assert retention.apply(services) == dict.fromkeys(
        (kept.purpose for kept in RETENTION if kept.apply), 0
    )

    town.clock.now_s += 91 * DAY_S
    dropped = retention.apply(services)

    assert (dropped["refused messages"], dropped["orders to devices"]) == (1, 1)
    assert dropped["sign-ins"] >= 2
    assert series.store.samples("bin-1", 0, 2**40, "bin", 5) == []
    with services.read() as conn:  # the newest order stays: the next one's number follows it
        assert conn.scalars(select(t.down.c.id)).all() == [newest]
        assert conn.scalar(select(func.count()).select_from(t.refused)) == 0


def test_hours_alerts_and_plain_weights_go_in_their_longer_time(small_town: Town) -> None:
    services, hour_s = small_town.services, small_town.clock.now_s // 3_600 * 3_600
    with services.begin() as conn:
        caps.set_cap(
            conn, 1, daily_g=9_999, daily_amount=None, decided_by="s", from_s=START_S - 900
        )
    assert small_town.outcome(small_town.bin.deposit())[0] == "credited"
    services.telemetry.store.put([Sample("bin-1", hour_s, dict.fromkeys(FIELDS, 5))], HOUR)
    with services.begin() as conn:
        for rule, resolved_s in (("full", START_S), ("cold", None)):
            row = {"device": "bin-1", "rule": rule, "opened_s": 5, "opened_value": 5}
            conn.execute(insert(alert).values(ledger_id=1, resolved_s=resolved_s, **row))

    def left() -> tuple[int, int, list[str]]:
        hours = services.telemetry.store.samples("bin-1", 0, 2**40, HOUR, 9)
        with services.read() as conn:
            uses = conn.scalar(select(func.count()).select_from(plain_use)) or 0
            return len(hours), uses, list(conn.scalars(select(alert.c.rule)))

    small_town.clock.now_s += 364 * DAY_S
    retention.apply(services)
    assert left() == (1, 1, ["cold", "full"])
    small_town.clock.now_s += 2 * DAY_S
    retention.apply(services)
    assert left() == (1, 0, ["cold", "full"])
    small_town.clock.now_s += 365 * DAY_S
    retention.apply(services)
    assert left() == (0, 0, ["cold"]), "what is still wrong is kept"


def test_an_erasure_outlives_a_restore(small_town: Town, tmp_path: Path) -> None:
    services, amal, bassam = small_town.services, small_town.amal.id, small_town.bassam.id
    service.erase(services, amal, reason="asked", decided_by="staff:5")
    assert restores.keep_up(services) == []
    path = tmp_path / restores.FILE
    assert path.read_text() == f"1 {amal}\n"

    # A backup from before knows Bassam, whom the list says was erased.
    path.write_text(path.read_text() + f"1 {bassam}\n2 5\nnonsense\n")
    small_town.outcome(small_town.bin.deposit(uid=b"\x04\x0a\x0b\x0c"))
    assert "still have" in restores.keep_up(services)[0]
    small_town.clock.now_s += 1
    with services.read() as conn:
        assert conn.scalar(select(t.person.c.name).where(t.person.c.id == bassam)) != NOBODY
    spend(small_town, small_town.bassam.account_id, 50)
    assert restores.keep_up(services) == []

    with services.read() as conn:
        assert conn.scalar(select(t.person.c.name).where(t.person.c.id == bassam)) == NOBODY


def test_who_comes_back_with_a_restore_is_shut_until_the_town_settles(
    town: Town, tmp_path: Path
) -> None:
    services, bassam, number = town.services, town.bassam.id, town.numbers["bassam"]
    browser = town.browser("bassam")
    town.outcome(town.bin.deposit(uid=BASSAM))
    (tmp_path / restores.FILE).write_text(f"1 {bassam}\n1 77\n")  # 77 enrolled after the backup

    words = restores.keep_up(services)

    assert [f"farz people erase {bassam} --settle" in each for each in words] == [True]
    assert browser.get("/v1/sessions/mine").status_code == 401
    refused = town.client.post("/v1/sessions/resident", json={"number": number, "pin": PIN})
    assert refused.status_code == 401
    body = {"reason": "came back with a restore", "settle": True}
    admin = town.browser("administrator")
    stranger = admin.post(f"/v1/people/{town.amal.id}/erasure", json=body)
    done = admin.post(f"/v1/people/{bassam}/erasure", json=body)

    assert (stranger.status_code, stranger.json()["code"]) == (422, "bad_input")
    assert (done.status_code, town.balance(town.bassam)) == (200, 0)
    assert restores.keep_up(services) == []
    with services.read() as conn:
        report = verify(conn, 1)
        audit(conn, 1, report)
    assert report.problems == []


def test_a_debt_that_comes_back_is_nobodys_to_wipe_out(small_town: Town, tmp_path: Path) -> None:
    services, account_id = small_town.services, small_town.bassam.account_id
    services.poster.submit(Amend(account_id, -100, None)).result()
    spend(small_town, account_id, 7)
    (tmp_path / restores.FILE).write_text(f"1 {small_town.bassam.id}\n")

    with pytest.raises(NotErasable, match=r"They owe 0\.07"):
        restores.erase(
            services, small_town.bassam.id, reason="r", decided_by="staff:5", settle=True
        )

    assert small_town.balance(small_town.bassam) == -7
    assert "They owe 0.07" in restores.keep_up(services)[0]
    small_town.outcome(small_town.bin.deposit())
    pays = Leg(small_town.amal.account_id, account_id, 7, Code.PAY)
    services.poster.submit(Group((pays,), small_town.clock.now_s)).result()
    assert restores.keep_up(services) == []


def test_a_page_of_old_deposits_is_not_the_end(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 2)
    for n in range(5):  # three at one moment: more than a page
        small_town.outcome(small_town.bin.deposit(at_s=START_S + n // 3))
    small_town.clock.now_s += (DAYS["proof of deposits"] or 0) * DAY_S + 1000

    assert retention.apply(small_town.services)["proof of deposits"] == 5
