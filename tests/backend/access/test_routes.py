"""Every route, every role: who may, in one table; and the OpenAPI document tells the truth."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from backend.access import counters
from backend.access.scopes import REACH_OWN, ROLES, SCOPES, STAFF_ROLES
from farz.founding import ripe_compost
from tests.backend.village import MORE_ROLES, PIN, START_S, Town
from tests.backend.village import ROLES as FIRST_ROLES

STAFF = FIRST_ROLES | MORE_ROLES
PUBLIC, GATEWAY, SIGNED_IN, STAFF_ONLY = "public", "gateway", "signed in", "staff"
COUNTER = "counter"  # its machine, whoever is signed in
RESIDENTS = ("amal", "bassam", "delegate")
WATCHER = "watcher"  # a program of this machine, whoever is signed in

# (method, path): who may: PUBLIC, GATEWAY, SIGNED_IN, STAFF_ONLY, a scope, "own or <scope>", or
# "theirs or <scope>" where every resident may ask and finds nothing of anybody else's.
WHO_MAY = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): WATCHER,
    ("GET", "/v1/health"): PUBLIC,
    ("GET", "/v1/town"): PUBLIC,
    ("GET", "/v1/points"): PUBLIC,
    ("POST", "/v1/points"): "devices:write",
    ("POST", "/v1/sessions/staff"): PUBLIC,
    ("POST", "/v1/sessions/resident"): PUBLIC,
    ("GET", "/v1/sessions/mine"): SIGNED_IN,
    ("DELETE", "/v1/sessions/mine"): SIGNED_IN,
    ("GET", "/v1/staff"): "staff:write",
    ("POST", "/v1/staff"): "staff:write",
    ("DELETE", "/v1/staff/{staff_id}"): "staff:write",
    ("POST", "/v1/gateways"): "gateways:write",
    ("DELETE", "/v1/gateways/{gateway_id}"): "gateways:write",
    ("GET", "/v1/counters"): "gateways:write",
    ("POST", "/v1/counters"): "gateways:write",
    ("DELETE", "/v1/counters/{counter_id}"): "gateways:write",
    ("POST", "/v1/sessions/mine/second-factor"): STAFF_ONLY,
    ("PUT", "/v1/sessions/mine/second-factor"): STAFF_ONLY,
    ("DELETE", "/v1/staff/{staff_id}/second-factor"): "staff:write",
    ("GET", "/v1/audit"): "audit:read",
    ("GET", "/v1/people/{person_id}/audit"): "own or audit:read",
    ("POST", "/v1/uplink"): GATEWAY,
    ("POST", "/v1/telemetry"): GATEWAY,
    ("POST", "/v1/people"): "people:enrol",
    ("GET", "/v1/people"): "people:find",
    ("GET", "/v1/people/{person_id}"): "own or people:find",
    ("GET", "/v1/people/{person_id}/balance"): "own or balances:read",
    ("GET", "/v1/people/{person_id}/statement"): "own or statements:read",
    ("GET", "/v1/people/{person_id}/deposits"): "own or statements:read",
    ("GET", "/v1/people/{person_id}/cards"): "own or people:find",
    ("POST", "/v1/people/{person_id}/cards"): "cards:issue",
    ("GET", "/v1/cards/{number}"): "people:find",
    ("PUT", "/v1/cards/{number}/pin"): "theirs or cards:issue",
    ("POST", "/v1/cards/{number}/pin"): "cards:issue",
    ("POST", "/v1/cards/{number}/swap"): "cards:issue",
    ("POST", "/v1/people/{person_id}/cards/lost"): "cards:issue",
    ("POST", "/v1/counters/mine/taps"): COUNTER,
    ("POST", "/v1/people/lists"): "people:enrol",
    ("PUT", "/v1/people/{person_id}/household"): "people:enrol",
    ("GET", "/v1/people/{person_id}/consents"): "own or people:find",
    ("POST", "/v1/people/{person_id}/consents"): "people:enrol",
    ("GET", "/v1/people/{person_id}/delegates"): "own or people:find",
    ("POST", "/v1/people/{person_id}/delegates"): "own or people:enrol",
    ("DELETE", "/v1/people/{person_id}/delegates/{delegation_id}"): "own or people:enrol",
    ("POST", "/v1/cards/{number}/block"): "theirs or cards:block",
    ("GET", "/v1/secure-cards/late"): "records:read",
    ("GET", "/v1/emptyings"): "devices:read",
    ("GET", "/v1/card-caps"): "reports:read",
    ("POST", "/v1/card-caps"): "budgets:write",
    ("GET", "/v1/deposits/waiting"): "deposits:resolve",
    ("POST", "/v1/deposits/{device}/{epoch}/{seq}/resolution"): "deposits:resolve",
    ("GET", "/v1/devices"): "devices:read",
    ("POST", "/v1/devices"): "devices:write",
    ("GET", "/v1/devices/{device}"): "devices:read",
    ("POST", "/v1/devices/{device}/keys"): "devices:write",
    ("POST", "/v1/devices/{device}/assignments"): "devices:write",
    ("POST", "/v1/devices/{device}/epochs/{epoch}/confirmation"): "epochs:confirm",
    ("POST", "/v1/devices/{device}/requeue"): "devices:write",
    ("POST", "/v1/devices/{device}/commands"): "devices:write",
    ("GET", "/v1/devices/{device}/gaps"): "devices:read",
    ("GET", "/v1/devices/{device}/telemetry"): "devices:read",
    ("POST", "/v1/devices/{device}/settings"): "devices:write",
    ("POST", "/v1/devices/{device}/rotation"): "devices:write",
    ("GET", "/v1/devices/{device}/orders"): "devices:read",
    ("GET", "/v1/alerts"): "devices:read",
    ("POST", "/v1/alerts/end"): "devices:write",
    ("GET", "/v1/quarantine"): "records:read",
    ("GET", "/v1/people/{person_id}/export"): "own or people:export",
    ("GET", "/v1/people/{person_id}/export.csv"): "own or people:export",
    ("POST", "/v1/people/{person_id}/erasure"): "people:erase",
    ("GET", "/v1/figures"): PUBLIC,
    ("GET", "/v1/figures.csv"): PUBLIC,
    ("GET", "/v1/figures/{month}"): PUBLIC,
    ("GET", "/v1/tariffs"): "tariffs:read",
    ("POST", "/v1/tariffs"): "tariffs:draft",
    ("POST", "/v1/tariffs/{tariff_id}/approvals"): "tariffs:approve",
    ("GET", "/v1/tariffs/{tariff_id}/simulation"): "tariffs:read",
    ("GET", "/v1/inspections"): "grades:read",
    ("POST", "/v1/inspections"): "grades:write",
    ("GET", "/v1/compost"): "compost:read",
    ("POST", "/v1/compost"): "compost:write",
    ("PUT", "/v1/compost/{product_id}/price"): "compost:write",
    ("POST", "/v1/redemptions"): "redemptions:make",
    ("GET", "/v1/redemptions/{receipt}"): "theirs or redemptions:make",
    ("POST", "/v1/redemptions/{receipt}/void"): "redemptions:make",
    ("GET", "/v1/orders"): "compost:read",
    ("GET", "/v1/people/{person_id}/orders"): "own or orders:make",
    ("POST", "/v1/people/{person_id}/orders"): "own or orders:make",
    ("POST", "/v1/orders/{order_id}/hand-over"): "redemptions:make",
    ("POST", "/v1/orders/{order_id}/cancellation"): "theirs or orders:make",
    ("GET", "/v1/compost/rules"): "compost:read",
    ("PUT", "/v1/compost/rules"): "compost:write",
    ("GET", "/v1/compost/heaps"): "compost:read",
    ("POST", "/v1/compost/heaps"): "compost:receive",
    ("POST", "/v1/compost/heaps/{heap_id}/inputs"): "compost:receive",
    ("POST", "/v1/compost/heaps/{heap_id}/yield"): "compost:receive",
    ("POST", "/v1/compost/heaps/{heap_id}/discard"): "compost:receive",
    ("GET", "/v1/counters/{counter_id}/closes"): "compost:read",
    ("POST", "/v1/counters/{counter_id}/closes"): "redemptions:make",
    ("GET", "/v1/merchants"): SIGNED_IN,
    ("POST", "/v1/merchants"): "merchants:write",
    ("POST", "/v1/merchants/{merchant_id}/accounts"): "merchants:write",
    ("POST", "/v1/merchants/{merchant_id}/promises"): "merchants:write",
    ("POST", "/v1/people/{person_id}/payments"): "own or payments:make",
    ("POST", "/v1/payments/{receipt}/void"): "payments:make",
    ("POST", "/v1/people/{person_id}/fee-discounts"): "own or fees:discount",
    ("POST", "/v1/fee-discounts/{receipt}/void"): "fees:discount",
    ("GET", "/v1/fee-discounts"): "reports:read",
    ("GET", "/v1/fee-discounts.csv"): "reports:read",
    ("GET", "/v1/settlements"): "settlements:read",
    ("POST", "/v1/settlements/{payee}"): "settlements:draw",
    ("GET", "/v1/settlements/{payee}/{statement_no}"): "settlements:read",
    ("GET", "/v1/settlements/{payee}/{statement_no}/sheet.csv"): "settlements:read",
    ("POST", "/v1/settlements/{payee}/{statement_no}/payment"): "settlements:pay",
    ("GET", "/v1/paper/slips"): "paper:read",
    ("POST", "/v1/paper/slips"): "paper:enter",
    ("POST", "/v1/paper/slips/{slip_id}/confirmation"): "paper:confirm",
    ("POST", "/v1/paper/slips/{slip_id}/rejection"): "paper:confirm",
    ("GET", "/v1/load-tickets"): "loads:read",
    ("POST", "/v1/load-tickets"): "loads:weigh",
    ("GET", "/v1/mass-balance"): "loads:read",
    ("GET", "/v1/mass-balance.csv"): "loads:read",
    ("GET", "/v1/budgets"): "reports:read",
    ("PUT", "/v1/budgets"): "budgets:write",
    ("GET", "/v1/people/{person_id}/claims"): "own or balances:read",
    ("PUT", "/v1/disposal-costs"): "budgets:write",
    ("GET", "/v1/coverage"): "reports:read",
    ("GET", "/v1/coverage.svg"): "reports:read",
    ("GET", "/v1/streams"): "reports:read",
    ("GET", "/v1/accounts/{account_id}"): "theirs or balances:read",
    ("GET", "/v1/accounts/{account_id}/balance"): "theirs or balances:read",
    ("GET", "/v1/accounts/{account_id}/statement"): "theirs or statements:read",
    ("POST", "/v1/transfers"): "payer",
    ("GET", "/v1/holds/{hold_id}"): "theirs or transfers:read",
    ("POST", "/v1/holds/{hold_id}/settlement"): "theirs or transfers:book",
    ("GET", "/v1/transfers/{transfer_id}"): "theirs or transfers:read",
    ("GET", "/v1/transfers/groups/{group_id}"): "theirs or transfers:read",
    ("GET", "/v1/money"): "reports:read",
    ("GET", "/v1/money/velocity"): "reports:read",
    ("GET", "/v1/money/kinds"): SIGNED_IN,
    ("POST", "/v1/money/kinds"): "money:write",
    ("POST", "/v1/money/currencies"): "money:write",
    ("POST", "/v1/money/crossings"): "money:write",
    ("GET", "/v1/money/melting"): SIGNED_IN,
    ("GET", "/v1/money/melting/drafts"): "tariffs:read",
    ("POST", "/v1/money/melting/drafts"): "tariffs:draft",
    ("POST", "/v1/money/melting/drafts/{draft_id}/approvals"): "tariffs:approve",
    ("PUT", "/v1/money/spend-rules"): "money:write",
    ("POST", "/v1/money/issues"): "money:issue",
    ("POST", "/v1/money/{currency}/expiry"): "money:issue",
    ("PUT", "/v1/accounts/{account_id}/merchant"): "money:write",
    ("PUT", "/v1/accounts/{account_id}/limits"): "limits:write",
    ("GET", "/v1/accounts/{account_id}/notices"): "theirs or balances:read",
    ("GET", "/v1/notices"): "reports:read",
    ("GET", "/v1/people/{person_id}/accounts"): "own or balances:read",
    ("POST", "/v1/people/{person_id}/accounts"): "people:enrol",
    ("GET", "/v1/recovery"): "reports:read",
    ("POST", "/v1/recovery/end"): "recovery:end",
    ("GET", "/v1/log"): PUBLIC,
    ("GET", "/v1/log/checkpoint"): PUBLIC,
    ("GET", "/v1/log/checkpoints/{size}"): PUBLIC,
    ("GET", "/v1/log/tile/{level}/{name}"): PUBLIC,
    ("GET", "/v1/log/inclusion/{transfer_id}"): PUBLIC,
    ("GET", "/v1/log/consistency"): PUBLIC,
    ("GET", "/v1/people/{person_id}/transfers/{transfer_id}/leaf"): "own or statements:read",
}

# Whoever may do this is signed out by it, and signs in again for what comes after.
SIGNING_OUT = (("DELETE", "/v1/sessions/mine"), ("PUT", "/v1/cards/{number}/pin"))
LAST = ("/v1/people/{person_id}/erasure", "/v1/cards/{number}/block")
# Refusals of what was sent, by somebody who may send it.
OF_THINGS = ("bad_code",)
NOBODYS: Mapping[str, Any] = {}

# A body that passes the schema, so that what is tested is the permission and not the form.
BODIES: dict[str, dict[str, Any]] = {
    "/v1/points": {"name": "New point"},
    "/v1/sessions/staff": {"login": "x", "password": "x"},
    "/v1/sessions/resident": {"number": "1", "pin": "1"},
    "/v1/staff": {
        "login": "new",
        "name": "New",
        "role": "counter_clerk",
        "password": "long enough",
    },
    "/v1/gateways": {"name": "gateway-9", "public_key": "aa" * 32},
    "/v1/counters": {"name": "counter-9"},
    "/v1/sessions/mine/second-factor": {"code": "1"},
    "/v1/people": {},
    "/v1/people/lists": {
        "csv": "name,household,consent_version,consent_on,consent_how\nNew,H,1,2026-01-01,paper\n"
    },
    "/v1/people/{person_id}/household": {"household": "House 12"},
    "/v1/people/{person_id}/consents": {"version": "2026-1", "given_s": 5, "how": "paper"},
    "/v1/people/{person_id}/cards/lost": {"uid": "04aabbce"},
    "/v1/cards/{number}/swap": {"uid": "04aabbcd"},
    "/v1/cards/{number}/pin": {"old_pin": PIN, "pin": PIN},
    "/v1/counters/mine/taps": {"uid": "04aabbcd"},
    "/v1/people/{person_id}/cards": {"uid": "04aabbcc", "pin": "1357"},
    "/v1/card-caps": {"daily_g": 5000},
    "/v1/devices": {"device": "bin-9"},
    "/v1/devices/{device}/keys": {"number": 7},
    "/v1/devices/{device}/assignments": {"point_id": 1, "from_s": 5},
    "/v1/devices/{device}/commands": {"name": "tare"},
    "/v1/devices/{device}/settings": {"values": {"x": None}},
    "/v1/deposits/{device}/{epoch}/{seq}/resolution": {"person_id": None, "reason": "test"},
    "/v1/alerts/end": {"device": "bin-1", "rule": "tamper:lid forced"},
    "/v1/inspections": {"grade": "standard"},
    "/v1/tariffs": {"from_s": 1, "rates": [{"fraction": "organic", "amount_per_kg": 1}]},
    "/v1/compost": {"name": "Mulch"},
    "/v1/compost/{product_id}/price": {"amount_per_kg": 5},
    "/v1/compost/heaps/{heap_id}/discard": {"grams": 5, "reason": "test"},
    "/v1/redemptions": {"product_id": 1, "person_id": 1, "grams": 1},
    "/v1/redemptions/{receipt}/void": {"reason": "test"},
    "/v1/people/{person_id}/orders": {"product_id": 1, "grams": 1},
    "/v1/orders/{order_id}/hand-over": {},
    "/v1/compost/rules": {"name": "order_days", "value": 7},
    "/v1/compost/heaps": {"product_id": 1},
    "/v1/compost/heaps/{heap_id}/inputs": {"material": "organic", "grams": 5},
    "/v1/compost/heaps/{heap_id}/yield": {"grams": 5},
    "/v1/merchants": {"name": "Bakery", "kind": "grocer"},
    "/v1/merchants/{merchant_id}/accounts": {"currency": "credit"},
    "/v1/merchants/{merchant_id}/promises": {"from_s": 1, "until_s": 2, "amount": 3},
    "/v1/people/{person_id}/payments": {"merchant_id": 1, "amount": 1},
    "/v1/payments/{receipt}/void": {"reason": "test"},
    "/v1/people/{person_id}/fee-discounts": {"bill": "1", "bill_amount": 2, "amount": 1},
    "/v1/fee-discounts/{receipt}/void": {"reason": "test"},
    "/v1/settlements/{payee}": {},
    "/v1/settlements/{payee}/{statement_no}/payment": {"reference": "test"},
    "/v1/paper/slips": {
        "kind": "deposit",
        "book": 1,
        "number": 1,
        "card": "1",
        "gross_g": 5,
        "happened_s": 1,
        "fraction": "organic",
    },
    "/v1/paper/slips/{slip_id}/rejection": {"reason": "test"},
    "/v1/load-tickets": {
        "site": "truck",
        "ticket": "T-1",
        "fraction": "organic",
        "gross_g": 5,
        "weighed_s": 1,
    },
    "/v1/budgets": {"from_s": 1, "until_s": 2, "amount": 3},
    "/v1/disposal-costs": {"fraction": "organic", "amount_per_tonne": 5},
    "/v1/holds/{hold_id}/settlement": {"outcome": "void"},
    "/v1/money/kinds": {"code": "shells", "issued_by": "nobody"},
    "/v1/money/currencies": {"code": "hours", "kind": "hours", "member_min": -10},
    "/v1/money/melting/drafts": {"currency": "credit", "way": "expiry", "days": 365},
    "/v1/money/crossings": {
        "one": {"kind": "goods", "code": "pay"},
        "other": {"kind": "waste_credit", "code": "pay"},
    },
    "/v1/money/spend-rules": {"currency": "credit", "merchant_kind": "grocer", "until_s": 5},
    "/v1/money/issues": {"account_id": 424242, "amount": 1},
    "/v1/accounts/{account_id}/merchant": {"kind": None},
    "/v1/accounts/{account_id}/limits": {},
    "/v1/people/{person_id}/accounts": {"currency": "credit"},
    "/v1/recovery/end": {},
    "/v1/people/{person_id}/erasure": {"reason": "asked for"},
    "/v1/uplink": {},
    "/v1/telemetry": {},
}


_read: dict[str, Any] = {}


def document_of(town: Town) -> dict[str, Any]:
    """What the application says of itself: every town's says the same, so it is asked for once."""
    if not _read:
        _read.update(town.client.get("/openapi.json").json())
    return _read


