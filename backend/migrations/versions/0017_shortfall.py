"""An account bears what was sold offline beyond a payer's balance."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SHORTFALL, CREDIT = 4, 1


def upgrade() -> None:
    conn = op.get_bind()
    false = sa.false()
    for (ledger_id,) in conn.execute(sa.text("SELECT ledger_id FROM ledger_head")).all():
        for name, values in (
            ("account", {"id": SHORTFALL, "currency_id": CREDIT}),
            ("account_terms", {"account_id": SHORTFALL, "number": 0, "from_id": 1, "closed": false}),
            ("account_balance", {"account_id": SHORTFALL, "debits_posted": 0, "credits_posted": 0,
                                 "folded_id": 0}),
        ):  # fmt: skip
            columns = [sa.column(key) for key in ("ledger_id", *values)]
            conn.execute(sa.table(name, *columns).insert().values(ledger_id=ledger_id, **values))
