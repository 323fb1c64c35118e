"""Orders reserve, wait in order, are handed over once, and let go of everything when they end."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend import tables
from backend.compost import orders, redeeming, service
from backend.compost import tables as own
from backend.housekeeping import end_holds
from backend.ledger import accounts
from backend.ledger.errors import RowRefused
from backend.ledger.transfers import Code, Group, HoldTerms, Leg, Posted
from backend.ledger.verify import verify
from backend.proofs.audit import audit
from farz.founding import ripe_compost
from tests.backend.village import AMAL, BASSAM, Town

DAY_S = 86_400


@pytest.fixture
def shop(town: Town) -> Town:
    return stocked(town)


@pytest.fixture
def small_shop(small_town: Town) -> Town:
    return stocked(small_town)


def stocked(town: Town) -> Town:
    """Amal and Bassam have 50 each; 1,000 g of compost cost 30."""
    for uid in (AMAL, BASSAM):
        assert town.outcome(town.bin.deposit(uid=uid))[0] == "credited"
    bring(town, 1_000)
    return town


def bring(town: Town, grams: int) -> None:
    """As the cooperative does it: what waits is served by the weighing itself."""
    ripe = {"product_id": town.product.id, "started_s": town.clock.now_s - 60 * DAY_S}
    heap = at_counter(town, "/v1/compost/heaps", "", **ripe, maturity_days=60).json()["id"]
    url, key = f"/v1/compost/heaps/{heap}", f"{heap}"
    at_counter(town, f"{url}/inputs", "", material="organic", grams=3 * grams)
    assert at_counter(town, f"{url}/yield", key, grams=grams).status_code == 201


def order(town: Town, who: str, grams: int, key: str = "order") -> Any:
    person = town.amal if who == "amal" else town.bassam
    body = {"product_id": town.product.id, "grams": grams}
    url = f"/v1/people/{person.id}/orders"
    return town.browser(who).post(url, json=body, headers={"Idempotency-Key": key})


def at_counter(town: Town, path: str, key: str, **body: Any) -> Any:
    return town.browser("clerk").post(path, json=body, headers={"Idempotency-Key": key})


def is_right(town: Town) -> bool:
    with town.services.read() as conn:
        report = verify(conn, 1)
        audit(conn, 1, report)
    assert report.problems == []
    return True


def test_an_order_reserves_both_and_is_handed_over_in_one_group(shop: Town) -> None:
    made = order(shop, "amal", 600).json()
    assert (made["state"], made["amount"], made["place"]) == ("ready", 18, None)
    assert shop.stock() == 400

    receipt = at_counter(shop, f"/v1/orders/{made['id']}/hand-over", "a").json()
    again = at_counter(shop, f"/v1/orders/{made['id']}/hand-over", "a").json()
    other = at_counter(shop, f"/v1/orders/{made['id']}/hand-over", "b")

    assert (receipt["grams"], receipt["amount"]) == (600, 18)
    assert (again["receipt"], again["replayed"]) == (receipt["receipt"], True)
    assert (other.status_code, receipt["receipt"] in other.json()["detail"]) == (409, True)
    assert (shop.balance(shop.amal), shop.stock()) == (32, 400)
    assert is_right(shop)


def test_who_comes_when_stock_is_short_waits_in_order(shop: Town) -> None:
    first = order(shop, "amal", 1_200).json()
    second = order(shop, "bassam", 100).json()

    # There is enough for the second alone, but nobody is passed over.
    assert (first["state"], first["place"]) == ("waiting", 1)
    assert (second["state"], second["place"]) == ("waiting", 2)
    early = at_counter(shop, f"/v1/orders/{second['id']}/hand-over", "a")
    assert (early.status_code, early.json()["code"]) == (409, "not_reserved")
    bring(shop, 250)
    found = [each["state"] for each in shop.browser("clerk").get("/v1/orders").json()]
    assert (found, shop.stock()) == (["ready", "waiting"], 50)
    bring(shop, 50)

    assert shop.stock() == 0
    assert at_counter(shop, f"/v1/orders/{second['id']}/hand-over", "c").status_code == 201
    assert is_right(shop)


def test_who_walks_in_does_not_take_what_others_wait_for(small_shop: Town) -> None:
    order(small_shop, "amal", 1_200)
    body = {"product_id": small_shop.product.id, "person_id": small_shop.bassam.id, "grams": 100}

    answer = at_counter(small_shop, "/v1/redemptions", "a", **body)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_reserved")
    assert "1200 g of Compost are ordered" in answer.json()["detail"]
    assert free_g(small_shop) == 0


@pytest.mark.parametrize("how", ["cancelled", "expired", "served"])
def test_an_order_that_waits_no_more_holds_nobody_up(small_shop: Town, how: str) -> None:
    made = order(small_shop, "amal", 1_200).json()
    if how == "cancelled":
        at_counter(small_shop, f"/v1/orders/{made['id']}/cancellation", "c")
    elif how == "expired":
        small_shop.clock.now_s = made["expires_s"]
    else:
        bring(small_shop, 700)
    before = free_g(small_shop)
    body = {"product_id": small_shop.product.id, "person_id": small_shop.bassam.id, "grams": 500}

    assert at_counter(small_shop, "/v1/redemptions", "a", **body).status_code == 201
    assert (before, free_g(small_shop)) == ((500, 0) if how == "served" else (1_000, 500))


def free_g(town: Town) -> int:
    found: int = town.browser("clerk").get("/v1/compost").json()[0]["free_g"]
    return found


def test_an_order_of_the_same_moment_comes_before_who_walks_in(
    shop: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order comes between the look at the queue and the books: the database sees it."""
    look, asked = redeeming._check_queue, []

    def meanwhile(*given: Any) -> None:
        look(*given)
        if not asked:
            asked.append(order(shop, "amal", 1_200).json())

    monkeypatch.setattr(redeeming, "_check_queue", meanwhile)
    body = {"product_id": shop.product.id, "person_id": shop.bassam.id, "grams": 100}
    answer = at_counter(shop, "/v1/redemptions", "a", **body)

    assert asked[0]["state"] == "waiting"
    assert (answer.status_code, answer.json()["code"]) == (409, "not_reserved")
    assert shop.stock() == 1_000
    assert is_right(shop)