def routes(town: Town) -> dict[tuple[str, str], set[int]]:
    """Every route of the application, with the statuses that it documents."""
    return {
        (method.upper(), path): {int(status) for status in operation["responses"]}
        for path, operations in document_of(town)["paths"].items()
        for method, operation in operations.items()
    }


def call(
    town: Town, client: Any, method: str, path: str, others: Mapping[str, Any] = NOBODYS
) -> Any:
    """Ask a route about things of Amal's, or things that exist once, or about others' things."""
    names: dict[str, Any] = {
        "person_id": town.amal.id,
        "number": town.numbers["amal"],
        "device": "bin-1",
        "epoch": "0" * 16,
        "seq": 1,
        "staff_id": 999,
        "gateway_id": 999,
        "tariff_id": 999,
        "draft_id": 999,
        "product_id": 1,
        "receipt": "R1-01",
        "account_id": town.amal.account_id,
        "transfer_id": 1,
        "group_id": 1,
        "size": 1,
        "level": 0,
        "name": "000",
        "hold_id": 1,
        "order_id": 1,
        "slip_id": 1,
        "merchant_id": 1,
        "payee": "cooperative",
        "statement_no": 1,
        "heap_id": 1,
        "currency": "credit",
        "month": 202611,
        "counter_id": 999,
        "delegation_id": 999,
        **others,
    }
    url = re.sub(r"\{(\w+)\}", lambda found: str(names[found[1]]), path)
    body = None if method in ("GET", "DELETE") else BODIES.get(path)
    body = dict(body) if body is not None else None
    if path == "/v1/transfers":
        ends = {"debit_account_id": town.amal.account_id, "credit_account_id": 424242}
        body = {"legs": [{**ends, "amount": 1}]}
    if path.endswith("/delegates") and method == "POST":
        named = {"number": town.numbers["bassam"], "name": town.bassam.name}
        body = {**named, "scopes": ["balances:read"]}
    if isinstance(body, dict):
        body |= {name: others[name] for name in set(body) & set(others) if name.endswith("_id")}
    return client.request(method, url, json=body, headers={"Idempotency-Key": "k"})


