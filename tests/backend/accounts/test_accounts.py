"""Accounts over HTTP: now and in the past, one's own and the town's."""

import pytest

from backend import db, services
from backend.compost import redeeming
from backend.ledger import accounts
from farz.founding import ripe_compost
from tests.backend.village import AMAL, BASSAM, START_S, Town


def traded(town: Town) -> None:
    """Amal brings waste on three days and takes compost for some of it."""
    ripe_compost(town.services, town.product.id, 9_000, by="staff:1", key="batch")
    for number in range(3):
        assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
        redeeming.redeem(
            town.services,
            product_id=town.product.id,
            person_id=town.amal.id,
            grams=1_000,
            served_by="staff:1",
            key=f"taken-{number}",
        )
        town.clock.now_s += 86_400


def test_an_account_says_what_is_available_and_what_is_allowed(town: Town) -> None:
    traded(town)

    answer = town.browser("amal").get(f"/v1/accounts/{town.amal.account_id}")

    assert answer.json() == {
        "account_id": town.amal.account_id,
        "currency": "credit",
        "scale": 2,
        "balance": 60,
        "held": 0,
        "available": 60,
        "min_balance": 0,
        "max_balance": None,
        "soft_min": None,
        "soft_max": None,
        "closed": False,
    }


def test_the_past_is_asked_by_moment_or_by_transfer(town: Town) -> None:
    traded(town)
    auditor = town.browser("auditor")
    url = f"/v1/accounts/{town.amal.account_id}"

    by_time = [
        auditor.get(f"{url}/balance", params={"at_recorded_s": START_S + day * 86_400}).json()
        for day in (-1, 0, 1, 2)
    ]
    lines = auditor.get(f"{url}/statement").json()

    assert [moment["balance"] for moment in by_time] == [0, 20, 40, 60]
    for line in lines:
        at = auditor.get(f"{url}/balance", params={"at_id": line["transfer_id"]}).json()
        assert at["balance"] == line["balance_after"]
    assert [line["code"] for line in lines] == ["redeem", "mint"] * 3
    for both in ({}, {"at_id": 1, "at_recorded_s": 1}):
        assert auditor.get(f"{url}/balance", params=both).status_code == 422


def test_an_account_of_somebody_else_or_of_nobody_is_not_found(small_town: Town) -> None:
    bassam, auditor = small_town.browser("bassam"), small_town.browser("auditor")

    for path in ("", "/balance?at_id=1", "/statement"):
        for account_id in (small_town.amal.account_id, accounts.REDEEMED, 424242):
            url = f"/v1/accounts/{account_id}{path}"
            assert bassam.get(url).status_code == 404, url
        assert auditor.get(f"/v1/accounts/424242{path}").json()["code"] == "unknown_account"


def test_the_money_of_the_town_adds_up_now_and_then(town: Town) -> None:
    traded(town)
    assert town.outcome(town.bin.deposit(uid=BASSAM))[0] == "credited"
    auditor = town.browser("auditor")

    now = auditor.get("/v1/money").json()
    then = auditor.get("/v1/money", params={"at_recorded_s": START_S + 86_400}).json()

    credit, grams = now["supply"]
    assert (credit["issued"], credit["retired"], credit["outstanding"]) == (200, 90, 110)
    assert (grams["issued"], grams["retired"], grams["outstanding"]) == (9_000, 3_000, 6_000)
    assert (then["supply"][0]["issued"], then["supply"][0]["retired"]) == (100, 60)
    # 6 kg at 30 a kilogram against 110 outstanding.
    assert (now["coverage"]["stock"], now["coverage"]["outstanding"]) == (180, 110)
    assert now["coverage"]["permille"] == 1_636
    assert now["coverage"]["missing"] == ["what a tonne of sorted waste saves"]
    assert now["coverage"] == auditor.get("/v1/coverage").json()["now"]
    assert now["shortfall"] == 0


def test_velocity_is_trade_over_the_average_outstanding(town: Town) -> None:
    traded(town)
    auditor = town.browser("auditor")
    until_s = START_S + 2 * 86_400

    found = auditor.get("/v1/money/velocity", params={"days": 3, "until_s": until_s}).json()

    # 30 a day; 20, 40 and 60 outstanding when the days ended.
    assert (found["transfers"], found["volume"], found["average_outstanding"]) == (3, 90, 40)
    assert found["velocity"] == 2.25
    early = {"days": 30, "until_s": 86_400}
    assert auditor.get("/v1/money/velocity", params=early).status_code == 422


def test_a_read_that_takes_too_long_is_stopped_in_words(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = small_town.browser("auditor")
    assert auditor.get("/v1/money").status_code == 200
    monkeypatch.setattr(services, "READ_LIMIT_S", 0)
    monkeypatch.setattr(db, "_STEPS", 1)

    stopped = auditor.get("/v1/money")
    monkeypatch.undo()

    assert (stopped.status_code, stopped.json()["code"]) == (503, "read_too_long")
    assert "shorter" in stopped.json()["detail"]
    assert auditor.get("/v1/money").status_code == 200
