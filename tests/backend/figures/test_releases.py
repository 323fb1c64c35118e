"""A month is published once; no two releases tell of a group that one alone would hide."""

from collections.abc import Iterator
from datetime import datetime
from itertools import count, permutations, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert

from backend import db
from backend import tables as t
from backend.figures import service
from backend.figures.rules import ALL, K, rounded
from backend.figures.service import US
from backend.ledger import tables as ledger
from tests.backend.village import AMAL, BASSAM, START_S, Town

MONTH_S = 1_000
FRACTIONS = ("metal", "organic", "plastic")
_towns = count(1)

# Who brought what, in which month it was taken, and when it was decided if it had to wait.
events = st.lists(
    st.tuples(
        st.integers(0, 13),
        st.sampled_from(FRACTIONS),
        st.integers(1, 40_000),
        st.integers(0, 2),
        st.none() | st.integers(0, 2),
    ),
    min_size=20,
    max_size=120,
)
Event = tuple[int, str, int, int, int | None]
# Months in which nearly everything may be shown, but for a fraction of three households.
BUSY: list[Event] = [
    (household, fraction, 1_000 + household, month, None)
    for month in range(3)
    for household, fraction in product(range(14), FRACTIONS)
    if fraction != "metal" or household < 3 or month == 2
]


@pytest.fixture
def books(tmp_path: object) -> Iterator[Engine]:
    """Tables without the keys between them: a released month looks at three of them alone."""
    engine = db.create_engine(f"sqlite:///{tmp_path}/town.db")
    t.metadata.create_all(engine)
    yield engine
    engine.dispose()


def take(conn: Connection, ledger_id: int, seq: int, event: Event) -> None:
    household, fraction, net_g, month, decided = event
    at_us = (month * MONTH_S + seq) * US
    key = {"ledger_id": ledger_id, "source_id": 1, "epoch": 1, "seq": seq}
    conn.execute(
        insert(ledger.record).values(
            **key,
            hash=seq.to_bytes(32),
            kind="deposit",
            jws=b"x",
            received_s=5,
            effective_s=5,  # all of it is late: it happened long before it was taken
            basis="device",
            recorded_us=at_us,
            outcome="credited" if decided is None else "held",
            reason="",
            fraction=fraction,
            net_g=net_g,
            account_id=household,
            amount=0,
        )
    )
    if decided is not None and decided >= month:
        conn.execute(
            insert(ledger.resolution).values(
                **key,
                outcome="credited",
                reason="",
                decided_by="staff:1",
                account_id=household,
                amount=0,
                recorded_us=max((decided * MONTH_S + seq) * US, at_us),
            )
        )


def released(event: Event) -> int | None:
    """In which month's release an event is; None while it waits."""
    _, _, _, month, decided = event
    if decided is None:
        return month
    return decided if decided >= month else None


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events)
def test_no_pair_of_releases_reveals_a_small_group(books: Engine, given_: list[Event]) -> None:
    ledger_id = next(_towns)
    with db.begin(books) as conn:
        _people(conn, ledger_id)
        for month in range(3):
            for seq, event in enumerate(given_):
                if event[3] == month:
                    take(conn, ledger_id, seq, event)
            bounds = (month * MONTH_S * US, (month + 1) * MONTH_S * US)
            assert service._publish(conn, ledger_id, month, *bounds, 5) == 1
            before = service.releases(conn, ledger_id)
            assert service._publish(conn, ledger_id, month, *bounds, 6) == 0
            assert service.releases(conn, ledger_id) == before
        found = service.releases(conn, ledger_id)

    # A cell's events, as an observer who knows everything would see them: (event's number).
    told = {
        (each.month, row.fraction): frozenset(
            seq
            for seq, event in enumerate(given_)
            if released(event) == each.month and row.fraction in (ALL, event[1])
        )
        for each in found
        for row in each.figures
        if not row.suppressed
    }
    for (month, fraction), group in told.items():
        row = next(
            row for each in found if each.month == month for row in each.figures
            if row.fraction == fraction
        )  # fmt: skip
        assert row.kg == rounded(sum(given_[seq][2] for seq in group), 10_000) // 1_000
    compared = 0
    for (one, group), (other, inner) in permutations(told.items(), 2):
        if one[0] != other[0]:
            assert group.isdisjoint(inner), "a deposit is in two releases"
        elif inner < group:
            compared += 1
            households = {given_[seq][0] for seq in group - inner}
            assert len(households) >= K, f"{one} less {other} is of {len(households)} households"
    if given_ is BUSY:
        assert compared == 5  # one shown fraction in each of two months, all three in the last


