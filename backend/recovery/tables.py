"""A recovery and what each gateway has said of it."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, PrimaryKeyConstraint, String, Table

from backend.ledger.schema import ledger_column, metadata

# `id` is drawn at random, so that a gateway tells it from the one of an earlier restore. The
# books are as they were at `taken_s`; while `ended_s` is empty, only what is recovered is booked.
recovery = Table(
    "recovery",
    metadata,
    ledger_column(),
    Column("id", BigInteger, nullable=False),
    Column("taken_s", BigInteger, nullable=False),
    Column("began_s", BigInteger, nullable=False),
    Column("ended_s", BigInteger, nullable=True),
    Column("ended_by", String(64), nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
)

# What a gateway has answered: how many rows it found to relay again, and how many still wait.
# It remembers everything from `since_s` on.
recovery_gateway = Table(
    "recovery_gateway",
    metadata,
    ledger_column(),
    Column("recovery_id", BigInteger, nullable=False),
    Column("gateway_id", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("waiting", BigInteger, nullable=False),
    Column("told_s", BigInteger, nullable=False),
    Column("since_s", BigInteger, nullable=True),
    PrimaryKeyConstraint("ledger_id", "recovery_id", "gateway_id"),
    ForeignKeyConstraint(["ledger_id", "recovery_id"], ["recovery.ledger_id", "recovery.id"]),
    ForeignKeyConstraint(["ledger_id", "gateway_id"], ["gateway.ledger_id", "gateway.id"]),
)

APPEND_ONLY: tuple[str, ...] = ()  # a recovery ends, and gateways report again
