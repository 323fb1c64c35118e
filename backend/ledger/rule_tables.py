"""Tables of what is allowed beside an account's limits, and of what was noticed.

Kinds of money, the legal crossings between them, where restricted money may be spent, when credit
melts and what melted, and soft limits that were crossed. All of it is only ever added to: of rows
that speak of the same thing the one with the highest number is in force, from the transfer
`from_id` on.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from backend.ledger.schema import ledger_column as _ledger
from backend.ledger.schema import metadata

ISSUERS = ("records", "town", "nobody")


def _decided() -> list[Column[Any]]:
    """From which transfer on a row is in force, and who decided it."""
    return [
        Column("from_id", BigInteger, nullable=False),
        Column("decided_by", String(64), nullable=False),
    ]


# What makes a kind of money: who may issue it (nobody: all balances sum to zero), whether it may
# be spent at some places only, and whether it may ever be exchanged for another kind.
money_kind = Table(
    "money_kind",
    metadata,
    _ledger(),
    Column("code", String(16), nullable=False),
    Column("issued_by", String(8), nullable=False),
    Column("restricted", Boolean, nullable=False),
    Column("convertible", Boolean, nullable=False),
    *_decided(),
    PrimaryKeyConstraint("ledger_id", "code"),
    CheckConstraint("issued_by IN ('records', 'town', 'nobody')", name="issued_by"),
)

# `member_min` is how far a member's balance may fall where nothing else was agreed.
currency_kind = Table(
    "currency_kind",
    metadata,
    _ledger(),
    Column("currency_id", SmallInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("member_min", BigInteger, nullable=False),
    *_decided(),
    PrimaryKeyConstraint("ledger_id", "currency_id"),
    ForeignKeyConstraint(["ledger_id", "currency_id"], ["currency.ledger_id", "currency.id"]),
    ForeignKeyConstraint(["ledger_id", "kind"], ["money_kind.ledger_id", "money_kind.code"]),
    CheckConstraint("member_min <= 0", name="member_min"),
)

# Two kinds of money that may move in one group, each under its code; the smaller pair comes first.
crossing = Table(
    "crossing",
    metadata,
    _ledger(),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("code", SmallInteger, nullable=False),
    Column("other_kind", String(16), nullable=False),
    Column("other_code", SmallInteger, nullable=False),
    Column("allowed", Boolean, nullable=False),
    *_decided(),
    PrimaryKeyConstraint("ledger_id", "number"),
    ForeignKeyConstraint(["ledger_id", "kind"], ["money_kind.ledger_id", "money_kind.code"]),
    ForeignKeyConstraint(["ledger_id", "other_kind"], ["money_kind.ledger_id", "money_kind.code"]),
)

# The kinds of merchants at which a restricted currency may be spent, each until a moment.
spend_rule = Table(
    "spend_rule",
    metadata,
    _ledger(),
    Column("number", Integer, nullable=False),
    Column("currency_id", SmallInteger, nullable=False),
    Column("merchant_kind", String(24), nullable=False),
    Column("until_s", BigInteger, nullable=False),
    *_decided(),
    PrimaryKeyConstraint("ledger_id", "number"),
    ForeignKeyConstraint(["ledger_id", "currency_id"], ["currency.ledger_id", "currency.id"]),
)

# What kind of merchant an account belongs to; an empty kind ends it.
merchant = Table(
    "merchant",
    metadata,
    _ledger(),
    Column("number", Integer, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("kind", String(24), nullable=False),
    *_decided(),
    PrimaryKeyConstraint("ledger_id", "number"),
    ForeignKeyConstraint(["ledger_id", "account_id"], ["account.ledger_id", "account.id"]),
    Index(None, "ledger_id", "account_id"),
)

# When members' credit in a currency goes back to its issuer. Expiry: `days` after it came, unless
# it was spent. Demurrage: `basis_points` a month of what lies above `free_amount`. Never both.
melt_rule = Table(
    "melt_rule",
    metadata,
    _ledger(),
    Column("number", Integer, nullable=False),
    Column("currency_id", SmallInteger, nullable=False),
    Column("way", String(9), nullable=False),
    Column("days", Integer, nullable=False),
    Column("basis_points", Integer, nullable=False),
    Column("free_amount", BigInteger, nullable=False),
    Column("from_s", BigInteger, nullable=False),
    *_decided(),
    PrimaryKeyConstraint("ledger_id", "number"),
    ForeignKeyConstraint(["ledger_id", "currency_id"], ["currency.ledger_id", "currency.id"]),
    CheckConstraint("way IN ('none', 'expiry', 'demurrage')", name="way"),
    CheckConstraint(
        "days >= 0 AND basis_points BETWEEN 0 AND 10000 AND free_amount >= 0 "
        "AND (days > 0) = (way = 'expiry') AND (basis_points > 0) = (way = 'demurrage') "
        "AND (free_amount = 0 OR way = 'demurrage')",
        name="one_way",
    ),
)

# One batch of a run: the accounts up to `upto_account` were looked at for the moment `due_s`, and
# the transfers from `from_id` up to `upto_id` (one less where there are none) took `amount`.
melt_run = Table(
    "melt_run",
    metadata,
    _ledger(),
    Column("currency_id", SmallInteger, nullable=False),
    Column("due_s", BigInteger, nullable=False),
    Column("part", Integer, nullable=False),
    Column("rule_no", Integer, nullable=False),
    Column("upto_account", BigInteger, nullable=False),
    Column("last", Boolean, nullable=False),
    Column("from_id", BigInteger, nullable=False),
    Column("upto_id", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "currency_id", "due_s", "part"),
    ForeignKeyConstraint(["ledger_id", "rule_no"], ["melt_rule.ledger_id", "melt_rule.number"]),
    CheckConstraint("amount >= 0 AND from_id <= upto_id + 1", name="taken"),
)

# What melted of an account at a moment: once, whatever the code above believes.
melted = Table(
    "melted",
    metadata,
    _ledger(),
    Column("account_id", BigInteger, nullable=False),
    Column("due_s", BigInteger, nullable=False),
    Column("rule_no", Integer, nullable=False),
    Column("transfer_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "account_id", "due_s"),
    ForeignKeyConstraint(["ledger_id", "account_id"], ["account.ledger_id", "account.id"]),
    ForeignKeyConstraint(["ledger_id", "rule_no"], ["melt_rule.ledger_id", "melt_rule.number"]),
)

# A soft limit that was crossed: told once, at the transfer that crossed it.
notice = Table(
    "notice",
    metadata,
    _ledger(),
    Column("transfer_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("crossed", String(8), nullable=False),
    Column("bound", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "transfer_id", "account_id"),
    CheckConstraint("crossed IN ('soft_min', 'soft_max')", name="crossed"),
    Index(None, "ledger_id", "account_id", "transfer_id"),
)

APPEND_ONLY = (
    "money_kind",
    "currency_kind",
    "crossing",
    "spend_rule",
    "merchant",
    "melt_rule",
    "melt_run",
    "melted",
    "notice",
)