def test_every_route_is_in_the_table_and_in_the_document(small_town: Town) -> None:
    built = {
        (method, route.path.replace(":path}", "}"))
        for route in small_town.client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, APIRoute)
        for method in route.methods
    }

    assert set(routes(small_town)) == set(WHO_MAY)
    assert built <= set(WHO_MAY)


def caller(town: Town, role: str | None) -> Any:
    """Somebody of the staff, Amal herself, a stranger, her delegate, a machine, or nobody.

    The delegate is Bassam, to whom she has lent all that may be lent.
    """
    if role == GATEWAY:
        return TestClient(town.client.app, headers={"Authorization": f"Bearer {town.gateway.key}"})
    if role == COUNTER:
        with town.services.begin() as conn:
            made = counters.create_counter(conn, 1, "desk", now_s=START_S)
        return TestClient(town.client.app, headers={"Authorization": f"Bearer {made.key}"})
    if role == "delegate":
        named = {"number": town.numbers["bassam"], "name": town.bassam.name}
        path = f"/v1/people/{town.amal.id}/delegates"
        lent = town.browser("amal").post(path, json={**named, "scopes": sorted(LENT)})
        assert lent.status_code == 201, lent.text
        return town.browser("bassam")
    return town.browser(role) if role else town.client


@pytest.mark.parametrize("role", [*STAFF, *RESIDENTS, GATEWAY, COUNTER, None])
def test_only_who_may_gets_in(small_town: Town, role: str | None) -> None:
    documented = routes(small_town)
    client = caller(small_town, role)
    # Who is blocked or erased signs in no more, so that comes last of all.
    for (method, path), who in sorted(WHO_MAY.items(), key=lambda row: _last(row[0][1])):
        answer = call(small_town, client, method, path)
        if role in (*STAFF, *RESIDENTS) and (method, path) in SIGNING_OUT:
            client = small_town.browser("bassam" if role == "delegate" else str(role))

        place = f"{role}: {method} {path} -> {answer.status_code} {answer.text[:200]}"
        assert answer.status_code in documented[method, path], place
        assert answer.status_code < 500, place
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", place
        refused = answer.status_code in (401, 403) and answer.json()["code"] not in OF_THINGS
        if path.startswith("/v1/sessions/") and who == PUBLIC:
            assert refused, place  # the name and the number are made up
        else:
            assert refused == (not _may(role, who)), place
        if role in RESIDENTS and who.startswith("theirs or "):
            assert (answer.status_code == 404) == (not _there(role, path)), place


