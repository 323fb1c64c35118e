"""Tables of secure cards, of what plain ones are trusted with, of service cards, and of swaps.

A card's number is nowhere: `uid_hash` is the vault's keyed hash of it.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from backend.columns import by, number, of
from backend.ledger.schema import Unsigned64, ledger_column, metadata

# Which version of the town's keys is written on a chip, from a moment on.
secure_card = Table(
    "secure_card",
    metadata,
    ledger_column(),
    Column("uid_hash", LargeBinary(32), nullable=False),
    Column("from_s", BigInteger, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("decided_by", String(64), nullable=False),
    PrimaryKeyConstraint("ledger_id", "uid_hash", "from_s"),
    CheckConstraint("key_version > 0", name="key_version"),
)

# A card says each count once, and the record that brought it first has it; a chip that is set up
# anew counts from the start again. `behind` is how many counts it had been ahead already.
card_message = Table(
    "card_message",
    metadata,
    ledger_column(),
    Column("uid_hash", LargeBinary(32), nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("counter", Integer, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("epoch", Unsigned64, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("behind", Integer, nullable=False),
    Column("seen_s", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "uid_hash", "key_version", "counter"),
    UniqueConstraint("ledger_id", "source_id", "epoch", "seq"),
    CheckConstraint("counter >= 0 AND behind >= 0", name="counts"),
)

# What cards that prove nothing may bring a day, from a moment on; null: as much as they like.
plain_cap = Table(
    "plain_cap",
    metadata,
    ledger_column(),
    Column("from_s", BigInteger, nullable=False),
    Column("daily_g", BigInteger, nullable=True),
    Column("daily_amount", BigInteger, nullable=True),
    Column("decided_by", String(64), nullable=False),
    PrimaryKeyConstraint("ledger_id", "from_s"),
    CheckConstraint("daily_g >= 0 AND daily_amount >= 0", name="caps"),
)

# The room that a deposit with a plain card has taken of its day: an account's, or that of a card
# which nobody holds yet.
plain_use = Table(
    "plain_use",
    metadata,
    ledger_column(),
    Column("source_id", Integer, nullable=False),
    Column("epoch", Unsigned64, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=True),
    Column("uid_hash", LargeBinary(32), nullable=True),
    Column("effective_s", BigInteger, nullable=False),
    Column("net_g", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "source_id", "epoch", "seq"),
    CheckConstraint("(account_id IS NULL) <> (uid_hash IS NULL)", name="whose"),
    Index(None, "ledger_id", "account_id", "effective_s"),
    Index(None, "ledger_id", "uid_hash", "effective_s"),
)

# A card is replaced once, and a new one takes the place of one.
card_swap = Table(
    "card_swap",
    metadata,
    ledger_column(),
    number("old_card_id"),
    number("new_card_id"),
    number("swapped_s"),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "old_card_id"),
    UniqueConstraint("ledger_id", "new_card_id"),
    of("old_card_id", "card"),
    of("new_card_id", "card"),
)

# Whose of the staff a card is that opens bins, from a moment on.
service_card = Table(
    "service_card",
    metadata,
    ledger_column(),
    Column("uid_hash", LargeBinary(32), nullable=False),
    Column("from_s", BigInteger, nullable=False),
    Column("login", String(64), nullable=False),
    Column("decided_by", String(64), nullable=False),
    PrimaryKeyConstraint("ledger_id", "uid_hash", "from_s"),
)

APPEND_ONLY = ("card_swap", "secure_card", "card_message", "plain_cap", "service_card")
