"""The verifier's look at credit that melted: each such transfer is what its rule gives.

The verifier hands on every transfer before it applies it. What an account had at a cutoff is
noted when the fold passes that moment; what it has at the transfer is what was folded by then.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sqlalchemy import Connection, select

from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.accounts import PERSON
from backend.ledger.laws import Law
from backend.ledger.melt_terms import CODES, MeltRule
from backend.ledger.rules import Rules

_NAMES = {code: code.name.lower() for code in CODES.values()}

MELT_LAWS = (
    Law(
        "I4",
        "what melted is not what its transfer moved",
        """SELECT m.account_id, m.due_s, m.transfer_id FROM melted m
        LEFT JOIN transfer x ON x.ledger_id = m.ledger_id AND x.id = m.transfer_id
          AND x.debit = m.account_id AND x.effective_s = m.due_s AND x.code IN (13, 14)
        WHERE m.ledger_id = :l AND x.id IS NULL""",
    ),
    Law(
        "I4",
        "credit melted outside of its run",
        """SELECT m.account_id, m.due_s, m.transfer_id FROM melted m
        JOIN account a ON a.ledger_id = m.ledger_id AND a.id = m.account_id
        LEFT JOIN melt_run p ON p.ledger_id = m.ledger_id AND p.currency_id = a.currency_id
          AND p.due_s = m.due_s AND p.rule_no = m.rule_no AND m.account_id <= p.upto_account
          AND m.transfer_id BETWEEN p.from_id AND p.upto_id
        WHERE m.ledger_id = :l AND p.part IS NULL""",
    ),
    Law(
        "I4",
        "a batch of melting is not the sum of what it took",
        """SELECT p.currency_id, p.due_s, p.part, p.amount FROM melt_run p
        WHERE p.ledger_id = :l AND p.amount <> (SELECT coalesce(sum(x.amount), 0) FROM transfer x
        WHERE x.ledger_id = p.ledger_id AND x.id BETWEEN p.from_id AND p.upto_id)""",
    ),
    Law(
        "I4",
        "a run of melting is by another rule than was in force, or leaves out a batch",
        """SELECT p.currency_id, p.due_s, p.part FROM melt_run p
        JOIN melt_rule k ON k.ledger_id = p.ledger_id AND k.number = p.rule_no
        LEFT JOIN melt_run b ON b.ledger_id = p.ledger_id AND b.currency_id = p.currency_id
          AND b.due_s = p.due_s AND b.part = p.part - 1 AND b.rule_no = p.rule_no
          AND NOT b.last AND b.upto_id < p.from_id AND b.upto_account <= p.upto_account
        WHERE p.ledger_id = :l AND (k.currency_id <> p.currency_id OR k.from_id > p.from_id
          OR (p.part > 0 AND b.part IS NULL)
          OR (p.part = 0 AND EXISTS (SELECT 1 FROM melt_rule n
            WHERE n.ledger_id = k.ledger_id AND n.currency_id = k.currency_id
            AND n.number > k.number AND n.from_id < p.from_id)))""",
    ),
)


class Folded(Protocol):
    """An account while the verifier folds it."""

    debits: int
    credits: int
    held: int


class MeltCheck:
    """Compares each transfer that melted credit with its rule. `add` notes a problem."""

    def __init__(
        self, conn: Connection, ledger_id: int, rules: Rules, add: Callable[[str, str], None]
    ) -> None:
        self._add = add
        self._rules = rules.melting
        self._issuers = {each.id: each.issuer for each in rules.money.values()}
        self._owners = _owners(conn, ledger_id)
        self._merchants = _merchants(conn, ledger_id)
        row = r.melted.c
        named = select(row.transfer_id, row.account_id, row.due_s, row.rule_no)
        self._named = {
            each.transfer_id: each
            for each in conn.execute(named.where(row.ledger_id == ledger_id))
            if each.rule_no in self._rules
        }
        self._cutoffs = sorted(
            (self._rules[each.rule_no].cutoff_s(each.due_s) * 1_000_000, each.account_id)
            for each in self._named.values()
        )
        self._place = 0
        self._then: dict[tuple[int, int], tuple[int, int]] = {}

    def check(self, row: Any, accounts: Mapping[int, Folded]) -> None:
        """Looks at a transfer whose accounts are folded up to the one before it."""
        while self._place < len(self._cutoffs):
            cutoff_us, account_id = self._cutoffs[self._place]
            if cutoff_us > row.recorded_us:
                break
            if account := accounts.get(account_id):
                self._then[cutoff_us, account_id] = (account.debits, account.credits)
            self._place += 1
        if row.code in _NAMES and row.debit in accounts:
            self._judge(row, accounts[row.debit])

    def _judge(self, row: Any, account: Folded) -> None:
        words = self._wrong(row, account)
        if words:
            self._add("I4", f"transfer {row.id} takes {row.amount} of account {row.debit} by "
                      f"{_NAMES[row.code]}: {words}")  # fmt: skip

    def _wrong(self, row: Any, account: Folded) -> str:
        named = self._named.get(row.id)
        if named is None or (named.account_id, named.due_s) != (row.debit, row.effective_s):
            return "no run did"
        rule = self._rules[named.rule_no]
        if CODES.get(rule.melting.way) != row.code or row.credit != self._issuers.get(
            rule.currency_id
        ):
            return f"rule {rule.number} says something else"
        if not rule.is_moment(named.due_s) or row.recorded_us < named.due_s * 1_000_000:
            return f"nothing melts by rule {rule.number} at {named.due_s}"
        owner = self._owners.get(row.debit)
        if (owner is not None and not owner.startswith(PERSON)) or self._is_merchant(row):
            return "it is no member's"
        return self._unlike(row, account, rule, named.due_s)

    def _unlike(self, row: Any, account: Folded, rule: MeltRule, due_s: int) -> str:
        then = self._then.get((rule.cutoff_s(due_s) * 1_000_000, row.debit), (0, 0))
        gives = rule.amount(then, account.debits, account.held, account.credits)
        return "" if gives == row.amount else f"rule {rule.number} gives {gives}"

    def _is_merchant(self, row: Any) -> bool:
        kinds = [kind for from_id, kind in self._merchants.get(row.debit, ()) if from_id <= row.id]
        return bool(kinds) and bool(kinds[-1])


def _owners(conn: Connection, ledger_id: int) -> dict[int, str | None]:
    """Whose the accounts are that anything melted of; an export keeps that to itself."""
    row, taken = t.account.c, r.melted.c
    mine = select(taken.account_id).where(taken.ledger_id == ledger_id)
    asked = select(row.id, row.owner_ref).where(row.ledger_id == ledger_id, row.id.in_(mine))
    return {each.id: each.owner_ref for each in conn.execute(asked)}


def _merchants(conn: Connection, ledger_id: int) -> dict[int, list[tuple[int, str]]]:
    """(from_id, kind) of each account that was ever named a merchant's, in order."""
    row = r.merchant.c
    found: dict[int, list[tuple[int, str]]] = {}
    asked = select(r.merchant).where(row.ledger_id == ledger_id).order_by(row.number)
    for each in conn.execute(asked):
        found.setdefault(each.account_id, []).append((each.from_id, each.kind))
    return found
