"""There is no default secret, and what is made is its owner's alone."""

import stat
from pathlib import Path

import pytest

from backend.app import create_app
from backend.errors import SecretMissing
from backend.settings import Settings


def test_without_a_secret_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="farz init"):
        create_app(Settings(data_dir=tmp_path))


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "town")

    path = settings.create_secret()
    first = settings.town_secret()
    settings.create_secret()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (len(first), settings.town_secret()) == (32, first)


@pytest.mark.parametrize("written", ["", "not hex", "abcd"])
def test_a_broken_secret_is_told(tmp_path: Path, written: str) -> None:
    (tmp_path / "town.secret").write_text(written)

    with pytest.raises(SecretMissing):
        Settings(data_dir=tmp_path).town_secret()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARZ_DATABASE_URL", "postgresql://somewhere/town")
    monkeypatch.setenv("FARZ_INFLUX_TOKEN", "word of passage")

    settings = Settings()

    assert settings.sessions_url == settings.books_url == "postgresql://somewhere/town"
    assert "word of passage" not in repr(settings)
