"""A device may sign fields that its kind of record lacks: they are kept and mean nothing."""

from typing import Any

import pytest

from backend.ledger.verify import verify
from tests.backend.village import Town

STRANGE = [
    ("interrupted", {"net_g": "abc"}),
    ("interrupted", {"net_g": 2_000_000_000}),
    ("tamper", {"net_g": [1]}),
    ("tamper", {"card": [1]}),
    ("tamper", {"card": 5}),
    ("tamper", {"fraction": "organic", "net_g": 5_000}),
    ("emptied", {"fraction": []}),
    ("deposit", {"nonce": [1]}),
    ("deposit", {"nonce": "zz"}),
]
OWN: dict[str, dict[str, Any]] = {
    "interrupted": {},
    "tamper": {"what": "lid", "by": "bin", "readings": []},
    "emptied": {"who": "driver", "before_g": 9_000, "after_g": 0, "container": "c-1"},
    "deposit": {},
}
USUAL = {"interrupted": "held", "tamper": "noted", "emptied": "noted", "deposit": "credited"}


@pytest.mark.parametrize(("kind", "strange"), STRANGE)
def test_strange_fields_change_nothing(small_town: Town, kind: str, strange: Any) -> None:
    body = small_town.bin.next(kind, **OWN[kind], **strange)

    first = small_town.gateway.relay(("bin-1", small_town.bin.sign(body)))["results"][0]
    after = small_town.gateway.relay(("bin-1", small_town.bin.deposit()))["results"][0]

    assert first["outcome"] == USUAL[kind]
    assert after["outcome"] == "credited"
    with small_town.services.read() as conn:
        assert not verify(conn, 1).problems


@pytest.mark.parametrize("number", ["9" * 20, "9" * 32])
def test_a_result_for_an_impossible_order_is_taken_and_forgotten(
    small_town: Town, number: str
) -> None:
    body = {"v": 1, "id": number, "ok": True, "words": "done"}

    small_town.gateway.message("bin-1", "result", small_town.bin.sign(body, "result"))


def test_person_nought_refuses_no_deposit(small_town: Town) -> None:
    small_town.gateway.relay(("bin-1", small_town.bin.deposit(flags=["unstable"])))
    officer = small_town.browser("officer")
    waiting = officer.get("/v1/deposits/waiting").json()
    url = f"/v1/deposits/bin-1/{waiting[0]['epoch']}/{waiting[0]['seq']}/resolution"

    for person_id in (0, -1, 2**63, 10**30):
        answer = officer.post(url, json={"person_id": person_id, "reason": "x"})
        assert answer.status_code == 422

    assert len(officer.get("/v1/deposits/waiting").json()) == 1


@pytest.mark.parametrize(
    "cursor",
    ["9" * 30 + ".1.1.1", "1.1." + "f" * 40 + ".1", "1.1.1." + "9" * 30, "-1.-1.-1.-1", "1.1.-1.1"],
)
def test_a_strange_cursor_is_refused_in_words(small_town: Town, cursor: str) -> None:
    resident = small_town.browser("administrator")

    answer = resident.get(f"/v1/people/{small_town.amal.id}/deposits", params={"before": cursor})

    assert answer.status_code == 422


@pytest.mark.parametrize("args", ["\ud800", "deep"])
def test_an_order_that_cannot_be_signed_is_refused_in_words(small_town: Town, args: str) -> None:
    small_town.gateway.message("bin-1", "birth", small_town.bin.birth())
    nested = '{"a":' + "[" * 900 + "]" * 900 + "}"
    text = nested if args == "deep" else '{"a":"\\ud800"}'

    answer = small_town.browser("technician").post(
        "/v1/devices/bin-1/commands",
        content='{"name":"identify","args":' + text + "}",
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 422
