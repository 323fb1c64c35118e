"""A town knows its own secret from another: at its start, not when the first slip comes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text
from typer.testing import CliRunner

from backend import db
from backend.errors import WrongSecret
from backend.opening import build_services, close_services
from backend.proofs import service as proofs
from backend.settings import Settings
from backend.towns import secret
from backend.towns.tables import town_secret
from backend.vault import Vault
from farz.__main__ import app
from farz.checkups import town as checkups
from farz.checkups.finding import WELL, WRONG
from tests.backend import village
from tests.backend.village import Town


@pytest.fixture
def settings(tmp_path: Path, migrated_url: str) -> Settings:
    """Of a town with a device, which is closed."""
    with village.town(tmp_path, migrated_url):
        pass
    return Settings(data_dir=tmp_path, database_url=migrated_url)


def start(settings: Settings) -> None:
    close_services(build_services(settings))


def exchange(settings: Settings) -> None:
    """Another secret in the place of this one."""
    settings.secret_path.unlink()
    settings.create_secret()


def test_a_town_does_not_start_with_another_secret(settings: Settings) -> None:
    start(settings)
    kept = settings.secret_path.read_text()
    exchange(settings)

    with pytest.raises(WrongSecret, match=r"Put back the copy of town\.secret"):
        start(settings)

    settings.secret_path.write_text(kept)
    start(settings)


def test_an_older_town_keeps_no_wrong_secret(settings: Settings) -> None:
    """Its books know no fingerprint, but a device's key does not open."""
    kept = settings.secret_path.read_text()
    exchange(settings)

    with pytest.raises(WrongSecret):
        start(settings)

    settings.secret_path.write_text(kept)
    start(settings)
    engine = db.create_engine(settings.books_url)
    with db.read(engine) as conn:
        known = conn.scalars(select(town_secret.c.fingerprint)).all()
    engine.dispose()
    assert known == [Vault(settings.town_secret()).fingerprint()]


@pytest.fixture
def new_town(tmp_path: Path) -> Iterator[Town]:
    """Founded while it ran and not started since: no table knows its secret yet."""
    with village.town(tmp_path, "") as made:
        yield made


def test_an_older_town_without_devices_knows_its_log(new_town: Town) -> None:
    proofs.sign(new_town.services)
    other = Vault(bytes(32))
    with new_town.services.begin() as conn:
        conn.execute(text("DELETE FROM device_key"))
        assert not secret.check(conn, 1, new_town.services.vault, Path("town.secret"))
        with pytest.raises(WrongSecret):
            secret.check(conn, 1, other, Path("town.secret"))
        assert secret.check(conn, 2, other, Path("town.secret"))  # where there is no town


def test_a_fingerprint_stays(new_town: Town) -> None:
    with new_town.services.begin() as conn:
        secret.note(conn, 1, new_town.services.vault)
    with pytest.raises(Exception, match="append-only"), new_town.services.begin() as conn:
        conn.execute(delete(town_secret))


def test_the_commands_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARZ_DATA_DIR", str(tmp_path))
    said = CliRunner().invoke(
        app, ["init", "Village (synthetic)", "--login", "amal"], input="correct horse\n" * 2
    )
    assert said.exit_code == 0, said.output
    assert checkups.secret("town secret").level == WELL
    shutil.move(tmp_path / "town.secret", tmp_path / "kept")
    Settings().create_secret()

    found = checkups.secret("town secret")

    assert (found.level, "was founded with" in found.words) == (WRONG, True)
    with pytest.raises(WrongSecret, match="FARZ_SECRET_FILE"):
        build_services(Settings())
