"""Only who may see, sees; and each refusal is a page in words."""

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from dashboards.app import ROOMS
from tests.backend.village import BASSAM, PIN, Town

OPEN = {"/", "/sign-in", "/staff/sign-in", "/sign-out"}
ALLOWED = {
    "/me": {"amal", "bassam"},
    "/counter": {"clerk", "administrator"},
    "/municipality": {"officer", "administrator"},
}
VISITORS = ("amal", "bassam", "clerk", "officer", "technician", "administrator")


def closed_pages() -> list[APIRoute]:
    routes = [route for room in ROOMS for route in room.router.routes]
    return [r for r in routes if isinstance(r, APIRoute) and r.path not in OPEN]


def address(route: APIRoute, town: Town) -> str:
    return route.path.format(
        device="bin-1",
        epoch="0" * 16,
        seq=1,
        person_id=town.amal.id,
        number="R1-95",
    )


def call(client: TestClient, route: APIRoute, town: Town) -> int:
    (method,) = route.methods
    return client.request(method, address(route, town), follow_redirects=False).status_code


def test_every_closed_page_is_in_a_room_with_a_rule() -> None:
    assert all(any(r.path.startswith(room) for room in ALLOWED) for r in closed_pages())


def test_without_a_sign_in_every_page_leads_to_one(town: Town) -> None:
    stranger = TestClient(town.client.app)
    for route in closed_pages():
        (method,) = route.methods
        answer = stranger.request(method, address(route, town), follow_redirects=False)
        assert answer.status_code == 303, route.path
        assert answer.headers["location"].endswith("/sign-in")


@pytest.mark.parametrize("visitor", VISITORS)
def test_pages_of_another_role_are_refused(town: Town, visitor: str) -> None:
    client = town.browser(visitor)
    for route in closed_pages():
        room = next(room for room in ALLOWED if route.path.startswith(room))
        if visitor in ALLOWED[room]:
            continue
        assert call(client, route, town) in (303, 403), (visitor, route.path)


def test_somebody_elses_deposit_is_not_found(town: Town) -> None:
    town.outcome(town.bin.deposit(uid=BASSAM))
    path = f"/me/deposits/{town.bin.device}/{town.bin.epoch}/1"

    assert town.browser("bassam").get(path).status_code == 200
    assert town.browser("amal").get(path).status_code == 404


def test_a_list_shows_ones_own_deposits_alone(town: Town) -> None:
    town.outcome(town.bin.deposit(uid=BASSAM, net_g=4321, after_g=14_321))

    assert "4.32" in town.browser("bassam").get("/me").text
    assert "4.32" not in town.browser("amal").get("/me").text


def test_every_page_forbids_what_is_not_from_here(town: Town) -> None:
    answer = town.client.get("/")

    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_wrong_pin_is_refused_in_words_and_too_many_lock(town: Town) -> None:
    wrong = {"number": town.numbers["amal"], "pin": "0000"}
    first = town.client.post("/sign-in?lang=en", data=wrong)
    for _ in range(4):
        town.client.post("/sign-in?lang=en", data=wrong)
    right = {"number": town.numbers["amal"], "pin": PIN}
    locked = town.client.post("/sign-in?lang=en", data=right)

    assert first.status_code == 401
    assert "Please try again" in first.text
    assert locked.status_code == 429
    assert "Please wait 15 minutes" in locked.text


def test_a_form_from_another_site_is_refused(town: Town) -> None:
    answer = town.browser("clerk").post(
        "/counter", data={"card": "1"}, headers={"sec-fetch-site": "cross-site"}
    )

    assert answer.status_code == 403


def test_signing_out_ends_the_session(town: Town) -> None:
    client = town.browser("amal")
    client.post("/sign-out")

    assert client.get("/me", follow_redirects=False).status_code == 303


def test_a_person_who_left_sees_nothing_more(town: Town) -> None:
    client = town.browser("clerk")
    town.browser("administrator").delete(f"/v1/staff/{town.staff['clerk'].id}")

    assert client.get("/counter", follow_redirects=False).status_code == 303


def test_a_real_town_is_not_called_synthetic(town: Town) -> None:
    assert 'class="synthetic"' not in town.client.get("/").text
