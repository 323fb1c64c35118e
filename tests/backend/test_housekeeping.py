"""Chores come round in their time, and one that fails stops nobody."""

import pytest
from sqlalchemy import select

from backend.budgets import coverage
from backend.figures import service as figures
from backend.housekeeping import CHORES, Chore, Housekeeping, pay_claims
from backend.ledger import accounts, balances, history, log
from backend.ledger import tables as ledger
from backend.ledger.resolve import SetBudget
from backend.ledger.transfers import Code, Group, HoldTerms, Leg
from backend.services import Services
from farz.founding import ripe_compost
from tests.backend.village import AMAL, Town


class Watch:
    """A monotonic clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_chore_that_fails_comes_round_and_stops_nobody(
    small_town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    def fail(_services: Services) -> None:
        done.append("failed")
        raise OSError("no space")

    watch = Watch()
    chores = [Chore("bad", 10, fail), Chore("good", 20, lambda _: done.append("good"))]
    keeping = Housekeeping(small_town.services, chores, watch)

    for now_s in (105.0, 110.0, 120.0, 121.0):
        watch.now_s = now_s
        keeping.turn()

    assert done == ["failed", "failed", "good"]
    assert "'bad' failed" in caplog.text


def test_what_is_due_is_done(town: Town) -> None:
    """A hold runs out, and a claim is paid by the next period's budget."""
    services, now_s = town.services, town.clock() // 1_000_000
    poster = services.poster
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"
    account_id = town.amal.account_id
    poster.submit(SetBudget(now_s, now_s + 100, 0, "council")).result()
    poster.submit(SetBudget(now_s + 100, now_s + 200, 10**9, "council")).result()
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "queued"
    leg = Leg(account_id, accounts.REDEEMED, 1, Code.PAY, hold=HoldTerms(now_s + 50))
    poster.submit(Group((leg,), now_s)).result()
    with services.read() as conn:
        before = balances.balance(conn, services.ledger_id, account_id)
    watch = Watch()
    keeping = Housekeeping(services, CHORES, watch)

    town.clock.now_s += 150
    watch.now_s += 86_400
    keeping.turn()

    with services.read() as conn:
        after = balances.balance(conn, services.ledger_id, account_id)
        signed = log.last_checkpoint_size(conn, services.ledger_id)
    assert signed >= 2
    assert (before.held, after.held) == (1, 0)
    assert after.posted > before.posted
    with services.read() as conn:
        summed = conn.scalar(select(ledger.day_total_upto.c.upto_id))
        run = conn.execute(select(ledger.journal_run)).one()
        assert summed == history.last_id(conn, services.ledger_id)
        assert [each.outstanding for each in coverage.days(conn, services.ledger_id)] == [100]
    assert (run.first_seq, run.last_seq) == (1, 2)


def test_a_claim_is_paid_in_a_town_where_nothing_else_is_booked(small_town: Town) -> None:
    services, now_s = small_town.services, small_town.services.now_s()
    for part, amount in ((0, 0), (1, 10**9)):
        span = (now_s + 100 * part, now_s + 100 * (part + 1))
        services.poster.submit(SetBudget(*span, amount, "council")).result()
    assert small_town.outcome(small_town.bin.deposit(uid=AMAL))[0] == "queued"

    small_town.clock.now_s += 150
    pay_claims(services)

    assert small_town.balance(small_town.amal) == 50


def test_stock_goes_to_who_waits_ended_months_are_published_and_old_deposits_sealed(
    small_town: Town,
) -> None:
    services, watch = small_town.services, Watch()
    ripe_compost(services, small_town.product.id, 100, by="s", key="one")
    assert small_town.outcome(small_town.bin.deposit(uid=AMAL))[0] == "credited"
    url, key = f"/v1/people/{small_town.amal.id}/orders", {"Idempotency-Key": "a"}
    body = {"product_id": small_town.product.id, "grams": 1_000}
    client = small_town.browser("amal")
    assert client.post(url, json=body, headers=key).json()["state"] == "waiting"
    ripe_compost(services, small_town.product.id, 5_000, by="s", key="two")
    keeping = Housekeeping(services, CHORES, watch)

    watch.now_s += 86_400
    keeping.turn()
    served = client.get(url).json()
    small_town.clock.now_s += 40 * 86_400
    watch.now_s += 86_400
    keeping.turn()

    assert [each["state"] for each in served] == ["ready"]
    with services.read() as conn:
        assert len(figures.releases(conn, services.ledger_id)) >= 1
        assert None not in conn.scalars(select(ledger.record.c.sealed_for)).all()
