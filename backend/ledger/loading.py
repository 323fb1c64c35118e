"""What a batch is decided by, read under the ledger's lock; the same SQL on both engines."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, func, select, tuple_

from backend.ledger import tables as t
from backend.ledger.accounts import ISSUER, SHORTFALL, SUSPENSE
from backend.ledger.balances import MOVES, NOT_MINTED, balance_query, by_side
from backend.ledger.booking import Books, ClaimDue, RecordName, Waiting
from backend.ledger.capacity import LARGE, Turned
from backend.ledger.corrections import Left
from backend.ledger.errors import Refused, restored
from backend.ledger.holds import DUE, OpenHold, Settling
from backend.ledger.repeats import Replay
from backend.ledger.resolve import Amend, Resolution
from backend.ledger.sheet import Budget
from backend.ledger.transfers import (
    MAX_LEGS,
    Code,
    Credit,
    Entry,
    Group,
    Posted,
    Purse,
    Sale,
    Suspend,
    Terms,
    TransferRow,
    signed64,
)

# Claims paid in one batch; the rest follow in the next.
CLAIMS = 256
_CHUNK = 500
_T = TypeVar("_T")


def chunks(items: Collection[_T]) -> Iterator[list[_T]]:
    """The items in lists short enough for one statement's parameters."""
    ordered = list(items)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def sides(books: Books, requests: Iterable[Any]) -> tuple[set[int], set[int], bool]:
    """The accounts that a batch may debit and credit, and whether it has a large amount."""
    debits: set[int] = set()
    credits = {claim.account_id for claim in books.due}
    most = max((claim.amount for claim in books.due), default=0)
    if books.melting is not None:
        debits.update(books.melting.amounts)
        credits.add(books.melting.issuer)
        most = max([most, *books.melting.amounts.values()])
    for request in requests:
        if type(request) is Entry:
            wanted = request.wanted
            if type(wanted) is Credit:
                credits.add(wanted.account_id)
                if wanted.amount > most:
                    most = wanted.amount
            elif type(wanted) is Sale:
                debits.update((wanted.payer_id, SHORTFALL))
                credits.add(wanted.payee_id)
                most = max(most, wanted.amount)
            elif type(wanted) is Suspend:
                most = max(most, wanted.amount)
        elif type(request) is Group:
            debits.update([leg.debit for leg in request.legs])
            credits.update([leg.credit for leg in request.legs])
            # What is no whole number is refused when it is decided.
            most = max([most, *(leg.amount for leg in request.legs if type(leg.amount) is int)])
        elif type(request) is Resolution:
            debits.add(SUSPENSE)
            found = books.waiting.get(request.name)
            most = max(most, request.amount or 0, found.amount if found else 0)
            if request.account_id is not None:
                credits.add(request.account_id)
        elif type(request) is Amend:
            credits.add(request.account_id)
    return debits, credits, most > LARGE


def terms(conn: Connection, ledger_id: int, account_ids: Collection[int]) -> dict[int, Terms]:
    """The terms in force of the accounts that exist among those asked for."""
    newest = (
        select(t.account_terms.c.account_id, func.max(t.account_terms.c.number).label("number"))
        .where(t.account_terms.c.ledger_id == ledger_id)
        .group_by(t.account_terms.c.account_id)
    )
    found: dict[int, Terms] = {}
    for chunk in chunks(account_ids):
        last = newest.where(t.account_terms.c.account_id.in_(chunk)).subquery()
        query = (
            select(t.account_terms, t.account.c.currency_id)
            .join(
                last,
                and_(
                    t.account_terms.c.account_id == last.c.account_id,
                    t.account_terms.c.number == last.c.number,
                ),
            )
            .join(
                t.account,
                and_(
                    t.account.c.ledger_id == t.account_terms.c.ledger_id,
                    t.account.c.id == t.account_terms.c.account_id,
                ),
            )
            .where(t.account_terms.c.ledger_id == ledger_id)
        )
        for row in conn.execute(query):
            found[row.account_id] = Terms(
                row.currency_id, row.min_balance, row.max_balance, row.closed,
                row.soft_min, row.soft_max,
            )  # fmt: skip
    return found


def terms_count(conn: Connection, ledger_id: int, account_id: int) -> int:
    """How many terms an account has had: the number of its next ones."""
    table = t.account_terms.c
    return int(
        conn.scalar(
            select(func.count()).where(table.ledger_id == ledger_id, table.account_id == account_id)
        )
        or 0
    )


def money(conn: Connection, ledger_id: int, account_ids: Collection[int]) -> dict[int, Purse]:
    """Folded counters plus tail of the accounts whose limits are to be checked."""
    found: dict[int, Purse] = {}
    for chunk in chunks(account_ids):
        asked = balance_query(ledger_id).where(t.account_balance.c.account_id.in_(chunk))
        for row in conn.execute(asked):
            found[row.account_id] = Purse(row.credits - row.debits, row.held)
        for account_id, amount in _coming(conn, ledger_id, chunk):
            found[account_id].coming = int(amount)
    return found


