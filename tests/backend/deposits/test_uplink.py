"""From a gateway's batch to an outcome, to credit, and to the receipt on the bin's display."""

from typing import Any

import pytest

from backend.cards import service as cards
from backend.deposits import service as deposits
from firmware import contract
from tests.backend.village import AMAL, BASSAM, RATES, START_S, STRANGER, Town

DAY_S = 86_400


def test_a_deposit_is_credited_and_its_receipt_says_so(town: Town) -> None:
    jws = town.bin.deposit()

    answer = town.gateway.relay((town.bin.device, jws))

    result = answer["results"][0]
    assert (result["outcome"], result["reason"]) == ("credited", "")
    assert town.balance(town.amal) == 2 * RATES["organic"]
    down = [each for each in answer["down"] if each["channel"] == "receipt"]
    epoch, seq, hash8, outcome, sealed = town.bin.open("receipt", down[0]["body"])["out"][0]
    assert (epoch, seq, hash8) == (result["epoch"], result["seq"], result["hash8"])
    assert outcome == "credited"
    assert town.bin.unseal(sealed) == {"net_g": 2000, "credit": 50, "balance": 50, "why": ""}


def test_same_deposit_twice_credits_once(town: Town) -> None:
    batch = town.gateway.batch(("bin-1", town.bin.deposit()))

    first, again = town.gateway.post(batch).json(), town.gateway.post(batch).json()

    assert first["results"] == again["results"]
    assert [each["channel"] for each in again["down"]] == ["receipt"]
    assert town.balance(town.amal) == 50
    assert town.health()["records"] == {"credited": 1}


def test_same_deposit_twice_in_one_batch_credits_once(town: Town) -> None:
    jws = town.bin.deposit()

    town.gateway.relay(("bin-1", jws), ("bin-1", jws))

    assert town.balance(town.amal) == 50


def test_same_deposit_through_two_gateways_credits_once(town: Town) -> None:
    jws = town.bin.deposit()
    town.outcome(jws)
    town.clock.now_s += 60

    assert town.outcome(jws) == ("credited", "")
    assert town.balance(town.amal) == 50


def test_same_name_with_other_signed_bytes_is_quarantined(town: Town) -> None:
    body = town.bin.next()
    town.outcome(town.bin.sign(body))

    other = town.bin.sign(body | {"after_g": 15_000, "net_g": 5_000})

    assert town.outcome(other) == ("quarantined", "same_name_other_bytes")
    assert town.balance(town.amal) == 50
    assert town.health()["quarantined"] == 1


def test_unknown_card_is_suspended(town: Town) -> None:
    assert town.outcome(town.bin.deposit(uid=STRANGER)) == ("suspended", "unknown_card")
    assert town.health()["records"] == {"suspended": 1}


def test_secure_card_that_nobody_reads_yet_is_suspended(small_town: Town) -> None:
    jws = small_town.bin.deposit(card="s.abcdef")

    assert small_town.outcome(jws) == ("suspended", "unknown_card")


def test_blocked_card_is_suspended(town: Town) -> None:
    with town.services.begin() as conn:
        cards.block(conn, 1, town.numbers["amal"], decided_by="staff:1", from_s=START_S)

    assert town.outcome(town.bin.deposit()) == ("suspended", "blocked_card")
    assert town.balance(town.amal) == 0


def test_deposit_before_its_card_was_blocked_is_credited(town: Town) -> None:
    jws = town.bin.deposit()
    town.clock.now_s += DAY_S
    with town.services.begin() as conn:
        cards.block(
            conn, 1, town.numbers["amal"], decided_by="staff:1", from_s=START_S + DAY_S // 2
        )

    assert town.outcome(jws) == ("credited", "")


def test_issuing_a_card_claims_what_was_brought_with_it(town: Town) -> None:
    town.outcome(town.bin.deposit(uid=STRANGER))
    clerk = town.browser("clerk")

    answer = clerk.post(
        f"/v1/people/{town.bassam.id}/cards", json={"uid": STRANGER.hex(), "pin": "9753"}
    )

    assert (answer.status_code, answer.json()["claimed"]) == (201, 1)
    assert town.balance(town.bassam) == 50


@pytest.mark.parametrize(
    "flag", ["overload", "below_min", "unstable", "uncalibrated", "lid_forced"]
)
def test_doubtful_weighing_is_held(small_town: Town, flag: str) -> None:
    assert small_town.outcome(small_town.bin.deposit(flags=[flag])) == ("held", flag)
    assert small_town.balance(small_town.amal) == 0


