"""What the backend's role may do in PostgreSQL, where the tables are another role's.

It reads and adds everywhere, changes and deletes what is not history, and empties what erasure
empties. So history stands even where somebody has taken its triggers away.
"""

import re
from collections.abc import Iterator

from backend.access.audit import audited, line
from backend.access.tables import sign_ins
from backend.ledger import tables as ledger
from backend.tables import APPEND_ONLY, metadata

HISTORY = frozenset((*APPEND_ONLY, *ledger.APPEND_ONLY, line.name))
# What erasure seals, forgets or empties; the triggers say more closely how.
_ERASABLE = {"record": "jws, sealed_for, card_ref", "quarantine": "jws"}
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def grant_statements(role: str) -> Iterator[str]:
    """The statements for the tables' owner to run once all tables are made, and after migrations.

    Raises ValueError for what is no plain name of a role.
    """
    if not _ROLE.fullmatch(role):
        raise ValueError(f"{role!r} is no role: small letters, digits and _, not a digit first.")
    yield f"GRANT USAGE ON SCHEMA public TO {role}"
    yield f"GRANT SELECT ON alembic_version TO {role}"
    for tables in (metadata, sign_ins, audited):
        for table in tables.sorted_tables:
            yield from _granted(table.name, role)


def _granted(name: str, role: str) -> Iterator[str]:
    yield f"REVOKE ALL ON {name} FROM {role}"
    rights = "SELECT, INSERT" if name in HISTORY else "SELECT, INSERT, UPDATE, DELETE"
    yield f"GRANT {rights} ON {name} TO {role}"
    if name in _ERASABLE:
        yield f"GRANT UPDATE ({_ERASABLE[name]}) ON {name} TO {role}"
