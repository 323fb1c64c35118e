"""Signing in: what is kept, how long it lasts, when it is refused."""

import re
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher, Type
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from backend import db
from backend.access import passwords, signing_in, tries
from backend.access import service as access
from backend.access import tables as t
from backend.access.dependencies import COOKIE
from backend.access.sessions import BUCKETS, bucket
from backend.access.signing_in import From
from backend.access.tries import ADDRESS_LIMIT, DAY_S, LIMIT, NAME_LIMIT, WINDOW_S
from backend.cards import service as cards
from backend.errors import BadLogin, LockedOut, UnknownRole, WeakPassword
from backend.vault import Vault
from tests.backend.village import PASSWORD, PIN, START_S, Town


def wrong_pin(town: Town, number: str, address: str = "10.0.0.1") -> None:
    with pytest.raises(BadLogin):
        signing_in.resident(town.services, number, "0000", From(address))


def test_a_session_cookie_is_out_of_scripts_reach(small_town: Town) -> None:
    body = {"login": "clerk", "password": PASSWORD}

    answer = small_town.client.post("/v1/sessions/staff", json=body)

    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=43200" in cookie


def test_a_session_is_kept_as_a_hash(town: Town) -> None:
    client = town.browser("clerk")
    token = client.cookies[COOKIE]

    engine = town.services.sessions._engine
    with db.read(engine) as conn:
        kept = conn.scalars(select(t.session.c.token_hash)).all()

    assert len(kept) == 1
    assert token.encode() not in kept[0]


def test_a_session_ends_at_its_hour(town: Town) -> None:
    client = town.browser("amal")
    town.clock.now_s += 12 * 3600

    assert client.get("/v1/sessions/mine").status_code == 401


def test_signing_out_ends_the_session(small_town: Town) -> None:
    client = small_town.browser("clerk")
    token = client.cookies[COOKIE]

    client.delete("/v1/sessions/mine")

    assert signing_in.who_is(small_town.services, token) is None


def test_staff_who_left_are_out_at_once(town: Town) -> None:
    clerk, administrator = town.browser("clerk"), town.browser("administrator")
    with pytest.raises(BadLogin):
        signing_in.staff(town.services, "clerk", PASSWORD.upper(), From("10.0.0.1"))

    administrator.delete(f"/v1/staff/{town.staff['clerk'].id}")

    assert clerk.get("/v1/compost").status_code == 401
    with pytest.raises(BadLogin):
        signing_in.staff(town.services, "clerk", PASSWORD, From("10.0.0.1"))