def test_low_battery_is_no_reason_to_hold(small_town: Town) -> None:
    assert small_town.outcome(small_town.bin.deposit(flags=["low_battery"])) == ("credited", "")


@pytest.mark.parametrize("after_g", [10_000, 9_000])
def test_no_gain_is_held(small_town: Town, after_g: int) -> None:
    jws = small_town.bin.deposit(after_g=after_g, net_g=after_g - 10_000)

    assert small_town.outcome(jws) == ("held", "no_gain")


def test_interrupted_visit_is_held(town: Town) -> None:
    jws = town.bin.sign(town.bin.next("interrupted"))

    assert town.outcome(jws) == ("held", "interrupted")


def test_future_date_is_held(town: Town) -> None:
    jws = town.bin.deposit(at_s=START_S + DAY_S)

    assert town.outcome(jws) == ("held", "future_date")


def test_fraction_without_tariff_is_held(small_town: Town) -> None:
    assert small_town.outcome(small_town.bin.deposit(fraction="glass")) == ("held", "no_tariff")


@pytest.mark.parametrize("kind", ["calibration", "tare", "key", "tamper", "alarm"])
def test_records_without_money_are_noted(small_town: Town, kind: str) -> None:
    body = small_town.bin.next(kind, what="done", by="technician", readings=[1, 2])

    assert small_town.outcome(small_town.bin.sign(body)) == ("noted", "")


def test_emptying_is_noted(small_town: Town) -> None:
    body = small_town.bin.next(
        "emptied", who="truck", before_g=12_000, after_g=10_000, container="c1"
    )

    assert small_town.outcome(small_town.bin.sign(body)) == ("noted", "")


def test_deposit_beyond_the_budget_is_queued_and_paid_when_funds_come(town: Town) -> None:
    officer = town.browser("officer")
    period = {"from_s": START_S - 2000, "until_s": START_S + 30 * DAY_S}
    assert officer.put("/v1/budgets", json=period | {"amount": 10}).status_code == 200

    assert town.outcome(town.bin.deposit()) == ("queued", "no_budget")
    assert officer.get("/v1/budgets").json()["waiting_amount"] == 50

    assert officer.put("/v1/budgets", json=period | {"amount": 100}).json() == {"paid": 1}
    assert town.balance(town.amal) == 50


def test_new_journal_is_held_until_a_technician_confirms_it(town: Town) -> None:
    town.outcome(town.bin.deposit())
    town.bin.epoch, town.bin.seq = "f0000000000000b2", 0
    assert town.outcome(town.bin.deposit()) == ("held", "new_epoch")
    assert town.balance(town.amal) == 50

    url = "/v1/devices/bin-1/epochs/f0000000000000b2/confirmation"
    answer = town.browser("technician").post(url)

    assert answer.json() == {"released": 1}
    assert town.balance(town.amal) == 100
    assert town.outcome(town.bin.deposit()) == ("credited", "")


def test_confirming_a_journal_twice_pays_once(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())
    small_town.bin.epoch, small_town.bin.seq = "f0000000000000b2", 0
    small_town.outcome(small_town.bin.deposit())
    technician = small_town.browser("technician")
    url = "/v1/devices/bin-1/epochs/f0000000000000b2/confirmation"
    technician.post(url)

    assert technician.post(url).json() == {"released": 0}
    assert small_town.balance(small_town.amal) == 100


def test_confirming_a_journal_does_not_pay_a_doubtful_weighing(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())
    small_town.bin.epoch, small_town.bin.seq = "f0000000000000b2", 0
    small_town.outcome(small_town.bin.deposit(flags=["unstable"]))

    url = "/v1/devices/bin-1/epochs/f0000000000000b2/confirmation"
    answer = small_town.browser("technician").post(url)

    assert answer.json() == {"released": 0}


def test_officer_settles_a_held_deposit_once(town: Town) -> None:
    town.outcome(town.bin.deposit(flags=["unstable"]))
    officer = town.browser("officer")
    waiting = officer.get("/v1/deposits/waiting").json()
    assert [(each["outcome"], each["reason"]) for each in waiting] == [("held", "unstable")]
    url = f"/v1/deposits/bin-1/{waiting[0]['epoch']}/{waiting[0]['seq']}/resolution"
    body = {"person_id": town.amal.id, "reason": "seen on camera"}

    first, again = officer.post(url, json=body), officer.post(url, json=body)

    assert (first.status_code, first.json()) == (200, {"outcome": "credited", "amount": 50})
    assert (again.status_code, again.json()["code"]) == (409, "not_resolvable")
    assert town.balance(town.amal) == 50
    assert officer.get("/v1/deposits/waiting").json() == []


