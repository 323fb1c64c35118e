"""What covers the credit is what was saved, promised and is in stock; each day is kept once."""

import xml.etree.ElementTree as ET

import pytest

from backend.budgets import coverage
from backend.compost import redeeming
from backend.housekeeping import keep_coverage
from farz.founding import ripe_compost
from tests.backend.village import BASSAM, START_S, Town

DAY_S = 86_400


def cost(town: Town, amount: int, **changes: object) -> int:
    body = {"fraction": "organic", "amount_per_tonne": amount, "from_s": 0, **changes}
    status: int = town.browser("officer").put("/v1/disposal-costs", json=body).status_code
    return status


def read(town: Town) -> dict[str, object]:
    answer = town.browser("officer").get("/v1/coverage")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()["now"]
    return found


def test_coverage_is_what_was_saved_and_what_is_in_stock(town: Town) -> None:
    town.outcome(town.bin.deposit())  # 2 kg, 50 credits
    assert cost(town, 10_000) == 200
    ripe_compost(town.services, town.product.id, 1_000, by="staff:1", key="one")

    found = read(town)

    assert (found["outstanding"], found["avoided"], found["stock"]) == (50, 20, 30)
    assert (found["permille"], found["missing"]) == (1_000, [])


def test_a_deposit_saves_at_the_cost_of_its_own_moment(small_town: Town) -> None:
    assert cost(small_town, 10_000) == 200
    assert cost(small_town, 90_000, from_s=START_S + 100) == 200
    for moment in (0, 200):
        small_town.bin.base_s = START_S + moment
        small_town.outcome(small_town.bin.deposit(), received_s=START_S + moment + 10)

    assert read(small_town)["avoided"] == 20 + 180


def test_what_was_redeemed_is_paid_for_out_of_what_was_saved(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())
    cost(small_town, 20_000)
    ripe_compost(small_town.services, small_town.product.id, 1_000, by="s", key="one")
    redeeming.redeem(
        small_town.services,
        product_id=small_town.product.id,
        person_id=small_town.amal.id,
        grams=1_000,
        served_by="staff:1",
        key="a",
    )

    found = read(small_town)

    assert (found["outstanding"], found["avoided"], found["stock"]) == (20, 10, 0)


def test_what_was_held_and_then_credited_has_saved_as_well(town: Town) -> None:
    cost(town, 10_000)
    assert town.outcome(town.bin.deposit(flags=["unstable"]))[0] == "held"
    assert town.outcome(town.bin.deposit(flags=["unstable"]))[0] == "held"
    officer = town.browser("officer")
    before = officer.get("/v1/streams").json()["streams"][0]

    for seq, person_id in ((1, town.amal.id), (2, None)):
        url = f"/v1/deposits/bin-1/{town.bin.epoch}/{seq}/resolution"
        body = {"person_id": person_id, "reason": "seen on the spot"}
        assert officer.post(url, json=body).status_code == 200

    after = officer.get("/v1/streams").json()["streams"][0]
    assert (before["net_g"], before["held_g"], before["deposits"]) == (0, 4_000, 0)
    assert (after["net_g"], after["held_g"], after["deposits"]) == (2_000, 0, 1)
    assert after["amount"] == town.balance(town.amal) == 50
    assert read(town)["avoided"] == 20
    masses = officer.get("/v1/mass-balance").json()
    assert [each["deposited_g"] for each in masses["town"]] == [2_000]


def test_without_a_figure_coverage_says_what_is_missing(small_town: Town) -> None:
    assert read(small_town)["missing"] == ["what a tonne of sorted waste saves"]
    assert read(small_town)["permille"] is None


def test_each_day_is_kept_once_as_it_was(town: Town) -> None:
    town.outcome(town.bin.deposit())

    keep_coverage(town.services)
    town.outcome(town.bin.deposit(uid=BASSAM))
    keep_coverage(town.services)
    town.clock.now_s += DAY_S
    assert coverage.keep_today(town.services) is True

    with town.services.read() as conn:
        kept = coverage.days(conn, 1)
    assert [each.outstanding for each in kept] == [50, 100]


def test_the_days_are_a_picture(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())
    cost(small_town, 10_000)
    coverage.keep_today(small_town.services)

    answer = small_town.browser("officer").get("/v1/coverage.svg")

    assert answer.headers["content-type"].startswith("image/svg+xml")
    picture = ET.fromstring(answer.text)
    assert len(picture.findall("{http://www.w3.org/2000/svg}rect")) == 1
    assert "avoided disposal cost: 20" in answer.text


@pytest.mark.parametrize(
    ("change", "status"), [({"fraction": "gold"}, 422), ({"amount_per_tonne": -1}, 422)]
)
def test_a_cost_that_is_none_is_refused(
    small_town: Town, change: dict[str, object], status: int
) -> None:
    assert cost(small_town, 5, **change) == status


def test_two_costs_do_not_start_at_one_moment(small_town: Town) -> None:
    assert (cost(small_town, 5), cost(small_town, 6)) == (200, 409)


def test_a_resident_sees_what_waits_for_them_and_what_comes_before(town: Town) -> None:
    officer = town.browser("officer")
    period = {"from_s": START_S - 500, "until_s": START_S + 10_000}
    officer.put("/v1/budgets", json=period | {"amount": 10})
    for uid in (BASSAM, None):
        deposit = town.bin.deposit(uid=uid) if uid else town.bin.deposit()
        assert town.outcome(deposit) == ("queued", "no_budget")

    own = town.browser("amal").get(f"/v1/people/{town.amal.id}/claims").json()
    told = officer.get("/v1/budgets").json()

    assert (own["waiting"], own["waiting_amount"], own["ahead_amount"]) == (1, 50, 50)
    assert (told["waiting"], told["waiting_amount"], told["waiting_accounts"]) == (2, 100, 2)
    assert told["waiting_since_s"] is not None
    assert town.browser("bassam").get(f"/v1/people/{town.amal.id}/claims").status_code == 403


def test_a_budget_tells_when_it_will_be_used_up(small_town: Town) -> None:
    officer = small_town.browser("officer")
    period = {"from_s": START_S - 500, "until_s": START_S + 10_000}
    officer.put("/v1/budgets", json=period | {"amount": 100})
    small_town.outcome(small_town.bin.deposit())
    small_town.clock.now_s += 500

    told = officer.get("/v1/budgets").json()["budgets"][0]

    # 50 of 100 in 1,000 s: the rest lasts as long again.
    assert (told["left"], told["runs_out_s"]) == (50, START_S + 1_500)
