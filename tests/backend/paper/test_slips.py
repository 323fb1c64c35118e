"""A slip of paper is booked once, with two people's signatures, at the rates of its own day."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select

from backend.deposits.service import body_of
from backend.ledger.erasure import Opener
from backend.ledger.tables import record
from backend.ledger.verify import verify
from backend.paper import booking
from backend.paper import service as paper
from backend.proofs.audit import audit
from farz.founding import ripe_compost
from firmware import contract
from tests.backend.village import START_S, Town

SLIPS = "/v1/paper/slips"


def is_right(town: Town) -> bool:
    with town.services.read() as conn:
        report = verify(conn, 1)
        audit(conn, 1, report, town.services.vault)
    assert report.problems == []
    return True


def slip(town: Town, role: str = "clerk", **changes: Any) -> Any:
    body = {
        "kind": "deposit",
        "book": 3,
        "number": 17,
        "card": town.numbers["amal"],
        "gross_g": 4_500,
        "tare_g": 500,
        "happened_s": START_S - 100,
        "fraction": "organic",
    } | changes
    return town.browser(role).post("/v1/paper/slips", json=body)


def redemption(town: Town, **changes: Any) -> Any:
    body = {"kind": "redemption", "fraction": None, "product_id": town.product.id}
    return slip(town, **(body | {"gross_g": 1_000, "tare_g": 0} | changes))


def confirm(town: Town, slip_id: int, role: str = "manager") -> Any:
    return town.browser(role).post(f"/v1/paper/slips/{slip_id}/confirmation")


def reject(town: Town, slip_id: int, role: str = "manager") -> Any:
    url = f"/v1/paper/slips/{slip_id}/rejection"
    return town.browser(role).post(url, json={"reason": "the year is wrong"})


def signed_bytes(town: Town) -> Any:
    """What the desk signed, of the town's one record."""
    with town.services.read() as conn:
        row = conn.execute(select(record)).one()
        sealed = row.sealed_for is not None
        return body_of(Opener(conn, 1, town.services.vault).open(row) if sealed else row.jws)


def test_a_deposit_on_paper_is_booked_once_with_two_signatures(town: Town) -> None:
    made = slip(town).json()
    assert (made["state"], made["outcome"], town.balance(town.amal)) == ("waiting", None, 0)

    first, again = confirm(town, made["id"]), confirm(town, made["id"], "officer")

    assert (first.json()["outcome"], first.json()["amount"]) == ("credited", 100)
    assert again.json() == first.json()
    assert town.balance(town.amal) == 100
    body = signed_bytes(town)
    assert [body[f"{did}_by"] for did in ("entered", "confirmed")] == [
        town.staff[login].signature for login in ("clerk", "manager")
    ]
    entered = {name: value for name, value in made["facts"].items() if name != "note"}
    entered |= {name: made[name] for name in ("entered_by", "entered_s")}
    digest = sha256(json.dumps(entered, sort_keys=True).encode()).digest()
    assert body["prev"] == contract.hash8(digest), "the second signature commits to the first's"
    own = town.browser("amal").get(f"/v1/people/{town.amal.id}/deposits").json()
    assert [(each["device"], each["net_g"], each["basis"]) for each in own] == [
        ("paper-desk", 4_000, "paper")
    ]
    known = town.browser("technician").get("/v1/devices").json()
    assert [each["id"] for each in known] == ["bin-1"], "the desk is no bin"
    figures = town.services.metrics.text().decode()
    assert 'farz_devices{state="never_seen"} 1.0' in figures
    assert "farz_journal_missing 0.0" in figures, (
        "a book of slips has no gaps that a bin could fill"
    )
    assert is_right(town)


def test_nobody_signs_what_they_have_entered(small_town: Town) -> None:
    made = slip(small_town, "administrator").json()

    answer = confirm(small_town, made["id"], "administrator")

    assert (answer.status_code, answer.json()["code"]) == (409, "same_approver")
    assert small_town.balance(small_town.amal) == 0
    assert confirm(small_town, made["id"], "clerk").status_code == 403
    assert confirm(small_town, made["id"], "officer").json()["outcome"] == "credited"