def test_a_decision_about_a_deposit_is_in_the_log_of_everybody_it_is_about(town: Town) -> None:
    """A refusal is its holder's business; what another gets that of both; no card's, nobody's."""
    officer, since = town.browser("officer"), town.services.audit

    def decide(person_id: int | None, **deposit: Any) -> list[list[str]]:
        town.outcome(town.bin.deposit(**deposit))
        before = {each.id: since.lines(person_id=each.id) for each in (town.amal, town.bassam)}
        url = f"/v1/deposits/bin-1/{town.bin.epoch}/{town.bin.seq - 1}/resolution"
        answer = officer.post(url, json={"person_id": person_id, "reason": "seen"})
        assert answer.status_code == 200, answer.text
        return [
            [line.action for line in since.lines(person_id=each) if line not in known]
            for each, known in before.items()
        ]

    noted = ["deposits:resolve"]
    assert decide(None, flags=["unstable"]) == [noted, []]
    assert decide(None, uid=STRANGER) == [[], []]
    town.browser("amal").post(f"/v1/cards/{town.numbers['amal']}/block")
    town.bin.base_s = town.clock.now_s = town.clock.now_s + 60
    assert decide(town.bassam.id) == [noted, noted]
    assert decide(None) == [noted, []]


def test_receipts_stay_small_and_cover_every_record(small_town: Town) -> None:
    sent = [("bin-1", small_town.bin.deposit()) for _ in range(11)]

    answer = small_town.gateway.relay(*sent)

    receipts = [each["body"] for each in answer["down"] if each["channel"] == "receipt"]
    assert all(len(jws) <= contract.MAX_JWS for jws in receipts)
    rows = [row for jws in receipts for row in small_town.bin.open("receipt", jws)["out"]]
    assert [row[1] for row in rows] == list(range(1, 12))


def test_a_question_is_answered_with_the_balance_and_its_nonce(town: Town) -> None:
    town.outcome(town.bin.deposit())

    answer = town.gateway.message("bin-1", "ask", town.bin.ask(AMAL))

    down = answer["down"][0]
    body = town.bin.open("answer", down["body"])
    assert (body["nonce"], down["expires_s"]) == ("ab" * 16, town.clock.now_s + 30)
    assert town.bin.unseal(body["body"]) == {"balance": 50, "why": ""}


def test_a_question_about_an_unknown_card_shows_no_balance(small_town: Town) -> None:
    answer = small_town.gateway.message("bin-1", "ask", small_town.bin.ask(STRANGER))

    body = small_town.bin.open("answer", answer["down"][0]["body"])
    assert small_town.bin.unseal(body["body"]) == {"balance": None, "why": "unknown_card"}


def test_an_old_question_is_not_answered(small_town: Town) -> None:
    jws = small_town.bin.ask(AMAL, ttl_s=5)
    sent = {"device": "bin-1", "channel": "ask", "received_s": START_S, "jws": jws}
    small_town.clock.now_s += 60

    answer = small_town.gateway.post({"messages": [sent]}).json()

    assert answer["down"] == []
    assert small_town.health()["answered"]["ask_expired"] == 1


def test_an_unsynchronised_record_is_dated_by_its_start(town: Town) -> None:
    town.outcome(town.bin.deposit())
    later_ms = town.bin.up_ms + 1000 + 3_600_000
    jws = town.bin.deposit(clock="unset", at_s=None, up_ms=later_ms)

    town.outcome(jws, received_s=START_S + DAY_S)

    with town.services.read() as conn:
        dated = deposits.of_person(conn, 1, town.amal.id)[0]
    assert (dated.basis, dated.effective_s) == ("rebuilt", START_S + 1 + 3600)


def test_a_record_that_nothing_dates_gets_the_time_it_was_received(small_town: Town) -> None:
    jws = small_town.bin.deposit(clock="unset", at_s=None)

    small_town.outcome(jws, received_s=START_S + 77)

    with small_town.services.read() as conn:
        dated = deposits.of_person(conn, 1, small_town.amal.id)[0]
    assert (dated.basis, dated.effective_s) == ("received", START_S + 77)


def test_deposits_of_two_people_go_to_each(town: Town) -> None:
    town.gateway.relay(
        ("bin-1", town.bin.deposit(uid=AMAL)),
        ("bin-1", town.bin.deposit(uid=BASSAM, fraction="plastic")),
    )

    assert (town.balance(town.amal), town.balance(town.bassam)) == (50, 80)


def test_an_empty_batch_is_a_question_for_what_goes_down(small_town: Town) -> None:
    assert small_town.gateway.relay() == {"results": [], "down": [], "again": None}
