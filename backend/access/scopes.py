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
    "technician": frozenset({"devices:read", "devices:write", "epochs:confirm"}),
}
ROLES["administrator"] = frozenset().union(
    *ROLES.values(), {"statements:read", "staff:write", "gateways:write", "compost:write"}
)
SCOPES = ROLES["administrator"]
