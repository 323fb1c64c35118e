"""Opening a town's books, and accounts in them.

Ids below 100 are the system's own, the same in every ledger. All other ids are drawn at random,
so that an id says nothing of who opened it or when.
"""

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, func, insert, select

from backend.ledger import kinds
from backend.ledger import tables as t

CREDIT = 1
COMPOST = 2

ISSUER = 1
SUSPENSE = 2
REDEEMED = 3
# Pays what was sold offline beyond a payer's balance; what it owes is the town's to make good.
SHORTFALL = 4
STOCK_SOURCE = 10
STOCK = 11
HANDED_OUT = 12
FIRST_DRAWN = 100

# Above this a JSON reader may round; ids travel to web pages.
_IDS = 2**53 - 1

_CURRENCIES = ((CREDIT, "credit", ISSUER), (COMPOST, "compost_g", STOCK_SOURCE))
_SYSTEM = (
    (ISSUER, CREDIT, None),
    (SUSPENSE, CREDIT, 0),
    (REDEEMED, CREDIT, 0),
    (SHORTFALL, CREDIT, None),
    (STOCK_SOURCE, COMPOST, None),
    (STOCK, COMPOST, 0),
    (HANDED_OUT, COMPOST, 0),
)


def open_ledger(
    conn: Connection,
    ledger_id: int,
    opened_us: int,
    *,
    scale: int = 2,
    origin: str | None = None,
    salt: bytes | None = None,
) -> None:
    """Opens a town's books: head row, currencies, system accounts, log. May be repeated.

    `opened_us` (Unix, microseconds) is the start of recorded time: nothing is recorded before.
    `scale` is how many decimals a person sees of the credit; compost is whole grams.
    `origin` names the log for ever; `salt` (32 random bytes) hides what its leaves hold.
    """
    if conn.scalar(select(t.ledger_head.c.ledger_id).where(t.ledger_head.c.ledger_id == ledger_id)):
        return
    conn.execute(
        insert(t.ledger_head).values(
            ledger_id=ledger_id,
            next_id=1,
            clock_us=opened_us,
            terms_no=1,
            opened_us=opened_us,
        )
    )
    for currency_id, code, issuer in _CURRENCIES:
        conn.execute(
            insert(t.currency).values(
                ledger_id=ledger_id,
                id=currency_id,
                code=code,
                scale=scale if currency_id == CREDIT else 0,
                issuer_account_id=issuer,
            )
        )
    conn.execute(
        insert(t.log_origin).values(
            ledger_id=ledger_id,
            number=1,
            name=origin or f"farz/{ledger_id}",
            salt=salt or secrets.token_bytes(32),
            recorded_us=opened_us,
        )
    )
    kinds.found(conn, ledger_id)
    for account_id, currency_id, min_balance in _SYSTEM:
        _insert(conn, ledger_id, account_id, currency_id, None, min_balance, None)


def open_currency(conn: Connection, ledger_id: int, code: str, scale: int, *, closed: bool) -> int:
    """Opens a further currency and the account that issues it; returns the currency's id.

    `closed`: nobody issues it. Its issuer can hold nothing, so all balances sum to zero.
    """
    row = t.currency.c
    newest = conn.scalar(select(func.max(row.id)).where(row.ledger_id == ledger_id))
    currency_id = (newest or 0) + 1
    issuer = _draw(conn, ledger_id, secrets.randbelow)
    conn.execute(
        insert(t.currency).values(
            ledger_id=ledger_id,
            id=currency_id,
            code=code,
            scale=scale,
            issuer_account_id=issuer,
        )
    )
    bound = 0 if closed else None
    _insert(conn, ledger_id, issuer, currency_id, None, bound, bound, closed=closed)
    return currency_id


def open_account(
    conn: Connection,
    ledger_id: int,
    currency_id: int,
    owner_ref: str | None,
    min_balance: int | None = 0,
    max_balance: int | None = None,
    *,
    draw: Callable[[int], int] = secrets.randbelow,
) -> int:
    """Opens an account and returns its id. `None` as a limit means that there is none."""
    account_id = _draw(conn, ledger_id, draw)
    _insert(conn, ledger_id, account_id, currency_id, owner_ref, min_balance, max_balance)
    return account_id


def _draw(conn: Connection, ledger_id: int, draw: Callable[[int], int]) -> int:
    """An id that no account has."""
    row = t.account.c
    while True:
        account_id = FIRST_DRAWN + draw(_IDS - FIRST_DRAWN)
        if conn.scalar(select(row.id).where(row.ledger_id == ledger_id, row.id == account_id)):
            continue
        return account_id


def _insert(
    conn: Connection,
    ledger_id: int,
    account_id: int,
    currency_id: int,
    owner_ref: str | None,
    min_balance: int | None,
    max_balance: int | None,
    *,
    closed: bool = False,
) -> None:
    conn.execute(
        insert(t.account).values(
            ledger_id=ledger_id,
            id=account_id,
            currency_id=currency_id,
            owner_ref=owner_ref,
        )
    )
    conn.execute(
        insert(t.account_terms).values(
            ledger_id=ledger_id,
            account_id=account_id,
            number=0,
            from_id=1,
            min_balance=min_balance,
            max_balance=max_balance,
            closed=closed,
        )
    )
    conn.execute(
        insert(t.account_balance).values(
            ledger_id=ledger_id,
            account_id=account_id,
            debits_posted=0,
            credits_posted=0,
            folded_id=0,
        )
    )
