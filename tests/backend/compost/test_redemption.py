"""Credit for compost: both or neither, once, never more than there is."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.compost import service
from farz.founding import ripe_compost
from tests.backend.village import AMAL, BASSAM, Town

GRAMS = 1_000  # costs 30 of the 50 that two kilograms of organics bring


@pytest.fixture
def shop(town: Town) -> Town:
    """Amal and Bassam have 50 each, there are 1,500 g of compost."""
    return stocked(town)


@pytest.fixture
def small_shop(small_town: Town) -> Town:
    return stocked(small_town)


def stocked(town: Town) -> Town:
    for uid in (AMAL, BASSAM):
        assert town.outcome(town.bin.deposit(uid=uid))[0] == "credited"
    ripe_compost(town.services, town.product.id, 1_500, by="staff:1", key="batch 1")
    return town


def redeem(town: Town, client: Any, key: str | None, **changes: Any) -> Any:
    body = {"product_id": town.product.id, "person_id": town.amal.id, "grams": GRAMS} | changes
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/v1/redemptions", json=body, headers=headers)


def test_redeeming_takes_credit_and_compost_together(shop: Town) -> None:
    answer = redeem(shop, shop.browser("clerk"), "a")

    assert (answer.status_code, answer.json()["amount"]) == (201, 30)
    assert (shop.balance(shop.amal), shop.stock()) == (20, 500)
    receipt = answer.json()["receipt"]
    found = shop.browser("amal").get(f"/v1/redemptions/{receipt}").json()
    assert (found["receipt"], found["grams"]) == (receipt, GRAMS)


def test_redeeming_more_than_the_balance_is_refused_in_words(shop: Town) -> None:
    answer = redeem(shop, shop.browser("clerk"), "a", grams=1_500 + 200)

    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_funds")
    assert answer.json()["detail"] == "This costs 51, the balance is 50."
    assert (shop.balance(shop.amal), shop.stock()) == (50, 1_500)


def test_redeeming_more_than_the_stock_is_refused_in_words(shop: Town) -> None:
    clerk = shop.browser("clerk")
    redeem(shop, clerk, "a")

    answer = redeem(shop, clerk, "b", person_id=shop.bassam.id)

    assert answer.status_code == 409
    assert "500 g of Compost in stock, 1000 g were asked for" in answer.json()["detail"]
    assert (shop.balance(shop.bassam), shop.stock()) == (50, 500)


def test_redeeming_the_whole_balance_twice_at_once_pays_once(shop: Town) -> None:
    clerk = shop.browser("clerk")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda key: redeem(shop, clerk, f"key-{key}"), range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert (shop.balance(shop.amal), shop.stock()) == (20, 500)


def test_the_last_compost_goes_to_one_of_two_people_at_once(shop: Town) -> None:
    clerk = shop.browser("clerk")
    people = [shop.amal.id, shop.bassam.id]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: redeem(shop, clerk, f"{who}", person_id=who), people))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert shop.stock() == 500
    assert sorted([shop.balance(shop.amal), shop.balance(shop.bassam)]) == [20, 50]


def test_a_repeated_request_answers_the_same_receipt(shop: Town) -> None:
    clerk = shop.browser("clerk")

    first, again = redeem(shop, clerk, "a"), redeem(shop, clerk, "a")

    assert first.json()["receipt"] == again.json()["receipt"]
    assert (first.json()["replayed"], again.json()["replayed"]) == (False, True)
    assert shop.balance(shop.amal) == 20


def test_a_repeat_answers_its_receipt_also_after_the_price_changed(small_shop: Town) -> None:
    clerk, administrator = small_shop.browser("clerk"), small_shop.browser("administrator")
    first = redeem(small_shop, clerk, "a").json()
    url = f"/v1/compost/{small_shop.product.id}/price"
    assert administrator.put(url, json={"amount_per_kg": 90}).status_code == 200

    again = redeem(small_shop, clerk, "a").json()

    assert (again["receipt"], again["amount"]) == (first["receipt"], 30)


def test_the_same_request_ten_times_at_once_pays_once(shop: Town) -> None:
    clerk = shop.browser("clerk")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _n: redeem(shop, clerk, "same"), range(10)))

    # 409 says that the first is still being worked on; everybody else hears its receipt.
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({a.json()["receipt"] for a in answers if a.status_code == 201}) == 1
    assert shop.balance(shop.amal) == 20


def test_a_missing_key_is_refused(small_shop: Town) -> None:
    answer = redeem(small_shop, small_shop.browser("clerk"), None)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


def test_a_key_with_another_request_is_refused(shop: Town) -> None:
    clerk = shop.browser("clerk")
    redeem(shop, clerk, "a")

    answer = redeem(shop, clerk, "a", grams=500)

    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert shop.balance(shop.amal) == 20


def test_two_clerks_keys_do_not_collide(small_shop: Town) -> None:
    redeem(small_shop, small_shop.browser("clerk"), "a", grams=100)

    answer = redeem(small_shop, small_shop.browser("administrator"), "a", grams=200)

    assert answer.json()["replayed"] is False


@pytest.mark.parametrize("grams", [0, -5, 10_000_001, 1.5, "many"])
def test_a_weight_that_is_none_is_refused(small_shop: Town, grams: Any) -> None:
    answer = redeem(small_shop, small_shop.browser("clerk"), "a", grams=grams)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")


def test_an_unknown_person_or_product_is_not_found(small_shop: Town) -> None:
    clerk = small_shop.browser("clerk")

    assert redeem(small_shop, clerk, "a", person_id=12345).status_code == 404
    assert redeem(small_shop, clerk, "b", product_id=12345).status_code == 404


def test_a_mistyped_receipt_number_is_told(small_shop: Town) -> None:
    clerk = small_shop.browser("clerk")
    receipt = redeem(small_shop, clerk, "a").json()["receipt"]
    wrong = receipt[:-1] + ("1" if receipt[-1] != "1" else "2")

    answer = clerk.get(f"/v1/redemptions/{wrong}")

    assert (answer.status_code, "wrong digit" in answer.json()["detail"]) == (404, True)


def test_a_price_is_rounded_up_to_whole_credits() -> None:
    assert [service.cost(grams, 30) for grams in (1, 33, 34, 1000)] == [1, 1, 2, 30]


def test_a_resident_cannot_serve_themselves(small_shop: Town) -> None:
    assert redeem(small_shop, small_shop.browser("amal"), "a").status_code == 403


def test_another_persons_receipt_stays_theirs(small_shop: Town) -> None:
    receipt = redeem(small_shop, small_shop.browser("clerk"), "a").json()["receipt"]

    assert small_shop.browser("bassam").get(f"/v1/redemptions/{receipt}").status_code == 404
