"""The long bench in small: both sides grow by the same rows, and a difference is no figure."""

from pathlib import Path

import pytest
from sqlalchemy import text

from backend import db
from bench import ledger_long
from farz.errors import FarzError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MEMBERS", 20), ("BATCH", 32), ("WINDOW", 64), ("MEASURED", 48)):
        monkeypatch.setattr(ledger_long, name, value)
    monkeypatch.setattr(ledger_long, "READS", 20)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_each_size_is_measured_and_the_raw_rows_are_ours(engine: str) -> None:
    made = ledger_long.run(300_000, engine, rounds=2, scale=0.001)

    sizes = {name.split("_")[1] for name in made["figures"]}
    assert sizes == {"100", "300"}
    assert made["figures"][f"{engine}_300_bytes_per_deposit"]["value"] > 0
    assert made["figures"][f"{engine}_100_memory_of_first_over_now"]["value"] == 1.0


def test_counters_that_do_not_fit_are_no_measurement(tmp_path: Path) -> None:
    long = ledger_long.Long([f"sqlite:///{tmp_path}/{name}.db" for name in ("a", "b", "c")])
    try:
        long.measure(64, 1)
        long.check()
        with db.begin(long.engine) as conn:
            conn.execute(text("UPDATE account_balance SET credits_posted = credits_posted + 1"))

        with pytest.raises(FarzError, match="do not fit"):
            long.check()
    finally:
        long.close()


def test_raw_rows_that_are_not_ours_are_no_measurement(tmp_path: Path) -> None:
    long = ledger_long.Long([f"sqlite:///{tmp_path}/{name}.db" for name in ("a", "b", "c")])
    try:
        long.measure(64, 1)
        long.booked += 1

        with pytest.raises(FarzError, match="were booked"):
            long.check()
    finally:
        long.close()