def test_a_slip_number_is_entered_once_unless_it_was_rejected(town: Town) -> None:
    made = slip(town).json()
    twice = slip(town, gross_g=9_000)
    rejected = town.browser("manager").post(
        f"/v1/paper/slips/{made['id']}/rejection", json={"reason": "4,500 was 1,500"}
    )
    anew = slip(town, gross_g=1_500).json()

    assert (twice.status_code, twice.json()["code"]) == (409, "taken")
    assert rejected.json()["state"] == "rejected"
    assert confirm(town, made["id"]).status_code == 409
    assert confirm(town, anew["id"]).json()["amount"] == 25
    assert slip(town).status_code == 409
    assert is_right(town)


def test_confirmed_by_many_at_once_it_is_booked_once(town: Town) -> None:
    made = slip(town).json()
    clients = [town.browser("manager"), town.browser("officer"), town.browser("administrator")]
    url = f"/v1/paper/slips/{made['id']}/confirmation"

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda client: client.post(url), clients))

    assert {each.status_code for each in answers} == {200}
    assert town.balance(town.amal) == 100
    assert is_right(town)


def test_paper_waits_for_budget_like_any_deposit(small_town: Town) -> None:
    period = {"from_s": START_S - 500, "until_s": START_S + 10_000, "amount": 10}
    small_town.browser("officer").put("/v1/budgets", json=period)

    made = confirm(small_town, slip(small_town).json()["id"]).json()

    assert (made["outcome"], made["amount"]) == ("queued", 100)
    own = small_town.browser("amal").get(f"/v1/people/{small_town.amal.id}/claims").json()
    assert own["waiting_amount"] == 100


def test_a_redemption_on_paper_is_booked_once(town: Town) -> None:
    confirm(town, slip(town).json()["id"])
    ripe_compost(town.services, town.product.id, 5_000, by="staff:1", key="one")
    made = redemption(town, number=18).json()

    first, again = confirm(town, made["id"]), confirm(town, made["id"], "officer")

    assert first.status_code == 200, first.text
    assert first.json()["outcome"] == "handed_over"
    assert again.json() == first.json()
    assert (town.balance(town.amal), town.stock()) == (70, 4_000)
    with town.services.read() as conn:
        known = paper.slip(conn, 1, made["id"])
    booking.redemption(town.services, known)  # a colleague was as quick
    assert (town.balance(town.amal), town.stock()) == (70, 4_000)
    assert is_right(town)


def test_what_a_redemption_on_paper_lacks_is_borne_by_the_town_and_told(town: Town) -> None:
    """10 of 30 were there: the compost is gone, so the slip does not wait for the rest."""
    services, product = town.services, town.product.id
    ripe_compost(services, product, 5_000, by="staff:1", key="one")
    town.outcome(town.bin.deposit(after_g=10_400, net_g=400))
    made = redemption(town, number=18).json()

    done = confirm(town, made["id"]).json()
    again = confirm(town, made["id"], "officer").json()

    assert (done["outcome"], done["short_amount"], again) == ("handed_over", 20, done)
    assert (town.balance(town.amal), town.stock()) == (0, 4_000)
    officer = town.browser("officer")
    money = officer.get("/v1/money").json()
    assert (money["shortfall"], money["supply"][0]["retired"]) == (20, 30)
    lines = town.browser("amal").get(f"/v1/people/{town.amal.id}/statement").json()
    assert [(each["what"], each["amount"]) for each in lines] == [("sale", -10), ("mint", 10)]
    drawn = town.browser("manager").post(
        "/v1/settlements/cooperative", json={}, headers={"Idempotency-Key": "s"}
    )
    assert (drawn.status_code, drawn.json()["amount"]) == (201, 30)
    assert is_right(town)


