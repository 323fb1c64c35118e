"""Who is let in at the broker, and where a device's old keys end."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
)

from backend.ledger.schema import ledger_column, metadata

# The town's own certificate authority; its key is sealed under the town's secret.
authority = Table(
    "authority",
    metadata,
    ledger_column(),
    Column("certificate", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id"),
)

# Every certificate that was issued, by its serial; `holder` is a device's id or a gateway's name.
certificate = Table(
    "certificate",
    metadata,
    ledger_column(),
    Column("serial", BigInteger, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("issued_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),
    Column("revoked_s", BigInteger, nullable=True),
    PrimaryKeyConstraint("ledger_id", "serial"),
    Index("ix_certificate_holder", "ledger_id", "holder", "until_s"),
)

# A device's `key` record: nothing after it is believed under the key of this number.
key_end = Table(
    "key_end",
    metadata,
    ledger_column(),
    Column("device", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("epoch", String(16), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("noted_s", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "device", "number"),
)
