"""An erasure outlives a restore: a list beside the books, by number alone.

A backup knows whom it has, and not who was erased since. What the books have and the list does
not is added to the list; whom the list has and the books do not is erased again.
"""

import os
from pathlib import Path

from sqlalchemy import select

from backend.errors import NotErasable
from backend.privacy.service import erase
from backend.privacy.tables import erasure
from backend.services import Services

FILE = "erased.txt"
REASON = "erased before the books were restored"
BY = "housekeeping"


def keep_up(services: Services) -> list[str]:
    """Bring the list and the books together; return what stands against erasing again."""
    path = services.settings.data_dir / FILE
    with services.read() as conn:
        row = erasure.c
        known = set(conn.scalars(select(row.person_id).where(row.ledger_id == services.ledger_id)))
    listed = _listed(path, services.ledger_id)
    _add(path, services.ledger_id, known - listed)
    waiting = []
    for person_id in sorted(listed - known):
        try:
            erase(services, person_id, reason=REASON, decided_by=BY)
        except NotErasable as error:
            waiting.append(f"{person_id}: {error}")
    return waiting


def _listed(path: Path, ledger_id: int) -> set[int]:
    if not path.exists():
        return set()
    rows = (line.split() for line in path.read_text().splitlines())
    return {int(row[1]) for row in rows if len(row) == 2 and row[0] == str(ledger_id)}


def _add(path: Path, ledger_id: int, people: set[int]) -> None:
    if not people:
        return
    with path.open("a") as file:
        file.writelines(f"{ledger_id} {each}\n" for each in sorted(people))
        file.flush()
        os.fsync(file.fileno())