def turned(conn: Connection, ledger_id: int, account_ids: Collection[int]) -> dict[int, Turned]:
    """What ever passed through these accounts, and what open holds will."""
    found: dict[int, Turned] = {}
    for chunk in chunks(account_ids):
        asked = balance_query(ledger_id).where(t.account_balance.c.account_id.in_(chunk))
        for row in conn.execute(asked):
            found[row.account_id] = Turned(row.debits + row.held, row.credits)
        for account_id, amount in _coming(conn, ledger_id, chunk):
            found[account_id].credits += int(amount)
    return found


def _coming(conn: Connection, ledger_id: int, account_ids: Collection[int]) -> Iterable[Any]:
    """(account, amount) of what open holds reserve for accounts."""
    hold = t.hold_open.c
    coming = select(hold.credit, func.sum(hold.amount)).where(
        hold.ledger_id == ledger_id, hold.credit.in_(account_ids)
    )
    return conn.execute(coming.group_by(hold.credit))


def holds(conn: Connection, ledger_id: int, hold_ids: Collection[int]) -> dict[int, OpenHold]:
    """The holds among these transfers, open or settled."""
    found: dict[int, OpenHold] = {}
    for chunk in chunks(hold_ids):
        for row in conn.execute(_holds(ledger_id).where(t.transfer.c.id.in_(chunk))):
            found[row.id] = OpenHold._make((*row[:-1], row.open is not None))
    return found


def holds_due(conn: Connection, ledger_id: int, now_s: int) -> dict[int, OpenHold]:
    """The first open holds whose time has run out, one batch of them."""
    due = (
        select(t.hold_open.c.transfer_id)
        .where(t.hold_open.c.ledger_id == ledger_id, t.hold_open.c.expires_s <= now_s)
        .order_by(t.hold_open.c.expires_s)
        .limit(DUE)
    )
    return holds(conn, ledger_id, conn.scalars(due).all())


def _holds(ledger_id: int) -> Select[Any]:
    row, terms, waits = t.transfer.c, t.hold_terms.c, t.hold_open.c
    joined = t.transfer.join(
        t.hold_terms, and_(terms.ledger_id == row.ledger_id, terms.transfer_id == row.id)
    ).outerjoin(t.hold_open, and_(waits.ledger_id == row.ledger_id, waits.transfer_id == row.id))
    return (
        select(
            row.id,
            row.debit,
            row.credit,
            row.amount,
            row.code,
            row.effective_s,
            terms.expires_s,
            terms.on_expiry,
            waits.transfer_id.label("open"),
        )
        .select_from(joined)
        .where(row.ledger_id == ledger_id)
    )


def corrected(conn: Connection, ledger_id: int, transfer_ids: Collection[int]) -> dict[int, Left]:
    """What is left of the transfers that somebody wants corrected."""
    row, back = t.transfer.c, t.transfer.alias().c
    taken = (
        select(func.coalesce(func.sum(back.amount), 0))
        .where(back.ledger_id == row.ledger_id, back.corrects_id == row.id, back.state.in_(MOVES))
        .where(back.source_id.is_(None))
        .scalar_subquery()
    )
    found: dict[int, Left] = {}
    for chunk in chunks(transfer_ids):
        asked = select(row.id, row.debit, row.credit, row.amount, taken).where(
            row.ledger_id == ledger_id, row.id.in_(chunk), row.state.in_(MOVES)
        )
        for number, debit, credit, amount, back_ in conn.execute(asked):
            found[number] = Left(debit, credit, amount - int(back_))
    return found


def replays(
    conn: Connection, ledger_id: int, groups: Collection[Group | Settling]
) -> dict[tuple[str, str], Replay]:
    """What was answered before under the groups' idempotency keys."""
    table = t.idempotency.c
    asked = {(a.client, a.key): group for group in groups if (a := group.idempotency) is not None}
    found: dict[tuple[str, str], Replay] = {}
    for chunk in chunks(asked):
        query = select(t.idempotency).where(
            table.ledger_id == ledger_id, tuple_(table.client, table.key).in_(chunk)
        )
        for row in conn.execute(query):
            answer: Posted | Refused
            if row.refusal is not None:
                answer = restored(**json.loads(row.refusal))
            else:
                group = asked[row.client, row.key]
                answer = _posted(conn, ledger_id, group, row.group_id, row.recorded_us)
            found[row.client, row.key] = Replay(bytes(row.fingerprint), answer)
    return found


def _posted(
    conn: Connection, ledger_id: int, group: Group | Settling, group_id: int, recorded_us: int
) -> Posted:
    transfer = t.transfer.c
    ids = conn.scalars(
        select(transfer.id)
        .where(
            transfer.ledger_id == ledger_id,
            transfer.id.between(group_id, group_id + MAX_LEGS),
            transfer.group_id == group_id,
        )
        .order_by(transfer.id)
    ).all()
    rows = tuple(
        dict(row._mapping)
        for table in dict.fromkeys(table for table, _ in group.rows)
        for row in conn.execute(
            select(table).where(table.c.ledger_id == ledger_id, table.c.group_id == group_id)
        )
    )
    return Posted(group_id, tuple(ids), recorded_us, True, rows)


