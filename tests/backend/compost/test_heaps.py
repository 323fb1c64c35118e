"""Compost comes out of a heap when it is ripe, as it was weighed, and never more than went in."""

from typing import Any

import pytest

from backend.compost import heaps
from backend.ledger.errors import RowRefused
from farz.founding import ripe_compost
from tests.backend.village import START_S, Town

DAY_S = 86_400


def post(town: Town, path: str, key: str = "k", role: str = "manager", **body: Any) -> Any:
    return town.browser(role).post(path, json=body, headers={"Idempotency-Key": key})


def heap(town: Town, **changes: Any) -> int:
    made = post(town, "/v1/compost/heaps", product_id=town.product.id, **changes)
    assert made.status_code == 201, made.text
    number: int = made.json()["id"]
    inputs = f"/v1/compost/heaps/{number}/inputs"
    post(town, inputs, material="organic", grams=9_000, source="bin-1, ticket 17")
    post(town, inputs, material="wood chips", grams=1_000)
    return number


def test_nothing_is_handed_out_before_it_is_ripe(town: Town) -> None:
    number = heap(town)
    url = f"/v1/compost/heaps/{number}/yield"

    early = post(town, url, grams=3_000)
    town.clock.now_s += 60 * DAY_S
    ripe = post(town, url, grams=3_000)
    again = post(town, url, grams=3_000)

    assert (early.status_code, early.json()["code"]) == (409, "not_ripe")
    assert "ripe in 60 days" in early.json()["detail"]
    assert (ripe.status_code, ripe.json()["grams"]) == (201, 3_000)
    assert (again.json()["id"], again.json()["replayed"]) == (ripe.json()["id"], True)
    assert town.stock() == 3_000


def test_the_yield_is_what_was_weighed(small_town: Town) -> None:
    number = heap(small_town, started_s=START_S - 90 * DAY_S)
    url = f"/v1/compost/heaps/{number}/yield"
    post(small_town, url, "a", grams=3_000)
    post(small_town, url, "b", grams=1_200)

    found = small_town.browser("clerk").get("/v1/compost/heaps").json()[0]

    assert (found["input_g"], found["out_g"], found["yield_permille"]) == (10_000, 4_200, 420)
    assert [each["source"] for each in found["inputs"]] == ["bin-1, ticket 17", ""]


def test_no_more_comes_out_than_went_in(small_town: Town) -> None:
    number = heap(small_town, started_s=START_S - 90 * DAY_S)

    answer = post(small_town, f"/v1/compost/heaps/{number}/yield", grams=10_001)

    assert (answer.status_code, small_town.stock()) == (422, 0)
    inputs = f"/v1/compost/heaps/{number}/inputs"
    assert post(small_town, inputs, material="organic", grams=5).status_code == 201
    url = f"/v1/compost/heaps/{number}/yield"
    whole, again = (post(small_town, url, "whole", grams=10_005) for _ in range(2))
    assert (whole.status_code, again.json()) == (201, whole.json() | {"replayed": True})
    late = post(small_town, inputs, material="organic", grams=5)
    assert "start another one" in late.json()["detail"]
    assert (late.status_code, small_town.stock()) == (422, 10_005)


def test_a_heap_that_failed_is_taken_away_with_its_weight_and_why(town: Town) -> None:
    number = heap(town, started_s=START_S - 90 * DAY_S)
    url = f"/v1/compost/heaps/{number}"
    post(town, f"{url}/yield", "a", grams=1_000)

    too_much = post(town, f"{url}/discard", grams=9_001, reason="glass in it")
    no_reason = post(town, f"{url}/discard", grams=5, reason=" ")
    done = post(town, f"{url}/discard", grams=6_500, reason="glass in it")
    again = post(town, f"{url}/discard", grams=6_500, reason="glass in it")
    more = post(town, f"{url}/yield", "b", grams=10)
    late = post(town, f"{url}/inputs", material="organic", grams=10)

    assert (too_much.status_code, no_reason.status_code) == (422, 422)
    found = done.json()
    assert (found["discarded_g"], found["reason"], found["out_g"]) == (6_500, "glass in it", 1_000)
    assert [each.status_code for each in (again, more, late)] == [409, 409, 409]
    for each in (again, more, late):
        assert "was discarded: glass in it" in each.json()["detail"]
    assert town.stock() == 1_000
    masses = town.browser("officer").get("/v1/mass-balance").json()
    parts = ("composted_g", "yielded_g", "discarded_g")
    assert [masses[each] for each in parts] == [10_000, 1_000, 6_500]


def test_what_is_weighed_out_while_a_heap_is_discarded_is_refused_by_the_books(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = heap(town, started_s=START_S - 90 * DAY_S)
    look = heaps._check

    def meanwhile(*given: Any) -> None:
        look(*given)
        post(town, f"/v1/compost/heaps/{number}/discard", grams=5, reason="mould")

    monkeypatch.setattr(heaps, "_check", meanwhile)
    with pytest.raises(RowRefused, match="discarded"):
        heaps.weigh_out(town.services, number, 100, by="staff:1", key="x")

    assert town.stock() == 0


def test_all_stock_comes_out_of_heaps(small_town: Town) -> None:
    paths = small_town.client.get("/openapi.json").json()["paths"]

    assert not [path for path in paths if path.endswith("/stock")]
    answer = post(small_town, f"/v1/compost/{small_town.product.id}/stock", grams=500)
    assert (answer.status_code, small_town.stock()) == (404, 0)


def test_compost_ripens_between_sixty_and_a_hundred_and_eighty_days(small_town: Town) -> None:
    product = small_town.product.id
    for days, status in ((59, 422), (60, 201), (180, 201), (181, 422)):
        made = post(small_town, "/v1/compost/heaps", product_id=product, maturity_days=days)
        assert made.status_code == status, days
    future = post(
        small_town, "/v1/compost/heaps", product_id=product, started_s=START_S + 5 * DAY_S
    )
    assert future.status_code == 422


def test_a_price_of_the_future_holds_from_then_on(small_town: Town) -> None:
    manager, product = small_town.browser("manager"), small_town.product.id
    url = f"/v1/compost/{product}/price"
    body = {"amount_per_kg": 45, "from_s": START_S + 100}

    assert manager.put(url, json=body).status_code == 200
    assert manager.put(url, json=body).json()["code"] == "taken"
    assert manager.put(url, json=body | {"from_s": START_S - 5}).status_code == 409
    small_town.outcome(small_town.bin.deposit(after_g=16_000, net_g=6_000))
    ripe_compost(small_town.services, product, 5_000, by="staff:1", key="ripe")
    bought = {"product_id": product, "person_id": small_town.amal.id, "grams": 1_000}
    for key, amount_per_kg, turned_s in (("a", 30, 99), ("b", 30, 1), ("c", 45, 0)):
        assert manager.get("/v1/compost").json()[0]["amount_per_kg"] == amount_per_kg
        paid = post(small_town, "/v1/redemptions", key, **bought).json()
        assert (paid["amount"], paid["amount_per_kg"]) == (amount_per_kg, amount_per_kg)
        small_town.clock.now_s += turned_s
