"""Roles and what each may do: one table, read by the routes and by the test of every route.

A scope is `noun:verb`. Staff reach the whole town with theirs. A resident reaches what is their
own, and a delegate what is a holder's, within the scopes that the holder gave them: those are
asked of the object. `REACH_OWN` names these two; nobody of the staff has them.
"""

ROLES: dict[str, frozenset[str]] = {
    "resident": frozenset(
        {"people:find", "balances:read", "statements:read", "cards:block", "audit:read"}
        | {"delegates:name", "people:export", "payments:make", "orders:make", "fees:discount"}
        | {"pins:change"}
    ),
    "delegate": frozenset({"people:find", "balances:read", "statements:read", "cards:block"}),
    "counter_clerk": frozenset(
        {
            "people:enrol",
            "people:find",
            "balances:read",
            "cards:issue",
            "cards:block",
            "compost:read",
            "compost:receive",
            "redemptions:make",
            "orders:make",
            "payments:make",
            "fees:discount",
            "statements:print",
            "paper:enter",
            "paper:read",
        }
    ),
    "cooperative_manager": frozenset(
        {
            "people:find",
            "balances:read",
            "compost:read",
            "compost:write",
            "compost:receive",
            "grades:read",
            "grades:write",
            "redemptions:make",
            "orders:make",
            "settlements:draw",
            "settlements:read",
            "statements:print",
            "paper:enter",
            "paper:confirm",
            "paper:read",
            "loads:read",
        }
    ),
    # Where the bins stand and how they are; never whose waste is in them.
    "collector": frozenset(
        {"devices:read", "loads:weigh", "loads:read", "grades:read", "grades:write"}
    ),
    "field_technician": frozenset(
        {"devices:read", "devices:write", "epochs:confirm", "grades:read", "grades:write"}
    ),
    "municipal_officer": frozenset(
        {
            "reports:read",
            "deposits:resolve",
            "tariffs:read",
            "tariffs:draft",
            "tariffs:approve",
            "grades:read",
            "grades:write",
            "budgets:write",
            "money:issue",
            "limits:write",
            "transfers:read",
            "transfers:book",
            "transfers:correct",
            "records:read",
            "devices:read",
            "compost:read",
            "merchants:write",
            "fees:discount",
            "settlements:read",
            "settlements:pay",
            "paper:confirm",
            "paper:read",
            "loads:read",
        }
    ),
    # Decides on what others have drafted, and drafts nothing.
    "approver": frozenset({"reports:read", "tariffs:read", "tariffs:approve", "grades:read"}),
    # Sees what money did and what devices said, and changes nothing.
    "auditor": frozenset(
        {
            "reports:read",
            "balances:read",
            "statements:read",
            "transfers:read",
            "records:read",
            "devices:read",
            "audit:read",
            "grades:read",
            "settlements:read",
            "paper:read",
            "loads:read",
        }
    ),
}
REACH_OWN = ("resident", "delegate")
_WORK = (scopes for role, scopes in ROLES.items() if role not in REACH_OWN)
ROLES["administrator"] = frozenset().union(
    *_WORK,
    {
        "staff:write",
        "gateways:write",
        "money:write",
        "recovery:end",
        "people:export",
        "people:erase",
    },
)
STAFF_ROLES = {role: scopes for role, scopes in ROLES.items() if role not in REACH_OWN}
SCOPES = ROLES["administrator"]
