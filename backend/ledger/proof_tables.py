"""The tables of the log's signing keys and of the keys under which personal bytes are sealed."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
)

from backend.ledger.schema import ledger_column, metadata

# Each public key that has signed checkpoints, in order: old notes stay checkable for ever.
log_key = Table(
    "log_key",
    metadata,
    ledger_column(),
    Column("number", Integer, nullable=False),
    Column("public", LargeBinary(32), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "number"),
)

# The key of one person's signed bytes of a period, sealed by the vault; destroyed, it leaves a
# commitment. `period` None: of whatever was open when the person was erased.
person_key = Table(
    "person_key",
    metadata,
    ledger_column(),
    Column("id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("period", BigInteger, nullable=True),
    Column("sealed", LargeBinary, nullable=True),
    Column("destroyed_s", BigInteger, nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
    Index(None, "ledger_id", "account_id", "period"),
)
