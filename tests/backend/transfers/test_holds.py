"""Holds over HTTP: what is reserved is not spent twice, and is settled once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.ledger.verify import verify
from tests.backend.village import AMAL, START_S, Town

DAY_S = 86_400


@pytest.fixture
def funded(town: Town) -> Town:
    """Amal has 50 from her waste, Bassam nothing."""
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
    return town


def hold(town: Town, client: Any, key: str, amount: int, **terms: Any) -> Any:
    reserve = {"expires_s": START_S + DAY_S} | terms
    leg = {
        "debit_account_id": town.amal.account_id,
        "credit_account_id": town.bassam.account_id,
        "amount": amount,
        "hold": reserve,
    }
    headers = {"Idempotency-Key": key}
    return client.post("/v1/transfers", json={"legs": [leg]}, headers=headers)


def settle(client: Any, hold_id: int, key: str, outcome: str, **more: Any) -> Any:
    url, headers = f"/v1/holds/{hold_id}/settlement", {"Idempotency-Key": key}
    return client.post(url, json={"outcome": outcome, **more}, headers=headers)


def available(town: Town) -> tuple[int, int]:
    account = town.browser("amal").get(f"/v1/accounts/{town.amal.account_id}").json()
    return account["balance"], account["available"]


def test_a_part_is_posted_and_the_rest_is_free_again(funded: Town) -> None:
    officer = funded.browser("officer")
    hold_id = hold(funded, funded.browser("amal"), "1", 30).json()["group_id"]
    assert available(funded) == (50, 20)
    assert hold(funded, funded.browser("amal"), "2", 21).status_code == 409

    assert settle(officer, hold_id, "3", "post", amount=31).json()["code"] == "above_hold"
    made = settle(officer, hold_id, "4", "post", amount=12)

    assert made.status_code == 201
    (moved,) = made.json()["transfers"]
    assert (moved["amount"], moved["state"], moved["pending_id"]) == (12, "post", hold_id)
    assert available(funded) == (38, 38)
    assert settle(officer, hold_id, "4", "post", amount=12).json()["replayed"] is True
    assert settle(officer, hold_id, "5", "void").json()["code"] == "hold_settled"
    shown = funded.browser("bassam").get(f"/v1/holds/{hold_id}").json()
    assert (shown["hold"]["state"], shown["settled"]["amount"]) == ("pending", 12)
    with funded.services.read() as conn:
        assert verify(conn, 1).ok


def test_the_payer_gives_and_the_payee_waives_and_no_other_way(funded: Town) -> None:
    amal, bassam = funded.browser("amal"), funded.browser("bassam")
    first = hold(funded, amal, "1", 10).json()["group_id"]
    second = hold(funded, amal, "2", 10).json()["group_id"]

    assert settle(amal, first, "3", "void").status_code == 403
    assert settle(bassam, first, "3", "post").status_code == 403
    assert settle(amal, first, "3", "post", amount=5).status_code == 403
    assert hold(funded, bassam, "3", 5).status_code == 403
    assert settle(amal, first, "3", "post").status_code == 201
    assert settle(bassam, second, "3", "void").status_code == 201
    assert available(funded) == (40, 40)
    assert settle(amal, 424242, "4", "post").status_code == 404
    assert settle(amal, 1, "4", "post").status_code == 404  # a transfer, but not a hold


def test_a_hold_is_settled_once_by_many_at_once(funded: Town) -> None:
    officer = funded.browser("officer")
    hold_id = hold(funded, funded.browser("amal"), "1", 30).json()["group_id"]

    def end(number: int) -> int:
        outcome = "post" if number % 2 else "void"
        return int(settle(officer, hold_id, f"k{number}", outcome).status_code)

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(end, range(8)))

    assert statuses == [201] + [409] * 7
    assert available(funded) in ((50, 50), (20, 20))


def test_a_hold_without_a_fit_end_is_refused(funded: Town) -> None:
    amal = funded.browser("amal")

    assert hold(funded, amal, "1", 5, expires_s=START_S - 1).status_code == 422
    assert hold(funded, amal, "2", 5, expires_s=START_S + 3 * 366 * DAY_S).status_code == 422
    assert hold(funded, amal, "3", 5, on_expiry="keep").status_code == 422
    assert available(funded) == (50, 50)