def test_the_last_administrator_stays(small_town: Town) -> None:
    administrator, own = small_town.browser("administrator"), small_town.staff["administrator"].id

    answer = administrator.delete(f"/v1/staff/{own}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    body = {"login": "second", "name": "S", "role": "administrator", "password": PASSWORD}
    assert administrator.post("/v1/staff", json=body).status_code == 201

    assert administrator.delete(f"/v1/staff/{own}").status_code == 204


def test_another_password_ends_what_was_open_with_the_old_one(small_town: Town) -> None:
    clerk, services = small_town.browser("clerk"), small_town.services
    with services.begin() as conn:
        who = access.by_login(conn, 1, "clerk")
        access.set_password(conn, services.sessions, 1, who, "another one for the clerk")

    assert clerk.get("/v1/compost").status_code == 401
    with pytest.raises(BadLogin):
        signing_in.staff(services, "clerk", PASSWORD, From("10.0.0.1"))
    assert signing_in.staff(services, "clerk", "another one for the clerk", From("10.0.0.1"))


def test_card_number_may_be_typed_with_blanks(small_town: Town) -> None:
    number = small_town.numbers["amal"]

    made = signing_in.resident(
        small_town.services, f"{number[:4]} {number[4:]}", PIN, From("10.0.0.1")
    )

    assert made.who.id == small_town.amal.id


def test_many_wrong_pins_lock_the_card_there_also_for_the_right_one(town: Town) -> None:
    number = town.numbers["amal"]
    for _ in range(LIMIT):
        wrong_pin(town, number)

    with pytest.raises(LockedOut) as locked:
        signing_in.resident(town.services, number, PIN, From("10.0.0.1"))

    assert locked.value.retry_after_s == WINDOW_S
    assert signing_in.resident(town.services, number, PIN, From("10.0.0.2")).token
    town.clock.now_s += WINDOW_S
    assert signing_in.resident(town.services, number, PIN, From("10.0.0.1")).token


def try_from_everywhere(town: Town, number: str) -> None:
    """A stranger with many addresses uses up what a name is allowed in a day."""
    for n in range(NAME_LIMIT):
        wrong_pin(town, number, f"10.9.{n}.1")


def test_a_stranger_cannot_lock_out_a_browser_that_is_known(town: Town) -> None:
    number = town.numbers["amal"]
    known = signing_in.resident(town.services, number, PIN, From("10.0.0.1")).known
    try_from_everywhere(town, number)

    with pytest.raises(LockedOut) as locked:
        signing_in.resident(town.services, number, PIN, From("10.0.0.2"))

    assert locked.value.retry_after_s == DAY_S
    assert signing_in.resident(town.services, number, PIN, From("10.0.0.2", known)).token


def test_a_browser_that_is_known_is_counted_by_itself(small_town: Town) -> None:
    number = small_town.numbers["amal"]
    known = signing_in.resident(small_town.services, number, PIN, From("10.0.0.1")).known
    for _ in range(LIMIT):
        with pytest.raises(BadLogin):
            signing_in.resident(small_town.services, number, "0000", From("10.0.0.1", known))

    with pytest.raises(LockedOut):
        signing_in.resident(small_town.services, number, PIN, From("10.0.0.1", known))

    assert signing_in.resident(small_town.services, number, PIN, From("10.0.0.1")).token


def test_a_browser_is_known_for_the_names_that_signed_in_there_alone(small_town: Town) -> None:
    services, place = small_town.services, From("10.0.0.1")
    amal = signing_in.resident(services, small_town.numbers["amal"], PIN, place).known
    number = small_town.numbers["bassam"]
    try_from_everywhere(small_town, number)

    for known in (amal, amal[:-1], "forged.mark", "~~", "x" * 4000):
        with pytest.raises(LockedOut):
            signing_in.resident(services, number, PIN, From("10.0.0.3", known))


def test_a_family_shares_a_browser(small_town: Town) -> None:
    services, known = small_town.services, ""
    for name in ("amal", "bassam"):
        number = small_town.numbers[name]
        known = signing_in.resident(services, number, PIN, From("10.0.0.1", known)).known
    try_from_everywhere(small_town, small_town.numbers["amal"])

    place = From("10.0.0.5", known)
    assert signing_in.resident(services, small_town.numbers["amal"], PIN, place).known == known


@given(st.text(max_size=40))
def test_made_up_names_are_counted_in_a_bounded_space(name: str) -> None:
    count = tries.counts(Vault(b"v" * 32), name, name, name)[0]

    assert re.fullmatch("[0-9a-f]{5}", bucket(count.name))
    assert BUCKETS == 16**5


def test_tries_are_forgotten_when_their_day_is_over(town: Town) -> None:
    wrong_pin(town, town.numbers["amal"])
    engine = town.services.sessions._engine

    def kept() -> int:
        with db.read(engine) as conn:
            return len(conn.execute(select(t.wrong_try)).all())

    assert kept() == 3
    town.services.sessions.forget(town.clock.now_s + DAY_S)
    assert kept() == 3
    town.services.sessions.forget(town.clock.now_s + DAY_S + 1)
    assert kept() == 0


@pytest.mark.parametrize(
    ("address", "subscriber"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_is_what_one_subscriber_has(address: str, subscriber: str) -> None:
    assert tries.network(address) == subscriber


def test_a_locked_card_answers_429_with_retry_after(small_town: Town) -> None:
    body = {"number": small_town.numbers["amal"], "pin": "0000"}
    codes = [
        small_town.client.post("/v1/sessions/resident", json=body).status_code
        for _ in range(LIMIT + 1)
    ]

    assert codes == [401] * LIMIT + [429]
    answer = small_town.client.post("/v1/sessions/resident", json=body)
    assert answer.headers["retry-after"] == str(WINDOW_S)


def test_the_right_pin_washes_a_name_but_not_an_address_clean(small_town: Town) -> None:
    for number in range(ADDRESS_LIMIT - 1):
        wrong_pin(small_town, f"{number:08d}")
    signing_in.resident(small_town.services, small_town.numbers["amal"], PIN, From("10.0.0.1"))
    wrong_pin(small_town, "99999999")

    with pytest.raises(LockedOut):
        signing_in.resident(
            small_town.services, small_town.numbers["bassam"], PIN, From("10.0.0.1")
        )


def test_one_persons_tries_do_not_lock_another(small_town: Town) -> None:
    for _ in range(LIMIT):
        wrong_pin(small_town, small_town.numbers["amal"])

    assert signing_in.resident(
        small_town.services, small_town.numbers["bassam"], PIN, From("10.0.0.9")
    ).token


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_form_is_refused(small_town: Town, headers: dict[str, str]) -> None:
    clerk = small_town.browser("clerk")

    answer = clerk.post("/v1/people", json={}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}, {}],
)
def test_our_own_form_is_taken(small_town: Town, headers: dict[str, str]) -> None:
    clerk = small_town.browser("clerk")

    answer = clerk.post("/v1/people", json={}, headers=headers)

    assert answer.status_code == 201


def test_short_passwords_and_unknown_roles_are_refused_in_words(small_town: Town) -> None:
    given = {"login": "new", "name": "New", "now_s": START_S}
    with small_town.services.begin() as conn:
        with pytest.raises(WeakPassword, match="10 characters"):
            access.create_staff(conn, 1, role="counter_clerk", password="short", **given)
        with pytest.raises(UnknownRole, match="administrator"):
            access.create_staff(conn, 1, role="king", password=PASSWORD, **given)


def test_a_blocked_card_signs_nobody_in(small_town: Town) -> None:
    number = small_town.numbers["amal"]
    with small_town.services.begin() as conn:
        cards.block(conn, 1, number, decided_by="clerk", from_s=small_town.clock.now_s)

    with pytest.raises(BadLogin, match="blocked"):
        signing_in.resident(small_town.services, number, PIN, From("10.0.0.1"))


def test_a_name_that_is_made_up_takes_as_long_as_a_wrong_secret(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = passwords._hasher.verify
    asked: list[str] = []

    def counted(stored: str, given: str) -> bool:
        asked.append(given)
        return verify(stored, given)

    monkeypatch.setattr(passwords, "_hasher", SimpleNamespace(verify=counted))
    with pytest.raises(BadLogin):
        signing_in.staff(small_town.services, "nobody", "a guess", From("10.0.0.1"))
    with pytest.raises(BadLogin):
        signing_in.resident(small_town.services, "99999999", "1357", From("10.0.0.1"))

    assert asked == ["a guess", "1357"]


def test_passwords_cost_whoever_guesses_what_owasp_asks(quick_hashes: PasswordHasher) -> None:
    # https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
    assert (quick_hashes.memory_cost, quick_hashes.time_cost) == (19 * 1024, 2)
    assert quick_hashes.type is Type.ID
