"""The verifier's look at credit that should have melted and did not.

The newest run of each currency is asked: every member's account that it went over gives what its
rule gives at that point of the books, or has a reason to keep it. Where an account was left out of
an older run, expiry has taken it since. A run that never took place is no fault: the town's machine
may have been off. An export does not say whose accounts are; there this finds nothing.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, func, select

from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.accounts import PERSON
from backend.ledger.capacity import MOST
from backend.ledger.melt_terms import MeltRule
from backend.ledger.rules import Rules

_NEVER = 2**63


class Folded(Protocol):
    """An account while the verifier folds it."""

    currency_id: int
    debits: int
    credits: int
    held: int
    coming: int


class _Batch(NamedTuple):
    """What a row of `melt_run` says, and where the one before it ended."""

    from_id: int
    after_account: int
    upto_account: int


@dataclass(slots=True)
class _Run:
    """The newest run of a currency: its batches in order, and what accounts had at its cutoff."""

    currency_id: int
    issuer: int
    rule: MeltRule
    due_s: int
    batches: list[_Batch]
    took: set[int]
    then: dict[int, tuple[int, int]] | None = None

    @property
    def cutoff_us(self) -> int:
        return self.rule.cutoff_s(self.due_s) * 1_000_000


class UnmeltedCheck:
    """Is handed each transfer before it is applied, and `finish` after the last."""

    def __init__(
        self, conn: Connection, ledger_id: int, rules: Rules, add: Callable[[str, str], None]
    ) -> None:
        self._conn, self._ledger_id, self._add = conn, ledger_id, add
        self._runs = list(_newest(conn, ledger_id, rules))
        self._next_us, self._next_id = _NEVER, _NEVER
        self._plan()

    def check(self, row: Any, accounts: Mapping[int, Folded]) -> None:
        if row.recorded_us >= self._next_us or row.id >= self._next_id:
            self._look(row.recorded_us, row.id, accounts)

    def finish(self, accounts: Mapping[int, Folded]) -> None:
        self._look(_NEVER, _NEVER, accounts)

    def _look(self, at_us: int, at_id: int, accounts: Mapping[int, Folded]) -> None:
        for run in self._runs:
            if run.then is None and run.cutoff_us <= at_us:
                run.then = {
                    key: (each.debits, each.credits)
                    for key, each in accounts.items()
                    if each.currency_id == run.currency_id
                }
            while run.batches and run.batches[0].from_id <= at_id:
                self._judge(run, run.batches.pop(0), accounts)
        self._plan()

    def _plan(self) -> None:
        self._next_us = min((r.cutoff_us for r in self._runs if r.then is None), default=_NEVER)
        self._next_id = min((r.batches[0].from_id for r in self._runs if r.batches), default=_NEVER)

    def _judge(self, run: _Run, batch: _Batch, accounts: Mapping[int, Folded]) -> None:
        ids = sorted(run.then or ())
        looked_at = slice(bisect_right(ids, batch.after_account),
                          bisect_right(ids, batch.upto_account))  # fmt: skip
        gives = {key: self._gives(run, key, accounts) for key in ids[looked_at]}
        left = {key: gives[key] for key in gives if gives[key] > 0 and key not in run.took}
        spared = _spared(self._conn, self._ledger_id, batch.from_id, left, accounts) if left else ()
        for key in sorted(left.keys() - spared):
            self._add("I4", f"account {key} kept {left[key]} that melts by rule {run.rule.number} "
                      f"at {run.due_s}")  # fmt: skip

    def _gives(self, run: _Run, account_id: int, accounts: Mapping[int, Folded]) -> int:
        """What the rule takes; nothing where a counter has no room for it."""
        assert run.then is not None
        has, issuer = accounts[account_id], accounts.get(run.issuer)
        amount = run.rule.amount(run.then[account_id], has.debits, has.held, has.credits)
        room = issuer is not None and issuer.credits + issuer.coming + amount <= MOST
        return amount if room and has.debits + has.held + amount <= MOST else 0


def _newest(conn: Connection, ledger_id: int, rules: Rules) -> Iterator[_Run]:
    """The newest run of each currency, as far as it came."""
    row, taken = r.melt_run.c, r.melted.c
    newest = select(row.currency_id, func.max(row.due_s)).where(row.ledger_id == ledger_id)
    for currency_id, due_s in conn.execute(newest.group_by(row.currency_id)).all():
        mine = (row.ledger_id == ledger_id, row.currency_id == currency_id, row.due_s == due_s)
        parts = conn.execute(select(r.melt_run).where(*mine).order_by(row.part)).all()
        number = parts[0].rule_no
        if number not in rules.melting or currency_id not in rules.money:
            continue  # the laws name it
        ends = [0, *(each.upto_account for each in parts)]
        batches = [_Batch(each.from_id, ends[n], ends[n + 1]) for n, each in enumerate(parts)]
        took = select(taken.account_id).where(
            taken.ledger_id == ledger_id, taken.due_s == due_s, taken.rule_no == number
        )
        issuer = rules.money[currency_id].issuer
        rule = rules.melting[number]
        yield _Run(currency_id, issuer, rule, due_s, batches, set(conn.scalars(took)))


def _spared(
    conn: Connection,
    ledger_id: int,
    from_id: int,
    left: Mapping[int, int],
    accounts: Mapping[int, Folded],
) -> set[int]:
    """Those that had a reason to keep it: no member's, a merchant's, closed, or by their limits.

    What was decided between two transfers has the number of the later one, so all of it counts.
    """
    row, terms, named = t.account.c, t.account_terms.c, r.merchant.c
    members = select(row.id).where(
        row.ledger_id == ledger_id, row.id.in_(left), row.owner_ref.startswith(PERSON)
    )
    found = set(left) - set(conn.scalars(members))
    asked = select(t.account_terms).where(
        terms.ledger_id == ledger_id, terms.account_id.in_(left), terms.from_id <= from_id
    )
    for each in _at(conn.execute(asked.order_by(terms.number)), from_id):
        has = accounts[each.account_id]
        after = has.credits - has.debits - has.held - left[each.account_id]
        if each.closed or (each.min_balance is not None and after < each.min_balance):
            found.add(each.account_id)
    asked = select(r.merchant).where(
        named.ledger_id == ledger_id, named.account_id.in_(left), named.from_id <= from_id
    )
    found |= {each.account_id for each in _at(conn.execute(asked.order_by(named.number)), from_id)
              if each.kind}  # fmt: skip
    return found


def _at(rows: Iterable[Any], from_id: int) -> Iterator[Any]:
    """Of each account's rows in order the last one before an id, and all that have it."""
    kept: dict[int, list[Any]] = {}
    for each in rows:
        if each.from_id < from_id:
            kept[each.account_id] = [each]
        else:
            kept.setdefault(each.account_id, []).append(each)
    for theirs in kept.values():
        yield from theirs
