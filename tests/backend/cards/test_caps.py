"""What plain cards bring beyond a day's cap waits for a person; secure cards are not capped."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from backend.app import create_app
from backend.cards import caps
from backend.errors import BadInput
from tests.backend.cards.test_secure_cards import bring, chip
from tests.backend.village import BASSAM, START_S, STRANGER, Town


def cap(
    town: Town, daily_g: int | None, daily_amount: int | None = None, from_s: int = START_S - 900
) -> None:
    with town.services.begin() as conn:
        caps.set_cap(
            conn,
            1,
            daily_g=daily_g,
            daily_amount=daily_amount,
            decided_by="staff:1",
            from_s=from_s,
        )


def brings(town: Town, *grams: int, **changes: object) -> list[tuple[str, str]]:
    """Relay deposits one by one; return their outcomes."""
    made = [
        town.bin.deposit(after_g=10_000 + g, net_g=g, **changes)  # type: ignore[arg-type]
        for g in grams
    ]
    return [town.outcome(jws) for jws in made]


GOOD, OVER = ("credited", ""), ("held", "over_daily_cap")


def test_grams_beyond_the_cap_are_held_and_what_still_fits_is_credited(small_town: Town) -> None:
    cap(small_town, 5_000)

    assert brings(small_town, 2_000, 2_500, 1_000, 500) == [GOOD, GOOD, OVER, GOOD]


def test_credit_beyond_the_cap_is_held(small_town: Town) -> None:
    cap(small_town, None, 100)

    assert brings(small_town, 2_000, 2_000, 2_000) == [GOOD, GOOD, OVER]


def test_a_batch_is_counted_in_its_order_and_its_repeat_not_twice(town: Town) -> None:
    cap(town, 5_000)
    sent = [("bin-1", town.bin.deposit()) for _ in range(3)]

    for _ in range(2):
        results = town.gateway.relay(*sent)["results"]
        assert [(r["outcome"], r["reason"]) for r in results] == [GOOD, GOOD, OVER]

    more = town.gateway.relay(*sent, ("bin-1", town.bin.deposit(after_g=11_000, net_g=1_000)))
    assert more["results"][-1]["outcome"] == "credited"


def test_batches_at_the_same_moment_share_one_cap(town: Town) -> None:
    """Each in a thread of its own; on PostgreSQL half of them at a second backend's poster."""
    cap(town, 5_000)
    gateways = [town.gateway]
    other = None
    if town.services.engine.dialect.name == "postgresql":
        other = TestClient(create_app(town.services.settings, town.clock)).__enter__()
        gateways.append(replace(town.gateway, client=other))
    batches = [town.gateway.batch(("bin-1", town.bin.deposit())) for _ in range(8)]
    start = Barrier(len(batches))

    def relay(number: int) -> tuple[str, str]:
        start.wait()
        answer = gateways[number % len(gateways)].post(batches[number])
        assert answer.status_code == 200, answer.text
        result = answer.json()["results"][0]
        return result["outcome"], result["reason"]

    try:
        with ThreadPoolExecutor(len(batches)) as threads:
            got = sorted(threads.map(relay, range(len(batches))))
    finally:
        if other is not None:
            other.__exit__(None, None, None)

    assert got == [GOOD] * 2 + [OVER] * 6
    assert town.balance(town.amal) == 100


def test_room_that_was_taken_before_a_kill_is_found_again(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    cap(small_town, 3_000)
    first = small_town.bin.deposit()
    batch = small_town.gateway.batch(("bin-1", first))
    with monkeypatch.context() as patch:
        patch.setattr(small_town.services.poster, "_submit", _killed)
        with pytest.raises(ZeroDivisionError):
            small_town.gateway.post(batch)

    assert small_town.outcome(first) == GOOD
    assert brings(small_town, 2_000) == [OVER]


def _killed(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def test_each_holder_has_a_cap_and_so_has_each_unknown_card(town: Town) -> None:
    cap(town, 3_000)

    assert brings(town, 2_000, 2_000) == [GOOD, OVER]
    assert brings(town, 2_000, uid=BASSAM) == [GOOD]
    unknown = ("suspended", "unknown_card")
    assert brings(town, 2_000, 2_000, uid=STRANGER) == [unknown, OVER]


def test_secure_cards_are_neither_capped_nor_counted(small_town: Town) -> None:
    cap(small_town, 3_000)
    card = chip(small_town)

    assert [bring(small_town, card.token()) for _ in range(3)] == [GOOD] * 3
    assert brings(small_town, 2_000, 2_000) == [GOOD, OVER]


def test_secure_card_read_as_a_plain_one_is_trusted_like_a_plain_one(small_town: Town) -> None:
    cap(small_town, 3_000)
    chip(small_town)

    assert brings(small_town, 2_000, 2_000) == [GOOD, OVER]


def test_next_day_begins_at_midnight_in_the_town(small_town: Town) -> None:
    cap(small_town, 3_000)
    night_s = caps.day_of(START_S, "Asia/Hebron")[1]
    small_town.clock.now_s = night_s + 60

    at = [night_s - 2, night_s - 1, night_s]
    got = []
    for at_s in at:
        up_ms = small_town.bin.up_ms + 1000 * (at_s - small_town.bin.base_s)
        got += brings(small_town, 2_000, at_s=at_s, up_ms=up_ms)
    assert got == [GOOD, OVER, GOOD]


def test_a_new_journals_waste_counts_and_cannot_be_released_beyond_the_cap(
    small_town: Town,
) -> None:
    cap(small_town, 3_000)
    brings(small_town, 0)
    small_town.bin.epoch, small_town.bin.seq, small_town.bin.boot = "00000000000000b2", 0, 9

    assert brings(small_town, 2_000, 2_000) == [("held", "new_epoch"), OVER]


def test_a_cap_counts_from_its_date_on(small_town: Town) -> None:
    cap(small_town, 10, from_s=START_S + 3)

    assert brings(small_town, 2_000, 2_000, 2_000) == [GOOD, GOOD, OVER]


def test_caps_are_dated_forward_and_are_whole(small_town: Town) -> None:
    cap(small_town, 5_000)
    for wrong in ((5_000, None, START_S - 900), (-1, None, START_S), (None, 2**53, START_S)):
        with pytest.raises(BadInput):
            cap(small_town, *wrong)


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24", "2026-06-01"])
def test_days_have_the_length_that_they_have_in_the_town(day: str) -> None:
    zone = ZoneInfo("Asia/Hebron")
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=zone)

    start_s, end_s = caps.day_of(int(noon.timestamp()), "Asia/Hebron")

    for moment_s in (start_s, end_s):
        assert datetime.fromtimestamp(moment_s, zone).time().isoformat() == "00:00:00"
    assert 23 * 3600 <= end_s - start_s <= 25 * 3600
