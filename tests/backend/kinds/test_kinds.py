"""Kinds of money over HTTP: opened, issued, spent where allowed, exchanged where a row says so."""

from typing import Any

import pytest

from backend.ledger.verify import verify
from tests.backend.transfers.test_transfers import leg, post
from tests.backend.village import AMAL, START_S, Town

DAY_S = 86_400


def purse(town: Town, person_id: int, currency: str, **limits: Any) -> int:
    """An account in a further currency, opened at the counter."""
    answer = town.browser("clerk").post(
        f"/v1/people/{person_id}/accounts", json={"currency": currency, **limits}
    )
    assert answer.status_code == 201, answer.text
    return int(answer.json()["account_id"])


def issue(town: Town, key: str, account_id: int, amount: int, code: str = "issue") -> Any:
    body = {"account_id": account_id, "amount": amount, "code": code, "reason": "winter aid"}
    return town.browser("officer").post(
        "/v1/money/issues", json=body, headers={"Idempotency-Key": key}
    )


def opened(town: Town, code: str, kind: str, member_min: int = 0) -> None:
    body = {"code": code, "kind": kind, "member_min": member_min}
    answer = town.browser("administrator").post("/v1/money/currencies", json=body)
    assert answer.status_code == 201, answer.text


def balance(town: Town, account_id: int) -> int:
    return int(town.browser("auditor").get(f"/v1/accounts/{account_id}").json()["balance"])


def right(town: Town) -> bool:
    with town.services.read() as conn:
        return verify(conn, 1).ok


def test_a_town_begins_with_its_kinds_and_one_crossing(small_town: Town) -> None:
    found = small_town.browser("amal").get("/v1/money/kinds").json()

    assert {kind["code"]: kind["issued_by"] for kind in found["kinds"]} == {
        "waste_credit": "records",
        "goods": "town",
        "restricted_aid": "town",
        "hours": "nobody",
        "mutual_credit": "nobody",
    }
    assert [(each["code"], each["kind"]) for each in found["currencies"]] == [
        ("credit", "waste_credit"),
        ("compost_g", "goods"),
    ]
    assert found["crossings"] == [
        {
            "kind": "goods",
            "code": "hand_over",
            "other_kind": "waste_credit",
            "other_code": "redeem",
        }
    ]


def test_aid_goes_from_the_town_to_the_grocer_and_back(town: Town) -> None:
    opened(town, "aid", "restricted_aid")
    amal, grocer = purse(town, town.amal.id, "aid"), purse(town, town.bassam.id, "aid")
    chief = town.browser("administrator")
    rule = {"currency": "aid", "merchant_kind": "grocer", "until_s": START_S + DAY_S}
    assert chief.put("/v1/money/spend-rules", json=rule).status_code == 200
    first, again = issue(town, "i", amal, 100), issue(town, "i", amal, 100)
    assert (first.status_code, again.json()) == (201, {**first.json(), "replayed": True})

    refused = post(town.browser("amal"), "1", leg(amal, grocer, 60))
    assert (refused.status_code, refused.json()["code"]) == (409, "not_spendable")
    assert "only at merchants of the kind grocer" in refused.json()["detail"]
    named = chief.put(f"/v1/accounts/{grocer}/merchant", json={"kind": "grocer"})
    assert named.status_code == 200
    assert post(town.browser("amal"), "2", leg(amal, grocer, 60)).status_code == 201
    assert issue(town, "r", grocer, 60, "retire").status_code == 201
    town.clock.now_s += DAY_S
    late = post(town.browser("amal"), "3", leg(amal, grocer, 1))
    assert (late.status_code, late.json()["code"]) == (409, "not_spendable")

    assert (balance(town, amal), balance(town, grocer)) == (40, 0)
    supply = town.browser("officer").get("/v1/money").json()["supply"]
    aid = next(each for each in supply if each["currency"] == "aid")
    assert aid["outstanding"] == 40
    assert right(town)


def test_aid_that_has_ended_goes_back_and_merchants_keep_theirs(town: Town) -> None:
    opened(town, "aid", "restricted_aid")
    amal, grocer = purse(town, town.amal.id, "aid"), purse(town, town.bassam.id, "aid")
    chief, officer = town.browser("administrator"), town.browser("officer")
    rule = {"currency": "aid", "merchant_kind": "grocer", "until_s": START_S + DAY_S}
    chief.put(f"/v1/accounts/{grocer}/merchant", json={"kind": "grocer"})
    assert officer.post("/v1/money/aid/expiry").status_code == 409
    chief.put("/v1/money/spend-rules", json=rule)
    issue(town, "i", amal, 100)
    held = {"hold": {"expires_s": START_S + 3 * DAY_S, "on_expiry": "void"}}
    assert post(town.browser("amal"), "1", leg(amal, grocer, 60)).status_code == 201
    assert post(town.browser("amal"), "2", leg(amal, grocer, 15, **held)).status_code == 201
    assert officer.post("/v1/money/aid/expiry").json()["code"] == "conflict"
    town.clock.now_s += DAY_S
    officer = town.browser("officer")

    first = officer.post("/v1/money/aid/expiry")
    again = officer.post("/v1/money/aid/expiry")

    assert (first.status_code, first.json()) == (200, {"accounts": 1, "amount": 25})
    assert again.json() == {"accounts": 0, "amount": 0}
    assert (balance(town, amal), balance(town, grocer)) == (15, 60)
    assert officer.post("/v1/money/credit/expiry").status_code == 422
    assert officer.post("/v1/money/shells/expiry").status_code == 404
    assert right(town)


