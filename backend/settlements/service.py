"""What is owed in official money for credit that was redeemed, and marking it paid, once.

The cooperative is owed for what it handed out, less what was taken back; that credit is retired
already. A merchant is owed for the credits it holds: a statement reserves them, its payment
retires them. One person draws a statement up, another pays it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, insert, null, select

from backend import tables as programme
from backend.compost.service import receipt_number
from backend.errors import AlreadyDecided, BadInput, Conflict, NotFound, SameApprover
from backend.idempotency import check, named
from backend.kinds import service as kinds
from backend.ledger import accounts, balances, history
from backend.ledger.accounts import CREDIT
from backend.ledger.balances import MOVES
from backend.ledger.errors import RowRefused
from backend.ledger.holds import SettleAll
from backend.ledger.tables import transfer
from backend.ledger.transfers import Code, Group, HoldTerms, Leg
from backend.merchants import service as merchants
from backend.merchants.tables import shop_payment
from backend.services import Services
from backend.settlements import tables as t

COOPERATIVE, MERCHANT = "cooperative", "merchant-"
# How long a merchant's credits wait for their payment before they are free again.
HOLD_S = 180 * 86_400


@dataclass(frozen=True, slots=True)
class Statement:
    """`amount` is owed for `bookings` after `after_id` up to `upto_id`, in minor units."""

    payee: str
    number: int
    after_id: int
    upto_id: int
    bookings: int
    amount: int
    drawn_by: str
    drawn_s: int
    paid_by: str | None
    paid_s: int | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One hand-over or payment of a statement; what was taken back is negative."""

    receipt: str
    what: str
    grams: int | None
    amount: int
    recorded_s: int


def draw(
    services: Services, payee: str, *, until_s: int | None = None, drawn_by: str, key: str
) -> Statement:
    """Draw up the next statement: from the last one's end until a moment, or until now.

    Raises MissingKey, BadInput, NotFound, Conflict if nothing is owed.
    """
    asked = f"{drawn_by}/{check(key)}"
    ledger_id = services.ledger_id
    with services.read() as conn:
        found = _asked(conn, ledger_id, asked)
        known = payee == COOPERATIVE or _merchant_account(conn, services, payee)
    if found is not None:
        return found
    if not known:
        raise NotFound("There is no such payee.")
    if payee != COOPERATIVE:
        if until_s is not None:
            raise BadInput("A merchant's statement is of what it holds now.")
        return _draw_merchant(services, payee, drawn_by=drawn_by, request=asked)
    with services.begin() as conn:
        values = _next(conn, services, payee, until_s)
        owed, back = (
            conn.execute(each).one()
            for each in (_handed(ledger_id, **values), _back(ledger_id, **values))
        )
        amount = int(owed[1]) - int(back[1])
        if amount <= 0:
            raise Conflict("Nothing is owed to the cooperative since its last statement.")
        row = {**values, "bookings": int(owed[0]) + int(back[0]), "amount": amount}
        row |= {"drawn_by": drawn_by, "drawn_s": services.now_s(), "request": asked}
        conn.execute(insert(t.settlement).values(ledger_id=ledger_id, group_id=None, **row))
        return statement(conn, ledger_id, payee, values["number"])


def _draw_merchant(services: Services, payee: str, *, drawn_by: str, request: str) -> Statement:
    """Reserve what a merchant holds, with the statement, in one transaction."""
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        values = _next(conn, services, payee, None)
        found = _merchant_account(conn, services, payee)
        assert found is not None
        shop_id, account_id, currency = found
        paid = _payments(ledger_id, shop_id, currency, **values)
        bookings = conn.scalar(select(func.count()).select_from(paid.subquery())) or 0
        available = balances.balance(conn, ledger_id, account_id).available
        into, code = _retires(conn, ledger_id, currency)
    if available <= 0:
        raise Conflict("This merchant holds nothing that is not reserved already.")
    hold = HoldTerms(now_s + HOLD_S, "void")
    row = {**values, "bookings": bookings, "amount": available, "request": request}
    row |= {"drawn_by": drawn_by, "drawn_s": now_s}
    leg = Leg(account_id, into, available, code, hold=hold)
    try:
        services.poster.submit(Group((leg,), now_s, rows=((t.settlement, row),))).result()
    except RowRefused as error:
        raise Conflict("A statement was drawn up at the same moment. Look again.") from error
    with services.read() as conn:
        return statement(conn, ledger_id, payee, values["number"])


