"""The triggers that keep history as it was written: no UPDATE, no DELETE, on both engines.

One change is let through: a record's signed bytes may be sealed under its person's key, once
(`erasure`). The hash that commits to them stays, as does every other column.
"""

_PG_FUNCTION = """\
CREATE OR REPLACE FUNCTION farz_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"""

_RECORD = (
    "ledger_id", "source_id", "epoch", "seq", "hash", "kind", "attestation_id", "received_s",
    "effective_s", "basis", "recorded_us", "outcome", "reason", "until_s", "point_id", "fraction",
    "grade", "net_g", "tariff_id", "amount_per_kg", "card_ref", "account_id", "amount",
    "transfer_id",
)  # fmt: skip
_NOT_SEALING = "OLD.sealed_for IS NOT NULL OR NEW.sealed_for IS NULL"


def append_only_ddl(dialect: str, names: tuple[str, ...]) -> list[str]:
    """The statements that make the named tables refuse change, for "sqlite" or "postgresql".

    Each statement may be run again. A migration executes them after it has made the tables.
    """
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
            f"{_unless_sealing(name, verb)}"
            f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            for name in names
            for verb in ("UPDATE", "DELETE")
        ]
    made = [_PG_FUNCTION]
    for name in names:
        verbs = "DELETE" if name == "record" else "UPDATE OR DELETE"
        made.append(
            f"CREATE OR REPLACE TRIGGER {name}_append_only "
            f"BEFORE {verbs} OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION farz_append_only()"
        )
    if "record" in names:
        made.append(
            "CREATE OR REPLACE TRIGGER record_sealed_once BEFORE UPDATE ON record FOR EACH ROW "
            f"WHEN ({_NOT_SEALING} OR to_jsonb(OLD) - 'jws' - 'sealed_for' "
            "IS DISTINCT FROM to_jsonb(NEW) - 'jws' - 'sealed_for') "
            "EXECUTE FUNCTION farz_append_only()"
        )
    return made


def _unless_sealing(name: str, verb: str) -> str:
    if (name, verb) != ("record", "UPDATE"):
        return ""
    changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in _RECORD)
    return f"WHEN {_NOT_SEALING} OR {changed} "
