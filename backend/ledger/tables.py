"""The ledger's tables in SQLAlchemy Core, and the triggers that keep history as it was written.

`ledger_id` (the town) leads every primary and unique key and no foreign key crosses it, so the
schema distributes by it unchanged. Amounts are 64-bit integers in minor units. The tables in
`APPEND_ONLY` refuse UPDATE and DELETE on both engines; the others hold what can be made again.
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
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from backend.ledger.proof_tables import log_key as log_key
from backend.ledger.proof_tables import person_key as person_key
from backend.ledger.read_tables import balance_snapshot as balance_snapshot
from backend.ledger.read_tables import day_total as day_total
from backend.ledger.read_tables import day_total_upto as day_total_upto
from backend.ledger.read_tables import journal_run as journal_run
from backend.ledger.rule_tables import APPEND_ONLY as _RULES
from backend.ledger.schema import Unsigned64 as Unsigned64
from backend.ledger.schema import ledger_column as _ledger
from backend.ledger.schema import make_append_only, plan_by_account
from backend.ledger.schema import metadata as metadata


def _record_key() -> list[Column[Any]]:
    """The columns that name a record for ever, after `ledger_id`."""
    return [
        Column("source_id", Integer, nullable=False),
        Column("epoch", Unsigned64, nullable=False),
        Column("seq", BigInteger, nullable=False),
    ]


KEY = ("ledger_id", "source_id", "epoch", "seq")

# The lock row: whoever has it is the one writer of this ledger at that moment.
ledger_head = Table(
    "ledger_head",
    metadata,
    _ledger(),
    Column("next_id", BigInteger, nullable=False),
    Column("clock_us", BigInteger, nullable=False),
    Column("terms_no", BigInteger, nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id"),
    CheckConstraint("next_id > 0", name="next_id"),
)

currency = Table(
    "currency",
    metadata,
    _ledger(),
    Column("id", SmallInteger, nullable=False),
    Column("code", String(16), nullable=False),
    Column("scale", SmallInteger, nullable=False),
    Column("issuer_account_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "code"),
)

account = Table(
    "account",
    metadata,
    _ledger(),
    Column("id", BigInteger, nullable=False),
    Column("currency_id", SmallInteger, nullable=False),
    Column("owner_ref", Text, nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
    ForeignKeyConstraint(["ledger_id", "currency_id"], ["currency.ledger_id", "currency.id"]),
    Index(None, "ledger_id", "owner_ref"),
)

# What is allowed on an account, from a transfer id on. The newest row is in force; the older
# ones let the verifier judge each transfer by the limits of its own day.
account_terms = Table(
    "account_terms",
    metadata,
    _ledger(),
    Column("account_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("from_id", BigInteger, nullable=False),
    Column("min_balance", BigInteger, nullable=True),
    Column("max_balance", BigInteger, nullable=True),
    Column("soft_min", BigInteger, nullable=True),
    Column("soft_max", BigInteger, nullable=True),
    Column("closed", Boolean, nullable=False),
    PrimaryKeyConstraint("ledger_id", "account_id", "number"),
    ForeignKeyConstraint(["ledger_id", "account_id"], ["account.ledger_id", "account.id"]),
    CheckConstraint("min_balance IS NULL OR min_balance <= max_balance", name="limits"),
)

# Folded counters up to and with `folded_id`; the tail after it is summed from the transfers.
account_balance = Table(
    "account_balance",
    metadata,
    _ledger(),
    Column("account_id", BigInteger, nullable=False),
    Column("debits_posted", BigInteger, nullable=False),
    Column("credits_posted", BigInteger, nullable=False),
    Column("folded_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "account_id"),
    CheckConstraint("debits_posted >= 0 AND credits_posted >= 0", name="counters"),
    postgresql_with={"fillfactor": "60"},
)

transfer = Table(
    "transfer",
    metadata,
    _ledger(),
    Column("id", BigInteger, nullable=False),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("code", SmallInteger, nullable=False),
    Column("group_id", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("pending_id", BigInteger, nullable=True),
    Column("corrects_id", BigInteger, nullable=True),
    Column("source_id", Integer, nullable=True),
    Column("epoch", Unsigned64, nullable=True),
    Column("seq", BigInteger, nullable=True),
    Column("leg", SmallInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=True),
    Column("effective_s", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "source_id", "epoch", "seq", "leg"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("debit <> credit", name="two_accounts"),
    CheckConstraint("state BETWEEN 0 AND 3", name="state"),
    CheckConstraint("(state >= 2) = (pending_id IS NOT NULL)", name="settles_a_hold"),
    Index("ix_transfer_credit", "ledger_id", "credit", "id"),
    # Minting always debits the issuer: indexing that side would cost a write and find nothing.
    Index(
        "ix_transfer_debit",
        "ledger_id",
        "debit",
        "id",
        sqlite_where=text("code <> 1"),
        postgresql_where=text("code <> 1"),
    ),
    # What was corrected, and by how much.
    Index(
        "ix_transfer_corrects",
        "ledger_id",
        "corrects_id",
        sqlite_where=text("corrects_id IS NOT NULL"),
        postgresql_where=text("corrects_id IS NOT NULL"),
    ),
    # A hold is settled at most once, whatever the code above believes.
    Index(
        "uq_transfer_pending",
        "ledger_id",
        "pending_id",
        unique=True,
        sqlite_where=text("pending_id IS NOT NULL"),
        postgresql_where=text("pending_id IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# What was agreed of a hold when it was made: until when, and what happens then.
hold_terms = Table(
    "hold_terms",
    metadata,
    _ledger(),
    Column("transfer_id", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Column("on_expiry", String(4), nullable=False),
    PrimaryKeyConstraint("ledger_id", "transfer_id"),
    CheckConstraint("on_expiry IN ('post', 'void')", name="on_expiry"),
)

# Holds that wait. The row goes when the hold is settled; its history stays in `transfer`.
hold_open = Table(
    "hold_open",
    metadata,
    _ledger(),
    Column("transfer_id", BigInteger, nullable=False),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Column("on_expiry", String(4), nullable=False),
    PrimaryKeyConstraint("ledger_id", "transfer_id"),
    CheckConstraint("on_expiry IN ('post', 'void')", name="on_expiry"),
    Index(None, "ledger_id", "expires_s"),
    Index(None, "ledger_id", "debit"),
    Index(None, "ledger_id", "credit"),
)

# One row per truly signed record, for ever: what was sent, and what was decided at first.
record = Table(
    "record",
    metadata,
    _ledger(),
    *_record_key(),
    Column("hash", LargeBinary(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("jws", LargeBinary, nullable=False),
    Column("sealed_for", BigInteger, nullable=True),
    Column("attestation_id", BigInteger, nullable=True),
    Column("received_s", BigInteger, nullable=False),
    Column("effective_s", BigInteger, nullable=False),
    Column("basis", String(16), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("until_s", BigInteger, nullable=True),
    Column("point_id", BigInteger, nullable=True),
    Column("fraction", String(20), nullable=True),
    Column("grade", String(12), nullable=True),
    Column("net_g", BigInteger, nullable=True),
    Column("tariff_id", BigInteger, nullable=True),
    Column("amount_per_kg", BigInteger, nullable=True),
    Column("card_ref", String(64), nullable=True),
    Column("account_id", BigInteger, nullable=True),
    Column("amount", BigInteger, nullable=False),
    Column("transfer_id", BigInteger, nullable=True),
    PrimaryKeyConstraint(*KEY),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint(
        "outcome IN ('credited', 'held', 'suspended', 'queued', 'noted')", name="outcome"
    ),
    Index(None, "ledger_id", "effective_s"),
    Index(None, "ledger_id", "account_id", "effective_s"),
    Index(
        "ix_record_waiting",
        "ledger_id",
        "outcome",
        "effective_s",
        sqlite_where=text("outcome IN ('held', 'suspended', 'queued')"),
        postgresql_where=text("outcome IN ('held', 'suspended', 'queued')"),
    ),
)

# Other truly signed bytes under a name that was taken. They pay nothing and wait for a person.
quarantine = Table(
    "quarantine",
    metadata,
    _ledger(),
    *_record_key(),
    Column("hash", LargeBinary(32), nullable=False),
    Column("jws", LargeBinary, nullable=False),
    Column("attestation_id", BigInteger, nullable=True),
    Column("received_s", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint(*KEY, "hash"),
    ForeignKeyConstraint(list(KEY), [f"record.{name}" for name in KEY]),
)

# The last word on a record that was held, suspended or queued: at most one.
resolution = Table(
    "resolution",
    metadata,
    _ledger(),
    *_record_key(),
    Column("outcome", String(12), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("account_id", BigInteger, nullable=True),
    Column("amount", BigInteger, nullable=False),
    Column("transfer_id", BigInteger, nullable=True),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint(*KEY),
    ForeignKeyConstraint(list(KEY), [f"record.{name}" for name in KEY]),
    CheckConstraint("outcome IN ('credited', 'refused')", name="outcome"),
    Index(None, "ledger_id", "recorded_us"),
)

# Weighed waste that found no budget: a dated promise, without a transfer until it is paid.
claim = Table(
    "claim",
    metadata,
    _ledger(),
    *_record_key(),
    Column("account_id", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("effective_s", BigInteger, nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint(*KEY),
    ForeignKeyConstraint(list(KEY), [f"record.{name}" for name in KEY]),
    CheckConstraint("amount > 0", name="amount"),
)

# The claims that still wait, in the order in which they will be paid.
claim_open = Table(
    "claim_open",
    metadata,
    _ledger(),
    Column("effective_s", BigInteger, nullable=False),
    *_record_key(),
    PrimaryKeyConstraint("ledger_id", "effective_s", "source_id", "epoch", "seq"),
    ForeignKeyConstraint(list(KEY), [f"claim.{name}" for name in KEY]),
)

# What may be minted in a period of recorded time; a ledger without rows here has no such limit.
budget = Table(
    "budget",
    metadata,
    _ledger(),
    Column("from_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("decided_by", String(64), nullable=False),
    PrimaryKeyConstraint("ledger_id", "from_s"),
    CheckConstraint("from_s < until_s", name="period"),
    CheckConstraint("amount >= 0 AND spent >= 0", name="amounts"),
)

# The answer to a client's own name for a request: the group that was booked, or the refusal.
idempotency = Table(
    "idempotency",
    metadata,
    _ledger(),
    Column("client", String(64), nullable=False),
    Column("key", String(255), nullable=False),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("group_id", BigInteger, nullable=True),
    Column("recorded_us", BigInteger, nullable=False),
    Column("refusal", Text, nullable=True),
    PrimaryKeyConstraint("ledger_id", "client", "key"),
    CheckConstraint("(group_id IS NULL) = (refusal IS NOT NULL)", name="one_answer"),
)

# The Merkle log: checkpoints are what was said of it, full tiles are derived from transfers.
log_origin = Table(
    "log_origin",
    metadata,
    _ledger(),
    Column("number", Integer, nullable=False),
    Column("name", String(128), nullable=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=True),
    PrimaryKeyConstraint("ledger_id", "number"),
)

log_tile = Table(
    "log_tile",
    metadata,
    _ledger(),
    Column("level", SmallInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("ledger_id", "level", "n"),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    _ledger(),
    Column("origin_no", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "origin_no", "size"),
    ForeignKeyConstraint(["ledger_id", "origin_no"], ["log_origin.ledger_id", "log_origin.number"]),
)

APPEND_ONLY = (
    "currency",
    "account",
    "account_terms",
    "transfer",
    "record",
    "quarantine",
    "resolution",
    "claim",
    "hold_terms",
    "log_origin",
    "checkpoint",
    "log_key",
    *_RULES,
)

for _name in APPEND_ONLY:
    make_append_only(metadata.tables[_name])

plan_by_account(transfer, "debit", "credit")
