"""The ledger's bench books truly, and its raw insert puts the very same rows in."""

import pytest
from sqlalchemy import func, select

from backend import db
from backend.ledger import tables as t
from bench import ledger
from bench.ledger import CASES, Lane, Measured
from bench.raw import raws
from bench.town import LEDGER, found
from farz.errors import FarzError


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_round_books_and_inserts_the_same_rows(
    case: ledger.Case, tmp_path: pytest.TempPathFactory
) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("ours", "many", "one")]
    lane, measured = Lane(case, urls[0], urls[1:]), Measured()

    lane.round(0, 1_100, measured)

    assert measured.rows == [550 if case.name == "replayed" else 1_100]
    assert lane.check() > 0
    ours = _sums(urls[0], measured.rows[0])
    assert [_sums(url, measured.rows[0]) for url in urls[1:]] == [ours, ours]


def test_the_raw_insert_of_postgresql_puts_the_same_rows_in(
    postgres_server: object, postgres_url: str, tmp_path: pytest.TempPathFactory
) -> None:
    ours = f"sqlite:///{tmp_path}/ours.db"
    lane = Lane(CASES[0], ours, [f"sqlite:///{tmp_path}/{name}.db" for name in ("many", "one")])
    lane.round(0, 64, Measured())
    engine = db.create_engine(postgres_url)
    found(engine, 1)
    engine.dispose()
    raw = raws([postgres_url])[0]

    raw.insert(lane.booked(64))
    raw.close()

    assert _sums(postgres_url, 64) == _sums(ours, 64)


def _sums(url: str, rows: int) -> tuple[int, ...]:
    """Of the newest transfers: how many, their amounts and payees; and how many records."""
    engine = db.create_engine(url, exclusive=False)
    row = t.transfer.c
    newest = select(t.transfer).order_by(row.id.desc()).limit(rows).subquery().c
    with db.read(engine) as conn:
        found_ = conn.execute(
            select(func.count(), func.sum(newest.amount), func.sum(newest.credit % 1_000_003))
        ).one()
        records = conn.scalar(select(func.count()).select_from(t.record))
    engine.dispose()
    return (*(int(each) for each in found_), int(records or 0))


def test_books_with_a_row_amiss_are_no_measurement(tmp_path: pytest.TempPathFactory) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("ours", "many", "one")]
    lane = Lane(CASES[0], urls[0], urls[1:])
    lane.round(0, 64, Measured())
    with db.begin(lane.engine) as conn:
        conn.exec_driver_sql(f"UPDATE ledger_head SET next_id = 9 WHERE ledger_id = {LEDGER}")

    with pytest.raises(FarzError, match="do not fit"):
        lane.check()
