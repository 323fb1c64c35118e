"""A wrong hand-over is taken back within its window, once, whole; a closed day takes nothing in."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.compost import orders
from farz.founding import ripe_compost
from tests.backend.compost.test_orders import is_right
from tests.backend.village import AMAL, BASSAM, Town

DAY_S = 86_400


@pytest.fixture
def shop(town: Town) -> Town:
    return stocked(town)


@pytest.fixture
def small_shop(small_town: Town) -> Town:
    return stocked(small_town)


def stocked(town: Town) -> Town:
    for uid in (AMAL, BASSAM):
        town.outcome(town.bin.deposit(uid=uid))
    ripe_compost(town.services, town.product.id, 1_500, by="staff:1", key="one")
    return town


def post(town: Town, path: str, key: str, **body: Any) -> Any:
    return town.browser("clerk").post(path, json=body, headers={"Idempotency-Key": key})


def redeem(town: Town, key: str = "r", **changes: Any) -> Any:
    body = {"product_id": town.product.id, "person_id": town.amal.id, "grams": 1_000} | changes
    return post(town, "/v1/redemptions", key, **body)


def void(town: Town, receipt: str, key: str = "v", **changes: Any) -> Any:
    return post(town, f"/v1/redemptions/{receipt}/void", key, reason="wrong sack", **changes)


def test_a_void_brings_credit_and_compost_back_once(shop: Town) -> None:
    receipt = redeem(shop).json()["receipt"]

    first, again, other = void(shop, receipt), void(shop, receipt), void(shop, receipt, "w")

    assert (first.status_code, first.json()["reason"]) == (201, "wrong sack")
    assert (again.json()["group_id"], again.json()["replayed"]) == (first.json()["group_id"], True)
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")
    assert (shop.balance(shop.amal), shop.stock()) == (50, 1_500)
    assert shop.browser("amal").get(f"/v1/redemptions/{receipt}").json()["voided"] is True
    group = shop.browser("officer").get(f"/v1/transfers/groups/{first.json()['group_id']}").json()
    assert (group["reason"], group["booked_by"]) == ("wrong sack", first.json()["voided_by"])
    assert is_right(shop)


def test_what_a_void_brings_back_is_for_who_waits(small_shop: Town) -> None:
    receipt = redeem(small_shop).json()["receipt"]
    waits = order(small_shop, 800)

    void(small_shop, receipt)

    assert orders.read(small_shop.services, waits["id"]).state == "ready"


def order(town: Town, grams: int) -> Any:
    path = f"/v1/people/{town.bassam.id}/orders"
    return post(town, path, f"{grams}", product_id=town.product.id, grams=grams).json()


def test_a_void_after_the_window_is_refused_in_words(small_shop: Town) -> None:
    receipt = redeem(small_shop).json()["receipt"]
    small_shop.clock.now_s += 601

    answer = void(small_shop, receipt)

    assert (answer.status_code, answer.json()["code"]) == (409, "window_over")
    assert "Ask the municipality for a correction" in answer.json()["detail"]
    assert (small_shop.balance(small_shop.amal), small_shop.stock()) == (20, 500)


def test_the_window_is_data(small_shop: Town) -> None:
    rule = {"name": "void_window_s", "value": 3_600}
    small_shop.browser("manager").put("/v1/compost/rules", json=rule)
    receipt = redeem(small_shop).json()["receipt"]
    small_shop.clock.now_s += 3_000

    assert void(small_shop, receipt).status_code == 201


def test_many_voids_at_once_take_back_once(shop: Town) -> None:
    receipt, client = redeem(shop).json()["receipt"], shop.browser("clerk")

    def one(n: int) -> int:
        url, headers = f"/v1/redemptions/{receipt}/void", {"Idempotency-Key": f"k{n}"}
        answer = client.post(url, json={"reason": "x"}, headers=headers)
        return int(answer.status_code)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(4)))

    assert sorted(answers) == [201, 409, 409, 409]
    assert (shop.balance(shop.amal), shop.stock()) == (50, 1_500)


def test_a_closed_day_takes_nothing_in_silently(shop: Town) -> None:
    first = redeem(shop, "a").json()
    kept = first["receipt"]
    gone = redeem(shop, "b", person_id=shop.bassam.id, grams=300).json()["receipt"]
    fetched, left = order(shop, 100)["id"], order(shop, 50)["id"]
    assert post(shop, f"/v1/orders/{fetched}/hand-over", "h").status_code == 201
    back = void(shop, gone).json()

    closed = post(shop, "/v1/counters/0/closes", "c").json()
    late = redeem(shop, "d", person_id=shop.bassam.id, grams=100)
    knowing = redeem(shop, "e", person_id=shop.bassam.id, grams=100, after_close=True)

    assert (closed["number"], closed["amount"], closed["voids"]) == (1, 33, 1)
    assert closed["closed_by"] == f"staff:{shop.staff['clerk'].id}"
    assert [(each["redemptions"], each["grams"]) for each in closed["totals"]] == [(3, 1_400)]
    assert post(shop, "/v1/counters/0/closes", "c").status_code == 409
    assert (late.status_code, late.json()["code"]) == (409, "day_closed")
    assert void(shop, kept, "w").json()["code"] == "day_closed"
    assert post(shop, f"/v1/orders/{left}/hand-over", "l").json()["code"] == "day_closed"
    again = post(shop, f"/v1/orders/{fetched}/hand-over", "h").json()
    assert (again["grams"], again["replayed"]) == (100, True)
    assert knowing.status_code == 201
    assert redeem(shop, "a").json() == first | {"replayed": True}, "what a repeat asks is done"
    assert void(shop, gone).json() == back | {"replayed": True}
    shop.clock.now_s += DAY_S
    redeem(shop, "f", person_id=shop.bassam.id, grams=100)
    tomorrow = post(shop, "/v1/counters/0/closes", "g").json()
    assert (tomorrow["number"], tomorrow["amount"], tomorrow["late"]) == (2, 6, 1)
    again = shop.browser("clerk").get("/v1/counters/0/closes").json()
    assert again == [tomorrow, closed]


def test_another_counter_has_a_day_of_its_own(small_shop: Town) -> None:
    made = small_shop.browser("administrator").post("/v1/counters", json={"name": "market"}).json()
    redeem(small_shop, "here", person_id=small_shop.bassam.id, grams=100)
    post(small_shop, "/v1/counters/0/closes", "c")

    there = redeem(small_shop, counter_id=made["id"])

    assert there.status_code == 201
    assert redeem(small_shop, "x", counter_id=99).status_code == 404
    closed = post(small_shop, f"/v1/counters/{made['id']}/closes", "d").json()
    assert (closed["amount"], closed["totals"][0]["redemptions"]) == (30, 1)


def test_a_day_ends_at_midnight_of_the_town(small_shop: Town) -> None:
    """It is 17:13 in Hebron, three hours before UTC's day: seven hours later it is tomorrow."""
    post(small_shop, "/v1/counters/0/closes", "c")
    assert redeem(small_shop, "early").json()["code"] == "day_closed"
    small_shop.clock.now_s += 7 * 3_600

    assert redeem(small_shop).status_code == 201
