"""What a town's file may not lose or overwrite: passwords, and budgets that officers decided."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.budgets import service as budgets
from backend.errors import Conflict
from backend.opening import build_services, close_services
from backend.settings import Settings
from backend.towns import reading, service
from backend.towns.applying import apply
from farz.__main__ import app
from tests.backend.towns.test_town_file import NEW_YEAR_S, VILLAGE

BUDGET = "until = 2028-01-01T00:00:00+02:00\namount = 2500000"


def test_a_budget_that_an_officer_decided_stays_and_one_that_overlaps_changes_nothing(
    tmp_path: Path, database_url: str
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    settings.create_secret()
    services = build_services(settings, lambda: 1_795_000_000_000_000)
    services.poster.start()
    try:
        apply(services, reading.read(VILLAGE))
        until_s = NEW_YEAR_S + 365 * 86_400
        budgets.set_budget(
            services, from_s=NEW_YEAR_S, until_s=until_s, amount=5, decided_by="staff:2"
        )
        with pytest.raises(Conflict, match=r"is 5 \(decided by staff:2\)"):
            apply(services, reading.read(VILLAGE))
        with services.read() as conn:
            assert [b.amount for b in budgets.budgets(conn, 1)] == [5]
        assert BUDGET in VILLAGE
        longer = VILLAGE.replace(BUDGET, BUDGET.replace("2028-01", "2028-02"))
        with pytest.raises(Conflict, match="shares days"):
            apply(services, reading.read(longer + '\n[[points]]\nname = "New"\n'))
        with services.read() as conn:
            assert len(service.points(conn, 1)) == 5
        assert apply(services, reading.read(VILLAGE), overwrite=True).done == [
            "budget of 2500000 from 2027-01-01T00:00:00+02:00"
        ]
    finally:
        close_services(services)


def test_a_budget_that_is_over_stops_nobody_from_founding(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.create_secret()
    services = build_services(settings, lambda: 1_840_000_000_000_000)  # 2028
    services.poster.start()
    try:
        told = apply(services, reading.read(VILLAGE))
        assert told.secrets
        assert [each for each in told.notes if "is over" in each]
    finally:
        close_services(services)


def test_passwords_are_told_although_the_slips_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARZ_DATA_DIR", str(tmp_path / "town"))
    slips, file = tmp_path / "slips.html", tmp_path / "town.toml"
    slips.touch()
    file.write_text(VILLAGE.replace("synthetic = 500", "synthetic = 5"))

    ended = CliRunner().invoke(app, ["init", str(file), "--slips", str(slips)])

    assert "is there already" in str(ended.exception)
    assert ended.output.count("password of") == 9
