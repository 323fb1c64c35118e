"""What the database itself refuses, inside the books' transaction: triggers on both engines.

A walk-in's row is refused while an order of its product waits, and an order's row if a walk-in
that the books number after it was written before it (rows of one batch are written table by
table). Nothing more comes out of a heap, or goes into one, that was discarded.
"""

_WAITS = """
SELECT 1 FROM compost_order o
WHERE o.ledger_id = NEW.ledger_id AND o.product_id = NEW.product_id
AND o.group_id < NEW.group_id AND o.expires_s > NEW.at_s
AND NOT EXISTS (SELECT 1 FROM compost_allotment a
  WHERE a.ledger_id = o.ledger_id AND a.order_id = o.group_id)
AND NOT EXISTS (SELECT 1 FROM compost_order_end e
  WHERE e.ledger_id = o.ledger_id AND e.order_id = o.group_id)"""

_WALKED_IN = """
SELECT 1 FROM compost_walk_in w
WHERE w.ledger_id = NEW.ledger_id AND w.product_id = NEW.product_id
AND w.group_id > NEW.group_id"""

_DISCARDED = """
SELECT 1 FROM compost_discard d
WHERE d.ledger_id = NEW.ledger_id AND d.heap_id = NEW.heap_id"""

# (trigger, table, what must not be there, words)
GUARDS = (
    ("compost_walk_in_queue", "compost_walk_in", _WAITS, "people wait for this product"),
    ("compost_order_queue", "compost_order", _WALKED_IN, "somebody walked in before this order"),
    ("compost_yield_discarded", "compost_yield", _DISCARDED, "this heap was discarded"),
    ("compost_input_discarded", "compost_input", _DISCARDED, "this heap was discarded"),
)


def guards_ddl(dialect: str) -> list[str]:
    """The statements, for "sqlite" or "postgresql". A breach is an IntegrityError."""
    made = []
    for name, table, found, words in GUARDS:
        if dialect == "sqlite":
            made.append(
                f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE INSERT ON {table} "
                f"WHEN EXISTS ({found}) BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
            continue
        made += [
            f"CREATE OR REPLACE FUNCTION farz_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN IF EXISTS ({found}) THEN RAISE EXCEPTION USING MESSAGE = '{words}', "
            "ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$",
            f"CREATE OR REPLACE TRIGGER {name} BEFORE INSERT ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION farz_{name}()",
        ]
    return made
