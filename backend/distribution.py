"""Spreading many towns over the machines of a PostgreSQL cluster: what is keyed by town, what not.

Every table but those in `LOCAL` is distributed by `ledger_id`, so that a town lies on one machine
whole: its keys, its references and its lock. A test reads a real catalogue to prove it can.
"""

from collections.abc import Iterator

from backend.tables import metadata

KEY = "ledger_id"

# What stays where the backend's own connection leads, with the reason.
LOCAL = {
    "alembic_version": "one row about the schema itself, no town's",
    "session": "sign-ins: found by a random token alone; who loses them signs in again",
    "audit": "who looked at whom: kept apart from the books, each town's by its own numbers",
    "wrong_try": "wrong passwords counted for some minutes, found by a keyed hash alone",
}


def citus_statements() -> Iterator[str]:
    """The statements that distribute an empty, migrated database with Citus, in order.

    A table comes after those it refers to; all are co-located with the first, so that a town's
    rows of every table are on one worker and its transactions never leave it.
    """
    # The triggers that keep history as it was written are the same on every worker.
    yield "SET citus.enable_unsafe_triggers = on;"
    first: str | None = None
    for table in metadata.sorted_tables:
        beside = "" if first is None else f", colocate_with => '{first}'"
        first = first or table.name
        yield f"SELECT create_distributed_table('{table.name}', '{KEY}'{beside});"
