"""What is owed is stated once and paid once, by two people, to the cooperative and to merchants."""

import csv
import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.housekeeping import end_holds
from backend.ledger.resolve import Amend
from farz.founding import ripe_compost
from tests.backend.compost.test_orders import is_right
from tests.backend.village import AMAL, BASSAM, START_S, Town

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
    ripe_compost(town.services, town.product.id, 5_000, by="staff:1", key="one")
    return town


def post(town: Town, role: str, path: str, key: str, **body: Any) -> Any:
    return town.browser(role).post(path, json=body, headers={"Idempotency-Key": key})


def redeem(town: Town, key: str, grams: int = 1_000, who: str = "amal") -> str:
    person = town.amal if who == "amal" else town.bassam
    body = {"product_id": town.product.id, "person_id": person.id, "grams": grams}
    receipt: str = post(town, "clerk", "/v1/redemptions", key, **body).json()["receipt"]
    return receipt


def draw(town: Town, key: str, payee: str = "cooperative", **body: Any) -> Any:
    return post(town, "manager", f"/v1/settlements/{payee}", key, **body)


def pay(town: Town, statement: Any, key: str = "p", role: str = "officer", **body: Any) -> Any:
    path = f"/v1/settlements/{statement['payee']}/{statement['number']}/payment"
    return post(town, role, path, key, **({"reference": "bank 17"} | body))


def test_the_cooperative_is_owed_what_was_handed_out_less_what_came_back(shop: Town) -> None:
    kept, gone = redeem(shop, "a"), redeem(shop, "b", 500, "bassam")
    post(shop, "clerk", f"/v1/redemptions/{gone}/void", "v", reason="wrong")

    made, again = draw(shop, "s"), draw(shop, "s")

    assert (made.json()["amount"], made.json()["bookings"]) == (30, 3)
    assert again.json() == made.json()
    found = shop.browser("officer").get("/v1/settlements/cooperative/1").json()
    assert [(each["receipt"], each["amount"]) for each in found["lines"]] == [
        (kept, 30),
        (gone, 15),
        (gone, -15),
    ]


def test_nothing_is_in_two_statements(shop: Town) -> None:
    redeem(shop, "a")
    first = draw(shop, "s").json()
    empty = draw(shop, "t")
    late = redeem(shop, "b", 500, "bassam")
    post(shop, "clerk", f"/v1/redemptions/{late}/void", "v", reason="wrong")
    nothing = draw(shop, "u")
    redeem(shop, "c", 200, "bassam")

    second = draw(shop, "w").json()

    assert (empty.status_code, nothing.status_code) == (409, 409)
    assert "Nothing is owed" in nothing.json()["detail"]
    assert (second["after_id"], second["amount"]) == (first["upto_id"], 6)


def test_a_statement_is_paid_once_by_somebody_else(shop: Town) -> None:
    redeem(shop, "a")
    mine = post(shop, "administrator", "/v1/settlements/cooperative", "s").json()

    own = pay(shop, mine, role="administrator")
    clerk = pay(shop, mine, role="clerk")
    paid, again = pay(shop, mine), pay(shop, mine)
    twice = pay(shop, mine, "q", reference="bank 18")

    assert (own.status_code, own.json()["code"]) == (409, "same_approver")
    assert clerk.status_code == 403
    assert (paid.status_code, paid.json()["reference"]) == (201, "bank 17")
    assert again.json() == paid.json()
    assert (twice.status_code, twice.json()["code"]) == (409, "already_decided")
    assert is_right(shop)


def test_a_statement_may_end_with_a_period(small_shop: Town) -> None:
    redeem(small_shop, "a")
    small_shop.clock.now_s += DAY_S
    redeem(small_shop, "b", 200)

    made = draw(small_shop, "s", until_s=START_S + 100).json()

    assert (made["amount"], draw(small_shop, "t").json()["amount"]) == (30, 6)


