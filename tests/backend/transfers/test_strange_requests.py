"""Requests that no client of ours sends: a clear answer, never a 500, and no money moves."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.ledger.transfers import MAX_AMOUNT
from backend.ledger.verify import verify
from tests.backend.village import AMAL, START_S, Town

LEG = '{{"debit_account_id": {a}, "credit_account_id": {b}, "amount": {amount}{more}}}'
DEEP = 100_000

# What stands for the amount, as it is written on the wire.
AMOUNTS = (
    "0", "-1", "-0", "9007199254740992", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "18446744073709551616", "1.0", "1e0", "1e400", "NaN", "-Infinity",
    '"1"', '"NaN"', "true", "null", "[1]", "{}", "9" * 5_000, "[" * DEEP + "]" * DEEP,
)  # fmt: skip
# Bodies whose fault lies elsewhere: `{leg}` is a good one.
BODIES = (
    "", "null", "[]", "{{", '{{"legs": []}}', '{{"legs": {leg}}}', '{{"legs": [{leg}], "more": 1}}',
    '{{"legs": [{leg}], "reason": "\\ud800"}}', '{{"legs": [{leg}], "reason": "\\u0000"}}',
    '{{"legs": [{leg}], "reason": null}}', '{{"legs": [{leg}], "effective_s": 1e99}}',
    '{{"legs": [{leg}], "effective_s": -1}}', '{{"legs": [{leg}], "effective_s": NaN}}',
    '{{"legs": [{leg}], "effective_s": 0}}', '{{"legs": [{leg}], "effective_s": "now"}}',
)  # fmt: skip
# Idempotency keys as bytes of a header, and the answer.
KEYS = {
    b'"' + b"k" * 255 + b'"': 201,
    b'" "': 201,
    b"k" * 256: 400,
    b"m" * 60_000: 400,
    "ключ".encode(): 400,
    '"مفتاح"'.encode(): 400,
    b"\xff\xfe": 400,
    b'"a\tb"': 400,
    b"a,b": 400,
    b"": 400,
}


@pytest.fixture
def rich(small_town: Town) -> Town:
    """Amal has 50 from her waste."""
    assert small_town.outcome(small_town.bin.deposit(uid=AMAL))[0] == "credited"
    return small_town


def send(client: Any, url: str, body: str, key: bytes | str = "k") -> Any:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return client.post(url, content=body.encode(), headers=headers)


def leg(town: Town, amount: str = "1", more: str = "") -> str:
    ends = {"a": town.amal.account_id, "b": town.bassam.account_id}
    return LEG.format(**ends, amount=amount, more=more)


def untouched(town: Town) -> bool:
    with town.services.read() as conn:
        return (town.balance(town.amal), town.balance(town.bassam)) == (50, 0) and verify(
            conn, 1
        ).ok


def test_what_is_no_amount_or_no_request_moves_nothing(rich: Town) -> None:
    officer = rich.browser("officer")
    hold = leg(rich, "9", f', "hold": {{"expires_s": {START_S + 900}}}')
    made = send(officer, "/v1/transfers", f'{{"legs": [{hold}]}}', "hold").json()["group_id"]
    settlement = f"/v1/holds/{made}/settlement"

    for amount in AMOUNTS:
        paid = send(officer, "/v1/transfers", f'{{"legs": [{leg(rich, amount)}]}}')
        assert paid.status_code in (400, 422), amount[:20]
        assert paid.json()["detail"], amount[:20]
        if amount != "null":  # the whole of it
            asked = f'{{"outcome": "post", "amount": {amount}}}'
            assert send(officer, settlement, asked).status_code in (400, 422), amount[:20]
    for body in BODIES:
        answer = send(officer, "/v1/transfers", body.format(leg=leg(rich)))
        assert (answer.status_code in (400, 422), body) == (True, body)
    most = send(officer, "/v1/transfers", f'{{"legs": [{leg(rich, str(MAX_AMOUNT))}]}}', "most")

    assert most.json()["code"] == "insufficient_funds"
    assert untouched(rich)


def test_a_key_is_taken_or_refused_by_its_form(rich: Town) -> None:
    amal, body = rich.browser("amal"), f'{{"legs": [{leg(rich)}]}}'

    statuses = {key[:9]: send(amal, "/v1/transfers", body, key).status_code for key in KEYS}

    assert statuses == {key[:9]: status for key, status in KEYS.items()}
    assert rich.balance(rich.bassam) == list(KEYS.values()).count(201)


def test_a_key_is_its_callers_own_and_names_one_request_on_any_route(town: Town) -> None:
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
    amal, officer = town.browser("amal"), town.browser("officer")
    body = f'{{"legs": [{leg(town, "3")}]}}'
    hold = leg(town, "9", f', "hold": {{"expires_s": {START_S + 900}}}')
    made = send(officer, "/v1/transfers", f'{{"legs": [{hold}]}}', "hold").json()["group_id"]

    first, other = send(amal, "/v1/transfers", body), send(officer, "/v1/transfers", body)
    elsewhere = send(officer, f"/v1/holds/{made}/settlement", '{"outcome": "post"}')
    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(
            lambda n: send(amal, "/v1/transfers", body, "k" if n % 2 else "n"), range(16)
        )
        answers = list(asked)

    assert [each.json()["replayed"] for each in (first, other)] == [False, False]
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "key_reused")
    assert {each.status_code for each in answers} <= {201, 409}
    groups = {each.json()["group_id"] for each in answers if each.status_code == 201}
    assert len(groups) == 2
    assert first.json()["group_id"] in groups
    assert town.balance(town.bassam) == 9
    with town.services.read() as conn:
        assert verify(conn, 1).ok
