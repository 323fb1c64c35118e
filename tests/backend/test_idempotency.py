"""A client's own name for a request: how it is read, what it repeats, how long it is kept."""

from typing import Any

import pytest
from sqlalchemy import select, update

from backend import db
from backend.compost import heaps
from backend.errors import BadKey, MissingKey
from backend.housekeeping import forget_keys
from backend.idempotency import LONGEST, parse
from backend.ledger import repeats
from backend.ledger import tables as ledger
from farz.founding import ripe_compost
from tests.backend.village import AMAL, Town


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ('"8e03978e-40d5"', "8e03978e-40d5"),
        (' "a b" ', "a b"),
        (r'"say \"one\" \\ two"', r'say "one" \ two'),
        ('"a";v=1; w', "a"),
        ("8e03978e-40d5", "8e03978e-40d5"),
        ("c29ydA+/==", "c29ydA+/=="),
        (f'"{"k" * LONGEST}"', "k" * LONGEST),
    ],
)
def test_a_key_is_a_structured_field_string_or_bare(field: str, key: str) -> None:
    assert parse(field) == key


@pytest.mark.parametrize(
    "field",
    ['"a', 'a"', '"a" b', '"a", "b"', r'"a\b"', '"\x7f"', '"é"', "a b", "a;b", "k" * 256,
     f'"{"k" * 256}"', '"a";=1'],
)  # fmt: skip
def test_what_is_no_key_is_refused(field: str) -> None:
    with pytest.raises(BadKey):
        parse(field)


@pytest.mark.parametrize("field", ["", "  ", '""'])
def test_an_empty_key_is_a_missing_one(field: str) -> None:
    with pytest.raises(MissingKey):
        parse(field)


def redeem(town: Town, client: Any, grams: int, *keys: str) -> Any:
    body = {"product_id": town.product.id, "person_id": town.amal.id, "grams": grams}
    headers = [("Idempotency-Key", key) for key in keys]
    return client.post("/v1/redemptions", json=body, headers=headers)


def test_a_refusal_of_the_books_is_answered_again_when_funds_have_come(town: Town) -> None:
    clerk = town.browser("clerk")
    ripe_compost(town.services, town.product.id, 9_000, by="staff:1", key="batch")
    first = redeem(town, clerk, 1_000, '"late"')
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"

    again, other = redeem(town, clerk, 1_000, '"late"'), redeem(town, clerk, 1_000, '"new"')

    assert (first.status_code, first.json()["detail"]) == (409, "This costs 30, the balance is 0.")
    assert (again.status_code, again.json()) == (409, first.json())
    assert redeem(town, clerk, 2_000, '"late"').json()["code"] == "key_reused"
    assert (other.status_code, town.balance(town.amal)) == (201, 20)


def test_what_the_books_never_saw_leaves_the_key_unused(small_town: Town) -> None:
    clerk = small_town.browser("clerk")
    assert small_town.outcome(small_town.bin.deposit(uid=AMAL))[0] == "credited"
    ripe_compost(small_town.services, small_town.product.id, 9, by="s", key="batch")

    assert redeem(small_town, clerk, -1, "k").status_code == 422
    assert redeem(small_town, clerk, 1, "k").status_code == 201


def test_the_key_with_and_without_quotes_is_one_and_two_keys_are_none(small_town: Town) -> None:
    clerk = small_town.browser("clerk")
    assert small_town.outcome(small_town.bin.deposit(uid=AMAL))[0] == "credited"
    ripe_compost(small_town.services, small_town.product.id, 9, by="s", key="batch")

    bare, quoted = redeem(small_town, clerk, 1, "k"), redeem(small_town, clerk, 1, '"k"')
    two, torn = redeem(small_town, clerk, 1, "k", "k"), redeem(small_town, clerk, 1, '"k')

    assert quoted.json() == {**bare.json(), "replayed": True}
    assert (two.status_code, two.json()["code"]) == (400, "idempotency_key_malformed")
    assert (torn.status_code, torn.json()["code"]) == (400, "idempotency_key_malformed")


def test_the_document_asks_for_the_key_and_says_how_long_it_is_kept(small_town: Town) -> None:
    document = small_town.client.get("/openapi.json").json()
    (key,) = [
        each
        for each in document["paths"]["/v1/redemptions"]["post"]["parameters"]
        if each["name"] == "Idempotency-Key"
    ]

    assert key["required"] is True
    assert f"{repeats.KEPT_DAYS} days" in key["description"]
    assert repeats.KEPT_DAYS >= 30
    answers = document["paths"]["/v1/redemptions"]["post"]["responses"]
    assert "Retry-After" in answers["409"]["headers"]
    # Where no key is taken a 409 is nothing to wait for.
    assert "headers" not in document["paths"]["/v1/disposal-costs"]["put"]["responses"]["409"]


def test_a_key_is_forgotten_after_its_days_by_the_books_clock_and_not_before(town: Town) -> None:
    services, product, booked_s = town.services, town.product.id, town.clock.now_s
    for number in range(5):
        ripe_compost(services, product, 10, by="s", key=f"old-{number}")
    with services.read() as conn:
        newest = heaps.heaps(conn, 1)[0].id
        recorded = conn.scalars(select(ledger.idempotency.c.recorded_us)).all()
    expiry_us = max(recorded) + repeats.KEPT_US

    def sweep(now_us: int) -> int:
        with db.begin(services.engine) as conn:
            conn.execute(update(ledger.ledger_head).values(clock_us=now_us))
        forgotten, place = 0, repeats.START
        while True:
            with db.begin(services.engine) as conn:
                n, place = repeats.forget(conn, 1, place, limit=2)
            forgotten += n
            if place == repeats.START:
                return forgotten

    town.clock.now_s = booked_s + 1_000 * 86_400  # the machine's clock leaps
    forget_keys(services)
    town.clock.now_s = booked_s
    heaps.weigh_out(services, newest, 10, by="s", key="old-4")
    assert town.stock() == 50
    assert sweep(min(recorded) + repeats.KEPT_US - 1) == 0
    assert sweep(expiry_us - 1) == 4
    assert sweep(expiry_us) == 1
