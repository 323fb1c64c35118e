"""What nobody should ask: each is refused with its own reason, and the books stay as they were."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from backend import db
from backend.ledger import accounts, errors
from backend.ledger import tables as t
from backend.ledger.resolve import Amend, Resolution, SetBudget
from backend.ledger.transfers import Code, Credit, Group, Hold, Leg, Suspend
from tests.backend.ledger.town import EPOCH, NOW_S, TOWN, Town, done, entry, pay

Who = dict[str, int]
TOO_MUCH = 2**53

GROUPS: dict[str, tuple[Callable[[Who], Group], type[errors.Refused]]] = {
    "zero": (lambda w: pay(w["rich"], w["poor"], 0), errors.BadAmount),
    "negative": (lambda w: pay(w["rich"], w["poor"], -1), errors.BadAmount),
    "too large": (lambda w: pay(w["rich"], w["poor"], TOO_MUCH), errors.BadAmount),
    "beyond 64 bits": (lambda w: pay(w["rich"], w["poor"], 2**64), errors.BadAmount),
    "a fraction": (lambda w: pay(w["rich"], w["poor"], 1.5), errors.BadAmount),  # type: ignore[arg-type]
    "yes": (lambda w: pay(w["rich"], w["poor"], True), errors.BadAmount),
    "to itself": (lambda w: pay(w["rich"], w["rich"], 1), errors.BadGroup),
    "no legs": (lambda _: Group((), NOW_S), errors.BadGroup),
    "too many legs": (
        lambda w: Group((Leg(w["rich"], w["poor"], 1, Code.PAY),) * 65, NOW_S),
        errors.BadGroup,
    ),
    "minting by hand": (
        lambda w: Group((Leg(accounts.ISSUER, w["rich"], 1, Code.MINT),), NOW_S),
        errors.BadGroup,
    ),
    "issuing by hand": (lambda w: pay(accounts.ISSUER, w["rich"], 1), errors.BadGroup),
    "from nobody": (lambda w: pay(12345, w["poor"], 1), errors.UnknownAccount),
    "to nobody": (lambda w: pay(w["rich"], 12345, 1), errors.UnknownAccount),
    "from another town": (lambda w: pay(w["stranger"], w["poor"], 1), errors.UnknownAccount),
    "to another town": (lambda w: pay(w["rich"], w["stranger"], 1), errors.UnknownAccount),
    "from a closed account": (lambda w: pay(w["closed"], w["poor"], 1), errors.AccountClosed),
    "to a closed account": (lambda w: pay(w["rich"], w["closed"], 1), errors.AccountClosed),
    "credit for compost": (lambda w: pay(w["rich"], w["grams"], 1), errors.CurrencyMismatch),
    "more than there is": (lambda w: pay(w["rich"], w["poor"], 501), errors.InsufficientFunds),
    "more than may be held": (lambda w: pay(w["rich"], w["small"], 101), errors.OverMaximum),
}

OTHERS: dict[str, tuple[Callable[[Who], Any], type[errors.Refused]]] = {
    "a record below nothing": (lambda w: entry(1, Credit(w["rich"], -1)), errors.BadAmount),
    "a record worth too much": (lambda w: entry(1, Credit(w["rich"], TOO_MUCH)), errors.BadAmount),
    "suspense below nothing": (lambda _: entry(1, Suspend(-1)), errors.BadAmount),
    "a hold of too much": (lambda _: entry(1, Hold("x", amount=TOO_MUCH)), errors.BadAmount),
    "a word on no record": (
        lambda w: Resolution(1, EPOCH, 4711, w["rich"], "seen", "staff:1"),
        errors.UnknownRecord,
    ),
    "a budget below nothing": (
        lambda _: SetBudget(NOW_S, NOW_S + 9, -1, "council"),
        errors.BadAmount,
    ),
    "a budget that ends first": (
        lambda _: SetBudget(NOW_S + 9, NOW_S, 1, "council"),
        errors.BadAmount,
    ),
    "a budget of yesterday": (
        lambda _: SetBudget(NOW_S - 99, NOW_S - 9, 1, "council"),
        errors.BudgetOverlap,
    ),
    "a minimum above the maximum": (lambda w: Amend(w["rich"], 9, 8), errors.OverMaximum),
    "terms of nobody": (lambda _: Amend(12345, 0, None), errors.UnknownAccount),
}  # fmt: skip


@pytest.fixture
def who(town: Town) -> Who:
    """Accounts of every sort."""
    closed = town.account(funds=10)
    done(town.poster.submit(Amend(closed, 0, None, closed=True)))
    with db.begin(town.engine) as conn:
        accounts.open_ledger(conn, TOWN + 1, town.clock())
        stranger = accounts.open_account(conn, TOWN + 1, accounts.CREDIT, None)
    return {
        "rich": town.account(funds=500),
        "poor": town.account(),
        "closed": closed,
        "stranger": stranger,
        "grams": town.account(currency=accounts.COMPOST),
        "small": town.account(high=100),
    }


def _rows(town: Town) -> list[int]:
    with db.read(town.engine) as conn:
        return [
            conn.scalar(select(func.count()).select_from(table)) or 0
            for table in t.metadata.tables.values()
            if table.name in t.APPEND_ONLY
        ]


def test_what_breaks_a_rule_is_refused_for_its_reason_and_leaves_nothing(
    town: Town, who: Who
) -> None:
    before = _rows(town)

    for name, (make, error) in {**GROUPS, **OTHERS}.items():
        with pytest.raises(error) as refusal:
            done(town.poster.submit(make(who)))
        assert type(refusal.value) is error, name
        assert 400 <= refusal.value.status < 500, name

    assert _rows(town) == before
    assert town.balance(who["rich"]) == 500


def test_bad_requests_spoil_no_neighbour_in_their_batch(town: Town, who: Who) -> None:
    """All of them at once, a good one between each two."""
    futures = []
    for make, _ in GROUPS.values():
        futures += [
            town.poster.submit(make(who)),
            town.poster.submit(pay(who["rich"], who["poor"], 1)),
        ]
    errors_ = [future.exception(30) for future in futures]

    assert all(isinstance(error, errors.Refused) for error in errors_[::2])
    assert errors_[1::2] == [None] * len(GROUPS)
    assert town.balance(who["poor"]) == len(GROUPS)


def test_weighed_waste_for_a_closed_or_foreign_account_waits_in_suspense(
    town: Town, who: Who
) -> None:
    """Business never refuses what was truly weighed."""
    for seq, name in enumerate(("closed", "stranger", "grams")):
        outcome = done(town.poster.submit(entry(seq, Credit(who[name], 7))))
        assert outcome.outcome == "suspended"
    assert town.balance(accounts.SUSPENSE) == 21