def _last(path: str) -> int:
    """A blocked card signs nobody in, and of whoever is erased little is left to ask for."""
    return 1 + LAST.index(path) if path in LAST else 0


def _may(role: str | None, who: str) -> bool:
    if who == PUBLIC:
        return True
    if who in (GATEWAY, WATCHER, COUNTER) or role in (GATEWAY, COUNTER, None):
        return role == who
    if who == STAFF_ONLY:
        return role in STAFF
    if who == SIGNED_IN:
        return True
    if who == "payer":
        return role == "amal" or (role in STAFF and "transfers:book" in ROLES[STAFF[role]])
    if role in STAFF:
        return who.split()[-1] in ROLES[STAFF[role]]
    own = role == "amal" or (role == "delegate" and who.split()[-1] in LENT)
    return who.startswith("theirs or ") or (who.startswith("own or ") and own)


def _there(role: str, path: str) -> bool:
    """Whether a resident finds what this path names; of receipts, orders and holds there are none.

    A delegate finds a holder's card and account, and a stranger nothing.
    """
    found = "{number}" in path or "{account_id}" in path
    lent = path != "/v1/cards/{number}/pin"
    return found and (role == "amal" or (role == "delegate" and lent))


def test_every_role_of_staff_is_tried_and_none_reaches_only_its_own() -> None:
    assert set(STAFF.values()) == set(STAFF_ROLES) == set(ROLES) - set(REACH_OWN)