def pay(
    services: Services, payee: str, number: int, *, reference: str, paid_by: str, key: str
) -> Statement:
    """Note that a statement was paid, once, by another person than who drew it up.

    Raises NotFound, SameApprover, AlreadyDecided, HoldSettled.
    """
    asked = {"payee": payee, "number": number, "reference": reference}
    idempotency = named("pay settlement", paid_by, key, asked)
    ledger_id, now_s = services.ledger_id, services.now_s()
    row = {**asked, "paid_by": paid_by, "paid_s": now_s}
    with services.begin() as conn:
        found = statement(conn, ledger_id, payee, number)
        if found.paid_by is not None:
            if (found.paid_by, found.reference) == (paid_by, reference):
                return found
            raise AlreadyDecided(f"This was paid already: {found.reference}.")
        if found.drawn_by == paid_by:
            raise SameApprover("Somebody else than who drew a statement up pays it.")
        hold_id = conn.scalar(_of(select(t.settlement.c.group_id), ledger_id, payee, number))
        if hold_id is None:
            conn.execute(
                insert(t.settlement_paid).values(ledger_id=ledger_id, group_id=None, **row)
            )
            return statement(conn, ledger_id, payee, number)
    settle = SettleAll((hold_id,), idempotency=idempotency, rows=((t.settlement_paid, row),))
    try:
        services.poster.submit(settle).result()
    except RowRefused as error:
        raise AlreadyDecided("This was paid already.") from error
    with services.read() as conn:
        return statement(conn, ledger_id, payee, number)


def statements(conn: Connection, ledger_id: int, payee: str | None = None) -> list[Statement]:
    """Return statements, newest first, all or one payee's."""
    row, paid = t.settlement.c, t.settlement_paid.c
    same = (
        (paid.ledger_id == row.ledger_id) & (paid.payee == row.payee) & (paid.number == row.number)
    )
    query = (
        select(t.settlement, paid.paid_by, paid.paid_s, paid.reference)
        .outerjoin(t.settlement_paid, same)
        .where(row.ledger_id == ledger_id)
    )
    if payee is not None:
        query = query.where(row.payee == payee)
    names = Statement.__slots__
    return [
        Statement(**{name: getattr(each, name) for name in names})
        for each in conn.execute(query.order_by(row.drawn_s.desc(), row.payee, row.number.desc()))
    ]


def statement(conn: Connection, ledger_id: int, payee: str, number: int) -> Statement:
    """Raises NotFound."""
    for found in statements(conn, ledger_id, payee):
        if found.number == number:
            return found
    raise NotFound("There is no such statement.")


