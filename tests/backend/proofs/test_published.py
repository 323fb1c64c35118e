"""A published checkpoint is held against the books, also against those of a backup."""

from pathlib import Path

import pytest
from sqlalchemy import text

from backend.proofs import published, service
from tests.backend.village import Town


@pytest.fixture
def note(town: Town, tmp_path: Path) -> Path:
    """What was published of a town whose books lost the checkpoint, not the transfers."""
    assert town.outcome(town.bin.deposit())[0] == "credited"
    path = tmp_path / "note"
    path.write_text(service.sign(town.services) or "")
    assert look(town, path) is None
    root = path.read_text().splitlines()[2]
    path.write_text(path.read_text().replace(root, "A" * 43 + "="))
    assert "has another root than in the books" in (look(town, path) or "")
    path.write_text(path.read_text().replace("A" * 43 + "=", root))
    with town.services.begin() as conn:
        if town.services.engine.dialect.name == "sqlite":
            conn.execute(text("DROP TRIGGER checkpoint_no_delete"))
        else:
            conn.execute(text("SET LOCAL session_replication_role = replica"))
        conn.execute(text("DELETE FROM checkpoint"))
    return path


def look(town: Town, path: Path, *, recovering: bool = False) -> str | None:
    with town.services.read() as conn:
        return published.wrong(conn, 1, path, recovering=recovering)


def test_what_was_published_is_missed(town: Town, note: Path) -> None:
    assert "was published and is not in the books" in (look(town, note) or "")


def test_a_backup_from_before_the_signing_is_right_while_it_recovers(
    town: Town, note: Path
) -> None:
    assert look(town, note, recovering=True) is None
    said = note.read_text()
    for wrong in (
        said.replace("\n1\n", "\n2\n"),
        said.replace("farz/1\n", "farz/1/log-2\n", 1),
        said.replace(said.splitlines()[2], "A" * 43 + "="),
    ):
        assert wrong != said
        note.write_text(wrong)
        assert "is not in the books" in (look(town, note, recovering=True) or "")


def test_what_is_no_checkpoint_is_said(town: Town, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")

    assert "holds no checkpoint" in (look(town, tmp_path / "x") or "")
