"""Sign-ins and wrong tries, kept apart from the books; and keys and second factors, in them.

Sign-ins are made where they are missing. Whoever loses them signs in again, and nothing else is
lost.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from backend.columns import metadata, number, of, text, town_column

sign_ins = MetaData(naming_convention=metadata.naming_convention)

session = Table(
    "session",
    sign_ins,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("ledger_id", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Index("ix_session_subject", "ledger_id", "kind", "subject_id"),
)

wrong_try = Table(
    "wrong_try",
    sign_ins,
    Column("name_hash", String(64), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("first_s", BigInteger, nullable=False),
)

# A counter's machine, known by a key of which only the hash is kept.
counter = Table(
    "counter",
    metadata,
    town_column(),
    number("id"),
    text("name", 64),
    text("key_prefix", 16),
    Column("key_hash", LargeBinary(32), nullable=False),
    number("created_s"),
    number("revoked_s", nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "name"),
    UniqueConstraint("ledger_id", "key_prefix"),
)

# The secret of somebody's one-time codes, sealed; asked for once `confirmed_s` is set.
second_factor = Table(
    "second_factor",
    metadata,
    town_column(),
    number("staff_id"),
    Column("sealed", LargeBinary, nullable=False),
    number("confirmed_s", nullable=True),
    number("last_step"),
    PrimaryKeyConstraint("ledger_id", "staff_id"),
    of("staff_id", "staff"),
)

# For whoever has lost their telephone: each opens once.
recovery_code = Table(
    "recovery_code",
    metadata,
    town_column(),
    number("staff_id"),
    Column("code_hash", LargeBinary(32), nullable=False),
    number("used_s", nullable=True),
    PrimaryKeyConstraint("ledger_id", "staff_id", "code_hash"),
    of("staff_id", "staff"),
)