# Who alone may do what beside the administrator: written by hand, for the table above is read
# from the roles themselves.
DUTIES = {
    "tariffs:draft": {"municipal_officer"},
    "tariffs:approve": {"municipal_officer", "approver"},
    "budgets:write": {"municipal_officer"},
    "money:issue": {"municipal_officer"},
    "transfers:correct": {"municipal_officer"},
    "deposits:resolve": {"municipal_officer"},
    "settlements:draw": {"cooperative_manager"},
    "settlements:pay": {"municipal_officer"},
    "paper:enter": {"counter_clerk", "cooperative_manager"},
    "paper:confirm": {"cooperative_manager", "municipal_officer"},
    "compost:write": {"cooperative_manager"},
    "devices:write": {"field_technician"},
    "loads:weigh": {"collector"},
    "people:enrol": {"counter_clerk"},
    "people:find": {"counter_clerk", "cooperative_manager"},
    "balances:read": {"counter_clerk", "cooperative_manager", "auditor"},
    "statements:read": {"auditor"},
    "audit:read": {"auditor"},
    "staff:write": set(),
    "gateways:write": set(),
    "money:write": set(),
    "people:export": set(),
    "people:erase": set(),
    "recovery:end": set(),
    "cards:block": {"counter_clerk"},
    "cards:issue": {"counter_clerk"},
    "compost:read": {"cooperative_manager", "counter_clerk", "municipal_officer"},
    "compost:receive": {"cooperative_manager", "counter_clerk"},
    "devices:read": {"auditor", "collector", "field_technician", "municipal_officer"},
    "epochs:confirm": {"field_technician"},
    "fees:discount": {"counter_clerk", "municipal_officer"},
    "grades:read": set(STAFF_ROLES) - {"administrator", "counter_clerk"},
    "grades:write": {"collector", "cooperative_manager", "field_technician", "municipal_officer"},
    "limits:write": {"municipal_officer"},
    "loads:read": {"auditor", "collector", "cooperative_manager", "municipal_officer"},
    "merchants:write": {"municipal_officer"},
    "orders:make": {"cooperative_manager", "counter_clerk"},
    "paper:read": {"auditor", "cooperative_manager", "counter_clerk", "municipal_officer"},
    "payments:make": {"counter_clerk"},
    "records:read": {"auditor", "municipal_officer"},
    "redemptions:make": {"cooperative_manager", "counter_clerk"},
    "reports:read": {"approver", "auditor", "municipal_officer"},
    "settlements:read": {"auditor", "cooperative_manager", "municipal_officer"},
    "statements:print": {"cooperative_manager", "counter_clerk"},
    "tariffs:read": {"approver", "municipal_officer"},
    "transfers:book": {"municipal_officer"},
    "transfers:read": {"auditor", "municipal_officer"},
}
# What may be lent to a delegate, and what beside it is a holder's own alone.
LENT = {"people:find", "balances:read", "statements:read", "cards:block"}
OWN = {"audit:read", "delegates:name", "people:export", "payments:make", "orders:make"} | {
    "fees:discount",
    "pins:change",
}


