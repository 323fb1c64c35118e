"""Slips of paper with two signatures, and weighbridge tickets."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("paper_slip", "paper_signature", "paper_booking", "load_ticket")


def upgrade() -> None:
    op.create_table(
        "load_ticket",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.String(length=8), nullable=False),
        sa.Column("ticket", sa.String(length=40), nullable=False),
        sa.Column("fraction", sa.String(length=20), nullable=False),
        sa.Column("point_id", sa.BigInteger(), nullable=True),
        sa.Column("vehicle", sa.String(length=20), nullable=False),
        sa.Column("gross_g", sa.BigInteger(), nullable=False),
        sa.Column("tare_g", sa.BigInteger(), nullable=False),
        sa.Column("weighed_s", sa.BigInteger(), nullable=False),
        sa.Column("entered_by", sa.String(length=64), nullable=False),
        sa.Column("entered_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("site IN ('truck', 'facility')", name=op.f("ck_load_ticket_site")),
        sa.CheckConstraint("tare_g >= 0 AND gross_g > tare_g", name=op.f("ck_load_ticket_weights")),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_load_ticket")),
        sa.UniqueConstraint(
            "ledger_id", "site", "ticket", name=op.f("uq_load_ticket_ledger_id_site_ticket")
        ),
    )
    op.create_table(
        "paper_slip",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("book", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("fraction", sa.String(length=20), nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("gross_g", sa.BigInteger(), nullable=False),
        sa.Column("tare_g", sa.BigInteger(), nullable=False),
        sa.Column("e_g", sa.BigInteger(), nullable=False),
        sa.Column("point_id", sa.BigInteger(), nullable=True),
        sa.Column("counter_id", sa.BigInteger(), nullable=False),
        sa.Column("happened_s", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("entered_by", sa.String(length=64), nullable=False),
        sa.Column("entered_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('deposit', 'redemption')", name=op.f("ck_paper_slip_kind")),
        sa.CheckConstraint("tare_g >= 0 AND gross_g > tare_g", name=op.f("ck_paper_slip_weights")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "person_id"],
            ["person.ledger_id", "person.id"],
            name=op.f("fk_paper_slip_ledger_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_paper_slip")),
    )
    op.create_index(
        op.f("ix_paper_slip_ledger_id_book_number"),
        "paper_slip",
        ["ledger_id", "book", "number"],
        unique=False,
    )
    op.create_table(
        "paper_booking",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("book", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("slip_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "slip_id"],
            ["paper_slip.ledger_id", "paper_slip.id"],
            name=op.f("fk_paper_booking_ledger_id_slip_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "book", "number", name=op.f("pk_paper_booking")),
    )
    op.create_table(
        "paper_signature",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("slip_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("signed_by", sa.String(length=64), nullable=False),
        sa.Column("signed_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('confirmed', 'rejected')", name=op.f("ck_paper_signature_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "slip_id"],
            ["paper_slip.ledger_id", "paper_slip.id"],
            name=op.f("fk_paper_signature_ledger_id_slip_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "slip_id", name=op.f("pk_paper_signature")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(statement)
