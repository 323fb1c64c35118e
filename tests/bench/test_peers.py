"""The bench against other ledgers: it books truly, and says when a peer was not to be had."""

from pathlib import Path

import pytest
from sqlalchemy import text

from backend import db
from bench import peers
from bench.figures import not_measured, of_rounds, report
from farz.errors import FarzError


def test_our_side_books_what_it_counts(postgres_url: str) -> None:
    with peers.Ours(postgres_url) as ours:
        assert ours.rate(40) > 0
        assert ours.rate(30) > 0
        ours.check()


def test_books_with_a_row_amiss_are_no_measurement(postgres_url: str) -> None:
    with peers.Ours(postgres_url) as ours:
        ours.rate(20)
        engine = db.create_engine(postgres_url)
        with db.begin(engine) as conn:
            conn.execute(text("UPDATE account_balance SET credits_posted = credits_posted + 1"))
        engine.dispose()

        with pytest.raises(FarzError, match="do not fit"):
            ours.check()


def test_a_peer_that_cannot_be_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nobody.txt").write_text("this is no requirement\n")
    monkeypatch.setattr(peers, "HERE", tmp_path)
    monkeypatch.setattr(peers, "ROOT", tmp_path)

    with pytest.raises(peers.Unavailable):
        peers.environment("nobody")


def test_what_was_not_measured_falls_short_and_has_no_number() -> None:
    made = report(
        "any",
        {
            "gone": not_measured("no network", "×", 20.0, 100.0),
            "good": of_rounds([21.0, 25.0, 23.0], "×", 20.0, 100.0),
            "low": of_rounds([19.0, 20.5, 18.0], "×", 20.0, 100.0),
            "told": of_rounds([1.0], "1/s"),
        },
    )

    assert made["short"] == ["gone", "low"]
    assert made["figures"]["gone"]["value"] is None
    assert made["figures"]["good"]["value"] == 23.0
    assert made["figures"]["good"]["spread"] == [21.0, 25.0]
