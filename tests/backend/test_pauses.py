"""Books that paused for longer than a season."""

import shutil
from pathlib import Path

import pytest

from tests.backend import village


@pytest.mark.parametrize("allowed", [False, True])
def test_books_that_paused_go_on_once_somebody_says_so(
    tmp_path: Path, furnished: tuple[Path, village.Founded], *, allowed: bool
) -> None:
    folder, founded = furnished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with village.town(
        tmp_path, f"sqlite:///{tmp_path}/town.db", founded, allow_leap=allowed
    ) as town:
        assert town.outcome(town.bin.deposit())[0] == "credited"
        town.clock.now_s += 120 * 86_400
        answer = town.gateway.post(town.gateway.batch(("bin-1", town.bin.deposit())))
        assert answer.status_code == (200 if allowed else 503)
        if not allowed:
            assert "FARZ_ALLOW_LEAP" in answer.json()["detail"]
