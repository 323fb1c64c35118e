"""Transfers over HTTP: all or none, once, by whom, and never money out of nothing."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from backend import db
from backend.ledger import accounts
from backend.ledger import tables as ledger
from backend.ledger.verify import verify
from tests.backend.village import AMAL, START_S, Town


@pytest.fixture
def funded(town: Town) -> Town:
    """Amal has 50 from her waste, Bassam nothing."""
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
    return town


@pytest.fixture
def small_funded(small_town: Town) -> Town:
    assert small_town.outcome(small_town.bin.deposit(uid=AMAL))[0] == "credited"
    return small_town


def leg(debit: int, credit: int, amount: int, **more: Any) -> dict[str, Any]:
    return {"debit_account_id": debit, "credit_account_id": credit, "amount": amount, **more}


def post(client: Any, key: str, *legs: dict[str, Any], **more: Any) -> Any:
    body = {"legs": list(legs), **more}
    return client.post("/v1/transfers", json=body, headers={"Idempotency-Key": f'"{key}"'})


def both(town: Town) -> tuple[int, int]:
    return town.balance(town.amal), town.balance(town.bassam)


def right(town: Town) -> bool:
    with town.services.read() as conn:
        return verify(conn, 1).ok


def test_a_resident_pays_from_their_own_account_once(funded: Town) -> None:
    amal, a, b = funded.browser("amal"), funded.amal.account_id, funded.bassam.account_id

    first, again = post(amal, "k", leg(a, b, 20)), post(amal, "k", leg(a, b, 20))
    other = post(amal, "k", leg(a, b, 21))

    assert (first.status_code, first.json()["replayed"]) == (201, False)
    assert again.json() == {**first.json(), "replayed": True}
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert both(funded) == (30, 20)
    seen = funded.browser("bassam").get(f"/v1/transfers/{first.json()['group_id']}").json()
    assert (seen["amount"], seen["code"]) == (20, "pay")
    assert right(funded)


def test_a_resident_pays_from_nobody_elses(small_funded: Town) -> None:
    town, bassam = small_funded, small_funded.browser("bassam")
    a, b = town.amal.account_id, town.bassam.account_id

    assert post(bassam, "1", leg(a, b, 1)).status_code == 403
    assert post(bassam, "2", leg(b, a, 1), leg(a, b, 1)).status_code == 403
    assert post(bassam, "3", leg(a, b, 1, code="correct", corrects_id=1)).status_code == 403
    assert post(town.browser("amal"), "4", leg(a, b, 1), effective_s=START_S).status_code == 403
    assert both(town) == (50, 0)


def test_legs_are_booked_all_or_none(funded: Town) -> None:
    officer, a, b = funded.browser("officer"), funded.amal.account_id, funded.bassam.account_id

    none = post(officer, "1", leg(a, b, 40), leg(a, b, 11))
    whole = post(officer, "2", leg(a, b, 40), leg(b, a, 15), reason="market day")

    assert (none.status_code, none.json()["code"]) == (409, "insufficient_funds")
    assert both(funded) == (25, 25)
    group = officer.get(f"/v1/transfers/groups/{whole.json()['group_id']}").json()
    assert [each["amount"] for each in group["transfers"]] == [40, 15]
    assert (group["booked_by"], group["reason"]) == (
        f"staff:{funded.staff['officer'].id}",
        "market day",
    )


@pytest.mark.parametrize(
    "system", [accounts.ISSUER, accounts.SUSPENSE, accounts.REDEEMED, accounts.STOCK_SOURCE]
)
def test_no_payment_touches_the_towns_own_accounts(small_funded: Town, system: int) -> None:
    officer, a = small_funded.browser("officer"), small_funded.amal.account_id

    assert post(officer, "in", leg(system, a, 1)).status_code == 422
    assert post(officer, "out", leg(a, system, 1)).status_code == 422
    assert post(officer, "mint", leg(accounts.ISSUER, a, 1, code="mint")).status_code == 422
    stock = small_funded.product.stock_account_id
    assert post(officer, "stock", leg(a, stock, 1)).status_code == 404
    assert both(small_funded) == (50, 0)


def test_a_correction_turns_round_what_it_names_and_once(funded: Town) -> None:
    officer, a, b = funded.browser("officer"), funded.amal.account_id, funded.bassam.account_id
    paid = post(officer, "1", leg(a, b, 20)).json()["group_id"]
    mint = 1

    def correct(key: str, debit: int, credit: int, amount: int, what: int) -> Any:
        asked = leg(debit, credit, amount, code="correct", corrects_id=what)
        return post(officer, key, asked, reason="the wrong Bassam")

    assert correct("2", a, b, 20, paid).status_code == 422
    assert correct("3", b, a, 21, paid).status_code == 422
    assert correct("4", b, a, 5, 999).status_code == 404
    assert post(officer, "5", leg(b, a, 5, code="correct")).status_code == 422
    made = correct("6", b, a, 20, paid)
    assert made.status_code == 201
    assert made.json()["transfers"][0]["corrects_id"] == paid
    assert correct("6", b, a, 20, paid).json()["replayed"] is True
    assert correct("7", b, a, 20, paid).status_code == 422
    # Taking back what was minted destroys money; taking that back again would make some.
    taken = correct("8", a, accounts.ISSUER, 10, mint)
    assert taken.status_code == 201
    assert correct("9", accounts.ISSUER, a, 10, taken.json()["group_id"]).status_code == 422
    assert both(funded) == (40, 0)
    assert right(funded)


def test_the_same_correction_ten_times_at_once_counts_once(funded: Town) -> None:
    officer, a, b = funded.browser("officer"), funded.amal.account_id, funded.bassam.account_id
    paid = [post(officer, f"p{n}", leg(a, b, 10)).json()["group_id"] for n in range(3)]
    asked = leg(b, a, 10, code="correct", corrects_id=paid[0])

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: post(officer, f"c{n}", asked), range(10)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 201
    assert set(statuses[1:]) <= {409, 422}
    assert both(funded) == (30, 20)
    assert right(funded)


def test_a_transfer_is_dated_within_the_books(small_funded: Town) -> None:
    officer, town = small_funded.browser("officer"), small_funded
    pay = leg(town.amal.account_id, town.bassam.account_id, 1)

    assert post(officer, "1", pay, effective_s=START_S - 1_001).status_code == 422
    assert post(officer, "2", pay, effective_s=START_S + 1).status_code == 422
    back = post(officer, "3", pay, effective_s=START_S - 500)
    assert back.json()["transfers"][0]["effective_s"] == START_S - 500


@pytest.mark.parametrize("amount", [0, -1, 2**53, 1.5, "5", None])
def test_an_amount_that_is_none_is_refused(small_funded: Town, amount: Any) -> None:
    town = small_funded
    body = leg(town.amal.account_id, town.bassam.account_id, amount)

    assert post(town.browser("amal"), "k", body).status_code == 422
    assert both(town) == (50, 0)


def test_a_resident_sees_their_own_transfers_and_no_others(small_funded: Town) -> None:
    town, officer = small_funded, small_funded.browser("officer")
    a, b = town.amal.account_id, town.bassam.account_id
    group_id = post(officer, "1", leg(a, b, 5), leg(b, a, 1)).json()["group_id"]

    amal, bassam = town.browser("amal"), town.browser("bassam")
    assert len(bassam.get(f"/v1/transfers/groups/{group_id}").json()["transfers"]) == 2
    assert amal.get("/v1/transfers/1").status_code == 200
    assert bassam.get("/v1/transfers/1").status_code == 404
    assert bassam.get("/v1/transfers/groups/1").status_code == 404
    assert town.browser("auditor").get("/v1/transfers/1").json()["code"] == "mint"
    assert town.browser("technician").get("/v1/transfers/1").status_code == 403


def test_many_payments_at_once_leave_no_more_and_no_less(funded: Town) -> None:
    amal, a, b = funded.browser("amal"), funded.amal.account_id, funded.bassam.account_id

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: post(amal, f"{n % 20}", leg(a, b, 4)), range(40)))

    booked = {a.json()["group_id"] for a in answers if a.status_code == 201}
    assert len(booked) == 12
    assert both(funded) == (2, 48)
    with funded.services.read() as conn:
        paid = select(func.count()).where(ledger.transfer.c.code == 8)
        assert conn.scalar(paid) == 12


def test_a_repeat_while_the_first_is_worked_on_is_told_to_wait(small_funded: Town) -> None:
    town, poster = small_funded, small_funded.services.poster
    amal, pay = town.browser("amal"), leg(town.amal.account_id, town.bassam.account_id, 5)
    with ThreadPoolExecutor(1) as pool, db.begin(town.services.engine) as conn:
        conn.execute(select(ledger.ledger_head).with_for_update())  # the books wait for us
        first = pool.submit(post, amal, "k", pay)
        while not poster._in_progress:
            time.sleep(0.01)
        waits = post(amal, "k", pay)
    again = post(amal, "k", pay)

    assert (waits.status_code, waits.json()["code"]) == (409, "in_progress")
    assert int(waits.headers["Retry-After"]) >= 1
    assert first.result().status_code == 201
    assert again.json() == {**first.result().json(), "replayed": True}
    assert both(town) == (45, 5)


def test_closed_books_say_when_to_come_back_and_use_up_no_key(small_funded: Town) -> None:
    town, poster = small_funded, small_funded.services.poster
    amal, pay = town.browser("amal"), leg(town.amal.account_id, town.bassam.account_id, 5)
    poster.close()

    closed = post(amal, "k", pay)
    poster.start()
    again = post(amal, "k", pay)

    assert (closed.status_code, closed.headers["Retry-After"]) == (503, "1")
    assert closed.headers["content-type"] == "application/problem+json"
    assert closed.json()["code"] == "books_closed"
    assert (again.status_code, again.json()["replayed"]) == (201, False)
    document = town.client.get("/openapi.json").json()
    answers = document["paths"]["/v1/transfers"]["post"]["responses"]
    assert "Retry-After" in answers["503"]["headers"]


@pytest.mark.parametrize("wrong", ["{id}", 0.5, True, None, [], "{id}.0"])
@pytest.mark.parametrize("field", ["debit_account_id", "credit_account_id", "amount"])
def test_what_is_no_whole_number_is_refused_in_words(
    small_funded: Town, field: str, wrong: Any
) -> None:
    """Not even what looks like the right one: a client that sends text has a fault elsewhere."""
    a, b = small_funded.amal.account_id, small_funded.bassam.account_id
    sent = leg(a, b, 20)
    sent[field] = wrong.format(id=sent[field]) if isinstance(wrong, str) else wrong

    answer = post(small_funded.browser("amal"), "k", sent)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")
    assert f"legs.0.{field}: " in answer.json()["detail"]
    assert "whole number, without quotes" in answer.json()["detail"]
    assert both(small_funded) == (50, 0)


def test_a_float_is_no_account(small_funded: Town) -> None:
    a, b = small_funded.amal.account_id, small_funded.bassam.account_id
    body = f'{{"legs": [{{"debit_account_id": {a}.0, "credit_account_id": {b}, "amount": 1}}]}}'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}

    answer = small_funded.browser("amal").post("/v1/transfers", content=body, headers=headers)

    assert answer.status_code == 422
    assert "without quotes or a point" in answer.json()["detail"]


@pytest.mark.parametrize("written", ["{}.0", "+{}", "%20{}", "1e3"])
def test_an_address_names_an_account_by_its_digits(small_funded: Town, written: str) -> None:
    account = written.format(small_funded.amal.account_id)

    answer = small_funded.browser("amal").get(f"/v1/accounts/{account}")

    assert answer.status_code == 422
    assert "account_id: This is a whole number" in answer.json()["detail"]