def test_each_duty_is_with_those_whose_it_is() -> None:
    for scope, roles in DUTIES.items():
        may = {role for role, scopes in STAFF_ROLES.items() if scope in scopes}
        assert may == roles | {"administrator"}, scope
    assert set(DUTIES) == SCOPES
    assert {scope.partition(":")[2] for scope in ROLES["auditor"]} == {"read"}
    assert (ROLES["delegate"], ROLES["resident"]) == (LENT, LENT | OWN)


ABOUT_SOMEBODY = re.compile(r"\{(person_id|number|account_id)\}")


def test_whoever_of_the_staff_reaches_a_person_is_in_their_log(small_town: Town) -> None:
    """By the same table: no route that names somebody is left out."""
    administrator = small_town.browser("administrator")
    unseen = {("PUT", path) for path in MERCHANTS_AND_LIMITS}
    for method, path in sorted(set(WHO_MAY) - unseen, key=lambda row: row[1] == LAST[0]):
        if not ABOUT_SOMEBODY.search(path) or WHO_MAY[method, path] == PUBLIC:
            continue
        before = small_town.services.audit.lines(person_id=small_town.amal.id, limit=1)

        call(small_town, administrator, method, path)

        newest = small_town.services.audit.lines(person_id=small_town.amal.id, limit=1)
        assert newest != before, f"{method} {path} was not noted"
        assert newest[0].actor.role == "administrator"


