"""Roles of staff have the names of their work; the column is made anew, as some are longer."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAMES = {"clerk": "counter_clerk", "technician": "field_technician", "officer": "municipal_officer"}


def upgrade() -> None:
    op.alter_column("staff", "role", new_column_name="old_role")
    op.add_column("staff", sa.Column("role", sa.String(32), nullable=False, server_default=""))
    staff = sa.table("staff", sa.column("role"), sa.column("old_role"))
    name = sa.case(NAMES, value=staff.c.old_role, else_=staff.c.old_role)
    op.execute(staff.update().values(role=name))
    op.drop_column("staff", "old_role")
