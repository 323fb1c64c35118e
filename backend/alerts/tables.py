"""What is wrong with a device, from when to when, and by which values."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table, text

from backend.ledger.schema import ledger_column, metadata

# Only something that was heard later ends an alert: `resolved_s` is when that was measured.
alert = Table(
    "alert",
    metadata,
    ledger_column(),
    Column("device", String(32), nullable=False),
    Column("rule", String(32), nullable=False),
    Column("opened_s", BigInteger, nullable=False),
    Column("opened_value", BigInteger, nullable=False),
    Column("resolved_s", BigInteger, nullable=True),
    Column("resolved_value", BigInteger, nullable=True),
    PrimaryKeyConstraint("ledger_id", "device", "rule", "opened_s"),
    # A device has one open alert of a rule, whichever process opens it.
    Index(
        "uq_alert_open",
        "ledger_id",
        "device",
        "rule",
        unique=True,
        sqlite_where=text("resolved_s IS NULL"),
        postgresql_where=text("resolved_s IS NULL"),
    ),
)