def test_whoever_of_the_staff_reaches_a_thing_of_a_persons_is_in_their_log(
    small_town: Town,
) -> None:
    """By the same table: where the path names their receipt, order, slip, hold or transfer."""
    administrator, things = small_town.browser("administrator"), things_of_amal(small_town)
    for path in LISTS_OF_PEOPLE:
        before = small_town.services.audit.lines(person_id=small_town.amal.id, limit=1)
        assert administrator.get(path).status_code == 200
        assert small_town.services.audit.lines(person_id=small_town.amal.id, limit=1) != before
    tried = set()
    for method, path in sorted(WHO_MAY):
        named = {name for prefix, name in things if path.startswith(prefix)}
        if not named & set(re.findall(r"\{(\w+)\}", path)):
            continue
        others = {name: thing for (prefix, name), thing in things.items() if prefix in path}
        before = small_town.services.audit.lines(person_id=small_town.amal.id, limit=1)

        call(small_town, administrator, method, path, others)

        newest = small_town.services.audit.lines(person_id=small_town.amal.id, limit=1)
        assert newest != before, f"{method} {path} was not noted"
        assert newest[0].actor.role == "administrator"
        tried.add(next(prefix for prefix, _ in things if path.startswith(prefix)))
    assert tried == {prefix for prefix, _ in things}


def test_what_is_somebodys_is_there_for_them_and_for_no_stranger(small_town: Town) -> None:
    """By the same table, of things that exist: a stranger hears what they hear of none."""
    things = things_of_amal(small_town)
    hers = {name: thing for (_, name), thing in things.items()}
    paid = int(things["/v1/redemptions/", "receipt"][1:].partition("-")[0])
    hers |= {"transfer_id": paid, "group_id": paid}  # of hers alone: the other one paid Bassam
    amal, bassam = small_town.browser("amal"), small_town.browser("bassam")
    for method, path in sorted(WHO_MAY, key=lambda row: (row[0] != "GET", _last(row[1]))):
        if not WHO_MAY[method, path].startswith("theirs or "):
            continue
        others = {**hers, "receipt": things.get(("/v1/redemptions/", "receipt"))}

        stranger, own = (call(small_town, each, method, path, others) for each in (bassam, amal))

        assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found"), path
        assert own.status_code != 404, f"{path} {own.text}"
        if (method, path) in SIGNING_OUT:
            amal = small_town.browser("amal")


