"""The cooperative's own figures, as dated data: how long a void, an order, how much an order."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from backend import rows
from backend.compost.tables import compost_rule
from backend.errors import BadInput

# name: (default, least, most). An order's most follows Curitiba's green exchange, 200 kg.
RULES = {
    "void_window_s": (600, 0, 86_400),
    "order_days": (14, 1, 365),
    "order_most_g": (200_000, 1_000, 10_000_000),
}
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    value: int
    from_s: int | None
    decided_by: str | None


def value(conn: Connection, ledger_id: int, name: str, *, at_s: int) -> int:
    """Return a figure as it was in force at a moment."""
    row = compost_rule.c
    newest = select(row.value).where(
        row.ledger_id == ledger_id, row.name == name, row.from_s <= at_s
    )
    found = conn.scalar(newest.order_by(row.from_s.desc()).limit(1))
    return RULES[name][0] if found is None else int(found)


def rules(conn: Connection, ledger_id: int) -> list[Rule]:
    """Return every figure with what was decided about it, the newest last."""
    row = compost_rule.c
    query = select(row.name, row.value, row.from_s, row.decided_by).where(
        row.ledger_id == ledger_id
    )
    decided = [Rule(*each) for each in conn.execute(query.order_by(row.name, row.from_s))]
    return [
        *(Rule(name, default, None, None) for name, (default, _, _) in RULES.items()),
        *decided,
    ]


def decide(
    conn: Connection, ledger_id: int, name: str, asked: int, *, decided_by: str, from_s: int
) -> Rule:
    """Set a figure from a moment on. Raises BadInput, Taken."""
    if name not in RULES:
        raise BadInput(f"There is no rule {name}. Choose among: {', '.join(RULES)}.")
    _, least, most = RULES[name]
    if not least <= asked <= most:
        raise BadInput(f"{name} is from {least} to {most}.")
    key = {"ledger_id": ledger_id, "name": name, "from_s": from_s}
    rows.require_free(conn, compost_rule, "This was decided for that very moment already.", **key)
    conn.execute(insert(compost_rule).values(**key, value=asked, decided_by=decided_by))
    return Rule(name, asked, from_s, decided_by)
