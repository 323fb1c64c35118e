"""All that is kept of one person, as one JSON object or one table for a spreadsheet."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, LargeBinary, select

from backend.access.looks import Look, looks
from backend.deposits import service as deposits
from backend.kinds import service as kinds
from backend.ledger import balances, erasure
from backend.ledger import tables as ledger
from backend.ledger.transfers import Code
from backend.people import service as people
from backend.privacy.parts import PARTS, Part
from backend.services import Services
from backend.spreadsheet import table
from backend.towns import service as towns
from backend.towns.clocks import cells

PAGE = 200
HEADER = ("part", "number", "field", "value", "date")


def export(services: Services, person_id: int) -> dict[str, Any]:
    """Return everything about a person: names of parts to lists of rows. Raises NotFound.

    Secrets and keyed hashes are left out: they say nothing to anybody but this program.
    """
    ledger_id = services.ledger_id
    with services.read() as conn:
        person = people.person(conn, ledger_id, person_id)
        town = towns.town(conn, ledger_id)
        found: dict[str, Any] = {
            "town": town.name,
            "made_s": services.now_s(),
            "about": "Amounts are in minor units of their currency, weights in grams, times Unix.",
        }
        found |= {part.name: rows(conn, ledger_id, person_id, part) for part in PARTS}
        found["accounts"] = [
            _account(conn, ledger_id, account_id, code)
            for account_id, code in kinds.purses(conn, ledger_id, person_id)
        ]
        found["deposits"] = _deposits(services, conn, person_id)
        found["signed"] = _signed(services, conn, person.account_id)
    found["looked_at"] = _looks(services, person_id)
    found["sign_ins"] = services.sessions.of(ledger_id, "resident", person_id)
    return found


def rows(conn: Connection, ledger_id: int, person_id: int, part: Part) -> list[dict[str, Any]]:
    """Return a part's rows about a person, without what is not for reading."""
    shown = [
        column
        for column in part.table.columns
        if not isinstance(column.type, LargeBinary)
        and column.name not in (*part.hidden, "ledger_id")
    ]
    query = select(*shown).where(part.whose(ledger_id, person_id))
    found = conn.execute(query.order_by(*part.table.primary_key.columns))
    return [dict(row._mapping) for row in found]


def as_csv(services: Services, found: dict[str, Any]) -> str:
    """Return an export as a table that a spreadsheet opens, also in Arabic.

    Beside a time in Unix seconds stands its date, by the town's clocks.
    """
    with services.read() as conn:
        date = cells(conn, services.ledger_id)
    rows = (
        (part, number, field, each, date(each) if _is_time(field or part, each) else None)
        for part, value in found.items()
        for number, field, each in _flat(value)
    )
    return table(HEADER, rows)


def _is_time(name: str, value: Any) -> bool:
    return name.endswith("_s") and isinstance(value, int)


def _flat(value: Any) -> Iterator[tuple[int, str, Any]]:
    for number, row in enumerate(value if isinstance(value, list) else [value], 1):
        for path, each in _leaves(row, ""):
            yield number, path, each


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value, 1)
    else:
        yield path, value
        return
    for key, each in items:
        yield from _leaves(each, f"{path}.{key}" if path else str(key))


def _account(conn: Connection, ledger_id: int, account_id: int, code: str) -> dict[str, Any]:
    balance = balances.balance(conn, ledger_id, account_id)
    lines: list[dict[str, Any]] = []
    page = balances.statement(conn, ledger_id, account_id, None, PAGE)
    while page:
        lines += [_line(line) for line in page]
        page = balances.statement(conn, ledger_id, account_id, page[-1].transfer_id, PAGE)
    return {
        "id": account_id,
        "currency": code,
        "balance": balance.posted,
        "available": balance.available,
        "movements": lines,
    }


def _line(line: balances.Line) -> dict[str, Any]:
    return {
        "transfer_id": line.transfer_id,
        "what": Code(line.code).name.lower(),
        "amount": line.amount,
        "balance_after": line.balance_after,
        "effective_s": line.effective_s,
    }


def _deposits(services: Services, conn: Connection, person_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = deposits.of_person(
            conn,
            services.ledger_id,
            person_id,
            before=cursor,
            limit=PAGE,
            vault=services.vault,
        )
        if not page:
            return found
        found += [asdict(each) for each in page]
        cursor = page[-1].cursor


def _looks(services: Services, person_id: int) -> list[dict[str, Any]]:
    """Who looked at the person or did something about them, newest first."""
    found: list[Look] = []
    page = looks(services, person_id=person_id, limit=PAGE)
    while page:
        found += page
        page = looks(services, person_id=person_id, before_id=page[-1].line.id, limit=PAGE)
    return [
        {
            "at_s": each.line.at_s,
            "who": each.name,
            "role": each.line.actor.role,
            "what": each.line.action,
        }
        for each in found
    ]


def _signed(services: Services, conn: Connection, account_id: int) -> list[str]:
    """What devices signed about a person, as they signed it."""
    record, opener = ledger.record.c, erasure.Opener(conn, services.ledger_id, services.vault)
    columns = (record.source_id, record.epoch, record.seq, record.jws, record.sealed_for)
    found = {}
    for which in erasure.theirs(services.ledger_id, account_id):
        for row in conn.execute(select(*columns).where(which)):
            raw = bytes(row.jws) if row.sealed_for is None else opener.open(row)
            if raw:
                found[row.source_id, row.epoch, row.seq] = raw.decode()
    return [found[name] for name in sorted(found)]
