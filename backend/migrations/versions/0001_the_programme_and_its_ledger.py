"""The programme and its ledger."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "currency",
    "account",
    "account_terms",
    "transfer",
    "record",
    "quarantine",
    "resolution",
    "claim",
    "log_origin",
    "checkpoint",
    "assignment",
    "attestation",
    "card_state",
    "tariff",
    "tariff_rate",
    "tariff_approval",
    "product_price",
    "batch",
    "redemption",
)


def upgrade() -> None:
    op.create_table(
        "account_balance",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("debits_posted", sa.BigInteger(), nullable=False),
        sa.Column("credits_posted", sa.BigInteger(), nullable=False),
        sa.Column("folded_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "debits_posted >= 0 AND credits_posted >= 0", name=op.f("ck_account_balance_counters")
        ),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", name=op.f("pk_account_balance")),
        postgresql_with={"fillfactor": "60"},
    )
    op.create_table(
        "budget",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint("amount >= 0 AND spent >= 0", name=op.f("ck_budget_amounts")),
        sa.CheckConstraint("from_s < until_s", name=op.f("ck_budget_period")),
        sa.PrimaryKeyConstraint("ledger_id", "from_s", name=op.f("pk_budget")),
    )
    op.create_table(
        "currency",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("scale", sa.SmallInteger(), nullable=False),
        sa.Column("issuer_account_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_currency")),
        sa.UniqueConstraint("ledger_id", "code", name=op.f("uq_currency_ledger_id_code")),
    )
    op.create_table(
        "device",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("provisioned_s", sa.BigInteger(), nullable=False),
        sa.Column("seen_s", sa.BigInteger(), nullable=True),
        sa.Column("gateway_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=True),
        sa.Column("session", sa.BigInteger(), nullable=True),
        sa.Column("birth", sa.Text(), nullable=True),
        sa.Column("birth_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_device")),
        sa.UniqueConstraint("ledger_id", "source_id", name=op.f("uq_device_ledger_id_source_id")),
    )
    op.create_table(
        "gateway",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key_prefix", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_s", sa.BigInteger(), nullable=False),
        sa.Column("revoked_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_gateway")),
        sa.UniqueConstraint(
            "ledger_id", "key_prefix", name=op.f("uq_gateway_ledger_id_key_prefix")
        ),
        sa.UniqueConstraint("ledger_id", "name", name=op.f("uq_gateway_ledger_id_name")),
    )
    op.create_index("ix_gateway_key_prefix", "gateway", ["key_prefix"], unique=False)
    op.create_table(
        "hold_open",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("expires_s", sa.BigInteger(), nullable=False),
        sa.Column("on_expiry", sa.String(length=4), nullable=False),
        sa.CheckConstraint("on_expiry IN ('post', 'void')", name=op.f("ck_hold_open_on_expiry")),
        sa.PrimaryKeyConstraint("ledger_id", "transfer_id", name=op.f("pk_hold_open")),
    )
    op.create_index(
        op.f("ix_hold_open_ledger_id_credit"), "hold_open", ["ledger_id", "credit"], unique=False
    )
    op.create_index(
        op.f("ix_hold_open_ledger_id_debit"), "hold_open", ["ledger_id", "debit"], unique=False
    )
    op.create_index(
        op.f("ix_hold_open_ledger_id_expires_s"),
        "hold_open",
        ["ledger_id", "expires_s"],
        unique=False,
    )
    op.create_table(
        "idempotency",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "client", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "ledger_head",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=False),
        sa.Column("clock_us", sa.BigInteger(), nullable=False),
        sa.Column("terms_no", sa.BigInteger(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("next_id > 0", name=op.f("ck_ledger_head_next_id")),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "log_origin",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "number", name=op.f("pk_log_origin")),
    )
    op.create_table(
        "log_tile",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "level", "n", name=op.f("pk_log_tile")),
    )
    op.create_table(
        "person",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("household", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_person")),
        sa.UniqueConstraint("ledger_id", "account_id", name=op.f("uq_person_ledger_id_account_id")),
    )
    op.create_table(
        "point",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_point")),
        sa.UniqueConstraint("ledger_id", "name", name=op.f("uq_point_ledger_id_name")),
    )
    op.create_table(
        "product",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("stock_account_id", sa.BigInteger(), nullable=False),
        sa.Column("created_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_product")),
        sa.UniqueConstraint("ledger_id", "name", name=op.f("uq_product_ledger_id_name")),
    )
    op.create_table(
        "record",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("jws", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_for", sa.BigInteger(), nullable=True),
        sa.Column("attestation_id", sa.BigInteger(), nullable=True),
        sa.Column("received_s", sa.BigInteger(), nullable=False),
        sa.Column("effective_s", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=True),
        sa.Column("point_id", sa.BigInteger(), nullable=True),
        sa.Column("fraction", sa.String(length=20), nullable=True),
        sa.Column("grade", sa.String(length=12), nullable=True),
        sa.Column("net_g", sa.BigInteger(), nullable=True),
        sa.Column("tariff_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_per_kg", sa.BigInteger(), nullable=True),
        sa.Column("card_ref", sa.String(length=64), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('credited', 'held', 'suspended', 'queued', 'noted')",
            name=op.f("ck_record_outcome"),
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_record_amount")),
        sa.PrimaryKeyConstraint("ledger_id", "source_id", "epoch", "seq", name=op.f("pk_record")),
    )
    op.create_index(
        op.f("ix_record_ledger_id_account_id_effective_s"),
        "record",
        ["ledger_id", "account_id", "effective_s"],
        unique=False,
    )
    op.create_index(
        op.f("ix_record_ledger_id_effective_s"),
        "record",
        ["ledger_id", "effective_s"],
        unique=False,
    )
    op.create_index(
        "ix_record_waiting",
        "record",
        ["ledger_id", "outcome", "effective_s"],
        unique=False,
        sqlite_where=sa.text("outcome IN ('held', 'suspended', 'queued')"),
        postgresql_where=sa.text("outcome IN ('held', 'suspended', 'queued')"),
    )
    op.create_table(
        "refused",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("sent", sa.LargeBinary(), nullable=False),
        sa.Column("attestation_id", sa.BigInteger(), nullable=True),
        sa.Column("received_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "hash", name=op.f("pk_refused")),
    )
    op.create_index(
        op.f("ix_refused_ledger_id_device"), "refused", ["ledger_id", "device"], unique=False
    )
    op.create_table(
        "staff",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=160), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("created_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_staff")),
        sa.UniqueConstraint("ledger_id", "login", name=op.f("uq_staff_ledger_id_login")),
    )
    op.create_table(
        "tally",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "name", name=op.f("pk_tally")),
    )
    op.create_table(
        "tariff",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("drafted_by", sa.String(length=64), nullable=False),
        sa.Column("drafted_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_tariff")),
    )
    op.create_table(
        "town",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("currency", sa.String(length=16), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("languages", sa.String(length=60), nullable=False),
        sa.Column("timezone", sa.String(length=60), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("founded_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_town")),
    )
    op.create_table(
        "transfer",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("debit", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("pending_id", sa.BigInteger(), nullable=True),
        sa.Column("corrects_id", sa.BigInteger(), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("leg", sa.SmallInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("effective_s", sa.BigInteger(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(state >= 2) = (pending_id IS NOT NULL)", name=op.f("ck_transfer_settles_a_hold")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfer_amount")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_transfer_two_accounts")),
        sa.CheckConstraint("state BETWEEN 0 AND 3", name=op.f("ck_transfer_state")),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_transfer")),
        sa.UniqueConstraint(
            "ledger_id",
            "source_id",
            "epoch",
            "seq",
            "leg",
            name=op.f("uq_transfer_ledger_id_source_id_epoch_seq_leg"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_transfer_credit", "transfer", ["ledger_id", "credit", "id"], unique=False)
    op.create_index(
        "ix_transfer_debit",
        "transfer",
        ["ledger_id", "debit", "id"],
        unique=False,
        sqlite_where=sa.text("code <> 1"),
        postgresql_where=sa.text("code <> 1"),
    )
    op.create_index(
        "uq_transfer_pending",
        "transfer",
        ["ledger_id", "pending_id"],
        unique=True,
        sqlite_where=sa.text("pending_id IS NOT NULL"),
        postgresql_where=sa.text("pending_id IS NOT NULL"),
    )
    op.create_table(
        "account",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("currency_id", sa.SmallInteger(), nullable=False),
        sa.Column("owner_ref", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ledger_id", "currency_id"],
            ["currency.ledger_id", "currency.id"],
            name=op.f("fk_account_ledger_id_currency_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_account")),
    )
    op.create_index(
        op.f("ix_account_ledger_id_owner_ref"), "account", ["ledger_id", "owner_ref"], unique=False
    )
    op.create_table(
        "assignment",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("point_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "device"],
            ["device.ledger_id", "device.id"],
            name=op.f("fk_assignment_ledger_id_device"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "point_id"],
            ["point.ledger_id", "point.id"],
            name=op.f("fk_assignment_ledger_id_point_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "device", "from_s", name=op.f("pk_assignment")),
    )
    op.create_table(
        "attestation",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("received_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "gateway_id"],
            ["gateway.ledger_id", "gateway.id"],
            name=op.f("fk_attestation_ledger_id_gateway_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_attestation")),
        sa.UniqueConstraint(
            "ledger_id", "gateway_id", "hash", name=op.f("uq_attestation_ledger_id_gateway_id_hash")
        ),
    )
    op.create_table(
        "batch",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("received_by", sa.String(length=64), nullable=False),
        sa.Column("received_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams > 0", name=op.f("ck_batch_grams")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "product_id"],
            ["product.ledger_id", "product.id"],
            name=op.f("fk_batch_ledger_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_batch")),
    )
    op.create_table(
        "boot_clock",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.String(length=16), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("up_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "device"],
            ["device.ledger_id", "device.id"],
            name=op.f("fk_boot_clock_ledger_id_device"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "device", "epoch", "boot", name=op.f("pk_boot_clock")),
    )
    op.create_table(
        "card",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("uid_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=False),
        sa.Column("pin_hash", sa.String(length=160), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "person_id"],
            ["person.ledger_id", "person.id"],
            name=op.f("fk_card_ledger_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_card")),
        sa.UniqueConstraint("ledger_id", "number", name=op.f("uq_card_ledger_id_number")),
        sa.UniqueConstraint("ledger_id", "uid_hash", name=op.f("uq_card_ledger_id_uid_hash")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("origin_no", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "origin_no"],
            ["log_origin.ledger_id", "log_origin.number"],
            name=op.f("fk_checkpoint_ledger_id_origin_no"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "origin_no", "size", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "claim",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("effective_s", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_claim_amount")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "source_id", "epoch", "seq"],
            ["record.ledger_id", "record.source_id", "record.epoch", "record.seq"],
            name=op.f("fk_claim_ledger_id_source_id_epoch_seq"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "source_id", "epoch", "seq", name=op.f("pk_claim")),
    )
    op.create_table(
        "device_key",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "device"],
            ["device.ledger_id", "device.id"],
            name=op.f("fk_device_key_ledger_id_device"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "device", "number", name=op.f("pk_device_key")),
    )
    op.create_table(
        "down",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=12), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("created_s", sa.BigInteger(), nullable=False),
        sa.Column("expires_s", sa.BigInteger(), nullable=False),
        sa.Column("delivered_s", sa.BigInteger(), nullable=True),
        sa.Column("result_ok", sa.Boolean(), nullable=True),
        sa.Column("result_words", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["ledger_id", "device"],
            ["device.ledger_id", "device.id"],
            name=op.f("fk_down_ledger_id_device"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_down")),
    )
    op.create_table(
        "journal_epoch",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.String(length=16), nullable=False),
        sa.Column("seen_s", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_s", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["ledger_id", "device"],
            ["device.ledger_id", "device.id"],
            name=op.f("fk_journal_epoch_ledger_id_device"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "device", "epoch", name=op.f("pk_journal_epoch")),
    )
    op.create_table(
        "product_price",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("amount_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint("amount_per_kg > 0", name=op.f("ck_product_price_amount_per_kg")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "product_id"],
            ["product.ledger_id", "product.id"],
            name=op.f("fk_product_price_ledger_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "product_id", "from_s", name=op.f("pk_product_price")),
    )
    op.create_table(
        "quarantine",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("jws", sa.LargeBinary(), nullable=False),
        sa.Column("attestation_id", sa.BigInteger(), nullable=True),
        sa.Column("received_s", sa.BigInteger(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "source_id", "epoch", "seq"],
            ["record.ledger_id", "record.source_id", "record.epoch", "record.seq"],
            name=op.f("fk_quarantine_ledger_id_source_id_epoch_seq"),
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "source_id", "epoch", "seq", "hash", name=op.f("pk_quarantine")
        ),
    )
    op.create_table(
        "redemption",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("served_by", sa.String(length=64), nullable=False),
        sa.Column("redeemed_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams > 0 AND amount > 0", name=op.f("ck_redemption_amounts")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "person_id"],
            ["person.ledger_id", "person.id"],
            name=op.f("fk_redemption_ledger_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "product_id"],
            ["product.ledger_id", "product.id"],
            name=op.f("fk_redemption_ledger_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_redemption")),
    )
    op.create_index(
        op.f("ix_redemption_ledger_id_person_id_group_id"),
        "redemption",
        ["ledger_id", "person_id", "group_id"],
        unique=False,
    )
    op.create_table(
        "resolution",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('credited', 'refused')", name=op.f("ck_resolution_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "source_id", "epoch", "seq"],
            ["record.ledger_id", "record.source_id", "record.epoch", "record.seq"],
            name=op.f("fk_resolution_ledger_id_source_id_epoch_seq"),
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "source_id", "epoch", "seq", name=op.f("pk_resolution")
        ),
    )
    op.create_table(
        "tariff_approval",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("tariff_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("approved_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "staff_id"],
            ["staff.ledger_id", "staff.id"],
            name=op.f("fk_tariff_approval_ledger_id_staff_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "tariff_id"],
            ["tariff.ledger_id", "tariff.id"],
            name=op.f("fk_tariff_approval_ledger_id_tariff_id"),
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "tariff_id", "staff_id", name=op.f("pk_tariff_approval")
        ),
    )
    op.create_table(
        "tariff_rate",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("tariff_id", sa.BigInteger(), nullable=False),
        sa.Column("fraction", sa.String(length=20), nullable=False),
        sa.Column("grade", sa.String(length=12), nullable=False),
        sa.Column("amount_per_kg", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_per_kg >= 0", name=op.f("ck_tariff_rate_amount_per_kg")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "tariff_id"],
            ["tariff.ledger_id", "tariff.id"],
            name=op.f("fk_tariff_rate_ledger_id_tariff_id"),
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "tariff_id", "fraction", "grade", name=op.f("pk_tariff_rate")
        ),
    )
    op.create_table(
        "account_terms",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("from_id", sa.BigInteger(), nullable=False),
        sa.Column("min_balance", sa.BigInteger(), nullable=True),
        sa.Column("max_balance", sa.BigInteger(), nullable=True),
        sa.Column("soft_min", sa.BigInteger(), nullable=True),
        sa.Column("soft_max", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "min_balance IS NULL OR min_balance <= max_balance",
            name=op.f("ck_account_terms_limits"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "account_id"],
            ["account.ledger_id", "account.id"],
            name=op.f("fk_account_terms_ledger_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", "number", name=op.f("pk_account_terms")),
    )
    op.create_table(
        "card_state",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint("state IN ('active', 'blocked')", name=op.f("ck_card_state_state")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "card_id"],
            ["card.ledger_id", "card.id"],
            name=op.f("fk_card_state_ledger_id_card_id"),
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "card_id", "from_s", "state", name=op.f("pk_card_state")
        ),
    )
    op.create_table(
        "claim_open",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("effective_s", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "source_id", "epoch", "seq"],
            ["claim.ledger_id", "claim.source_id", "claim.epoch", "claim.seq"],
            name=op.f("fk_claim_open_ledger_id_source_id_epoch_seq"),
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "effective_s", "source_id", "epoch", "seq", name=op.f("pk_claim_open")
        ),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, APPEND_ONLY):
        op.execute(statement)