def test_a_slip_that_was_broken_off_between_its_two_steps_goes_on(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ripe_compost(town.services, town.product.id, 5_000, by="staff:1", key="one")
    made = redemption(town, number=18).json()
    sell = booking._sell

    def killed(*given: Any) -> None:
        sell(*given)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(booking, "_sell", killed)
        with pytest.raises(ZeroDivisionError):
            confirm(town, made["id"])
    found = town.browser("clerk").get("/v1/paper/slips").json()[0]
    assert (found["state"], found["outcome"]) == ("confirmed", None)

    done = confirm(town, made["id"], "officer").json()

    assert (done["outcome"], done["short_amount"], town.stock()) == ("handed_over", 30, 4_000)
    assert is_right(town)


def test_compost_that_the_books_do_not_have_makes_a_slip_wait_and_takes_nothing(
    small_town: Town,
) -> None:
    small_town.outcome(small_town.bin.deposit())
    made = redemption(small_town, number=18).json()

    short = confirm(small_town, made["id"])
    found = small_town.browser("clerk").get("/v1/paper/slips").json()[0]

    assert (short.status_code, short.json()["code"]) == (409, "insufficient_funds")
    assert "There are 0 g of Compost in stock" in short.json()["detail"]
    assert (found["state"], found["outcome"]) == ("confirmed", None)
    assert reject(small_town, made["id"]).json()["code"] == "already_decided", "it only waits"
    assert small_town.balance(small_town.amal) == 50
    ripe_compost(small_town.services, small_town.product.id, 5_000, by="staff:1", key="one")
    assert confirm(small_town, made["id"]).json()["outcome"] == "handed_over"
    assert small_town.balance(small_town.amal) == 20


def test_a_slip_that_can_never_be_booked_is_rejected_even_if_it_was_signed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier versions took a date before the product's first price, and had it signed."""
    ripe_compost(town.services, town.product.id, 5_000, by="staff:1", key="one")
    town.outcome(town.bin.deposit())
    with monkeypatch.context() as earlier:
        earlier.setattr(booking, "require_bookable", lambda *_given: None)
        signed, waits = (
            redemption(town, number=n, happened_s=1, **more).json()["id"]
            for n, more in ((18, {}), (19, {"counter_id": 9}))
        )
        assert confirm(town, signed).status_code == 422
    for each in (signed, waits):
        assert "no price at that moment" in confirm(town, each, "officer").json()["detail"]
    states = {each["id"]: each["state"] for each in town.browser("clerk").get(SLIPS).json()}
    assert states == {signed: "confirmed", waits: "waiting"}

    for each in (signed, waits):
        assert reject(town, each, "clerk").status_code == 403
        first, again = reject(town, each), reject(town, each, "officer")
        assert (first.status_code, first.json()["state"]) == (200, "rejected"), first.text
        assert (first.json()["reason"], first.json()["outcome"]) == ("the year is wrong", None)
        assert (again.status_code, confirm(town, each).status_code) == (409, 409)
    anew = redemption(town, number=18).json()["id"]
    assert confirm(town, anew).json()["outcome"] == "handed_over"
    assert (town.balance(town.amal), town.stock()) == (20, 4_000)
    assert reject(town, anew).status_code == 409
    found = {each["id"]: each["state"] for each in town.browser("clerk").get(SLIPS).json()}
    assert found == {signed: "rejected", waits: "rejected", anew: "confirmed"}
    assert is_right(town)


def test_who_entered_a_slip_does_not_reject_it_either(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(booking, "require_bookable", lambda *_given: None)
        made = slip(small_town, "administrator", kind="redemption", fraction=None, happened_s=1,
                    product_id=small_town.product.id).json()["id"]  # fmt: skip
        assert reject(small_town, made, "administrator").json()["code"] == "same_approver"
        assert confirm(small_town, made).status_code == 422
    assert reject(small_town, made, "administrator").json()["code"] == "same_approver"
    assert reject(small_town, made, "officer").json()["state"] == "rejected"


def test_what_cannot_be_on_a_slip_is_refused(small_town: Town) -> None:
    for changes in (
        {"tare_g": 4_500},
        {"happened_s": START_S + 500},
        {"fraction": None},
        {"fraction": "gold"},
        {"card": "00000000"},
        {"kind": "redemption"},
        {"number": 0},
    ):
        answer = slip(small_town, **changes)
        assert answer.status_code in (404, 422), (changes, answer.text)
    nowhere = redemption(small_town, counter_id=999)
    assert (nowhere.status_code, "no such counter" in nowhere.text) == (404, True)
    before = {"kind": "redemption", "product_id": small_town.product.id, "happened_s": 1}
    answer = slip(small_town, **before)
    assert (answer.status_code, "no price at that moment" in answer.text) == (422, True)
