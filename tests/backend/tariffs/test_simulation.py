"""A draft is tried on what was truly brought: exact sums, and whom it helps or hurts."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

from backend.ledger.tables import record
from backend.ledger.transfers import credit_for
from backend.people import service as people
from backend.tariffs import service as tariffs
from backend.tariffs import simulation
from backend.tariffs.simulation import Simulation, simulate
from tests.backend.village import BASSAM, START_S, Town

GRAMS = (1_990, 2_020, 777)


def bring(town: Town) -> None:
    """Amal brings organics, Bassam plastic, in weights that round both ways."""
    for net_g in GRAMS:
        town.outcome(town.bin.deposit(net_g=net_g, after_g=10_000 + net_g))
    body = town.bin.next(uid=BASSAM, fraction="plastic", net_g=501, after_g=10_501)
    town.outcome(town.bin.sign(body))


def run(town: Town, rates: dict[str, int], **scope: Any) -> Simulation:
    with town.services.begin() as conn:
        made = tariffs.draft(
            conn, 1, rates, from_s=START_S + 999, drafted_by="staff:0", now_s=1, **scope
        )
    with town.services.read() as conn:
        return simulate(conn, 1, made)


def test_a_draft_is_worth_what_the_mint_would_have_paid(town: Town) -> None:
    bring(town)

    found = run(town, {"organic": 33, "plastic": 20})

    organic, plastic = found.fractions
    assert organic.paid == sum(credit_for(g, 25) for g in GRAMS) == town.balance(town.amal)
    assert organic.would_pay == sum(credit_for(g, 33) for g in GRAMS)
    assert organic.would_pay_per_tonne == organic.would_pay * 1_000_000 // sum(GRAMS)
    assert plastic.would_pay == credit_for(501, 20)
    assert found.households == {"gain": 1, "lose": 1, "same": 0}
    lost, won = plastic.would_pay - plastic.paid, organic.would_pay - organic.paid
    assert (found.spread[0], found.spread[-1]) == (lost, won)
    with town.services.read() as conn:
        draft = tariffs.tariffs(conn, 1)[-1]
        for period in ((0, START_S - 10**6), (START_S + 10**6, 2**40)):
            assert simulate(conn, 1, draft, *period).fractions == (), "nothing was brought then"
        assert simulate(conn, 1, draft, START_S - 10**6, START_S + 10**6) == replace(
            found, since_s=START_S - 10**6, until_s=START_S + 10**6
        )


@pytest.mark.parametrize("part_s", [1, 5, 60, 10**6])
def test_a_period_that_is_summed_in_parts_has_each_deposit_once(
    town: Town, monkeypatch: pytest.MonkeyPatch, part_s: int
) -> None:
    bring(town)
    whole = run(town, {"organic": 33, "plastic": 20})
    monkeypatch.setattr(simulation, "PART_S", part_s)
    with town.services.read() as conn:
        draft = tariffs.tariffs(conn, 1)[-1]
        moments = list(conn.scalars(select(record.c.effective_s)))
        assert len(set(moments)) == len(moments) == len(GRAMS) + 1

        assert simulate(conn, 1, draft) == whole
        for since_s, until_s in product(moments, moments):
            found = simulate(conn, 1, draft, since_s, until_s).as_dict()
            assert found["deposits"] == sum(since_s <= each < until_s for each in moments)


def test_what_was_held_and_then_credited_is_replayed_too(town: Town) -> None:
    held = town.bin.next(net_g=GRAMS[0], after_g=10_000 + GRAMS[0], flags=["unstable"])
    assert town.outcome(town.bin.sign(held))[0] == "held"
    url = f"/v1/deposits/bin-1/{held['epoch']}/{held['seq']}/resolution"
    body = {"person_id": town.amal.id, "reason": "seen on the spot"}
    assert town.browser("officer").post(url, json=body).status_code == 200

    found = run(town, {"organic": 33})

    assert found.fractions[0].paid == credit_for(GRAMS[0], 25) == town.balance(town.amal)
    assert found.fractions[0].would_pay == credit_for(GRAMS[0], 33)
    assert found.households == {"gain": 1, "lose": 0, "same": 0}


def test_what_an_open_draft_leaves_out_would_earn_nothing(small_town: Town) -> None:
    bring(small_town)

    found = run(small_town, {"organic": 25})

    assert [each.would_pay for each in found.fractions][1] == 0
    assert found.households == {"gain": 0, "lose": 1, "same": 1}


def test_those_of_one_household_gain_or_lose_together(small_town: Town) -> None:
    with small_town.services.begin() as conn:
        for each in (small_town.amal, small_town.bassam):
            people.move(conn, 1, each.id, "House 12")
    bring(small_town)

    found = run(small_town, {"organic": 33, "plastic": 20})

    change = sum(each.would_pay - each.paid for each in found.fractions)
    assert (found.households, set(found.spread)) == ({"gain": 1, "lose": 0, "same": 0}, {change})


def test_a_draft_for_one_point_changes_nothing_elsewhere(small_town: Town) -> None:
    bring(small_town)
    with small_town.services.begin() as conn:
        elsewhere = tariffs.towns.add_point(conn, 1, "Mill", now_s=1).id

    found = run(small_town, {"organic": 99}, point_id=elsewhere)
    here = run(small_town, {"organic": 99}, point_id=1)

    assert found.households == {"gain": 0, "lose": 0, "same": 2}
    assert here.households == {"gain": 1, "lose": 0, "same": 1}


def test_a_simulation_is_for_those_who_decide(small_town: Town) -> None:
    bring(small_town)

    told = small_town.browser("officer").get("/v1/tariffs/1/simulation").json()

    assert told["paid"] == told["would_pay"] > 0
    assert small_town.browser("clerk").get("/v1/tariffs/1/simulation").status_code == 403