LISTS_OF_PEOPLE = ("/v1/people?name=Amal", "/v1/orders", "/v1/fee-discounts", "/v1/paper/slips")


def things_of_amal(town: Town) -> dict[tuple[str, str], Any]:
    """One of each that exists, by how its paths begin and what they call it."""
    assert town.outcome(town.bin.deposit())[0] == "credited"
    ripe_compost(town.services, town.product.id, 1_000, by="staff:1", key="ripe")
    clerk, officer = town.browser("clerk"), town.browser("officer")

    def made(client: Any, path: str, **body: Any) -> Any:
        before = town.services.audit.lines(person_id=town.amal.id, limit=1)
        answer = client.post(path, json=body, headers={"Idempotency-Key": path})
        assert answer.status_code == 201, answer.text
        assert town.services.audit.lines(person_id=town.amal.id, limit=1) != before, path
        return answer.json()

    theirs, product = f"/v1/people/{town.amal.id}", {"product_id": town.product.id, "grams": 100}
    shop = officer.post("/v1/merchants", json={"name": "Bakery", "kind": "grocer"}).json()["id"]
    redeemed = made(clerk, "/v1/redemptions", person_id=town.amal.id, **product)
    paid = made(clerk, f"{theirs}/payments", merchant_id=shop, amount=1)
    bill = made(clerk, f"{theirs}/fee-discounts", bill="1", bill_amount=2, amount=1)
    order = made(clerk, f"{theirs}/orders", **product)
    slip = {"kind": "deposit", "book": 1, "number": 1, "fraction": "organic", "gross_g": 5}
    slip |= {"card": town.numbers["amal"], "happened_s": START_S}
    ends = (town.amal.account_id, town.bassam.account_id)
    leg = {"debit_account_id": ends[0], "credit_account_id": ends[1], "amount": 1}
    group = made(officer, "/v1/transfers", legs=[leg])
    return {
        ("/v1/redemptions/", "receipt"): redeemed["receipt"],
        ("/v1/payments/", "receipt"): paid["receipt"],
        ("/v1/fee-discounts/", "receipt"): bill["receipt"],
        ("/v1/orders/", "order_id"): order["id"],
        ("/v1/paper/", "slip_id"): made(clerk, "/v1/paper/slips", **slip)["id"],
        ("/v1/holds/", "hold_id"): order["id"],
        ("/v1/transfers/groups/", "group_id"): group["group_id"],
        ("/v1/transfers/", "transfer_id"): group["group_id"],
    }


# What a town decides about an account stays in the log without a person's number.
MERCHANTS_AND_LIMITS = ("/v1/accounts/{account_id}/merchant", "/v1/accounts/{account_id}/limits")


def test_a_resident_cannot_find_or_block_anothers_card(small_town: Town) -> None:
    bassam = small_town.browser("bassam")

    stranger = bassam.post(f"/v1/cards/{small_town.numbers['amal']}/block")

    assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")
    amal = small_town.browser("amal")
    assert amal.post(f"/v1/cards/{small_town.numbers['amal']}/block").status_code == 200
    assert amal.get(f"/v1/people/{small_town.amal.id}/cards").json()[0]["state"] == "blocked"


def test_every_problem_is_documented_as_problem_json(small_town: Town) -> None:
    document = document_of(small_town)

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}, (method, path)
    assert {"type", "title", "status", "detail", "code"} == set(
        document["components"]["schemas"]["Problem"]["required"]
    )


def test_an_unknown_page_is_a_problem_too(small_town: Town) -> None:
    answer = small_town.client.get("/v1/nowhere")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_document_says_how_each_caller_is_known(small_town: Town) -> None:
    document = document_of(small_town)
    schemes: dict[str, list[Any]] = {PUBLIC: [], GATEWAY: [{"gateway": []}]}
    schemes[COUNTER] = [{"counter": []}]
    schemes[WATCHER] = [{"metrics": []}]

    for (method, path), who in WHO_MAY.items():
        operation = document["paths"][path][method.lower()]
        assert operation.get("security", []) == schemes.get(who, [{"session": []}]), path