def lines(conn: Connection, services: Services, found: Statement) -> list[Line]:
    """Return what a statement is made of, in the order of the books."""
    span = {"after_id": found.after_id, "upto_id": found.upto_id}
    ledger_id = services.ledger_id
    if found.payee == COOPERATIVE:
        made = [*conn.execute(_handed_lines(ledger_id, **span))]
        made += conn.execute(_back_lines(ledger_id, **span)).all()
    else:
        account = _merchant_account(conn, services, found.payee)
        assert account is not None
        shop_id, _, currency = account
        made = [*conn.execute(_payments(ledger_id, shop_id, currency, **span))]
    return sorted(
        (
            Line(receipt_number(each[0]), each[1], each[2], int(each[3]), each[4] // 1_000_000)
            for each in made
        ),
        key=lambda line: (line.recorded_s, line.receipt),
    )


def _next(conn: Connection, services: Services, payee: str, until_s: int | None) -> dict[str, Any]:
    """The next statement's number and span of the books. Raises BadInput."""
    ledger_id = services.ledger_id
    last = statements(conn, ledger_id, payee)
    before = max(last, key=lambda each: each.number, default=None)
    after_id = 0 if before is None else before.upto_id
    upto_id = history.last_id(conn, ledger_id)
    if until_s is not None:
        upto_id = history.id_at(conn, ledger_id, until_s * 1_000_000 - 1)
    if upto_id <= after_id:
        raise Conflict("Nothing was booked since the last statement's end.")
    number = 1 if before is None else before.number + 1
    return {"payee": payee, "number": number, "after_id": after_id, "upto_id": upto_id}


def _of(query: Select[Any], ledger_id: int, payee: str, number: int) -> Select[Any]:
    row = t.settlement.c
    return query.where(row.ledger_id == ledger_id, row.payee == payee, row.number == number)


def _asked(conn: Connection, ledger_id: int, request: str) -> Statement | None:
    row = t.settlement.c
    query = select(row.payee, row.number).where(row.ledger_id == ledger_id, row.request == request)
    found = conn.execute(query).one_or_none()
    return None if found is None else statement(conn, ledger_id, found.payee, found.number)


def _merchant_account(
    conn: Connection, services: Services, payee: str
) -> tuple[int, int, str] | None:
    """(merchant, account, currency) of merchant-5, or of merchant-5-aid in another currency."""
    number, _, currency = payee.removeprefix(MERCHANT).partition("-")
    if not payee.startswith(MERCHANT) or not number.isdecimal() or len(number) > 15:
        return None
    currency = currency or merchants.CREDIT
    now_s = services.now_s()
    for each in merchants.merchants(conn, services.ledger_id, now_s=now_s):
        if each.id == int(number) and currency in each.accounts:
            return each.id, each.accounts[currency], currency
    return None


def _retires(conn: Connection, ledger_id: int, currency: str) -> tuple[int, Code]:
    """Where a currency goes when it has done its work."""
    money = kinds.currency(conn, ledger_id, currency)
    if money.id == CREDIT:
        return accounts.REDEEMED, Code.REDEEM
    return money.issuer, Code.RETIRE


def _handed_lines(ledger_id: int, *, after_id: int, upto_id: int, **_: Any) -> Select[Any]:
    row, made = transfer.c, programme.redemption.c
    return (
        select(row.group_id, programme.product.c.name, made.grams, row.amount, row.recorded_us)
        .join(
            programme.redemption,
            (made.ledger_id == row.ledger_id) & (made.group_id == row.group_id),
        )
        .join(
            programme.product,
            (programme.product.c.ledger_id == made.ledger_id)
            & (programme.product.c.id == made.product_id),
        )
        .where(
            row.ledger_id == ledger_id,
            row.id > after_id,
            row.id <= upto_id,
            row.code == int(Code.REDEEM),
            row.state.in_(MOVES),
        )
    )


def _back_lines(ledger_id: int, *, after_id: int, upto_id: int, **_: Any) -> Select[Any]:
    """What corrected hand-overs, whoever did it: negative, under the receipt it corrects."""
    row, first = transfer.c, transfer.alias("first")
    made = programme.redemption.c
    return (
        select(
            first.c.group_id,
            programme.product.c.name,
            -made.grams,
            -row.amount,
            row.recorded_us,
        )
        .join(first, (first.c.ledger_id == row.ledger_id) & (first.c.id == row.corrects_id))
        .join(
            programme.redemption,
            (made.ledger_id == first.c.ledger_id) & (made.group_id == first.c.group_id),
        )
        .join(
            programme.product,
            (programme.product.c.ledger_id == made.ledger_id)
            & (programme.product.c.id == made.product_id),
        )
        .where(
            row.ledger_id == ledger_id,
            row.id > after_id,
            row.id <= upto_id,
            first.c.code == int(Code.REDEEM),
        )
    )


def _payments(
    ledger_id: int, shop_id: int, currency: str, *, after_id: int, upto_id: int, **_: Any
) -> Select[Any]:
    """A merchant's payments that still count."""
    paid, back = shop_payment.c, programme.correction.c
    row = transfer.c
    return (
        select(paid.group_id, paid.currency, null(), paid.amount, row.recorded_us)
        .join(transfer, (row.ledger_id == paid.ledger_id) & (row.id == paid.group_id))
        .outerjoin(
            programme.correction,
            (back.ledger_id == paid.ledger_id) & (back.corrects_id == paid.group_id),
        )
        .where(
            paid.ledger_id == ledger_id,
            paid.shop_id == shop_id,
            paid.currency == currency,
            paid.group_id > after_id,
            paid.group_id <= upto_id,
            back.corrects_id.is_(None),
        )
    )


def _handed(ledger_id: int, **span: Any) -> Select[Any]:
    return _total(_handed_lines(ledger_id, **span))


def _back(ledger_id: int, **span: Any) -> Select[Any]:
    total = _total(_back_lines(ledger_id, **span)).subquery()
    columns = list(total.c)
    return select(columns[0], -columns[1])


def _total(query: Select[Any]) -> Select[Any]:
    made = query.subquery()
    return select(func.count(), func.coalesce(func.sum(list(made.c)[3]), 0)).select_from(made)


def by_name(conn: Connection, ledger_id: int, found: Statement, now_s: int) -> str:
    """The payee's own name, for a sheet of paper."""
    names: Mapping[str, str] = {
        f"{MERCHANT}{each.id}": each.name
        for each in merchants.merchants(conn, ledger_id, now_s=now_s)
    }
    return names.get("-".join(found.payee.split("-")[:2]), found.payee)
