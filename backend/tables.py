"""The programme's tables, beside the ledger's in one metadata, keyed by town in the same way.

People and cards stand apart from the money: a person points at an account, never the reverse.
What was decided once (rates, approvals, card events, assignments) is added to, not edited.
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
    String,
    Table,
    Text,
    UniqueConstraint,
)

from backend.alerts.tables import alert as alert
from backend.ledger.schema import ledger_column as _town
from backend.ledger.tables import metadata
from backend.noun_tables import APPEND_ONLY as _IN_FOLDERS
from backend.transfers.tables import booking as booking
from backend.transfers.tables import correction as correction

__all__ = ["metadata"]


def _of(column: str, table: str, target: str = "id") -> ForeignKeyConstraint:
    """A reference inside the town: (ledger_id, column) -> table (ledger_id, target)."""
    return ForeignKeyConstraint(["ledger_id", column], [f"{table}.ledger_id", f"{table}.{target}"])


def _number(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, BigInteger, nullable=nullable)


# `revision` counts every change of what deposits are judged by, so that each process of the
# backend knows in one short read whether what it remembers still holds.
town = Table(
    "town",
    metadata,
    _town(),
    Column("name", String(120), nullable=False),
    Column("currency", String(16), nullable=False),
    Column("scale", Integer, nullable=False),
    Column("languages", String(60), nullable=False),
    Column("timezone", String(60), nullable=False),
    _number("revision"),
    _number("founded_s"),
    PrimaryKeyConstraint("ledger_id"),
)

point = Table(
    "point",
    metadata,
    _town(),
    _number("id"),
    Column("name", String(120), nullable=False),
    _number("created_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "name"),
)

# `source_id` is what the books know the device by; the other columns after it are last seen.
device = Table(
    "device",
    metadata,
    _town(),
    Column("id", String(32), nullable=False),
    Column("source_id", Integer, nullable=False),
    _number("provisioned_s"),
    _number("seen_s", nullable=True),
    _number("gateway_id", nullable=True),
    Column("state", String(12), nullable=True),
    _number("session", nullable=True),
    Column("birth", Text, nullable=True),
    _number("birth_s", nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "source_id"),
)

device_key = Table(
    "device_key",
    metadata,
    _town(),
    Column("device", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    _number("created_s"),
    PrimaryKeyConstraint("ledger_id", "device", "number"),
    _of("device", "device"),
)

assignment = Table(
    "assignment",
    metadata,
    _town(),
    Column("device", String(32), nullable=False),
    _number("from_s"),
    _number("point_id"),
    PrimaryKeyConstraint("ledger_id", "device", "from_s"),
    _of("device", "device"),
    _of("point_id", "point"),
)

journal_epoch = Table(
    "journal_epoch",
    metadata,
    _town(),
    Column("device", String(32), nullable=False),
    Column("epoch", String(16), nullable=False),
    _number("seen_s"),
    _number("confirmed_s", nullable=True),
    Column("confirmed_by", String(64), nullable=True),
    PrimaryKeyConstraint("ledger_id", "device", "epoch"),
    _of("device", "device"),
)

# One synchronised moment per start of a device: what unsynchronised records are dated by.
boot_clock = Table(
    "boot_clock",
    metadata,
    _town(),
    Column("device", String(32), nullable=False),
    Column("epoch", String(16), nullable=False),
    _number("boot"),
    _number("up_ms"),
    _number("at_s"),
    PrimaryKeyConstraint("ledger_id", "device", "epoch", "boot"),
    _of("device", "device"),
)

# Orders and settings that wait for a device, already signed.
down = Table(
    "down",
    metadata,
    _town(),
    _number("id"),
    Column("device", String(32), nullable=False),
    Column("channel", String(12), nullable=False),
    Column("jws", Text, nullable=False),
    _number("created_s"),
    _number("expires_s"),
    _number("delivered_s", nullable=True),
    Column("result_ok", Boolean, nullable=True),
    Column("result_words", String(120), nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
    _of("device", "device"),
)

gateway = Table(
    "gateway",
    metadata,
    _town(),
    _number("id"),
    Column("name", String(64), nullable=False),
    Column("key_prefix", String(16), nullable=False),
    Column("key_hash", LargeBinary(32), nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),
    _number("created_s"),
    _number("revoked_s", nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "name"),
    UniqueConstraint("ledger_id", "key_prefix"),
    Index("ix_gateway_key_prefix", "key_prefix"),
)

# What a gateway swore to, whole, so that the signature can be checked for ever.
attestation = Table(
    "attestation",
    metadata,
    _town(),
    _number("id"),
    _number("gateway_id"),
    Column("hash", LargeBinary(32), nullable=False),
    Column("statement", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    _number("received_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "gateway_id", "hash"),
    _of("gateway_id", "gateway"),
)

# What is not truly signed never takes a record's name; it is kept by the hash of its bytes.
refused = Table(
    "refused",
    metadata,
    _town(),
    Column("hash", LargeBinary(32), nullable=False),
    Column("device", String(32), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("sent", LargeBinary, nullable=False),
    _number("attestation_id", nullable=True),
    _number("received_s"),
    PrimaryKeyConstraint("ledger_id", "hash"),
    Index(None, "ledger_id", "device"),
)

# How often each refusal was given, also those whose bytes were not kept.
tally = Table(
    "tally",
    metadata,
    _town(),
    Column("name", String(48), nullable=False),
    _number("n"),
    PrimaryKeyConstraint("ledger_id", "name"),
)

person = Table(
    "person",
    metadata,
    _town(),
    _number("id"),
    Column("name", String(120), nullable=False),
    Column("household", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    _number("account_id"),
    _number("enrolled_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "account_id"),
)

# `number` is printed on the card for signing in; `uid_hash` is all that is kept of the chip.
card = Table(
    "card",
    metadata,
    _town(),
    _number("id"),
    Column("uid_hash", LargeBinary(32), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("number", String(8), nullable=False),
    Column("pin_hash", String(160), nullable=False),
    _number("person_id"),
    _number("issued_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "uid_hash"),
    UniqueConstraint("ledger_id", "number"),
    _of("person_id", "person"),
)

# What a card may do from a moment on; the newest row not after a deposit is what counts for it.
card_state = Table(
    "card_state",
    metadata,
    _town(),
    _number("card_id"),
    _number("from_s"),
    Column("state", String(8), nullable=False),
    Column("decided_by", String(64), nullable=False),
    PrimaryKeyConstraint("ledger_id", "card_id", "from_s", "state"),
    CheckConstraint("state IN ('active', 'blocked')", name="state"),
    _of("card_id", "card"),
)

# `until_s` None: until a later one takes over. `point_id` None: everywhere in the town.
tariff = Table(
    "tariff",
    metadata,
    _town(),
    _number("id"),
    _number("from_s"),
    Column("note", String(200), nullable=False),
    Column("drafted_by", String(64), nullable=False),
    _number("drafted_s"),
    _number("until_s", nullable=True),
    _number("point_id", nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
)

tariff_rate = Table(
    "tariff_rate",
    metadata,
    _town(),
    _number("tariff_id"),
    Column("fraction", String(20), nullable=False),
    Column("grade", String(12), nullable=False),
    _number("amount_per_kg"),
    PrimaryKeyConstraint("ledger_id", "tariff_id", "fraction", "grade"),
    CheckConstraint("amount_per_kg >= 0", name="amount_per_kg"),
    _of("tariff_id", "tariff"),
)

tariff_approval = Table(
    "tariff_approval",
    metadata,
    _town(),
    _number("tariff_id"),
    _number("staff_id"),
    _number("approved_s"),
    PrimaryKeyConstraint("ledger_id", "tariff_id", "staff_id"),
    _of("tariff_id", "tariff"),
    _of("staff_id", "staff"),
)

product = Table(
    "product",
    metadata,
    _town(),
    _number("id"),
    Column("name", String(120), nullable=False),
    _number("stock_account_id"),
    _number("created_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "name"),
)

product_price = Table(
    "product_price",
    metadata,
    _town(),
    _number("product_id"),
    _number("from_s"),
    _number("amount_per_kg"),
    Column("decided_by", String(64), nullable=False),
    PrimaryKeyConstraint("ledger_id", "product_id", "from_s"),
    CheckConstraint("amount_per_kg > 0", name="amount_per_kg"),
    _of("product_id", "product"),
)

# Written by the poster in the transaction of the group that brought the stock in.
batch = Table(
    "batch",
    metadata,
    _town(),
    _number("group_id"),
    _number("product_id"),
    _number("grams"),
    Column("note", String(200), nullable=False),
    Column("received_by", String(64), nullable=False),
    _number("received_s"),
    PrimaryKeyConstraint("ledger_id", "group_id"),
    CheckConstraint("grams > 0", name="grams"),
    _of("product_id", "product"),
)

# Written by the poster in the transaction of the group that took credit and handed out compost.
redemption = Table(
    "redemption",
    metadata,
    _town(),
    _number("group_id"),
    _number("product_id"),
    _number("person_id"),
    _number("grams"),
    _number("amount"),
    _number("amount_per_kg"),
    Column("served_by", String(64), nullable=False),
    _number("redeemed_s"),
    PrimaryKeyConstraint("ledger_id", "group_id"),
    Index(None, "ledger_id", "person_id", "group_id"),
    CheckConstraint("grams > 0 AND amount > 0", name="amounts"),
    _of("product_id", "product"),
    _of("person_id", "person"),
)

staff = Table(
    "staff",
    metadata,
    _town(),
    _number("id"),
    Column("login", String(64), nullable=False),
    Column("name", String(120), nullable=False),
    Column("role", String(32), nullable=False),
    Column("password_hash", String(160), nullable=False),
    Column("closed", Boolean, nullable=False),
    _number("created_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "login"),
)

# Rates and what was decided about money or cards stay as they were written.
APPEND_ONLY = (
    "assignment",
    "attestation",
    "card_state",
    "tariff",
    "tariff_rate",
    "tariff_approval",
    "product_price",
    "batch",
    "redemption",
    "booking",
    "correction",
    *_IN_FOLDERS,
)
