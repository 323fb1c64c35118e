"""What the disk keeps, and what it does when it cannot."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_gateway import inbox
from edge_gateway.errors import StoreError
from edge_gateway.inbox import Message, Record, Rejected
from edge_gateway.store import Batch, Result, Store
from firmware import contract
from tests.edge_gateway.doubles import deposit, forged, signed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "gateway.db", dead_letters_max=10, dead_letters_per_device=4)
    yield opened
    opened.close()


def record(seq: int, **changed: Any) -> Record:
    raw = signed("bin-01", deposit(seq, **changed))
    reading = inbox.read(contract.topic("bin-01", "record"), raw)
    assert isinstance(reading, Record)
    return reading


def rejected(number: int, device: str = "bin-01") -> Rejected:
    raw = forged(device, deposit(number, fraction="gold"))
    reading = inbox.read(contract.topic(device, "record"), raw)
    assert isinstance(reading, Rejected)
    return reading


def ask(ttl_s: int) -> Message:
    return Message("bin-01", "ask", bytes([ttl_s]) * 32, b"a.b.c", ttl_s)


def records(*given: Record) -> Batch:
    return Batch(given, (), ())


def settle_all(store: Store, now_s: int, outcome: str = "credited", reason: str = "") -> None:
    store.settle([Result(item, outcome, reason) for item in store.pending(500)], now_s)


def test_store_is_opened_durable_or_not_at_all(tmp_path: Path, store: Store) -> None:
    with sqlite3.connect(tmp_path / "gateway.db") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)

    store._db.execute("PRAGMA synchronous = NORMAL")
    with pytest.raises(StoreError, match="promise"):
        store._assert_durable()


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    first = Store(tmp_path / "again.db")
    first.commit(records(record(1)), 100)
    first.close()

    second = Store(tmp_path / "again.db")

    assert [(i.seq, i.received_s, i.jws) for i in second.pending(9)] == [
        (1, 100, record(1).jws.decode())
    ]
    second.close()


def test_known_bytes_make_no_second_row(store: Store) -> None:
    new = [store.commit(records(record(1), record(2), record(1)), 100)]
    new.append(store.commit(records(record(2)), 200))

    assert new == [2, 0]
    assert len(store.pending(9)) == 2
    assert store.tallies()["duplicates"] == 2


def test_same_name_with_other_bytes_is_kept_and_relayed_too(store: Store) -> None:
    store.commit(records(record(1)), 100)
    store.commit(records(record(1, n=13)), 100)

    assert [i.seq for i in store.pending(9)] == [1, 1]


def test_what_is_wrongly_signed_takes_no_place_from_the_true_bytes(store: Store) -> None:
    true = record(1)
    forged = true._replace(jws=true.jws[:-43] + b"A" * 43)

    store.commit(records(forged), 100)
    store.commit(records(true), 100)

    assert {item.jws for item in store.pending(9)} == {forged.jws.decode(), true.jws.decode()}


def test_record_sent_again_after_its_answer_is_relayed_again(store: Store) -> None:
    store.commit(records(record(1)), 100)
    settle_all(store, 110)
    assert store.pending(9) == []

    store.commit(records(record(1)), 120)

    assert [(i.seq, i.received_s) for i in store.pending(9)] == [(1, 100)]


def test_oldest_records_go_first_and_batches_are_bounded(store: Store) -> None:
    store.commit(records(*[record(n) for n in range(1, 8)]), 100)

    assert [i.seq for i in store.pending(3)] == [1, 2, 3]


def test_dead_letters_keep_bytes_and_reason(store: Store) -> None:
    letter = rejected(1)

    store.commit(Batch((), (), [letter, letter]), 100)

    [(_, topic, reason, words, raw)] = store.dead_letters()
    assert (topic, reason, raw) == (letter.topic, "unknown_fraction", letter.raw)
    assert "waste" in words
    assert store.tallies()["dead.unknown_fraction"] == 2


def test_dead_letters_are_bounded_and_their_losses_counted(store: Store) -> None:
    store.commit(Batch((), (), [rejected(n) for n in range(1, 8)]), 100)
    for device in ("bin-02", "bin-03", "bin-04"):
        store.commit(Batch((), (), [rejected(n, device) for n in range(1, 4)]), 100)

    assert store.depths()["dead_letters"] == 10
    assert store.tallies()["dead_letters_lost"] == 3 + 3


def test_full_disk_takes_nothing_and_service_resumes(tmp_path: Path) -> None:
    small = Store(tmp_path / "small.db", max_bytes=2**18)
    kept = 0

    def fill() -> None:
        nonlocal kept
        for start in range(1, 5000, 20):
            kept += small.commit(records(*[record(n) for n in range(start, start + 20)]), 100)

    with pytest.raises(StoreError, match="full"):
        fill()
    assert kept > 0
    assert small.depths()["records_pending"] == kept

    # What was uplinked can be marked and dropped although nothing new fits.
    while small.pending(1):
        settle_all(small, 110)
    small.expire(200, retention_s=0)

    assert small.commit(records(record(9_000)), 300) == 1
    small.close()


def test_asks_nobody_waits_for_are_dropped_and_counted(store: Store) -> None:
    store.commit(Batch((), [ask(10), ask(60)], ()), 100)

    store.expire(now_s=130, retention_s=1000)

    assert store.depths()["messages_pending"] == 1
    assert store.tallies()["asks_expired"] == 1


def test_uplinked_bytes_are_kept_for_the_retention_and_can_be_relayed_again(store: Store) -> None:
    store.commit(records(record(1)), 100)
    store.commit(records(record(2)), 200)
    settle_all(store, 210)

    store.expire(now_s=300, retention_s=1000)
    again = store.relay_again(since_s=150)

    assert (again, [i.seq for i in store.pending(9)]) == (1, [2])
    store.expire(now_s=5000, retention_s=1000)
    assert store.relay_again(since_s=0) == 0


def test_refused_records_are_kept_with_the_reason_and_can_be_requeued(store: Store) -> None:
    store.commit(records(record(1)), 100)
    settle_all(store, 110, "refused", "unknown_device")
    store.commit(records(record(2)), 120)
    settle_all(store, 130)

    assert store.tallies()["refused.unknown_device"] == 1
    assert store.relay_again(0, refused_only=True) == 1
    assert [i.seq for i in store.pending(9)] == [1]


def test_waiting_records_are_never_dropped_by_age(store: Store) -> None:
    store.commit(records(record(1)), 100)
    store.park(store.pending(1)[0], "http_422", 110)
    store.commit(records(record(2)), 100)

    store.expire(now_s=10**9, retention_s=0)

    assert store.depths()["records_pending"] == 1
    assert store.unpark() == 1


def test_a_restored_backend_gets_what_came_since_each_request_once(store: Store) -> None:
    store.commit(records(record(1)), 500)
    store.commit(records(record(2)), 600)
    settle_all(store, 700)
    store.commit(records(record(3)), 1_000)
    settle_all(store, 1_000)

    assert store.relay_for(77, 900) == 1
    assert [item.seq for item in store.pending(10)] == [3]
    assert store.waiting() == 1
    settle_all(store, 1_000)
    assert store.relay_for(77, 900) == 1, "it is told again, and nothing is sent again"
    assert store.waiting() == 0
    assert store.relay_for(78, 0) == 3


def test_what_waited_for_long_and_was_answered_lately_goes_up_again(store: Store) -> None:
    store.commit(records(record(1)), 10)
    settle_all(store, 1_000)

    assert store.relay_for(77, 900) == 1
