"""What the town decided of its kinds of money, and whether a group of transfers obeys it.

A group that moves two currencies crosses from one to the other: there must be a row that allows
these kinds of money under these codes. Restricted money goes from its issuer to members, from
them to merchants of an allowed kind while the rule lasts, and back to its issuer. What melts
goes back to its issuer: by expiry or by demurrage, never by both. A correction
goes back the way that something came and needs no rule of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, func, select

from backend.ledger import accounts
from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.errors import (
    BadRule,
    IllegalCrossing,
    NotSpendable,
    UnknownAccount,
    UnknownMoney,
)
from backend.ledger.melt_terms import Melting, MeltRule
from backend.ledger.transfers import MAX_AMOUNT, MAX_LEGS, Code, Group, Leg

if TYPE_CHECKING:
    from backend.ledger.booking import Books

Way = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of `money_kind`: see there."""

    code: str
    issued_by: str
    restricted: bool
    convertible: bool


@dataclass(frozen=True, slots=True)
class Money:
    """A currency, its kind, and the account that issues it (closed where nobody does)."""

    id: int
    code: str
    scale: int
    kind: Kind
    issuer: int
    member_min: int


@dataclass(slots=True)
class Rules:
    """All that is in force. `spend` says for a currency at which merchants and until when.

    `melting` has every rule there ever was, by number: the last one of a currency is in force.
    """

    kinds: dict[str, Kind] = field(default_factory=dict)
    money: dict[int, Money] = field(default_factory=dict)
    restricted: set[int] = field(default_factory=set)
    crossings: set[tuple[Way, Way]] = field(default_factory=set)
    spend: dict[int, dict[str, int]] = field(default_factory=dict)
    merchants: dict[int, str] = field(default_factory=dict)
    melting: dict[int, MeltRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DefineKind:
    """A new kind of money; `issued_by` is records, town or nobody."""

    code: str
    issued_by: str
    restricted: bool
    convertible: bool
    decided_by: str


@dataclass(frozen=True, slots=True)
class OpenCurrency:
    """A further currency; its members may fall to `member_min` (0 unless nobody issues it)."""

    code: str
    scale: int
    kind: str
    decided_by: str
    member_min: int = 0


@dataclass(frozen=True, slots=True)
class AllowCrossing:
    """Whether money of two kinds may move in one group, each under its code."""

    one: Way
    other: Way
    decided_by: str
    allowed: bool = True


@dataclass(frozen=True, slots=True)
class AllowSpending:
    """A restricted currency may be spent at merchants of a kind until `until_s`; 0 ends it."""

    currency_id: int
    merchant_kind: str
    until_s: int
    decided_by: str


@dataclass(frozen=True, slots=True)
class NameMerchant:
    """An account is a merchant's of this kind from now on; "" ends it."""

    account_id: int
    kind: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class DecideMelting:
    """Members' credit in a currency melts so from now on; `NO_MELTING` ends it.

    `rows` are the caller's of the same decision, (SQLAlchemy's Table, values) each.
    """

    currency_id: int
    melting: Melting
    decided_by: str
    rows: tuple[tuple[Table, dict[str, Any]], ...] = ()


RuleChange = (
    DefineKind | OpenCurrency | AllowCrossing | AllowSpending | NameMerchant | DecideMelting
)
CHANGES = (DefineKind, OpenCurrency, AllowCrossing, AllowSpending, NameMerchant, DecideMelting)


def load(conn: Connection, ledger_id: int) -> Rules:
    """The rules in force: a few rows, and one for each merchant."""
    rules = Rules()
    kind = r.money_kind.c
    for row in conn.execute(
        select(kind.code, kind.issued_by, kind.restricted, kind.convertible).where(
            kind.ledger_id == ledger_id
        )
    ):
        rules.kinds[row.code] = Kind(*row)
    own, currency = r.currency_kind.c, t.currency.c
    for one in conn.execute(
        select(currency.id, currency.code, currency.scale, currency.issuer_account_id,
               own.kind, own.member_min)
        .join(r.currency_kind, (own.ledger_id == currency.ledger_id)
              & (own.currency_id == currency.id))
        .where(currency.ledger_id == ledger_id)
        .order_by(currency.id)
    ):  # fmt: skip
        rules.money[one.id] = Money(
            one.id, one.code, one.scale, rules.kinds[one.kind], one.issuer_account_id,
            one.member_min,
        )  # fmt: skip
    rules.restricted = {each.id for each in rules.money.values() if each.kind.restricted}
    for row in _in_order(conn, ledger_id, r.crossing):
        pair = ((row.kind, row.code), (row.other_kind, row.other_code))
        (rules.crossings.add if row.allowed else rules.crossings.discard)(pair)
    for row in _in_order(conn, ledger_id, r.spend_rule):
        rules.spend.setdefault(row.currency_id, {})[row.merchant_kind] = row.until_s
    for row in _in_order(conn, ledger_id, r.merchant):
        rules.merchants[row.account_id] = row.kind
    for row in _in_order(conn, ledger_id, r.melt_rule):
        way = Melting(row.way, row.days, row.basis_points, row.free_amount)
        rules.melting[row.number] = MeltRule(
            row.number, row.currency_id, way, row.from_s, row.decided_by
        )
    return rules


def _in_order(conn: Connection, ledger_id: int, table: Table) -> Any:
    row = table.c
    return conn.execute(select(table).where(row.ledger_id == ledger_id).order_by(row.number))


def check(books: "Books", group: Group) -> None:
    """Raises IllegalCrossing or NotSpendable for a group that the rules do not allow."""
    rules, terms = books.rules, books.purses.terms
    legs = [
        (terms[leg.debit].currency_id, leg)
        for leg in group.legs
        if leg.corrects_id is None and leg.debit in terms
    ]
    check_crossings(rules, {(each, leg.code) for each, leg in legs})
    for currency_id, leg in legs:
        if currency_id in rules.restricted:
            _check_spending(books, currency_id, leg)


def check_crossings(rules: Rules, ways: Iterable[tuple[int, int]]) -> None:
    """Raises IllegalCrossing unless each two of (currency, code) may go together."""
    for (one, a), (other, b) in combinations(ways, 2):
        if one != other:
            _check_crossing(rules, (_kind(rules, one), int(a)), (_kind(rules, other), int(b)))


def _kind(rules: Rules, currency_id: int) -> str:
    money = rules.money.get(currency_id)
    return "" if money is None else money.kind.code


def _check_crossing(rules: Rules, one: Way, other: Way) -> None:
    if _sorted(one, other) not in rules.crossings:
        raise IllegalCrossing(
            f"{_way(one)} and {_way(other)} may not go together: no crossing between these kinds "
            "of money was allowed. Book each by itself, or ask the town to allow it."
        )


def _sorted(one: Way, other: Way) -> tuple[Way, Way]:
    return (one, other) if one <= other else (other, one)


def _way(way: Way) -> str:
    return f"{way[0]} ({Code(way[1]).name.lower()})"


def _check_spending(books: "Books", currency_id: int, leg: Leg) -> None:
    rules = books.rules
    money = rules.money[currency_id]
    if money.issuer in (leg.debit, leg.credit):
        return
    # The group's own moment lies at most its legs later.
    now_s = (books.clock_us + MAX_LEGS) // 1_000_000
    until_s = rules.spend.get(currency_id, {})
    if until_s.get(rules.merchants.get(leg.credit, ""), 0) > now_s:
        return
    where = sorted(kind for kind, end_s in until_s.items() if end_s > now_s)
    places = f"only at merchants of the kind {', '.join(where)}" if where else "nowhere any more"
    raise NotSpendable(
        f"{money.code} may be spent {places}, and account {leg.credit} is none of them.",
        account_id=leg.credit,
    )


def decide(conn: Connection, books: "Books", asked: RuleChange) -> int:
    """Writes a decision; returns the currency's id or the row's number.

    Raises BadRule, IllegalCrossing, UnknownMoney, UnknownAccount.
    """
    rules = load(conn, books.ledger_id)
    match asked:
        case DefineKind():
            return _define(books, rules, asked)
        case OpenCurrency():
            return _open(conn, books, rules, asked)
        case AllowCrossing():
            return _allow_crossing(conn, books, rules, asked)
        case AllowSpending():
            money = rules.money.get(asked.currency_id)
            if money is None:
                raise UnknownMoney(f"There is no currency {asked.currency_id} in this ledger.")
            if not money.kind.restricted or not asked.merchant_kind:
                raise BadRule(f"{money.code} is not restricted: it may be spent anywhere.")
            values = {"merchant_kind": asked.merchant_kind, "until_s": asked.until_s}
            return _write(conn, books, r.spend_rule, asked, currency_id=money.id, **values)
        case NameMerchant():
            if not _exists(conn, books.ledger_id, asked.account_id):
                raise UnknownAccount(f"There is no account {asked.account_id} in this ledger.")
            values = {"account_id": asked.account_id, "kind": asked.kind}
            return _write(conn, books, r.merchant, asked, **values)
        case DecideMelting():
            return _decide_melting(conn, books, rules, asked)


def _decide_melting(conn: Connection, books: "Books", rules: Rules, asked: DecideMelting) -> int:
    money = rules.money.get(asked.currency_id)
    if money is None:
        raise UnknownMoney(f"There is no currency {asked.currency_id} in this ledger.")
    if money.kind.issued_by == "nobody":
        raise BadRule(f"Nobody issues {money.code}: there is nobody whom it could go back to.")
    asked.melting.check()
    values = {name: getattr(asked.melting, name) for name in Melting.__slots__}
    from_s = books.clock_us // 1_000_000 + 1
    number = _write(conn, books, r.melt_rule, asked, currency_id=money.id, from_s=from_s, **values)
    own = {"ledger_id": books.ledger_id}
    books.sheet.rows += [(table, values | own) for table, values in asked.rows]
    return number


def _define(books: "Books", rules: Rules, asked: DefineKind) -> int:
    if asked.code in rules.kinds:
        raise BadRule(f"There is a kind of money called {asked.code} already.")
    if asked.issued_by not in r.ISSUERS:
        raise BadRule(f"Money is issued by one of {', '.join(r.ISSUERS)}.")
    if asked.restricted and asked.issued_by != "town":
        raise BadRule("Restricted money is issued by the town, and goes back to it.")
    values = {name: getattr(asked, name) for name in Kind.__slots__}
    return _row(books, r.money_kind, asked, len(rules.kinds) + 1, values)


def _open(conn: Connection, books: "Books", rules: Rules, asked: OpenCurrency) -> int:
    kind = rules.kinds.get(asked.kind)
    if kind is None:
        raise UnknownMoney(
            f"There is no kind of money called {asked.kind}: {', '.join(sorted(rules.kinds))}."
        )
    if asked.code in {money.code for money in rules.money.values()}:
        raise BadRule(f"There is a currency called {asked.code} already.")
    if kind.issued_by == "records":
        raise BadRule("Signed records mint one currency, and it is there already.")
    if not 0 <= asked.scale <= 6 or not -MAX_AMOUNT <= asked.member_min <= 0:
        raise BadRule("A currency has 0 to 6 decimals, and its members' minimum is 0 or less.")
    if (asked.member_min == 0) == (kind.issued_by == "nobody"):
        raise BadRule(
            "Where nobody issues money its members must be able to fall below 0, and only there."
        )
    closed = kind.issued_by == "nobody"
    currency_id = accounts.open_currency(
        conn, books.ledger_id, asked.code, asked.scale, closed=closed
    )
    values = {"currency_id": currency_id, "kind": kind.code, "member_min": asked.member_min}
    return _row(books, r.currency_kind, asked, currency_id, values)


def _allow_crossing(conn: Connection, books: "Books", rules: Rules, asked: AllowCrossing) -> int:
    for name, code in (asked.one, asked.other):
        if name not in rules.kinds:
            raise UnknownMoney(f"There is no kind of money called {name}.")
        if asked.allowed and not rules.kinds[name].convertible:
            raise IllegalCrossing(f"{name} is never exchanged for another kind of money.")
        if code not in Code.__members__.values():
            raise BadRule(f"There is no code {code}.")
    one, other = _sorted(asked.one, asked.other)
    values = {"kind": one[0], "code": one[1], "other_kind": other[0], "other_code": other[1]}
    return _write(conn, books, r.crossing, asked, allowed=asked.allowed, **values)


def _write(conn: Connection, books: "Books", table: Table, asked: RuleChange, **values: Any) -> int:
    """A row under the next number of its table."""
    counted = select(func.count()).where(table.c.ledger_id == books.ledger_id)
    number = (conn.scalar(counted) or 0) + 1
    return _row(books, table, asked, number, {"number": number, **values})


def _row(
    books: "Books", table: Table, asked: RuleChange, answer: int, values: dict[str, Any]
) -> int:
    decided = {"ledger_id": books.ledger_id, "from_id": books.next_id}
    row = {**decided, "decided_by": asked.decided_by, **values}
    books.sheet.rows.append((table, row))
    books.rules_changed = True
    books.terms_no += 1
    return answer


def _exists(conn: Connection, ledger_id: int, account_id: int) -> bool:
    row = t.account.c
    found = select(row.id).where(row.ledger_id == ledger_id, row.id == account_id)
    return conn.scalar(found) is not None
