"""A real disk that is full: nothing half done, a clear answer, and service when there is room."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, func, select

from backend import db
from backend.ledger import errors
from backend.ledger import tables as t
from backend.ledger.transfers import Credit
from backend.ledger.verify import verify
from farz import postgres
from tests.backend import village
from tests.backend.ledger.town import TOWN, Town, done, entry, settled

LEFT = 100_000  # bytes that a full disk still has: less than the batch needs


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 40 MB. Only root may mount one; elsewhere test_hazards.py bounds SQLite."""
    folder = Path(tempfile.mkdtemp(prefix="fzs"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=755", "farz-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def _fill(disk: Path, left: int = LEFT) -> Path:
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(bytes(shutil.disk_usage(disk).free - left))
    return filler


def _refused_then_booked(town: Town, disk: Path) -> None:
    member = town.account(funds=5)
    fat = [entry(n, Credit(member, 1), words="x" * 20_000) for n in range(100)]

    filler = _fill(disk)
    answers = settled([town.poster.submit(each) for each in fat])
    with db.read(town.engine) as conn:
        booked = conn.scalar(select(func.count()).select_from(t.transfer))
        assert verify(conn, TOWN).ok
    filler.unlink()
    after = [done(town.poster.submit(each)) for each in fat]

    failed = [answer for answer in answers if isinstance(answer, Exception)]
    assert failed
    assert all(isinstance(answer, errors.BooksUnavailable) for answer in failed)
    assert booked == 1 + len(fat) - len(failed)
    assert {answer.outcome for answer in after} == {"credited"}
    assert sum(not answer.known for answer in after) == len(failed)
    assert town.balance(member) == 105
    town.close()
    with db.read(town.engine) as conn:
        assert verify(conn, TOWN).ok


def test_books_in_a_file_on_a_full_disk(small_disk: Path) -> None:
    engine = db.create_engine(f"sqlite:///{small_disk}/town.db")
    t.metadata.create_all(engine)

    _refused_then_booked(Town(engine), small_disk)
    engine.dispose()


def test_books_on_a_server_with_a_full_disk(
    small_disk: Path, postgres_server: URL, ledger_template: str
) -> None:
    admin = db.create_engine(postgres_server.render_as_string(hide_password=False))
    with db.read(admin) as conn:
        data = conn.exec_driver_sql("SHOW data_directory").scalar_one()
    admin.dispose()
    space = small_disk / "space"
    space.mkdir(mode=0o700)
    os.chown(space, Path(data).stat().st_uid, Path(data).stat().st_gid)
    postgres.administer(postgres_server, f"CREATE TABLESPACE small LOCATION '{space}'")
    template = f"{ledger_template} TABLESPACE small"
    with postgres.database(postgres_server, template) as url:
        engine = db.create_engine(url)
        _refused_then_booked(Town(engine), small_disk)
        engine.dispose()
    postgres.administer(postgres_server, "DROP TABLESPACE small")


def test_a_gateway_hears_later_not_no(small_disk: Path) -> None:
    """503 with Retry-After keeps the batch in the gateway's outbox; a 4xx would park it."""
    with village.town(small_disk, "") as town:
        batch = town.gateway.batch(*[(town.bin.device, town.bin.deposit()) for _ in range(150)])
        filler = _fill(small_disk, left=0)
        refused = town.gateway.post(batch)
        filler.unlink()
        taken = town.gateway.post(batch)

        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        assert taken.status_code == 200
        assert {each["outcome"] for each in taken.json()["results"]} <= {"credited", "noted"}
        assert town.balance(town.amal) == 150 * 50