def test_a_statement_opens_in_a_spreadsheet(small_shop: Town) -> None:
    manager = small_shop.browser("manager")
    named = manager.post("/v1/compost", json={"name": "=سماد"}).json()["id"]
    manager.put(f"/v1/compost/{named}/price", json={"amount_per_kg": 30})
    services = small_shop.services
    ripe_compost(services, named, 1_000, by="staff:1", key="two")
    body = {"product_id": named, "person_id": small_shop.amal.id, "grams": 1_000}
    assert post(small_shop, "clerk", "/v1/redemptions", "r", **body).status_code == 201
    draw(small_shop, "s")

    answer = small_shop.browser("officer").get("/v1/settlements/cooperative/1/sheet.csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].endswith('filename="cooperative-1.csv"')
    assert answer.content.startswith(b"\xef\xbb\xbf"), "or Excel takes Arabic for Latin letters"
    heading, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    found = dict(zip(heading, row, strict=True))
    assert (found["what"], found["grams"], found["amount"]) == ("'=سماد", "1000", "30")
    here = datetime.fromtimestamp(int(found["recorded_s"]), ZoneInfo("Asia/Hebron"))
    assert found["recorded"] == str(here.replace(tzinfo=None)), "by the town's clocks"


def merchant(town: Town, name: str = "Bakery (synthetic)") -> int:
    body = {"name": name, "kind": "grocer"}
    number: int = town.browser("officer").post("/v1/merchants", json=body).json()["id"]
    return number


def spend(town: Town, merchant_id: int, amount: int, key: str, who: str = "amal") -> Any:
    person = town.amal if who == "amal" else town.bassam
    body = {"merchant_id": merchant_id, "amount": amount}
    return post(town, who, f"/v1/people/{person.id}/payments", key, **body)


def test_paying_at_a_merchant_and_settling_what_it_holds(shop: Town) -> None:
    number = merchant(shop)
    first, again = spend(shop, number, 20, "a"), spend(shop, number, 20, "a")
    spend(shop, number, 10, "b", "bassam")
    assert (first.status_code, again.json()["replayed"]) == (201, True)
    spend(shop, merchant(shop, "Other (synthetic)"), 5, "other")
    wrong = spend(shop, number, 5, "wrong").json()["receipt"]
    post(shop, "clerk", f"/v1/payments/{wrong}/void", "v", reason="wrong shop")

    made = draw(shop, "s", f"merchant-{number}").json()
    more = draw(shop, "t", f"merchant-{number}")
    assert draw(shop, "s", f"merchant-{number}").json() == made
    shop.clock.now_s += 90 * DAY_S  # a town that pays by the quarter
    end_holds(shop.services)
    paid = pay(shop, made)
    twice = pay(shop, made, "q", reference="again")

    assert (made["amount"], made["bookings"], more.status_code) == (30, 2, 409)
    assert (paid.status_code, twice.status_code) == (201, 409)
    officer = shop.browser("officer")
    account = officer.get("/v1/merchants").json()[0]["accounts"]["credit"]
    held = shop.browser("auditor").get(f"/v1/accounts/{account}").json()
    assert (held["balance"], held["available"]) == (0, 0)
    spend(shop, number, 4, "c")
    later = draw(shop, "u", f"merchant-{number}").json()
    assert (later["amount"], later["bookings"], later["number"]) == (4, 1, 2)
    assert is_right(shop)


def test_a_statement_that_cannot_be_is_refused(small_shop: Town) -> None:
    number = merchant(small_shop)
    again = {"name": "Bakery (synthetic)", "kind": "grocer"}

    assert small_shop.browser("officer").post("/v1/merchants", json=again).json()["code"] == "taken"
    assert draw(small_shop, "a", "merchant-99").status_code == 404
    assert draw(small_shop, "b", f"merchant-{number}", until_s=START_S).status_code == 422


def test_a_payment_is_taken_back_within_the_window(small_shop: Town) -> None:
    number = merchant(small_shop)
    receipt = spend(small_shop, number, 20, "a").json()["receipt"]

    done = post(small_shop, "clerk", f"/v1/payments/{receipt}/void", "v", reason="wrong shop")
    twice = post(small_shop, "clerk", f"/v1/payments/{receipt}/void", "w", reason="wrong shop")

    assert (done.json()["voided"], twice.status_code) == (True, 409)
    assert small_shop.balance(small_shop.amal) == 50
    late = spend(small_shop, number, 20, "b").json()["receipt"]
    small_shop.clock.now_s += 700
    over = post(small_shop, "clerk", f"/v1/payments/{late}/void", "x", reason="late")
    assert over.json()["code"] == "window_over"


def test_nobody_pays_for_another_or_more_than_they_have(small_shop: Town) -> None:
    number = merchant(small_shop)
    body = {"merchant_id": number, "amount": 5}
    path = f"/v1/people/{small_shop.amal.id}/payments"

    assert post(small_shop, "bassam", path, "a", **body).status_code == 403
    assert spend(small_shop, number, 51, "b").json()["code"] == "insufficient_funds"
    assert spend(small_shop, 99, 5, "c").status_code == 404


def test_a_promise_covers_until_it_is_used(small_shop: Town) -> None:
    number = merchant(small_shop)
    officer = small_shop.browser("officer")
    other = merchant(small_shop, "Other (synthetic)")
    spend(small_shop, number, 3, "before")
    small_shop.clock.now_s += 10
    period = {"from_s": START_S + 5, "until_s": START_S + DAY_S, "amount": 70}
    url = f"/v1/merchants/{number}/promises"

    assert officer.post(url, json=period).json()["promised"] == 70
    overlap = officer.post(url, json=period | {"from_s": START_S + DAY_S - 1, "until_s": 2**33})
    assert (overlap.status_code, overlap.json()["code"]) == (409, "overlap")
    assert officer.post(url, json=period | {"until_s": START_S + 5}).status_code == 422
    spend(small_shop, number, 20, "a")
    wrong = spend(small_shop, number, 9, "wrong").json()["receipt"]
    post(small_shop, "clerk", f"/v1/payments/{wrong}/void", "v", reason="wrong shop")
    spend(small_shop, other, 7, "other")

    assert officer.get("/v1/merchants").json()[0]["promised"] == 50
    assert officer.get("/v1/coverage").json()["now"]["promised"] == 50
    small_shop.clock.now_s += 2 * DAY_S
    later = small_shop.browser("officer").get("/v1/coverage").json()
    assert later["now"]["promised"] == 0


def test_restricted_aid_is_spent_at_its_kind_and_goes_back_when_it_is_paid(shop: Town) -> None:
    admin, officer = shop.browser("administrator"), shop.browser("officer")
    headers = {"Idempotency-Key": "i"}
    admin.post("/v1/money/currencies", json={"code": "aid", "kind": "restricted_aid"})
    rule = {"currency": "aid", "merchant_kind": "grocer", "until_s": START_S + 90 * DAY_S}
    admin.put("/v1/money/spend-rules", json=rule)
    purse = shop.browser("clerk").post(
        f"/v1/people/{shop.amal.id}/accounts", json={"currency": "aid"}
    )
    issue = {"account_id": purse.json()["account_id"], "amount": 100}
    assert officer.post("/v1/money/issues", json=issue, headers=headers).status_code == 201
    number = merchant(shop)
    assert officer.post(f"/v1/merchants/{number}/accounts", json={"currency": "aid"}).status_code
    body = {"merchant_id": number, "amount": 60, "currency": "aid"}
    promise = {"from_s": START_S - 5, "until_s": START_S + DAY_S, "amount": 70}
    officer.post(f"/v1/merchants/{number}/promises", json=promise)
    paid = post(shop, "amal", f"/v1/people/{shop.amal.id}/payments", "a", **body)
    assert paid.status_code == 201, paid.text
    assert officer.get("/v1/merchants").json()[0]["promised"] == 70, "a promise is of credit"
    spend(shop, number, 5, "credit", "bassam")

    made = draw(shop, "s", f"merchant-{number}-aid").json()

    assert (made["amount"], made["bookings"], pay(shop, made).status_code) == (60, 1, 201)
    assert is_right(shop)


def test_a_fee_bill_is_discounted_once(shop: Town) -> None:
    path = f"/v1/people/{shop.amal.id}/fee-discounts"
    body = {"bill": "2026/117", "bill_amount": 45, "amount": 40}

    first, again = post(shop, "amal", path, "a", **body), post(shop, "amal", path, "a", **body)
    twice = post(shop, "clerk", path, "b", **(body | {"amount": 5}))
    above = post(shop, "amal", path, "c", bill="2026/118", bill_amount=5, amount=6)
    dear = post(shop, "amal", path, "e", bill="2026/118", bill_amount=50, amount=11)

    assert (first.status_code, again.json()["replayed"]) == (201, True)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_decided")
    assert above.status_code == 422
    assert (dear.status_code, dear.json()["detail"]) == (409, "This costs 11, the balance is 10.")
    assert shop.balance(shop.amal) == 10
    assert shop.browser("officer").get("/v1/money").json()["supply"][0]["retired"] == 40
    void = f"/v1/fee-discounts/{first.json()['receipt']}/void"
    assert post(shop, "clerk", void, "v", reason="wrong bill").json()["voided"] is True
    anew = post(shop, "amal", path, "d", **body)
    assert anew.status_code == 201
    sheet = shop.browser("officer").get("/v1/fee-discounts.csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(sheet, newline="")))
    assert [(row["bill"], row["bill_amount"], row["voided"]) for row in rows] == [
        ("2026/117", "45", "1"),
        ("2026/117", "45", "0"),
    ]
    assert all(row["redeemed"][:4] == "2026" for row in rows), "a date that people read"
    early = shop.browser("officer").get("/v1/fee-discounts", params={"until_s": START_S})
    assert early.json() == []
    shop.clock.now_s += 700
    over = f"/v1/fee-discounts/{anew.json()['receipt']}/void"
    assert post(shop, "clerk", over, "w", reason="late").json()["code"] == "window_over"
    assert is_right(shop)


def test_a_merchants_frozen_account_keeps_what_is_reserved_for_settlement(
    small_shop: Town,
) -> None:
    number = merchant(small_shop)
    spend(small_shop, number, 20, "a")
    made = draw(small_shop, "s", f"merchant-{number}").json()
    account = small_shop.browser("officer").get("/v1/merchants").json()[0]["accounts"]["credit"]
    small_shop.services.poster.submit(Amend(account, 0, None, closed=True)).result()

    assert pay(small_shop, made).status_code == 201
    assert is_right(small_shop)
