"""The verifier's questions about kinds of money, spend rules and soft limits.

Each transfer is judged by the rules that were in force when it was booked.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, select

from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.balances import moves_between
from backend.ledger.history import last_id
from backend.ledger.kinds import KINDS
from backend.ledger.laws import Law
from backend.ledger.notices import crossing
from backend.ledger.rules import Rules, load

# A pair of legs in one group, of two currencies, neither a correction; groups are dense in ids.
_CROSSED = """SELECT y.group_id, y.id FROM transfer y
JOIN transfer x ON x.ledger_id = y.ledger_id AND x.id >= y.group_id AND x.id < y.id
JOIN account b ON b.ledger_id = y.ledger_id AND b.id = y.debit
JOIN account a ON a.ledger_id = x.ledger_id AND a.id = x.debit
LEFT JOIN currency_kind bk ON bk.ledger_id = b.ledger_id AND bk.currency_id = b.currency_id
LEFT JOIN currency_kind ak ON ak.ledger_id = a.ledger_id AND ak.currency_id = a.currency_id
WHERE y.ledger_id = :l AND y.id <> y.group_id AND a.currency_id <> b.currency_id
AND x.corrects_id IS NULL AND y.corrects_id IS NULL
AND NOT EXISTS (SELECT 1 FROM crossing c WHERE c.ledger_id = y.ledger_id AND c.allowed
  AND c.from_id <= y.group_id AND (
    (c.kind = ak.kind AND c.code = x.code AND c.other_kind = bk.kind AND c.other_code = y.code)
    OR (c.kind = bk.kind AND c.code = y.code AND c.other_kind = ak.kind AND c.other_code = x.code))
  AND NOT EXISTS (SELECT 1 FROM crossing d WHERE d.ledger_id = c.ledger_id
    AND d.number > c.number AND d.from_id <= y.group_id AND d.kind = c.kind AND d.code = c.code
    AND d.other_kind = c.other_kind AND d.other_code = c.other_code))"""

_MISSPENT = """SELECT x.id, x.credit FROM currency_kind k
JOIN money_kind m ON m.ledger_id = k.ledger_id AND m.code = k.kind AND m.restricted
JOIN currency u ON u.ledger_id = k.ledger_id AND u.id = k.currency_id
JOIN account a ON a.ledger_id = k.ledger_id AND a.currency_id = k.currency_id
JOIN transfer x ON x.ledger_id = a.ledger_id AND x.debit = a.id AND x.code <> 1
WHERE k.ledger_id = :l AND x.state < 2 AND x.corrects_id IS NULL
AND u.issuer_account_id NOT IN (x.debit, x.credit)
AND NOT EXISTS (SELECT 1 FROM merchant s
  JOIN spend_rule p ON p.ledger_id = s.ledger_id AND p.merchant_kind = s.kind
    AND p.currency_id = k.currency_id
  WHERE s.ledger_id = x.ledger_id AND s.account_id = x.credit AND s.from_id <= x.id
  AND p.from_id <= x.id AND p.until_s * 1000000 > x.recorded_us
  AND NOT EXISTS (SELECT 1 FROM merchant n WHERE n.ledger_id = s.ledger_id
    AND n.account_id = s.account_id AND n.number > s.number AND n.from_id <= x.id)
  AND NOT EXISTS (SELECT 1 FROM spend_rule q WHERE q.ledger_id = p.ledger_id
    AND q.currency_id = p.currency_id AND q.merchant_kind = p.merchant_kind
    AND q.number > p.number AND q.from_id <= x.id))"""

RULE_LAWS = (
    Law(
        "I4",
        "a currency is of no kind",
        """SELECT u.id FROM currency u LEFT JOIN currency_kind k
        ON k.ledger_id = u.ledger_id AND k.currency_id = u.id
        WHERE u.ledger_id = :l AND k.kind IS NULL""",
    ),
    Law(
        "I4",
        "money was issued that nobody issues",
        """SELECT x.id FROM currency_kind k
        JOIN money_kind m ON m.ledger_id = k.ledger_id AND m.code = k.kind
        JOIN currency u ON u.ledger_id = k.ledger_id AND u.id = k.currency_id
        JOIN transfer x ON x.ledger_id = k.ledger_id AND x.debit = u.issuer_account_id
        WHERE k.ledger_id = :l AND m.issued_by = 'nobody' AND x.code <> 1""",
    ),
    Law(
        "I3",
        "a notice is not of its transfer's moment",
        """SELECT n.account_id, n.transfer_id FROM notice n JOIN transfer x
        ON x.ledger_id = n.ledger_id AND x.id = n.transfer_id
        WHERE n.ledger_id = :l AND n.recorded_us <> x.recorded_us""",
    ),
    Law("I4", "a group joins two kinds of money that have no legal crossing", _CROSSED),
    Law("I3", "restricted money went where it may not be spent", _MISSPENT),
)

_Told = tuple[int, int, str, int, int]


def read_rules(conn: Connection, ledger_id: int, add: Callable[[str, str], None]) -> Rules:
    """The rules in force; the kinds that every town is opened with are as they were then."""
    row = r.money_kind.c
    said = (row.code, row.issued_by, row.restricted, row.convertible)
    kept = {
        each.code: each for each in conn.execute(select(*said).where(row.ledger_id == ledger_id))
    }
    for kind in KINDS:
        if kept.get(kind[0]) != kind:
            add("I4", f"the kind of money {kind[0]} is gone, or is not what it was founded as")
    try:
        return load(conn, ledger_id)
    except KeyError as kind:
        add("I4", f"a currency is of the kind {kind}, which is not in the books")
        return Rules()


def check_notices(conn: Connection, ledger_id: int, add: Callable[[str, str], None]) -> None:
    """Every crossing of a soft limit has its notice, and every notice its crossing."""
    row = r.notice.c
    written: set[_Told] = {
        (each[0], each[1], each[2], each[3], each[4])
        for each in conn.execute(
            select(row.transfer_id, row.account_id, row.crossed, row.bound, row.balance).where(
                row.ledger_id == ledger_id
            )
        )
    }
    terms = t.account_terms.c
    soft: dict[int, list[Any]] = {}
    for each in conn.execute(
        select(terms.account_id, terms.from_id, terms.soft_min, terms.soft_max)
        .where(terms.ledger_id == ledger_id)
        .where(terms.account_id.in_(_watched(ledger_id)))
        .order_by(terms.account_id, terms.number)
    ):
        soft.setdefault(each.account_id, []).append(each)
    due = {told for each, rows in soft.items() for told in _due(conn, ledger_id, each, rows)}
    for transfer_id, account_id, crossed, *_ in sorted(due ^ written)[:20]:
        add("I3", f"the notice of account {account_id} at transfer {transfer_id} ({crossed}) "
            "is missing, or is not what happened")  # fmt: skip


def _watched(ledger_id: int) -> Any:
    terms = t.account_terms.c
    return select(terms.account_id).where(
        terms.ledger_id == ledger_id, terms.soft_min.is_not(None) | terms.soft_max.is_not(None)
    )


def _due(conn: Connection, ledger_id: int, account_id: int, terms: list[Any]) -> Iterator[_Told]:
    """The notices that an account's movements call for, folded again."""
    balance, place = 0, 0
    for move in conn.execute(moves_between(ledger_id, account_id, 0, last_id(conn, ledger_id))):
        while place + 1 < len(terms) and terms[place + 1].from_id <= move.id:
            place += 1
        before, balance = balance, balance + move.sign * move.amount
        crossed = crossing(before, balance, terms[place].soft_min, terms[place].soft_max)
        if crossed is not None:
            yield move.id, account_id, *crossed, balance
