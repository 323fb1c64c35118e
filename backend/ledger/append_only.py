"""The triggers that keep history as it was written: no UPDATE, no DELETE, on both engines.

What `erasure` needs is let through: a record's signed bytes may be sealed under its person's key,
once, and its card forgotten; bytes in quarantine may be emptied. The hash that commits to the
bytes stays, as does every other column.
"""

from typing import NamedTuple

_PG_FUNCTION = """\
CREATE OR REPLACE FUNCTION farz_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"""

_RECORD = (
    "ledger_id", "source_id", "epoch", "seq", "hash", "kind", "attestation_id", "received_s",
    "effective_s", "basis", "recorded_us", "outcome", "reason", "until_s", "point_id", "fraction",
    "grade", "net_g", "tariff_id", "amount_per_kg", "account_id", "amount", "transfer_id",
)  # fmt: skip
_QUARANTINE = ("ledger_id", "source_id", "epoch", "seq", "hash", "attestation_id", "received_s",
               "recorded_us")  # fmt: skip


class _Erasable(NamedTuple):
    """A table of which one change is let through: its trigger's name on PostgreSQL, the columns
    that stay as they are, and what else must hold. `{same}` is the engine's word for equal.
    """

    trigger: str
    kept: tuple[str, ...]
    allowed: str


_ERASABLE = {
    "record": _Erasable(
        "record_sealed_once",
        _RECORD,
        "(NEW.card_ref IS NULL OR NEW.card_ref {same} OLD.card_ref) AND "
        "((OLD.sealed_for IS NULL AND NEW.sealed_for IS NOT NULL) OR "
        "(NEW.sealed_for {same} OLD.sealed_for AND NEW.jws {same} OLD.jws))",
    ),
    "quarantine": _Erasable("quarantine_emptied", _QUARANTINE, "length(NEW.jws) = 0"),
}


def append_only_ddl(dialect: str, names: tuple[str, ...]) -> list[str]:
    """The statements that make the named tables refuse change, for "sqlite" or "postgresql".

    Each statement may be run again. A migration executes them after it has made the tables.
    """
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
            f"{_unless_erasing(name) if verb == 'UPDATE' else ''}"
            f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            for name in names
            for verb in ("UPDATE", "DELETE")
        ]
    made = [_PG_FUNCTION]
    for name in names:
        verbs = "DELETE" if name in _ERASABLE else "UPDATE OR DELETE"
        made.append(
            f"CREATE OR REPLACE TRIGGER {name}_append_only "
            f"BEFORE {verbs} OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION farz_append_only()"
        )
    made += [
        f"CREATE OR REPLACE TRIGGER {_ERASABLE[name].trigger} BEFORE UPDATE ON {name} "
        f"FOR EACH ROW WHEN (NOT ({_allowed(name, 'IS NOT DISTINCT FROM')})) "
        "EXECUTE FUNCTION farz_append_only()"
        for name in names
        if name in _ERASABLE
    ]
    return made


def _unless_erasing(name: str) -> str:
    return f"WHEN NOT ({_allowed(name, 'IS')}) " if name in _ERASABLE else ""


def _allowed(name: str, same: str) -> str:
    table = _ERASABLE[name]
    kept = " AND ".join(f"NEW.{column} {same} OLD.{column}" for column in table.kept)
    return f"{kept} AND {table.allowed.format(same=same)}"