def test_an_order_that_can_be_served_is_served_and_then_who_walks_in(
    shop: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, asked = redeeming._check_queue, []

    def meanwhile(*given: Any) -> None:
        look(*given)
        if not asked:
            with monkeypatch.context() as patch:
                patch.setattr(orders, "allot", lambda *_: 0)  # the order's own turn is to come
                asked.append(order(shop, "amal", 600).json())

    monkeypatch.setattr(redeeming, "_check_queue", meanwhile)
    body = {"product_id": shop.product.id, "person_id": shop.bassam.id, "grams": 100}
    answer = at_counter(shop, "/v1/redemptions", "a", **body)

    assert (answer.status_code, shop.stock()) == (201, 300)
    assert orders.read(shop.services, asked[0]["id"]).state == "ready"
    assert is_right(shop)


def test_in_one_batch_the_order_of_the_books_decides(shop: Town) -> None:
    """Rows are written table by table: an order in the middle is seen by who is after it."""
    poster, now_s = shop.services.poster, shop.clock.now_s
    with shop.services.read() as conn:
        bought = service.for_sale(conn, 1, shop.product.id, now_s)
    asked = {"product_id": shop.product.id, "grams": 100, "amount_per_kg": 30}

    def walk_in() -> Group:
        row = {**asked, "person_id": shop.bassam.id, "amount": 3, "served_by": "staff:1"}
        rows = (
            (tables.redemption, row | {"redeemed_s": now_s}),
            (own.compost_walk_in, {"product_id": shop.product.id, "at_s": now_s}),
        )
        legs = redeeming.legs(shop.bassam.account_id, 3, bought.stock_account_id, 100)
        return Group(legs, now_s, rows=rows)

    hold = HoldTerms(now_s + 9_999, "void")
    row = {**asked, "person_id": shop.amal.id, "grams": 2_000, "amount": 50}
    row |= {"ordered_by": "staff:1", "ordered_s": now_s, "expires_s": now_s + 9_999}
    leg = Leg(shop.amal.account_id, accounts.REDEEMED, 50, Code.REDEEM, hold=hold)
    between = Group((leg,), now_s, rows=((own.compost_order, row),))

    first, middle, last = poster.submit_all([walk_in(), between, walk_in()]).result()

    assert isinstance(first, Posted)
    assert isinstance(middle, Posted)
    assert isinstance(last, RowRefused)
    assert shop.stock() == 900


def test_a_cancelled_order_lets_go_and_the_next_is_served(shop: Town) -> None:
    first = order(shop, "amal", 900).json()
    second = order(shop, "bassam", 500).json()
    url = f"/v1/orders/{first['id']}/cancellation"
    stranger = shop.browser("bassam").post(url, headers={"Idempotency-Key": "x"})

    done = shop.browser("amal").post(url, headers={"Idempotency-Key": "x"})

    assert (stranger.status_code, done.json()["state"]) == (404, "cancelled")
    assert orders.read(shop.services, second["id"]).state == "ready"
    assert shop.stock() == 500
    assert at_counter(shop, f"/v1/orders/{first['id']}/hand-over", "a").status_code == 409
    assert is_right(shop)


def test_an_order_that_is_not_fetched_runs_out_and_is_free_for_the_next(shop: Town) -> None:
    first = order(shop, "amal", 900).json()
    second = order(shop, "bassam", 500).json()
    shop.clock.now_s = first["expires_s"] - 10
    late = order(shop, "bassam", 200, "late").json()
    shop.clock.now_s += 20

    end_holds(shop.services)
    orders.allot_all(shop.services)

    states = [orders.read(shop.services, each["id"]).state for each in (first, second, late)]
    assert states == ["expired", "expired", "ready"]
    assert shop.stock() == 800
    assert at_counter(shop, f"/v1/orders/{first['id']}/hand-over", "a").status_code == 409
    assert is_right(shop)


def test_an_order_beyond_the_balance_is_refused_in_words(small_shop: Town) -> None:
    answer = order(small_shop, "amal", 2_000)

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "This costs 60, the balance is 50.",
    )


