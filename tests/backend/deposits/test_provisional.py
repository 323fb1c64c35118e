"""What is held and most likely right is paid in time; what might pay a thief waits for a person."""

import pytest
from sqlalchemy import Connection, select

from backend.cards import caps
from backend.deposits import provisional, resolving, rules
from backend.deposits.resolving import pay_provisional
from backend.errors import BadInput
from backend.housekeeping import CHORES, Housekeeping
from backend.ledger.errors import BooksClosed, ClockLeap
from backend.ledger.resolve import Amend, SetBudget
from backend.ledger.tables import record, resolution
from backend.ledger.transfers import Hold
from backend.ledger.verify import Report, verify
from backend.proofs.audit import audit
from tests.backend.ledger.town import entry
from tests.backend.ledger.work import work
from tests.backend.village import START_S, STRANGER, Town

DAY_S = 86_400


def until(town: Town) -> list[int | None]:
    with town.services.read() as conn:
        return list(conn.scalars(select(record.c.until_s).order_by(record.c.seq)))


def problems(town: Town) -> list[object]:
    with town.services.read() as conn:
        report: Report = verify(conn, 1)
        audit(conn, 1, report, now_us=town.clock())
    return list(report.problems)


def decide(town: Town, days: int) -> None:
    with town.services.begin() as conn:
        now_s = town.clock.now_s
        provisional.decide(conn, 1, days, decided_by="staff:1", from_s=now_s)


def told(town: Town) -> list[tuple[str, int | None]]:
    """What the holder is answered, and staff alike as long as it waits."""
    own = town.browser("amal").get(f"/v1/people/{town.amal.id}/deposits").json()
    waits = town.browser("officer").get("/v1/deposits/waiting").json()
    found = [(each["outcome"], each["until_s"]) for each in own]
    assert [(each["outcome"], each["until_s"]) for each in waits] in (found, [])
    return found


def held(town: Town, n: int) -> None:
    """Synthetic records of amal's that wait for time alone."""
    until_s = town.clock.now_s + DAY_S
    wanted = Hold("unstable", until_s, town.amal.account_id, 1)
    asked = [entry(town.bin.seq + each, wanted, source_id=900) for each in range(n)]
    town.services.poster.submit_all(asked).result()
    town.bin.seq += n
    town.clock.now_s += 2 * DAY_S


def test_a_doubt_of_the_weighing_is_paid_when_nobody_decides(town: Town) -> None:
    assert town.outcome(town.bin.deposit(flags=["unstable"])) == ("held", "unstable")
    end_s = town.clock.now_s + provisional.DEFAULT_DAYS * DAY_S
    assert until(town)[-1] == end_s
    assert told(town) == [("held", end_s)]

    town.clock.now_s = end_s - 1
    assert (pay_provisional(town.services), town.balance(town.amal)) == (0, 0)
    town.clock.now_s = end_s
    assert (pay_provisional(town.services), town.balance(town.amal)) == (1, 50)
    assert (pay_provisional(town.services), town.balance(town.amal)) == (0, 50)

    with town.services.read() as conn:
        row = conn.execute(select(resolution)).one()
    assert (row.outcome, row.reason, row.decided_by) == ("credited", "nobody_decided", "programme")
    assert problems(town) == []
    assert told(town) == [("credited", None)]


def test_a_person_comes_first(town: Town) -> None:
    town.outcome(town.bin.deposit(flags=["below_min"]))
    name = f"{town.bin.device}/{town.bin.epoch}/{town.bin.seq - 1}"
    answer = town.browser("officer").post(
        f"/v1/deposits/{name}/resolution", json={"person_id": None, "reason": "a stone"}
    )
    assert answer.status_code in (200, 201), answer.text

    town.clock.now_s += 31 * DAY_S

    assert (pay_provisional(town.services), town.balance(town.amal)) == (0, 0)


@pytest.mark.parametrize("flag", sorted({*rules.DOUBTS} - rules.PROVISIONAL))
def test_a_doubt_of_the_device_has_no_end(small_town: Town, flag: str) -> None:
    assert small_town.outcome(small_town.bin.deposit(flags=[flag])) == ("held", flag)
    small_town.clock.now_s += 400 * DAY_S

    assert until(small_town)[-1] is None
    assert pay_provisional(small_town.services) == 0


@pytest.mark.parametrize("more", [["lid_forced"], ["uncalibrated", "below_min"]])
def test_one_doubt_of_the_device_is_enough(small_town: Town, more: list[str]) -> None:
    small_town.outcome(small_town.bin.deposit(flags=["unstable", *more]))

    assert until(small_town)[-1] is None


