"""Roles and what each may do: one table, read by the routes and by the test of every route.

A scope is `noun:verb`. Residents have none of these: they may see what is their own, which is
checked on the object.
"""

ROLES: dict[str, frozenset[str]] = {
    "officer": frozenset(
        {
            "reports:read",
            "deposits:resolve",
            "tariffs:read",
            "tariffs:draft",
            "tariffs:approve",
            "budgets:write",
            "money:issue",
            "limits:write",
            "transfers:read",
            "transfers:book",
            "transfers:correct",
            "records:read",
            "devices:read",
            "compost:read",
        }
    ),
    "clerk": frozenset(
        {
            "people:enrol",
            "people:find",
            "balances:read",
            "cards:issue",
            "cards:block",
            "compost:read",
            "compost:receive",
            "redemptions:make",
        }
    ),
    # Sees what money did and what devices said, and changes nothing.
    "auditor": frozenset(
        {
            "reports:read",
            "balances:read",
            "statements:read",
            "transfers:read",
            "records:read",
            "devices:read",
        }
    ),
    "technician": frozenset({"devices:read", "devices:write", "epochs:confirm"}),
}
ROLES["administrator"] = frozenset().union(
    *ROLES.values(), {"staff:write", "gateways:write", "compost:write", "money:write"}
)
SCOPES = ROLES["administrator"]
