"""The way up: relayed once more rather than never, and never stopped by one record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_gateway import attest
from edge_gateway.backend import Backend, retry_after_s
from edge_gateway.errors import (
    BackendBusy,
    BackendFault,
    BackendRefused,
    BackendUnreachable,
    BadAnswer,
    SettingsError,
    UplinkError,
)
from edge_gateway.inbox import Message, Name, Record, Report
from edge_gateway.receipts import Down, Publish, Receipts, from_backend
from edge_gateway.settings import Settings
from edge_gateway.store import Batch, Store
from edge_gateway.telemetry import Telemetry
from edge_gateway.uplink import STUBBORN, Uplink
from firmware import contract
from tests.edge_gateway.doubles import EPOCH, BackendDouble, deposit, signed

NOW_S = 1_795_000_000


class Rig:
    """An uplink between a real store and a backend double, stepped by hand."""

    def __init__(self, directory: Path) -> None:
        self.backend = BackendDouble(attest.init(directory))
        settings = Settings(
            data_dir=directory,
            backend_url=self.backend.url,
            backend_key="gateway-key",
            timeout_s=5,
            telemetry_s=0.001,
        )
        self.published: list[Publish] = []
        self.store = Store(directory / "gateway.db")
        self.telemetry = Telemetry(3)
        self.client = Backend(settings, attest.load(directory))
        self.uplink = Uplink(
            settings,
            self.store,
            self.client,
            self.telemetry,
            self.published.extend,
            lambda: float(NOW_S),
        )

    def receive(self, *seqs: int, **changed: Any) -> list[str]:
        jws = [signed("bin-01", deposit(seq, **changed)) for seq in seqs]
        parts = [contract.split(raw, "record") for raw in jws]
        made = [
            Record("bin-01", EPOCH, seq, p.hash, raw)
            for seq, p, raw in zip(seqs, parts, jws, strict=True)
        ]
        self.store.commit(Batch(made, (), ()), NOW_S - 5)
        return [raw.decode() for raw in jws]

    def drain(self) -> None:
        while self.uplink.step():
            pass


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.client.close()
    made.backend.stop()
    made.store.close()


def test_batch_is_attested_credited_and_answered_down(rig: Rig) -> None:
    rig.receive(1, 2, 3)

    rig.drain()

    assert len(rig.backend.credited) == 3
    assert rig.store.tallies()["outcome.credited"] == 3
    assert [(p.topic, p.body) for p in rig.published] == [
        (contract.topic("bin-01", "receipt"), b"settled.%d.synthetic" % n) for n in (1, 2, 3)
    ]


def test_poison_record_does_not_block_the_rest(rig: Rig) -> None:
    jws = rig.receive(*range(1, 21))
    rig.backend.poison = {jws[6], jws[13]}

    rig.drain()

    assert len(rig.backend.credited) == 18
    assert rig.store.depths()["parked"] == 2
    assert rig.store.tallies()["parked.http_422"] == 2


def test_record_over_which_the_backend_falls_does_not_block_the_rest(rig: Rig) -> None:
    jws = rig.receive(*range(1, 9))
    rig.backend.poison = {jws[2]}
    rig.backend.poison_status = 500

    with pytest.raises(BackendFault):
        rig.drain()
    assert rig.backend.credited == {}
    rig.uplink.failures = STUBBORN
    rig.drain()

    assert len(rig.backend.credited) == 7
    assert rig.store.tallies()["parked.http_500"] == 1


def test_parked_record_goes_up_once_the_backend_can_read_it(rig: Rig) -> None:
    rig.backend.poison = set(rig.receive(1))
    rig.drain()
    rig.backend.poison = set()
    rig.drain()
    assert rig.backend.credited == {}

    rig.uplink._resumed = False  # as after a restart
    rig.drain()

    assert len(rig.backend.credited) == 1


def test_backend_that_refuses_everything_parks_nothing(rig: Rig) -> None:
    rig.receive(1, 2, 3)
    rig.backend.refuse = lambda path, body: (422, {})

    with pytest.raises(BackendRefused):
        rig.drain()

    assert rig.store.depths()["records_pending"] == 3
    assert rig.store.depths()["parked"] == 0


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BackendRefused),
        (401, BackendRefused),
        (403, BackendRefused),
        (404, BackendRefused),
        (500, BackendUnreachable),
        (503, BackendBusy),
        (429, BackendBusy),
    ],
)
def test_no_status_loses_a_record(rig: Rig, status: int, error: type[UplinkError]) -> None:
    rig.receive(1, 2)
    rig.backend.refuse = lambda path, body: (status, {"Retry-After": "7"})

    with pytest.raises(error) as raised:
        rig.drain()
    rig.backend.refuse = lambda path, body: None

    assert rig.store.depths()["records_pending"] == 2
    if isinstance(raised.value, BackendBusy):
        assert raised.value.retry_after_s == 7
    rig.drain()
    assert len(rig.backend.credited) == 2


def test_batch_too_large_for_the_backend_is_halved(rig: Rig) -> None:
    rig.receive(*range(1, 11))
    rig.backend.refuse = lambda path, body: (413, {}) if len(body["records"]) > 3 else None

    rig.drain()

    assert len(rig.backend.credited) == 10
    assert rig.store.depths()["parked"] == 0


def test_answer_about_other_records_is_not_believed(rig: Rig) -> None:
    rig.receive(1, 2)
    rig.backend._credit = lambda row: {
        **{"device": row[0], "epoch": row[1], "seq": 99, "hash8": row[3]},
        **{"outcome": "credited", "reason": None},
    }

    with pytest.raises(BadAnswer):
        rig.drain()

    assert rig.store.depths()["records_pending"] == 2


def test_answer_lost_on_the_way_credits_once(rig: Rig) -> None:
    rig.receive(1)
    items = rig.store.pending(9)
    rig.client.uplink(items, [])

    rig.drain()

    assert len(rig.backend.relayed) == 2
    assert list(rig.backend.credited) == [("bin-01", EPOCH, 1)]


def test_record_sent_again_brings_its_settled_receipt_again(rig: Rig) -> None:
    rig.receive(1)
    rig.drain()
    rig.published.clear()

    rig.receive(1)
    rig.drain()

    assert [p.body for p in rig.published] == [b"settled.1.synthetic"]


def test_answers_that_died_with_the_process_are_asked_for_again(rig: Rig) -> None:
    rig.receive(1)
    rig.drain()
    rig.published.clear()

    rig.uplink._resumed = False  # as after a restart
    rig.drain()

    assert [p.body for p in rig.published] == [b"settled.1.synthetic"]
    assert len(rig.backend.credited) == 1


def test_messages_go_up_with_the_records(rig: Rig) -> None:
    ask = Message("bin-01", "ask", bytes(32), b"a.b.c", 30)
    rig.store.commit(Batch((), [ask], ()), NOW_S)

    rig.drain()

    assert [(m["channel"], m["jws"]) for m in rig.backend.messages] == [("ask", "a.b.c")]
    assert rig.store.depths()["messages_pending"] == 0


def test_message_down_is_confirmed_only_after_it_was_taken(rig: Rig) -> None:
    down = {"id": 5, "device": "bin-01", "channel": "command", "body": "j.w.s"}
    rig.backend.down = [{**down, "expires_s": NOW_S + 60}]

    rig.uplink.step()
    rig.uplink.step()
    assert rig.backend.delivered == []
    rig.uplink.confirm(5)
    rig.uplink.step()
    rig.uplink.step()

    assert rig.backend.delivered == [5]
    assert len(rig.published) == 1
    assert rig.published[0] == Publish(
        contract.topic("bin-01", "command"), b"j.w.s", 1, False, NOW_S + 60, 5
    )


def test_message_down_that_is_never_taken_is_published_again_after_a_while(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = {"id": 5, "device": "bin-01", "channel": "command", "body": "j.w.s"}
    rig.backend.down = [{**down, "expires_s": NOW_S + 60}]

    rig.uplink.step()
    rig.uplink.step()
    assert [each.down_id for each in rig.published] == [5]
    monkeypatch.setattr("edge_gateway.uplink.UNDER_WAY_S", 0)
    rig.uplink.step()

    assert [each.down_id for each in rig.published] == [5, 5]


def test_expired_and_misaddressed_messages_down_are_confirmed_unsent() -> None:
    downs = [
        Down(id=1, device="bin-01", channel="command", body="x", expires_s=NOW_S),
        Down(id=2, device="bin-01", channel="record", body="x"),
        Down(id=3, device="BIN/#", channel="receipt", body="x"),
        Down(id=4, device="bin-01", channel="settings", body="x"),
    ]

    publishes, dropped = from_backend(downs, NOW_S)

    assert [(p.down_id, p.retain) for p in publishes] == [(4, True)]
    assert dropped == [1, 2, 3]


def test_telemetry_is_bounded_and_its_losses_counted(rig: Rig) -> None:
    point = Report("bin-01", "telemetry", {"fill_pct": 40})

    for at_s in range(5):
        rig.telemetry.add(point, at_s)
    rig.telemetry.add(Report("bin-01", "state", {"state": "online", "session": 3}), 9)
    rig.uplink.step()

    assert rig.telemetry.lost == 2
    [sent] = rig.backend.telemetry
    assert [p["received_s"] for p in sent["points"]] == [2, 3, 4]
    assert sent["states"] == [
        {"device": "bin-01", "received_s": 9, "state": "online", "session": 3}
    ]


def test_telemetry_waits_while_the_backend_is_away(rig: Rig) -> None:
    rig.telemetry.add(Report("bin-01", "telemetry", {"fill_pct": 40}), 1)
    rig.backend.refuse = lambda path, body: (500, {}) if "telemetry" in path else None

    with pytest.raises(BackendUnreachable):
        rig.uplink.step()

    assert rig.telemetry.depth == 1


def test_back_off_doubles_within_its_bounds_and_honours_retry_after(rig: Rig) -> None:
    waits = []
    for failures in (1, 2, 3, 40):
        rig.uplink.failures = failures
        waits.append(rig.uplink.backoff_s(BackendUnreachable("")))

    assert all(0.25 * 2**n <= waits[n] <= 0.5 * 2**n for n in range(3))
    assert 30 <= waits[3] <= 60
    assert rig.uplink.backoff_s(BackendBusy("", 300)) == 300


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        *[("3", 3, 3), (None, 5, 5), ("soon", 5, 5), ("1e9", 600, 600), ("-4", 0, 0)],
        ("Mon, 23 Nov 2020 00:00:00 GMT", 0, 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(header: str | None, low: int, high: int) -> None:
    assert low <= retry_after_s(header) <= high


def test_receipts_name_many_records_in_few_messages() -> None:
    receipts = Receipts()
    for seq in range(45):
        receipts.add("bin-01", Name(EPOCH, seq, "0" * 16))

    bodies = [p.body for p in receipts.take()]

    assert [len(contract.read_got(body)) for body in bodies] == [20, 20, 5]
    assert bodies[2] == contract.got([Name(EPOCH, seq, "0" * 16) for seq in range(40, 45)])
    assert all(len(body) < contract.MAX_JWS for body in bodies)
    assert receipts.take() == []


def test_attestation_key_is_private_and_made_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="init"):
        attest.load(tmp_path)

    public = attest.init(tmp_path)

    assert attest.init(tmp_path) == public
    path = tmp_path / attest.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        attest.load(tmp_path)


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("other_gateway", "Put the key's name into FARZ_GATEWAY_GATEWAY (it is gateway now)"),
        ("bad_attestation", "It was signed as gateway."),
        ("bad_gateway_key", "Put the key that `farz device gateway gateway …` printed"),
        ("else", ""),
    ],
)
def test_a_refusal_names_this_gateway_and_the_cure(rig: Rig, code: str, cure: str) -> None:
    refusal = httpx.Response(403, json={"code": code, "detail": "The backend's words."})
    rig.client._http = httpx.Client(
        base_url="http://backend", transport=httpx.MockTransport(lambda _: refusal)
    )

    with pytest.raises(BackendRefused) as told:
        rig.uplink.step()

    assert str(told.value).startswith(f"The backend answers 403 {code} The backend's words.")
    assert cure in str(told.value)
