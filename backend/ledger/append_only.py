"""The triggers that keep history as it was written: no UPDATE, no DELETE, on both engines."""

_PG_FUNCTION = """\
CREATE OR REPLACE FUNCTION farz_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"""


def append_only_ddl(dialect: str, names: tuple[str, ...]) -> list[str]:
    """The statements that make the named tables refuse change, for "sqlite" or "postgresql".

    Each statement may be run again. A migration executes them after it has made the tables.
    """
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
            f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            for name in names
            for verb in ("UPDATE", "DELETE")
        ]
    return [_PG_FUNCTION] + [
        f"CREATE OR REPLACE TRIGGER {name}_append_only "
        f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION farz_append_only()"
        for name in names
    ]