def test_a_journal_that_nobody_vouched_for_is_not_paid_by_time(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit())
    small_town.bin.epoch, small_town.bin.seq = "f0000000000000b2", 0

    assert small_town.outcome(small_town.bin.deposit(flags=["unstable"]))[0] == "held"
    with small_town.services.read() as conn:
        kept = conn.scalars(select(record.c.until_s).where(record.c.outcome == "held"))
        assert set(kept) == {None}


def test_what_waits_takes_room_of_a_plain_cards_day(small_town: Town) -> None:
    """Else a copied number would bring as much as it likes, a doubtful weighing at a time."""
    with small_town.services.begin() as conn:
        caps.set_cap(conn, 1, daily_g=3_000, daily_amount=None, decided_by="s", from_s=START_S)
    for expected in ("unstable", "over_daily_cap"):
        assert small_town.outcome(small_town.bin.deposit(flags=["unstable"])) == ("held", expected)

    assert [each is None for each in until(small_town)[-2:]] == [False, True]


def test_nobody_is_paid_by_time_whose_card_is_unknown(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit(uid=STRANGER, flags=["unstable"]))

    assert until(small_town)[-1] is None


def test_a_town_may_give_other_days_or_none(small_town: Town) -> None:
    found = []
    for days in (5, 0):
        decide(small_town, days)
        small_town.outcome(small_town.bin.deposit(flags=["unstable"]))
        found.append(until(small_town)[-1])

    assert found == [small_town.clock.now_s + 5 * DAY_S, None]
    for wrong in (-1, 367):
        with pytest.raises(BadInput, match="0 is for ever"):
            decide(small_town, wrong)


def test_a_full_account_keeps_nobody_else_waiting(town: Town) -> None:
    for uid in (b"\x04\x01\x02\x03\x04\x05\x06", b"\x04\x0a\x0b\x0c"):
        town.outcome(town.bin.deposit(uid=uid, flags=["unstable"]))
    town.services.poster.submit(Amend(town.amal.account_id, 0, 10)).result()
    town.clock.now_s += 31 * DAY_S

    assert pay_provisional(town.services) == 1
    assert (town.balance(town.amal), town.balance(town.bassam)) == (0, 50)
    town.services.poster.submit(Amend(town.amal.account_id, 0, None)).result()
    assert pay_provisional(town.services) == 1
    assert (town.balance(town.amal), problems(town)) == (50, [])


def test_what_was_paid_is_not_read_again(town: Town) -> None:
    """Each look finds what ran out since the last one by its key."""

    def look(conn: Connection) -> object:
        return provisional.stuck(conn, 1), provisional.due(conn, 1, town.clock.now_s, 500)

    paid, took = [], []
    for n in (30, 300):
        held(town, n)
        paid.append(pay_provisional(town.services))
        held(town, 5)
        took.append(work(town.services.engine, look))
        paid.append(pay_provisional(town.services))

    assert (paid, town.balance(town.amal)) == ([30, 5, 300, 5], 340)
    assert took[1] < took[0] * 1.5 + 20


def test_a_page_ends_where_a_moment_does(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "PAGE", 7)
    for n in (5, 10, 3):
        held(town, n)

    assert (pay_provisional(town.services), town.balance(town.amal)) == (18, 18)


def test_books_that_are_closed_leave_nothing_unseen(small_town: Town) -> None:
    held(small_town, 3)
    small_town.services.poster.close()
    with pytest.raises(BooksClosed):
        pay_provisional(small_town.services)
    small_town.services.poster.start()
    small_town.clock.now_s += 100 * DAY_S  # further than the books believe
    with pytest.raises(ClockLeap):
        pay_provisional(small_town.services)
    small_town.clock.now_s -= 100 * DAY_S

    assert pay_provisional(small_town.services) == 3


def test_what_time_credits_without_a_budget_waits_as_a_claim(town: Town) -> None:
    now_s = town.clock.now_s
    town.services.poster.submit(SetBudget(now_s - 1, now_s + 99 * DAY_S, 10, "s")).result()
    town.outcome(town.bin.deposit(flags=["unstable"]))
    town.clock.now_s += 31 * DAY_S

    assert pay_provisional(town.services) == 1
    assert told(town) == [("queued", None)]
    assert pay_provisional(town.services) == 0
    town.services.poster.submit(SetBudget(now_s - 1, now_s + 99 * DAY_S, 100, "s")).result()
    assert (told(town), town.balance(town.amal)) == ([("credited", None)], 50)
    assert problems(town) == []


def test_the_backend_pays_without_being_asked(small_town: Town) -> None:
    small_town.outcome(small_town.bin.deposit(flags=["unstable"]))
    small_town.clock.now_s += 31 * DAY_S
    now = iter((0.0, *[601.0] * 99))
    chores = [each for each in CHORES if each.name == "pay provisional"]

    Housekeeping(small_town.services, chores, lambda: next(now)).turn()

    assert small_town.balance(small_town.amal) == 50