def test_hours_sum_to_zero_and_are_never_exchanged(town: Town) -> None:
    opened(town, "hours", "hours", -10)
    amal, bassam = purse(town, town.amal.id, "hours"), purse(town, town.bassam.id, "hours")
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"

    assert post(town.browser("amal"), "1", leg(amal, bassam, 10)).status_code == 201
    assert post(town.browser("amal"), "2", leg(amal, bassam, 1)).status_code == 409
    officer = town.browser("officer")
    swap = (leg(bassam, amal, 1), leg(town.amal.account_id, town.bassam.account_id, 5))
    answer = post(officer, "3", *swap)
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_crossing")
    crossing = {
        "one": {"kind": "hours", "code": "pay"},
        "other": {"kind": "waste_credit", "code": "pay"},
    }
    never = town.browser("administrator").post("/v1/money/crossings", json=crossing)
    assert (never.status_code, never.json()["code"]) == (409, "illegal_crossing")
    assert issue(town, "i", amal, 1).status_code == 422

    assert (balance(town, amal), balance(town, bassam)) == (-10, 10)
    assert right(town)


def test_mutual_credit_has_a_limit_for_each_and_crosses_where_a_row_says_so(town: Town) -> None:
    opened(town, "trade", "mutual_credit", -20)
    amal = purse(town, town.amal.id, "trade", min_balance=-50)
    bassam = purse(town, town.bassam.id, "trade")
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
    officer, chief = town.browser("officer"), town.browser("administrator")
    swap = (leg(amal, bassam, 50), leg(town.amal.account_id, town.bassam.account_id, 5))

    assert post(officer, "1", *swap).json()["code"] == "illegal_crossing"
    crossing = {
        "one": {"kind": "mutual_credit", "code": "pay"},
        "other": {"kind": "waste_credit", "code": "pay"},
    }
    assert chief.post("/v1/money/crossings", json=crossing).status_code == 201
    assert post(officer, "2", *swap).status_code == 201
    assert post(officer, "3", leg(bassam, amal, 71)).status_code == 409
    assert chief.post("/v1/money/crossings", json={**crossing, "allowed": False}).is_success
    assert post(officer, "4", *swap).json()["code"] == "illegal_crossing"

    assert (balance(town, amal), balance(town, bassam)) == (-50, 50)
    assert right(town)


def test_who_crosses_a_soft_limit_reads_it(town: Town) -> None:
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
    own, other = town.amal.account_id, town.bassam.account_id
    officer = town.browser("officer")
    limits = {"soft_min": 20, "soft_max": 500}
    assert officer.put(f"/v1/accounts/{own}/limits", json=limits).status_code == 200

    paid = post(town.browser("amal"), "1", leg(own, other, 40)).json()["group_id"]

    mine = town.browser("amal").get(f"/v1/accounts/{own}/notices").json()
    assert [(n["transfer_id"], n["crossed"], n["bound"], n["balance"]) for n in mine] == [
        (paid, "soft_min", 20, 10)
    ]
    assert officer.get("/v1/notices").json() == mine
    assert officer.get("/v1/notices", params={"before_id": paid}).json() == []
    assert town.browser("bassam").get(f"/v1/accounts/{own}/notices").status_code == 404
    shown = town.browser("amal").get(f"/v1/accounts/{own}").json()
    assert (shown["soft_min"], shown["soft_max"]) == (20, 500)
    assert right(town)


def test_a_person_has_one_account_in_a_currency(small_town: Town) -> None:
    town = small_town
    opened(town, "hours", "hours", -10)
    account_id = purse(town, town.amal.id, "hours")
    path, clerk = f"/v1/people/{town.amal.id}/accounts", town.browser("clerk")

    for body, status in (
        ({"currency": "hours"}, 409),
        ({"currency": "credit"}, 409),
        ({"currency": "shells"}, 404),
        ({"currency": "hours", "max_balance": -11}, 422),
    ):
        assert clerk.post(path, json=body).status_code == status, body
    opened(town, "aid", "restricted_aid")
    assert clerk.post(path, json={"currency": "aid", "min_balance": -5}).status_code == 422

    mine = town.browser("amal").get(path).json()
    assert sorted((each["account_id"], each["currency"]) for each in mine) == sorted(
        [(town.amal.account_id, "credit"), (account_id, "hours")]
    )
    assert town.browser("bassam").get(path).status_code == 403


@pytest.mark.parametrize("path", ["merchant", "limits"])
def test_the_towns_own_accounts_keep_their_ways(small_town: Town, path: str) -> None:
    chief, body = small_town.browser("administrator"), {"kind": None} if path == "merchant" else {}

    for account_id in (1, 2, small_town.product.stock_account_id):
        answer = chief.put(f"/v1/accounts/{account_id}/{path}", json=body)
        assert answer.status_code == 404
    assert issue(small_town, "i", small_town.product.stock_account_id, 5).status_code == 404
    assert issue(small_town, "j", small_town.amal.account_id, 5).status_code == 422


@pytest.mark.parametrize("low", [None, -1])
def test_nobody_is_given_credit_in_money_that_is_issued(town: Town, low: int | None) -> None:
    path = f"/v1/accounts/{town.amal.account_id}/limits"
    answer = town.browser("officer").put(path, json={"min_balance": low, "max_balance": None})

    assert answer.status_code == 422, answer.text
    assert "does not fall below 0" in answer.json()["detail"]


@pytest.mark.parametrize("wrong", ["yes", "true", 1, 0.0])
def test_an_account_is_closed_by_true_alone(small_town: Town, wrong: Any) -> None:
    path = f"/v1/accounts/{small_town.amal.account_id}/limits"

    answer = small_town.browser("officer").put(path, json={"closed": wrong})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "body.closed: This is true or false, without quotes"
