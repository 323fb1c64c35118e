"""What gateways swore to, in the order in which it came: a chain whose end checkpoints name."""

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from backend.ledger.schema import ledger_column
from backend.ledger.tables import metadata

attestation_link = Table(
    "attestation_link",
    metadata,
    ledger_column(),
    Column("number", BigInteger, nullable=False),
    Column("attestation_id", BigInteger, nullable=False),
    Column("chain", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("ledger_id", "number"),
    UniqueConstraint("ledger_id", "attestation_id"),
)

APPEND_ONLY = ("attestation_link",)
