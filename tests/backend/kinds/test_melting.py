"""A rule of melting over HTTP: drafted by one, signed by two, run by housekeeping, told."""

from typing import Any

import pytest

from backend.errors import Conflict
from backend.housekeeping import melt_credit
from backend.kinds import melting
from backend.ledger.melt_terms import DAY_S
from tests.backend.kinds.test_kinds import right
from tests.backend.village import START_S, Town, _hire

YEARLESS = {"currency": "credit", "way": "expiry", "days": 30}


def drafted(town: Town, **body: Any) -> int:
    answer = town.browser("officer").post("/v1/money/melting/drafts", json=YEARLESS | body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def sign(town: Town, role: str, draft_id: int) -> Any:
    if role == "approver-2" and role not in town.staff:
        with town.services.begin() as conn:
            town.staff[role] = _hire(conn, role, "approver")
    return town.browser(role).post(f"/v1/money/melting/drafts/{draft_id}/approvals")


def in_force(town: Town, **body: Any) -> None:
    draft_id = drafted(town, **body)
    for role in ("approver", "approver-2"):
        assert sign(town, role, draft_id).status_code == 200


def test_a_rule_is_in_force_once_two_others_signed_it(town: Town) -> None:
    draft_id = drafted(town)
    rules = "/v1/money/melting"

    own = sign(town, "officer", draft_id)
    first = sign(town, "approver", draft_id)
    again = sign(town, "approver", draft_id)
    before = town.browser("amal").get(rules).json()
    second = sign(town, "approver-2", draft_id)
    third = sign(town, "approver-2", draft_id)

    codes = [each.status_code for each in (own, first, again, second, third)]
    assert codes == [409, 200, 409, 200, 409]
    assert before == []
    assert town.browser("amal").get(rules).json() == [
        {
            "currency": "credit",
            "melting": {"way": "expiry", "days": 30, "basis_points": 0, "free_amount": 0},
            "from_s": START_S,
        }
    ]
    assert len(town.browser("officer").get(f"{rules}/drafts").json()[0]["approved_by"]) == 2


def test_housekeeping_melts_what_is_due_and_the_statement_says_so(town: Town) -> None:
    in_force(town)
    town.outcome(town.bin.deposit())
    had = town.balance(town.amal)
    town.clock.now_s += 32 * DAY_S

    melt_credit(town.services)
    melt_credit(town.services)

    path = f"/v1/accounts/{town.amal.account_id}/statement"
    line = town.browser("amal").get(path).json()[0]
    assert had > 0 == town.balance(town.amal)
    assert (line["code"], line["amount"]) == ("expire", -had)
    money = town.browser("officer").get("/v1/money").json()["supply"][0]
    assert (money["issued"], money["melted"], money["retired"]) == (had, had, 0)
    assert money["outstanding"] == 0
    assert right(town)


def test_a_draft_that_another_rule_overtook_is_drafted_anew(small_town: Town) -> None:
    old = drafted(small_town, days=90)
    small_town.clock.now_s += 60
    in_force(small_town)

    assert sign(small_town, "approver", old).status_code == 409


def test_the_second_place_is_signed_once(small_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    draft_id = drafted(small_town)
    sign(small_town, "approver", draft_id)
    with small_town.services.read() as conn:
        seen = melting.drafts(conn, 1)[0]
    sign(small_town, "approver-2", draft_id)
    with small_town.services.begin() as conn:
        late = _hire(conn, "approver-3", "approver")
    monkeypatch.setattr(melting, "_check", lambda *_: None)
    monkeypatch.setattr(melting, "_draft", lambda *_: seen)

    with pytest.raises(Conflict, match="somebody else just now"):
        melting.approve(small_town.services, draft_id, staff_id=late.id)

    with small_town.services.read() as conn:
        assert len(melting.in_force(conn, 1)) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"days": 0}, 422),
        ({"basis_points": 5}, 422),
        ({"way": "both"}, 422),
        ({"way": "demurrage"}, 422),
        ({"way": "demurrage", "days": 0, "basis_points": 10_001}, 422),
        ({"currency": "hours"}, 404),
    ],
)
def test_what_is_no_rule_is_not_drafted(
    small_town: Town, body: dict[str, Any], status: int
) -> None:
    answer = small_town.browser("officer").post("/v1/money/melting/drafts", json=YEARLESS | body)

    assert answer.status_code == status, answer.text
