"""What melts next of an account if nothing moves until then: for telling its holder beforehand."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend.ledger import balances, history, loading, rules
from backend.ledger import tables as t
from backend.ledger.melt_terms import DAY_S, EXPIRY, MeltRule


@dataclass(frozen=True, slots=True)
class Forecast:
    """At `due_s` (Unix) the `amount` goes back by expiry or demurrage, as `way` says."""

    way: str
    due_s: int
    amount: int


def forecast(conn: Connection, ledger_id: int, account_id: int, now_s: int) -> Forecast | None:
    """The next of it, None if nothing melts. Raises UnknownAccount."""
    has = balances.balance(conn, ledger_id, account_id)
    terms = loading.terms(conn, ledger_id, (account_id,))[account_id]
    found = rules.load(conn, ledger_id)
    mine = [r for r in found.melting.values() if r.currency_id == terms.currency_id]
    if not mine or has.available <= 0 or terms.closed or found.merchants.get(account_id):
        return None
    rule = mine[-1]
    if rule.melting.way == EXPIRY:
        due_s = _expires_s(conn, ledger_id, account_id, rule, has.debits + has.held, now_s)
        upto_id = history.id_at(conn, ledger_id, rule.cutoff_s(due_s) * 1_000_000 - 1)
        then = balances.balances_at(conn, ledger_id, (account_id,), upto_id)[account_id]
    elif rule.is_moment(due_s := rule.next_moment(now_s)):
        then = (has.debits, has.credits)
    else:
        return None
    amount = rule.amount(then, has.debits, has.held, has.credits)
    return Forecast(rule.melting.way, due_s, amount) if amount > 0 else None


def _expires_s(
    conn: Connection, ledger_id: int, account_id: int, rule: MeltRule, spent: int, now_s: int
) -> int:
    """When the oldest credit expires that is left: found by halving, as counters only grow."""
    low, high = 1, history.last_id(conn, ledger_id)
    while low < high:
        middle = (low + high) // 2
        then = balances.balances_at(conn, ledger_id, (account_id,), middle)[account_id]
        low, high = (low, middle) if then[1] > spent else (middle + 1, high)
    row = t.transfer.c
    came_us = conn.scalar(select(row.recorded_us).where(row.ledger_id == ledger_id, row.id == low))
    cutoff_s = ((came_us or 0) // (DAY_S * 1_000_000) + 1) * DAY_S
    return max(cutoff_s + rule.melting.days * DAY_S, rule.next_moment(now_s))
