"""Opening a town's books, and accounts in them.

Ids below 100 are the system's own, the same in every ledger. All other ids are drawn at random,
so that an id says nothing of who opened it or when.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence

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
# What the books note as the owner of a person's account, before the person's number.
PERSON = "person:"

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
        _insert(conn, ledger_id, {account_id: None}, currency_id, min_balance, None)


def open_currency(conn: Connection, ledger_id: int, code: str, scale: int, *, closed: bool) -> int:
    """Opens a further currency and the account that issues it; returns the currency's id.

    `closed`: nobody issues it. Its issuer can hold nothing, so all balances sum to zero.
    """
    row = t.currency.c
    newest = conn.scalar(select(func.max(row.id)).where(row.ledger_id == ledger_id))
    currency_id = (newest or 0) + 1
    issuer = _draw(conn, ledger_id, secrets.randbelow)[0]
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
    _insert(conn, ledger_id, {issuer: None}, currency_id, bound, bound, closed=closed)
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
    owners = [owner_ref]
    return open_accounts(conn, ledger_id, currency_id, owners, min_balance, max_balance, draw=draw)[
        0
    ]


def open_accounts(
    conn: Connection,
    ledger_id: int,
    currency_id: int,
    owner_refs: Sequence[str | None],
    min_balance: int | None = 0,
    max_balance: int | None = None,
    *,
    draw: Callable[[int], int] = secrets.randbelow,
) -> list[int]:
    """Opens an account for each owner, in a few statements; returns their ids in that order."""
    ids = _draw(conn, ledger_id, draw, len(owner_refs))
    owners = dict(zip(ids, owner_refs, strict=True))
    _insert(conn, ledger_id, owners, currency_id, min_balance, max_balance)
    return ids


def _draw(
    conn: Connection, ledger_id: int, draw: Callable[[int], int], count: int = 1
) -> list[int]:
    """So many ids that no account has."""
    row = t.account.c
    fresh: list[int] = []
    while len(fresh) < count:
        drawn = {FIRST_DRAWN + draw(_IDS - FIRST_DRAWN) for _ in range(count - len(fresh))}
        taken = select(row.id).where(row.ledger_id == ledger_id, row.id.in_(drawn))
        fresh += drawn.difference(fresh, conn.scalars(taken))
    return fresh


def _insert(
    conn: Connection,
    ledger_id: int,
    owners: Mapping[int, str | None],
    currency_id: int,
    min_balance: int | None,
    max_balance: int | None,
    *,
    closed: bool = False,
) -> None:
    """Insert accounts, given by id with their owners, under the same terms."""
    terms: dict[str, object] = {
        "number": 0,
        "from_id": 1,
        "min_balance": min_balance,
        "max_balance": max_balance,
    }
    terms |= {"closed": closed}
    nothing: dict[str, object] = {"debits_posted": 0, "credits_posted": 0, "folded_id": 0}
    town: dict[str, object] = {"ledger_id": ledger_id}
    opened = [
        town | {"id": each, "currency_id": currency_id, "owner_ref": owner}
        for each, owner in owners.items()
    ]
    conn.execute(insert(t.account), opened)
    conn.execute(insert(t.account_terms), [town | terms | {"account_id": each} for each in owners])
    conn.execute(
        insert(t.account_balance), [town | nothing | {"account_id": each} for each in owners]
    )
