"""Attestations form a chain, which checkpoints name; those that are there already begin it."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl
from backend.proofs.oaths import START, next_link

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    link = op.create_table(
        "attestation_link",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("attestation_id", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "number", name=op.f("pk_attestation_link")),
        sa.UniqueConstraint(
            "ledger_id", "attestation_id",
            name=op.f("uq_attestation_link_ledger_id_attestation_id"),
        ),
    )
    conn = op.get_bind()
    ends: dict[int, tuple[int, bytes]] = {}
    old = conn.execute(
        sa.text(
            "SELECT ledger_id, id, hash, signature FROM attestation "
            "ORDER BY ledger_id, received_s, id"
        )
    ).all()
    for ledger_id, number_of, digest, signature in old:
        number, chain = ends.get(ledger_id, (0, START))
        ends[ledger_id] = number + 1, next_link(chain, bytes(digest), bytes(signature))
        values = dict(zip(("number", "chain"), ends[ledger_id], strict=True))
        conn.execute(link.insert().values(ledger_id=ledger_id, attestation_id=number_of, **values))
    for statement in append_only_ddl(conn.dialect.name, ("attestation_link",)):
        op.execute(statement)
