"""No law of the programme compares all rows with all, whatever an engine knows of its tables."""

from itertools import count
from typing import Any

import pytest
from sqlalchemy import Connection, text

from backend import tables as t
from backend.ledger.transfers import Code, Credit, Group, Idempotency, Leg
from backend.ledger.verify import by_sets
from backend.people import service as people
from backend.people.service import Newcomer
from backend.proofs.laws import LAWS, OF_TERMS
from tests.backend.ledger.town import entry
from tests.backend.village import START_S, Town

MANY = 1_000
VALUES = {"l": 1, "kept_us": 0}


@pytest.fixture
def busy(town: Town) -> Town:
    """A thousand people, each of whom was paid once on request, and had it taken back."""
    poster, here = town.services.poster, town.amal.account_id
    with town.services.begin() as conn:
        made = people.enrol_all(conn, 1, [Newcomer("Synthetic", "", "en")] * MANY, now_s=START_S)
    poster.submit(entry(0, Credit(here, MANY), source_id=900)).result()
    paid = [_asked(Leg(here, each.account_id, 1, Code.PAY), n) for n, each in enumerate(made)]
    back = [
        _asked(Leg(each.account_id, here, 1, Code.CORRECT, n + 2), n + MANY)
        for n, each in enumerate(made)
    ]
    answers = [*poster.submit_all(paid).result(), *poster.submit_all(back).result()]
    assert not [each for each in answers if isinstance(each, Exception)]
    return town


def _asked(leg: Leg, n: int) -> Group:
    rows: list[tuple[Any, dict[str, Any]]] = [(t.booking, {"booked_by": "s", "reason": ""})]
    if leg.corrects_id is not None:
        rows.append((t.correction, {"corrects_id": leg.corrects_id}))
    return Group((leg,), START_S, Idempotency("s", str(n), bytes(32)), tuple(rows))


def test_no_law_compares_all_with_all(busy: Town) -> None:
    """However many rows each law looks at, they are no product of two tables."""
    with busy.services.read() as conn, by_sets(conn):
        for law in (*OF_TERMS, *LAWS):
            if conn.dialect.name == "sqlite":
                assert _steps(conn, law.query) < 400 * MANY, law.words
            else:
                plan = conn.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {law.query}"), VALUES)
                assert _looked_at(plan.scalar_one()[0]["Plan"]) < 60 * MANY, law.words


def _steps(conn: Connection, query: str) -> int:
    """How many instructions SQLite's machine takes for a query, in thousands."""
    ticks = count()
    driver: Any = conn.connection.dbapi_connection
    driver.set_progress_handler(lambda: next(ticks) and 0, 1_000)
    conn.execute(text(query), VALUES).all()
    driver.set_progress_handler(None, 0)
    return 1_000 * next(ticks)


def _looked_at(node: dict[str, Any]) -> float:
    """The rows that a plan's nodes gave each other."""
    own = node["Actual Rows"] * node["Actual Loops"]
    return float(own + sum(_looked_at(child) for child in node.get("Plans", ())))
