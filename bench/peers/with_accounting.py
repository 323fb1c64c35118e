"""python-accounting books events on a PostgreSQL server: run in an environment of its own.

`python with_accounting.py URL EVENTS BATCH HOW` makes the tables the first time, books EVENTS
journal entries, and prints {"seconds", "events", "balances_fit"}. `Transaction.post` commits by
itself; HOW `api` lets it, as its documentation does. HOW `bulk` adds entries and lines of BATCH
events at once and posts them within one outer database transaction, which the library's commits
join (SQLAlchemy's documented "join a session into an external transaction").
"""

import json
import sys
import time
from datetime import datetime
from typing import Any

from python_accounting.config import config
from python_accounting.database.session import get_session
from python_accounting.models import Account, Base, Currency, Entity, Ledger, LineItem
from python_accounting.transactions import JournalEntry
from sqlalchemy import Engine, create_engine, func, inspect, select

MEMBERS = 1_000


def open_books(engine: Engine) -> None:
    """Tables, an entity, a currency, the issuer and the members."""
    Base.metadata.create_all(engine)
    with get_session(engine) as session:
        entity = Entity(name="Town")
        session.add(entity)
        session.commit()
        currency = Currency(name="Euro", code="EUR", entity_id=entity.id)
        session.add(currency)
        session.commit()
        kinds = [("issuer", Account.AccountType.EQUITY)]
        kinds += [(f"member {n}", Account.AccountType.CURRENT_LIABILITY) for n in range(MEMBERS)]
        session.add_all(
            Account(name=name, account_type=kind, currency_id=currency.id, entity_id=entity.id)
            for name, kind in kinds
        )
        session.commit()


def book(session: Any, entity_id: int, accounts: list[int], first: int, last: int) -> None:
    """Adds the entries and their lines together, then posts each."""
    issuer, *members = accounts
    numbers = range(first, last)
    entries = [
        JournalEntry(
            narration=f"deposit {n}", transaction_date=datetime.now(),
            account_id=members[n % len(members)], entity_id=entity_id,
        )
        for n in numbers
    ]  # fmt: skip
    lines = [
        LineItem(narration="deposit", account_id=issuer, amount=1 + n % 97, entity_id=entity_id)
        for n in numbers
    ]
    session.add_all(entries)
    session.add_all(lines)
    session.flush()
    for entry, line in zip(entries, lines, strict=True):
        entry.line_items.add(line)
    session.flush()
    for entry in entries:
        entry.post(session)


def run(engine: Engine, events: int, batch: int, how: str) -> float:
    with get_session(engine) as session:
        session.entity = session.scalar(select(Entity))
        entity_id = session.entity.id
        accounts = list(session.scalars(select(Account.id).order_by(Account.id)))
    start_s = time.perf_counter()
    if how == "api":
        with get_session(engine) as session:
            session.entity = session.get(Entity, entity_id)
            for number in range(events):
                book(session, entity_id, accounts, number, number + 1)
        return time.perf_counter() - start_s
    for first in range(0, events, batch):
        with engine.begin() as connection, get_session(connection) as session:
            session.entity = session.get(Entity, entity_id)
            book(session, entity_id, accounts, first, min(first + batch, events))
    return time.perf_counter() - start_s


def main(url: str, events: int, batch: int, how: str) -> None:
    config.configure_database(url)
    engine = create_engine(url, connect_args={"options": "-c synchronous_commit=on"})
    if not inspect(engine).has_table("ledger"):
        open_books(engine)
    with engine.connect() as connection:
        for name in ("synchronous_commit", "fsync"):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == "on", name
        before = connection.scalar(select(func.count()).select_from(Ledger.__table__))
    seconds = run(engine, events, batch, how)
    table = Ledger.__table__
    with engine.connect() as connection:
        rows = connection.scalar(select(func.count()).select_from(table)) - before
        sums = connection.execute(
            select(table.c.entry_type, func.sum(table.c.amount)).group_by(table.c.entry_type)
        ).all()
    fit = rows == 2 * events and len({total for _, total in sums}) == 1
    print(json.dumps({"seconds": seconds, "events": events, "balances_fit": fit}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
