"""What opens something is kept as a hash, and compared in a time that tells nothing of it."""

import hmac
import secrets
from typing import Any

import pytest
from sqlalchemy import select

from backend import tables as t
from backend.cards import secure, sun
from tests.backend.cards.test_secure_cards import chip
from tests.backend.village import PASSWORD, PIN, Town

Compared = list[tuple[Any, Any]]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    """What was held against what by the comparison whose time is constant."""
    seen: Compared = []
    true = hmac.compare_digest

    def watched(one: Any, other: Any) -> bool:
        seen.append((one, other))
        return true(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    monkeypatch.setattr(secrets, "compare_digest", watched)
    return seen


def test_no_key_password_or_pin_is_in_any_table(small_town: Town) -> None:
    keeper = small_town.browser("administrator")
    counter = keeper.post("/v1/counters", json={"name": "coop"}).json()["key"]
    shown = [small_town.gateway.key, counter, PASSWORD, PIN]
    parts = [part for key in shown[:2] for part in key.split(".")[1:]]

    with small_town.services.read() as conn:
        kept = [
            value.encode() if isinstance(value, str) else value
            for table in t.metadata.sorted_tables
            for row in conn.execute(select(table))
            for value in row
            if isinstance(value, str | bytes)
        ]

    assert len(parts) == 2
    assert len(kept) > 50
    for secret in [*shown[:3], *parts]:
        assert not [value for value in kept if secret.encode() in value]
    assert PIN.encode() not in kept


def test_a_cards_mac_is_compared_whole_whatever_is_right_of_it(
    small_town: Town, compared: Compared
) -> None:
    message = chip(small_town).message()
    with small_town.services.read() as conn:
        keys = secure.versions(conn, small_town.services.vault, 1)

    assert sun.verify(keys, message) is not None
    for at in (16, 23):
        wrong = bytes(byte ^ (place == at) for place, byte in enumerate(message))
        assert sun.verify(keys, wrong) is None

    assert [len(one) for one, _other in compared] == [8, 8, 8]
    assert {one for one, _other in compared} == {message[16:]}


def test_a_machines_key_is_compared_by_its_hash(small_town: Town, compared: Compared) -> None:
    right = small_town.gateway.key
    for key, status in ((right, 200), (right[:-1] + "~", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        body = small_town.gateway.batch()
        del compared[:]
        assert (
            small_town.client.post("/v1/uplink", json=body, headers=headers).status_code == status
        )
        assert [len(one) for one, _other in compared] == [32]
