"""What a resident sees of their own, and the explanation of each credit."""

import pytest

from backend.compost import redeeming
from farz.founding import ripe_compost
from tests.backend.village import BASSAM, START_S, STRANGER, Town

CONSENT = {"version": "1", "given_s": 5, "how": "paper"}


def test_a_deposit_is_explained_to_the_last_gram(town: Town) -> None:
    town.outcome(town.bin.deposit())

    deposit = town.browser("amal").get(f"/v1/people/{town.amal.id}/deposits").json()[0]

    assert deposit == {
        "device": "bin-1",
        "epoch": town.bin.epoch,
        "seq": 1,
        "point": "School",
        "fraction": "organic",
        "grade": "standard",
        "waste_code": "20 01 08",
        "effective_s": START_S + 1,
        "basis": "device",
        "received_s": START_S,
        "before_g": 10_000,
        "after_g": 12_000,
        "net_g": 2_000,
        "e_g": 20,
        "calibration": 3,
        "outcome": "credited",
        "reason": "",
        "until_s": None,
        "amount": 50,
        "tariff_id": 1,
        "amount_per_kg": 25,
        "rule": "net weight x credit per kilogram / 1000, rounded half up",
        "transfer_id": 1,
        "cursor": f"{START_S + 1}.1.{town.bin.epoch}.1",
    }


def test_a_held_deposit_is_shown_with_its_reason(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit(flags=["unstable"]))

    amal = small_town.browser("amal")
    deposit = amal.get(f"/v1/people/{small_town.amal.id}/deposits").json()[0]

    assert (deposit["outcome"], deposit["reason"]) == ("held", "unstable")


def test_deposits_are_paged_also_within_one_second(town: Town) -> None:
    undated = {"clock": "unset", "at_s": None}
    town.gateway.relay(*[("bin-1", town.bin.deposit(**undated)) for _ in range(5)])
    amal, url = town.browser("amal"), f"/v1/people/{town.amal.id}/deposits"

    first = amal.get(url, params={"limit": 3}).json()
    rest = amal.get(url, params={"limit": 3, "before": first[-1]["cursor"]}).json()

    assert [each["seq"] for each in [*first, *rest]] == [5, 4, 3, 2, 1]


def test_a_cursor_that_is_none_of_ours_is_refused(small_town: Town) -> None:
    amal, url = small_town.browser("amal"), f"/v1/people/{small_town.amal.id}/deposits"

    assert amal.get(url, params={"before": "yesterday"}).status_code == 422


def test_a_deposit_that_was_given_later_is_shown_once_and_in_its_place(town: Town) -> None:
    town.outcome(town.bin.deposit())
    town.outcome(town.bin.deposit(uid=STRANGER))
    town.outcome(town.bin.deposit())
    body = {"uid": STRANGER.hex(), "pin": "9753"}
    town.browser("clerk").post(f"/v1/people/{town.amal.id}/cards", json=body)

    found = town.browser("amal").get(f"/v1/people/{town.amal.id}/deposits").json()

    assert [(each["seq"], each["outcome"]) for each in found] == [
        (3, "credited"),
        (2, "credited"),
        (1, "credited"),
    ]


def test_a_statement_runs_from_balance_to_balance(town: Town) -> None:
    town.gateway.relay(*[("bin-1", town.bin.deposit()) for _ in range(2)])
    services = town.services
    ripe_compost(services, town.product.id, 9_000, by="staff:1", key="1")
    redeeming.redeem(
        services,
        product_id=town.product.id,
        person_id=town.amal.id,
        grams=1_000,
        served_by="staff:2",
        key="1",
    )
    amal, url = town.browser("amal"), f"/v1/people/{town.amal.id}/statement"

    lines = amal.get(url, params={"limit": 2}).json()
    more = amal.get(url, params={"before_id": lines[-1]["transfer_id"]}).json()

    seen = [(each["what"], each["amount"], each["balance_after"]) for each in [*lines, *more]]
    assert seen == [("redeem", -30, 70), ("mint", 50, 100), ("mint", 50, 50)]
    balance = amal.get(f"/v1/people/{town.amal.id}/balance").json()
    assert (balance["balance"], balance["currency"], balance["scale"]) == (70, "QMM", 2)


def test_nobody_sees_what_is_anothers(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit(uid=BASSAM))
    amal = small_town.browser("amal")

    for page in ("", "/balance", "/statement", "/deposits", "/cards"):
        answer = amal.get(f"/v1/people/{small_town.bassam.id}{page}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert amal.get(f"/v1/people/{small_town.amal.id}/deposits").json() == []


def test_people_are_found_by_a_part_of_their_name(town: Town) -> None:
    clerk = town.browser("clerk")

    found = clerk.get("/v1/people", params={"name": "bass"}).json()

    assert [each["name"] for each in found] == ["Bassam (synthetic)"]
    assert clerk.get("/v1/people", params={"name": "%"}).json() == []


@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "x" * 121])
def test_a_name_that_no_database_would_keep_is_refused(town: Town, name: str) -> None:
    answer = town.browser("clerk").post("/v1/people", json={"name": name, "consent": CONSENT})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")


def test_names_are_kept_in_every_script(town: Town) -> None:
    for name in ("أمل عبد الله", "Zoë O'Neill", "李雷", "🙂"):
        made = (
            town.browser("clerk").post("/v1/people", json={"name": name, "consent": CONSENT}).json()
        )
        assert made["name"] == name