def test_a_persons_share_of_the_queue_is_bounded(small_shop: Town) -> None:
    rule = {"name": "order_most_g", "value": 1_000}
    assert small_shop.browser("manager").put("/v1/compost/rules", json=rule).status_code == 200
    assert order(small_shop, "amal", 600).status_code == 201
    assert order(small_shop, "bassam", 600).status_code == 201, "each has a share of their own"

    answer = order(small_shop, "amal", 500, "more")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_reserved")
    assert order(small_shop, "amal", 600).json()["state"] == "ready"  # the repeat of the first


def test_one_order_handed_over_by_two_clerks_at_once_moves_once(shop: Town) -> None:
    made = order(shop, "amal", 600).json()
    clerks = [shop.browser("clerk"), shop.browser("administrator")]
    url = f"/v1/orders/{made['id']}/hand-over"

    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda one: one.post(url, json={}, headers={"Idempotency-Key": "k"}), clerks)
        )

    assert sorted(each.status_code for each in answers) == [201, 409]
    assert (shop.balance(shop.amal), shop.stock()) == (32, 400)


def test_stock_kept_for_an_order_that_was_cancelled_meanwhile_is_freed(
    small_shop: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = order(small_shop, "amal", 1_500).json()
    seen = orders._next(small_shop.services, small_shop.product.id)
    assert seen is None
    ripe_compost(small_shop.services, small_shop.product.id, 600, by="s", key="q")
    due = orders._next(small_shop.services, small_shop.product.id)
    orders.cancel(small_shop.services, made["id"], by="staff:1", key="c")
    answers = iter([due, None])
    monkeypatch.setattr(orders, "_next", lambda *_: next(answers))

    orders.allot(small_shop.services, small_shop.product.id)

    assert small_shop.stock() == 1_600
    assert is_right(small_shop)
