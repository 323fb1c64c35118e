"""One-time codes: the standard's own values, once each, and a way back without the telephone."""

from base64 import b32decode

import pytest
from fastapi.testclient import TestClient

from backend.access import second_factor
from tests.backend.village import PASSWORD, Town

# RFC 6238, appendix B, SHA-1: eight digits, of which an app shows the last six.
VECTORS = [
    (59, "94287082"),
    (1_111_111_109, "07081804"),
    (1_111_111_111, "14050471"),
    (1_234_567_890, "89005924"),
    (2_000_000_000, "69279037"),
    (20_000_000_000, "65353130"),
]


@pytest.mark.parametrize(("at_s", "digits"), VECTORS)
def test_codes_are_those_of_the_standard(at_s: int, digits: str) -> None:
    made = second_factor.codes(b"12345678901234567890").generate(at_s)

    assert made.decode() == digits[-6:]


def code_at(secret: str, at_s: int) -> str:
    return second_factor.codes(b32decode(secret)).generate(at_s).decode()


def sign_in(town: Town, code: str = "") -> tuple[int, str]:
    body = {"login": "clerk", "password": PASSWORD, "code": code}
    answer = TestClient(town.client.app).post("/v1/sessions/staff", json=body)
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture
def asked(town: Town) -> tuple[Town, str, list[str]]:
    """The clerk is asked for codes: with the secret, and the recovery codes."""
    clerk = town.browser("clerk")
    started = clerk.post("/v1/sessions/mine/second-factor").json()
    assert "otpauth://totp/Farz:clerk?" in started["uri"]
    code = code_at(started["secret"], town.clock.now_s)
    confirmed = clerk.put("/v1/sessions/mine/second-factor", json={"code": code})
    assert confirmed.status_code == 200, confirmed.text
    town.clock.now_s += 60
    return town, started["secret"], confirmed.json()["recovery_codes"]


def test_nobody_is_asked_before_a_code_was_right(town: Town) -> None:
    clerk = town.browser("clerk")
    clerk.post("/v1/sessions/mine/second-factor")

    wrong = clerk.put("/v1/sessions/mine/second-factor", json={"code": "12345"})

    assert (wrong.status_code, wrong.json()["code"]) == (401, "bad_code")
    assert sign_in(town)[0] == 200


def test_a_code_opens_once(asked: tuple[Town, str, list[str]]) -> None:
    town, secret, _codes = asked
    code = code_at(secret, town.clock.now_s)

    assert sign_in(town) == (401, "code_needed")
    assert sign_in(town, code) == (200, "")
    assert sign_in(town, code) == (401, "bad_code")


def test_a_clock_may_be_a_step_off_and_no_more(asked: tuple[Town, str, list[str]]) -> None:
    town, secret, _codes = asked
    now_s = town.clock.now_s

    assert sign_in(town, code_at(secret, now_s + 60)) == (401, "bad_code")
    assert sign_in(town, code_at(secret, now_s - 60)) == (401, "bad_code")
    assert sign_in(town, code_at(secret, now_s - 30)) == (200, "")
    assert sign_in(town, code_at(secret, now_s + 30)) == (200, "")


def test_a_recovery_code_opens_once_in_place_of_the_telephone(
    asked: tuple[Town, str, list[str]],
) -> None:
    town, _secret, codes = asked

    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert sign_in(town, codes[0]) == (200, "")
    assert sign_in(town, codes[0]) == (401, "bad_code")
    assert sign_in(town, codes[1].upper()) == (200, "")


def test_wrong_codes_lock_like_wrong_passwords(asked: tuple[Town, str, list[str]]) -> None:
    town, secret, _codes = asked
    answers = [sign_in(town, "000000")[0] for _ in range(6)]

    assert answers == [401] * 5 + [429]
    assert sign_in(town, code_at(secret, town.clock.now_s))[0] == 429


def test_an_administrator_ends_it_for_a_colleague(asked: tuple[Town, str, list[str]]) -> None:
    town, _secret, codes = asked
    path = f"/v1/staff/{town.staff['clerk'].id}/second-factor"

    assert town.browser("administrator").delete(path).status_code == 204

    assert sign_in(town) == (200, "")
    again = town.browser("clerk").post("/v1/sessions/mine/second-factor")
    assert again.status_code == 201
    assert sign_in(town, codes[2]) == (200, "")  # nobody is asked: what is sent is not looked at
    town.clock.now_s += 60
    code = code_at(again.json()["secret"], town.clock.now_s)
    town.browser("clerk").put("/v1/sessions/mine/second-factor", json={"code": code})
    assert sign_in(town, codes[2]) == (401, "bad_code"), "the codes of before open nothing"


def test_it_is_not_replaced_while_it_holds(asked: tuple[Town, str, list[str]]) -> None:
    town, secret, _codes = asked
    client = TestClient(town.client.app)
    body = {"login": "clerk", "password": PASSWORD, "code": code_at(secret, town.clock.now_s)}
    client.post("/v1/sessions/staff", json=body)

    assert client.post("/v1/sessions/mine/second-factor").status_code == 409


def test_residents_have_none(small_town: Town) -> None:
    answer = small_town.browser("amal").post("/v1/sessions/mine/second-factor")

    assert answer.status_code == 403
