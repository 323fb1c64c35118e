"""Delegates do what they were given, for whom, until when; and they are in the holder's log."""

from typing import Any

import pytest

from backend.people import delegates
from tests.backend.village import Town


def name(town: Town, who: str = "amal", **changes: Any) -> Any:
    """Amal lets Bassam act for her."""
    body = {
        "number": town.numbers["bassam"],
        "name": "bassam (SYNTHETIC)",
        "scopes": ["balances:read", "cards:block"],
    }
    path = f"/v1/people/{town.amal.id}/delegates"
    return town.browser(who).post(path, json=body | changes)


def test_a_delegate_does_what_was_given_and_nothing_else(town: Town) -> None:
    assert name(town).status_code == 201
    bassam, amal = town.browser("bassam"), town.amal

    assert bassam.get(f"/v1/people/{amal.id}/balance").status_code == 200
    assert bassam.get(f"/v1/accounts/{amal.account_id}").status_code == 200
    assert bassam.get(f"/v1/people/{amal.id}/statement").status_code == 403
    assert bassam.get(f"/v1/accounts/{amal.account_id}/statement").status_code == 404
    assert bassam.get(f"/v1/people/{amal.id}/audit").status_code == 403
    assert bassam.get(f"/v1/people/{amal.id}/export").status_code == 403
    assert (
        bassam.put(
            f"/v1/cards/{town.numbers['amal']}/pin", json={"old_pin": "2468", "pin": "1111"}
        ).status_code
        == 404
    )
    assert (
        bassam.post(
            f"/v1/people/{amal.id}/delegates",
            json={"number": town.numbers["bassam"], "name": "x", "scopes": ["balances:read"]},
        ).status_code
        == 403
    )
    legs = [{"debit_account_id": amal.account_id, "credit_account_id": 5, "amount": 1}]
    paid = bassam.post("/v1/transfers", json={"legs": legs}, headers={"Idempotency-Key": "k"})
    assert paid.status_code == 403
    assert bassam.post(f"/v1/cards/{town.numbers['amal']}/block").status_code == 200


def test_a_delegate_is_in_the_holders_log(small_town: Town) -> None:
    name(small_town)
    small_town.browser("bassam").get(f"/v1/people/{small_town.amal.id}/balance")

    lines = small_town.browser("amal").get(f"/v1/people/{small_town.amal.id}/audit").json()

    assert [(line["who"], line["action"]) for line in lines] == [
        ("Bassam (synthetic)", "balances:read")
    ]


def test_it_ends_at_its_hour_or_at_once(small_town: Town) -> None:
    bassam, amal = small_town.browser("bassam"), small_town.amal
    path = f"/v1/people/{amal.id}/balance"

    name(small_town, until_s=small_town.clock.now_s + 60)
    assert bassam.get(path).status_code == 200
    small_town.clock.now_s += 60
    assert bassam.get(path).status_code == 403

    made = name(small_town, who="clerk").json()
    assert bassam.get(path).status_code == 200
    ending = f"/v1/people/{amal.id}/delegates/{made['id']}"
    assert small_town.browser("bassam").delete(ending).status_code == 403
    assert small_town.browser("amal").delete(ending).status_code == 204
    assert bassam.get(path).status_code == 403
    assert small_town.browser("amal").delete(ending).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"scopes": ["payments:make"]}, 422),
        ({"scopes": ["delegates:name"]}, 422),
        ({"scopes": []}, 422),
        ({"until_s": 5}, 422),
        ({"name": "Somebody else"}, 404),
        ({"number": "12345674"}, 404),
        ({"number": "12345678"}, 422),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    small_town: Town, changes: dict[str, Any], status: int
) -> None:
    assert name(small_town, **changes).status_code == status


def test_nobody_has_more_delegates_than_they_can_keep_apart(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert delegates.DELEGATES_MOST == 10
    monkeypatch.setattr(delegates, "DELEGATES_MOST", 1)
    assert name(small_town).status_code == 201

    more = name(small_town)

    assert (more.status_code, "more than 1 delegates" in more.json()["detail"]) == (422, True)


def test_nobody_is_their_own_delegate(small_town: Town) -> None:
    own = {"number": small_town.numbers["amal"], "name": small_town.amal.name}

    answer = name(small_town, **own)

    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "Nobody is a delegate of their own.",
    )