def _people(conn: Connection, ledger_id: int) -> None:
    for number in range(14):
        conn.execute(
            insert(t.person).values(
                ledger_id=ledger_id,
                id=number,
                name="synthetic",
                household=f"house {number}",
                language="ar",
                account_id=number,
                enrolled_s=1,
            )
        )


def test_months_are_the_towns_own_and_follow_each_other() -> None:
    zone = ZoneInfo("Asia/Hebron")
    since = datetime(2026, 11, 23, 12, tzinfo=zone)
    until = datetime(2027, 2, 1, tzinfo=zone)

    found = list(service.months(int(since.timestamp()), int(until.timestamp()), "Asia/Hebron"))

    assert [month for month, _, _ in found] == [202611, 202612, 202701]
    assert [until_s for _, _, until_s in found[:-1]] == [from_s for _, from_s, _ in found[1:]]
    assert datetime.fromtimestamp(found[0][1], zone) == datetime(2026, 11, 1, tzinfo=zone)


def test_a_village_of_two_publishes_that_there_is_nothing_to_show(town: Town) -> None:
    """And a late deposit of a published month is in the next, not in an edition of the first."""
    town.outcome(town.bin.deposit(uid=AMAL))
    town.outcome(town.bin.deposit(uid=BASSAM))
    assert service.publish_due(town.services) == 0
    town.clock.now_s += 40 * 86_400
    assert service.publish_due(town.services) == 1
    first = town.client.get("/v1/figures").json()
    town.outcome(town.bin.deposit(uid=AMAL))  # dated START_S, in the month that is out

    assert service.publish_due(town.services) == 0
    town.clock.now_s += 31 * 86_400
    assert service.publish_due(town.services) == 1

    second = town.client.get("/v1/figures").json()
    assert second[1:] == first
    assert [row["suppressed"] for each in second for row in each["figures"]] == [True] * 4
    with town.services.read() as conn:
        late = service.cells(conn, 1, START_S * US + 40 * 86_400 * US, 2**62)
        assert {name: cell.deposits for name, cell in late.items()} == {"organic": 1}


def test_twelve_households_are_shown_as_json_and_as_a_table(small_town: Town) -> None:
    from backend.cards import service as cards
    from backend.people import service as people

    with small_town.services.begin() as conn:
        for n in range(12):
            person = people.enrol(conn, 1, f"Synthetic {n}", now_s=START_S - 500)
            cards.issue(
                conn,
                small_town.services.vault,
                1,
                person_id=person.id,
                uid=bytes((4, 9, 9, n)),
                pin="2468",
                decided_by="staff:0",
                from_s=START_S - 500,
            )
    for n in range(12):
        deposit = small_town.bin.deposit(uid=bytes((4, 9, 9, n)), fraction="plastic")
        assert small_town.outcome(deposit) == ("credited", "")
    small_town.clock.now_s += 40 * 86_400
    service.publish_due(small_town.services)

    month = small_town.client.get("/v1/figures").json()[0]["month"]

    figures = small_town.client.get(f"/v1/figures/{month}").json()["figures"]
    assert figures == [
        {"fraction": fraction, "waste_code": code, "suppressed": False}
        | {"kg": 20, "deposits": 10, "households": 10}
        for fraction, code in (("all", None), ("plastic", "20 01 39"))
    ]
    table = small_town.client.get("/v1/figures.csv").text
    assert table.splitlines()[1:] == [
        f"{month},all,,20,10,10,no",
        f"{month},plastic,20 01 39,20,10,10,no",
    ]
    assert small_town.client.get("/v1/figures/202001").status_code == 404
