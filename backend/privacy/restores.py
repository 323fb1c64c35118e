"""An erasure outlives a restore: a list beside the books, by number alone.

A backup knows whom it has, and not who was erased since. What the books have and the list does
not is added to the list; whom the list has and the books do not is shut at once (cards blocked,
signed out) and erased again. Where the restored books show money, holds or waiting deposits of
theirs, they stay shut until somebody of the town decides. Who was erased had neither money nor a
hold: `settle` therefore takes back what the books have forgotten was spent. A debt is nobody's to
wipe out: it is paid, or corrected with the other side of it, and then the erasure is done.
"""

import os
from pathlib import Path

from sqlalchemy import select

from backend import rows
from backend.cards import service as cards
from backend.errors import BadInput, NotErasable
from backend.kinds import service as kinds
from backend.ledger import accounts, balances, rules
from backend.ledger.holds import Void
from backend.ledger.tables import hold_open
from backend.ledger.transfers import Code, Group, Leg
from backend.privacy import service
from backend.privacy.service import Erased
from backend.privacy.tables import erasure
from backend.services import Services
from backend.tables import booking, person

FILE = "erased.txt"
REASON = "erased before the books were restored"
BY = "housekeeping"


def erase(
    services: Services, person_id: int, *, reason: str, decided_by: str, settle: bool = False
) -> Erased:
    """Erase a person and write their number on the list.

    With `settle`, for whom a restore has brought back, holds are voided first and money is taken
    back. Raises what `service.erase` raises; BadInput for settling with anybody else.
    """
    if settle:
        if person_id not in _listed(_path(services), services.ledger_id):
            raise BadInput(
                "Only with who was erased before a restore the town settles by itself. Let others "
                "spend what they have, or pay it to somebody."
            )
        _settle(services, person_id)
    done = service.erase(services, person_id, reason=reason, decided_by=decided_by)
    _add(_path(services), services.ledger_id, {person_id})
    return done


def keep_up(services: Services) -> list[str]:
    """Bring the list and the books together; return what stands against erasing again."""
    path = _path(services)
    with services.read() as conn:
        row = erasure.c
        known = set(conn.scalars(select(row.person_id).where(row.ledger_id == services.ledger_id)))
    listed = _listed(path, services.ledger_id)
    _add(path, services.ledger_id, known - listed)
    waiting = []
    with services.read() as conn:
        here = {
            each for each in listed - known if rows.exists(conn, person, **_one(services, each))
        }
    for person_id in sorted(here):
        _shut(services, person_id)
        try:
            service.erase(services, person_id, reason=REASON, decided_by=BY)
        except NotErasable as error:
            waiting.append(
                f"Person {person_id} was erased before the restore and is shut. {error} "
                f"Take back what was spent: farz people erase {person_id} --settle"
            )
    return waiting


def _shut(services: Services, person_id: int) -> None:
    """Nobody acts as whoever was erased while it is decided what becomes of their account."""
    with services.begin() as conn:
        for card in cards.of_person(conn, services.ledger_id, person_id):
            if card.state == cards.ACTIVE:
                cards.block(
                    conn,
                    services.ledger_id,
                    card.number,
                    decided_by=BY,
                    from_s=services.now_s(),
                )
    services.sessions.close_all(services.ledger_id, "resident", person_id)


def _settle(services: Services, person_id: int) -> None:
    """Void what is reserved, then let the money end where it had ended: out of circulation."""
    ledger_id = services.ledger_id
    with services.read() as conn:
        own = kinds.purses(conn, ledger_id, person_id)
        hold, mine = hold_open.c, [account_id for account_id, _ in own]
        held = select(hold.transfer_id).where(
            hold.ledger_id == ledger_id, hold.debit.in_(mine) | hold.credit.in_(mine)
        )
        holds = conn.scalars(held).all()
        money = {each.code: each for each in rules.load(conn, ledger_id).money.values()}
    for hold_id in holds:
        services.poster.submit(Void(hold_id)).result()
    for account_id, code in own:
        with services.read() as conn:
            posted = balances.balance(conn, ledger_id, account_id).posted
        if posted <= 0:
            continue
        is_credit = money[code].id == accounts.CREDIT
        end = accounts.REDEEMED if is_credit else money[code].issuer
        leg = Leg(account_id, end, posted, Code.RETIRE)
        by = (booking, {"booked_by": BY, "reason": REASON})
        services.poster.submit(Group((leg,), services.now_s(), rows=(by,))).result()


def _one(services: Services, person_id: int) -> dict[str, int]:
    return {"ledger_id": services.ledger_id, "id": person_id}


def _path(services: Services) -> Path:
    return services.settings.data_dir / FILE


def _listed(path: Path, ledger_id: int) -> set[int]:
    if not path.exists():
        return set()
    lines = (line.split() for line in path.read_text().splitlines())
    return {int(row[1]) for row in lines if len(row) == 2 and row[0] == str(ledger_id)}


def _add(path: Path, ledger_id: int, people: set[int]) -> None:
    if not people:
        return
    with path.open("a") as file:
        file.writelines(f"{ledger_id} {each}\n" for each in sorted(people))
        file.flush()
        os.fsync(file.fileno())