def waiting(
    conn: Connection, ledger_id: int, names: Collection[RecordName]
) -> dict[RecordName, Waiting]:
    """The records that somebody wants resolved."""
    record, same = t.record.c, [t.record.c[name] for name in t.KEY]
    found: dict[RecordName, Waiting] = {}
    for chunk in chunks(names):
        query = (
            select(
                t.record,
                t.claim.c.amount.label("claimed"),
                t.resolution.c.outcome.label("resolved"),
            )
            .outerjoin(t.claim, and_(*(t.claim.c[c.name] == c for c in same)))
            .outerjoin(t.resolution, and_(*(t.resolution.c[c.name] == c for c in same)))
            .where(
                record.ledger_id == ledger_id,
                tuple_(record.source_id, record.epoch, record.seq).in_(chunk),
            )
        )
        for row in conn.execute(query):
            found[row.source_id, row.epoch, row.seq] = Waiting(
                hash=bytes(row.hash),
                outcome=row.outcome,
                amount=row.amount,
                transfer_id=row.transfer_id,
                effective_s=row.effective_s,
                claimed=row.claimed is not None,
                resolved=row.resolved is not None,
            )
    return found


def budgets(conn: Connection, ledger_id: int) -> list[Budget]:
    """All periods of the ledger: a dozen a year."""
    table = t.budget.c
    rows = conn.execute(
        select(table.from_s, table.until_s, table.amount, table.spent, table.decided_by).where(
            table.ledger_id == ledger_id
        )
    )
    return [Budget(*row) for row in rows]


def due(conn: Connection, ledger_id: int, after: ClaimDue | None = None) -> list[ClaimDue]:
    """The first claims in the order of payment, and one more than a batch will pay.

    `after` a claim, those that follow it.
    """
    open_, claim, record = t.claim_open, t.claim, t.record
    place = tuple_(*(open_.c[name] for name in ("effective_s", "source_id", "epoch", "seq")))
    follows = () if after is None else (place > after[:4],)
    rows = conn.execute(
        select(
            *(open_.c[name] for name in ("effective_s", "source_id", "epoch", "seq")),
            claim.c.account_id,
            claim.c.amount,
            claim.c.decided_by,
            record.c.hash,
        )
        .join(claim, and_(*(claim.c[name] == open_.c[name] for name in t.KEY)))
        .join(record, and_(*(record.c[name] == open_.c[name] for name in t.KEY)))
        .where(open_.c.ledger_id == ledger_id, *follows)
        .order_by(open_.c.effective_s, open_.c.source_id, open_.c.epoch, open_.c.seq)
        .limit(CLAIMS + 1)
    )
    return [ClaimDue._make(row) for row in rows]


def minted_since(conn: Connection, ledger_id: int, from_s: int) -> int:
    """What was minted since a moment: the start of a budget set in mid-period."""
    table = t.transfer.c
    return int(
        conn.scalar(
            select(func.coalesce(func.sum(table.amount), 0)).where(
                table.ledger_id == ledger_id,
                table.code == Code.MINT,
                table.recorded_us >= from_s * 1_000_000,
            )
        )
        or 0
    )


def tails(conn: Connection, ledger_id: int) -> Counter[int]:
    """How many transfers of each account are not folded: counted once, at start."""
    folded, transfer = t.account_balance.c, t.transfer.c
    debited = (transfer.debit == folded.account_id, NOT_MINTED)
    counts: Counter[int] = Counter()
    for name, side in (("credit", (transfer.credit == folded.account_id,)), ("debit", debited)):
        tail = by_side(select(func.count()).select_from(t.transfer), name).where(
            transfer.ledger_id == folded.ledger_id, transfer.id > folded.folded_id, *side
        )
        for account_id, count in conn.execute(
            select(folded.account_id, tail.scalar_subquery()).where(folded.ledger_id == ledger_id)
        ):
            counts[account_id] += count
    # An issuer's side of minting has no index: the distance in ids bounds its number.
    last_id = conn.scalar(select(func.max(transfer.id)).where(transfer.ledger_id == ledger_id))
    folded_id = conn.scalar(
        select(folded.folded_id).where(folded.ledger_id == ledger_id, folded.account_id == ISSUER)
    )
    counts[ISSUER] = (last_id or 0) - (folded_id or 0)
    return counts


def transfers(conn: Connection, ledger_id: int, after_id: int, limit: int) -> list[TransferRow]:
    """The transfers after an id, as the poster wrote them."""
    row = t.transfer.c
    found = conn.execute(
        select(t.transfer)
        .where(row.ledger_id == ledger_id, row.id > after_id)
        .order_by(row.id)
        .limit(limit)
    )
    rows = [TransferRow._make(each) for each in found]
    return [r if r.epoch is None else r._replace(epoch=signed64(r.epoch)) for r in rows]
