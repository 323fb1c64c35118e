"""Reading accounts for the routes and commands: whose they are, what they hold and held.

An account has no name: a person points at it, never the reverse. Who may look is asked of the
person behind the account.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend.errors import BadInput
from backend.ledger import balances, history
from backend.ledger import tables as ledger
from backend.ledger.accounts import PERSON as PERSON
from backend.ledger.accounts import SHORTFALL
from backend.ledger.balances import Balance, Line
from backend.ledger.errors import UnknownAccount
from backend.ledger.loading import terms
from backend.ledger.transfers import Code


@dataclass(frozen=True, slots=True)
class Account:
    """An account and what is allowed on it now; `person_id` is None for the town's own."""

    id: int
    currency: str
    scale: int
    min_balance: int | None
    max_balance: int | None
    closed: bool
    person_id: int | None
    soft_min: int | None = None
    soft_max: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A balance after the transfer `upto_id`, the last one recorded by then."""

    account_id: int
    upto_id: int
    balance: int


def account(conn: Connection, ledger_id: int, account_id: int) -> Account:
    """Raises UnknownAccount."""
    found = terms(conn, ledger_id, (account_id,)).get(account_id)
    if found is None:
        raise UnknownAccount(f"There is no account {account_id} in this ledger.")
    row = ledger.currency.c
    currency = conn.execute(
        select(row.code, row.scale).where(row.ledger_id == ledger_id, row.id == found.currency_id)
    ).one()
    return Account(
        account_id,
        currency.code,
        currency.scale,
        found.min_balance,
        found.max_balance,
        found.closed,
        owner(conn, ledger_id, account_id),
        found.soft_min,
        found.soft_max,
    )


def owner(conn: Connection, ledger_id: int, account_id: int) -> int | None:
    """The person whose account this is."""
    row = ledger.account.c
    ref = conn.scalar(select(row.owner_ref).where(row.ledger_id == ledger_id, row.id == account_id))
    return int(ref.removeprefix(PERSON)) if ref is not None and ref.startswith(PERSON) else None


def owners(conn: Connection, ledger_id: int, account_ids: Collection[int]) -> dict[int, int]:
    """The people whose accounts these are, by account; without the town's own accounts."""
    row = ledger.account.c
    theirs = row.owner_ref.startswith(PERSON)
    found = conn.execute(
        select(row.id, row.owner_ref).where(
            row.ledger_id == ledger_id, row.id.in_(account_ids), theirs
        )
    )
    return {each.id: int(each.owner_ref.removeprefix(PERSON)) for each in found}


def owned(conn: Connection, ledger_id: int, person_id: int) -> set[int]:
    """The accounts of a person, one for each of their currencies."""
    row = ledger.account.c
    mine = select(row.id).where(row.ledger_id == ledger_id, row.owner_ref == f"{PERSON}{person_id}")
    return set(conn.scalars(mine))


def members(conn: Connection, ledger_id: int, account_ids: Collection[int]) -> set[int]:
    """Those among the accounts that belong to people."""
    return set(owners(conn, ledger_id, account_ids))


def balance(conn: Connection, ledger_id: int, account_id: int) -> Balance:
    """The balance now. Raises UnknownAccount."""
    return balances.balance(conn, ledger_id, account_id)


def balance_at(
    conn: Connection,
    ledger_id: int,
    account_id: int,
    *,
    recorded_s: int | None = None,
    upto_id: int | None = None,
) -> Moment:
    """The balance at the end of a second of recorded time, or after a transfer.

    Raises UnknownAccount, and BadInput unless one of the two is given.
    """
    if (recorded_s is None) == (upto_id is None):
        raise BadInput("Ask for a moment (at_recorded_s) or for a transfer (at_id), not for both.")
    account(conn, ledger_id, account_id)
    if recorded_s is not None:
        upto_id = history.id_at(conn, ledger_id, recorded_s * 1_000_000 + 999_999)
    assert upto_id is not None
    upto_id = min(upto_id, history.last_id(conn, ledger_id))
    debits, credits = balances.balance_at(conn, ledger_id, account_id, upto_id)
    return Moment(account_id, upto_id, credits - debits)


def statement(
    conn: Connection, ledger_id: int, account_id: int, *, before_id: int | None, limit: int
) -> Sequence[Line]:
    """Movements, newest first, those before a transfer. Raises UnknownAccount."""
    return balances.statement(conn, ledger_id, account_id, before_id, limit)


def word(code: int) -> str:
    """A code of the ledger in small letters."""
    return Code(code).name.lower()


def of_owner(conn: Connection, ledger_id: int, ref: str) -> int | None:
    """One of the town's own accounts, by what it is for; None before it was opened."""
    row = ledger.account.c
    mine = select(row.id).where(row.ledger_id == ledger_id, row.owner_ref == ref)
    return conn.scalar(mine.order_by(row.id).limit(1))


def shortfall(conn: Connection, ledger_id: int) -> int:
    """What the town has borne of sales on paper and offline, and has not made good yet."""
    return -balances.balance(conn, ledger_id, SHORTFALL).posted
