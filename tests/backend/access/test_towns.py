"""A second town in the same database: nothing of it is seen, changed or signed in to from here.

Every route of the table in `test_routes` is asked, as each role, for things that only the
neighbours have; afterwards every row of theirs is what it was.
"""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from backend import tables as t
from backend.access import counters
from backend.access import service as access
from backend.access.dependencies import COOKIE
from backend.cards import service as cards
from backend.compost import service as compost
from backend.devices import service as devices
from backend.people import service as people
from backend.tariffs import service as tariffs
from backend.towns import service as towns
from tests.backend.access.test_routes import COUNTER, GATEWAY, PUBLIC, WATCHER, WHO_MAY, call
from tests.backend.village import PASSWORD, PIN, START_S, Town, new_gateway

THEIRS = 2
SECRET = "Zahra of the neighbours"
FAR = 900  # added to their small numbers, so that no number of ours is the same


@dataclass(frozen=True)
class Neighbours:
    """What they have that this town has not, by the names that paths and bodies give it."""

    names: dict[str, Any]
    staff_id: int
    gateway_key: str
    counter_key: str


def found_neighbours(town: Town) -> Neighbours:
    services, since_s = town.services, START_S - 1000
    with services.begin() as conn:
        towns.found(conn, THEIRS, SECRET, now_s=since_s)
        zahra = people.enrol(conn, THEIRS, SECRET, now_s=since_s)
        given = {"person_id": zahra.id, "uid": b"\x04\x0f\x0e\x0d", "pin": PIN}
        card = cards.issue(
            conn, services.vault, THEIRS, **given, decided_by="staff:1", from_s=since_s
        )
        devices.provision(conn, services.vault, THEIRS, "bin-far", from_s=since_s)
        point = towns.add_point(conn, THEIRS, SECRET, now_s=since_s)
        product = compost.create_product(conn, THEIRS, SECRET, now_s=since_s)
        counter = counters.create_counter(conn, THEIRS, "far", now_s=since_s)
        for _ in range(3):
            drafted = {"from_s": since_s, "drafted_by": SECRET, "now_s": since_s}
            tariff = tariffs.draft(conn, THEIRS, {"organic": 25}, **drafted)
        person = {"login": "clerk", "name": SECRET, "role": "administrator"}
        staff = access.create_staff(conn, THEIRS, **person, password=PASSWORD, now_s=since_s)
    gateway = new_gateway(services, town.client, town.clock, "gateway-far", THEIRS)
    far = (t.staff, t.gateway, t.point, t.product, counters.t.counter)
    with services.begin() as conn:
        for table in far:
            theirs = update(table).where(table.c.ledger_id == THEIRS)
            conn.execute(theirs.values(id=table.c.id + FAR))
    names = {
        "person_id": zahra.id,
        "account_id": zahra.account_id,
        "number": card.number,
        "device": "bin-far",
        "point_id": point.id + FAR,
        "product_id": product.id + FAR,
        "tariff_id": tariff.id,
        "staff_id": staff.id + FAR,
        "gateway_id": 1 + FAR,
        "counter_id": counter.id + FAR,
        "delegate_id": zahra.id,
    }
    return Neighbours(names, staff.id + FAR, gateway.key, counter.key)


def rows_of(town: Town, ledger_id: int) -> dict[str, list[Any]]:
    with town.services.read() as conn:
        return {
            table.name: conn.execute(
                select(table)
                .where(table.c.ledger_id == ledger_id)
                .order_by(*table.primary_key.columns)
            ).all()
            for table in t.metadata.sorted_tables
        }


@pytest.mark.parametrize("role", ["administrator", "clerk", "auditor", "amal"])
def test_no_route_reaches_the_neighbours(small_town: Town, role: str) -> None:
    theirs = found_neighbours(small_town)
    before = rows_of(small_town, THEIRS)
    client = small_town.browser(role)
    found = []
    for method, path in sorted(WHO_MAY):
        if path == "/v1/sessions/mine" and method == "DELETE":
            continue  # would end what comes after

        answer = call(small_town, client, method, path, theirs.names)

        place = f"{role}: {method} {path} -> {answer.status_code} {answer.text[:200]}"
        assert SECRET not in answer.text, place
        if set(re.findall(r"\{(\w+)\}", path)) & set(theirs.names) and answer.status_code < 400:
            found.append(place)
    assert found == []
    assert rows_of(small_town, THEIRS) == before


def test_the_neighbours_sessions_and_keys_open_nothing_here(town: Town) -> None:
    theirs = found_neighbours(town)
    services, now_s = town.services, town.clock.now_s
    far = {"staff": theirs.staff_id, "resident": theirs.names["person_id"]}
    for kind, subject_id in far.items():
        client = TestClient(town.client.app)
        client.cookies[COOKIE] = services.sessions.open(THEIRS, kind, subject_id, now_s, 12)
        for (method, path), who in sorted(WHO_MAY.items()):
            if who not in (PUBLIC, GATEWAY, WATCHER, COUNTER):
                answer = call(town, client, method, path)
                assert answer.status_code == 401, f"{kind}: {method} {path}"
    for kind, subject_id in {"staff": town.staff["clerk"].id, "resident": town.amal.id}.items():
        client = TestClient(town.client.app)  # somebody of theirs with the number of one of ours
        client.cookies[COOKIE] = services.sessions.open(THEIRS, kind, subject_id, now_s, 12)
        assert client.get("/v1/sessions/mine").status_code == 401, kind
    for kind, subject_id in far.items():
        client = TestClient(town.client.app)  # a session of ours whose number is theirs alone
        client.cookies[COOKIE] = services.sessions.open(1, kind, subject_id, now_s, 12)
        assert client.get("/v1/sessions/mine").status_code == 401, kind
    keys = {GATEWAY: theirs.gateway_key, COUNTER: theirs.counter_key}
    for (method, path), who in WHO_MAY.items():
        if who in keys:
            headers = {"Authorization": f"Bearer {keys[who]}"}
            body = {"uid": "040f0e0d"} if who == COUNTER else {}
            answer = town.client.request(method, path, json=body, headers=headers)
            assert answer.status_code == 401, path


def test_the_same_login_and_number_are_those_of_this_town(town: Town) -> None:
    theirs = found_neighbours(town)
    client = TestClient(town.client.app)
    body = {"number": theirs.names["number"], "pin": PIN}

    assert client.post("/v1/sessions/resident", json=body).status_code == 401
    answer = client.post("/v1/sessions/staff", json={"login": "clerk", "password": PASSWORD})
    assert (answer.json()["name"], answer.json()["role"]) == ("clerk", "counter_clerk")
