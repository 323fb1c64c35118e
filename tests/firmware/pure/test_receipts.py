"""What the link obeys: receipts of the contract, and nothing that only looks like them."""

import asyncio

from firmware import contract
from firmware.backlog import AGAIN_MS
from firmware.errors import LinkFault
from firmware.journal import Record
from firmware.keys import Keys
from firmware.link import LASTING_MS, OUTBOX, Link
from firmware.mqtt import Message
from firmware.session import DENIED, DROPS
from firmware.settings import checked
from tests.firmware.pure.test_settings import GOOD

KEY = bytes(32)
DOWN = contract.derive(KEY, contract.DOWN)
EPOCH, SEQ, HASH8 = "0123456789abcdef", 7, "fedcba9876543210"
TOPIC = contract.topic("bin-01", "receipt")
BODY = {"net_g": 1500, "credit": 37, "balance": 400, "why": ""}


def cipher(key, iv, data):
    """A stand-in for AES that undoes itself."""
    return bytes([byte ^ key[i % 16] ^ iv[i % 16] for i, byte in enumerate(data)])


class OneRecord:
    """A journal with one unsettled record."""

    boot = 3

    def __init__(self):
        self.released = []

    def settle(self, epoch, seq, hash8):
        name = (epoch, seq, hash8)
        if name != (EPOCH, SEQ, HASH8) or name in self.released:
            return False
        self.released.append(name)
        return True


def linked():
    """Return (link, journal, what was noted); one record is out without *recorded*."""
    journal, noted = OneRecord(), []

    def note(kind, facts):
        noted.append((kind, facts))

    settings = checked(GOOD)
    keys = Keys("/nowhere", settings)
    link = Link(settings, keys, journal, dict, lambda: 0, bytes, cipher, note)
    link.backlog.flying[(EPOCH, SEQ)] = (HASH8, (0, 84), 0)
    return link, journal, noted


def settled(hash8=HASH8, device="bin-01", number=1, key=DOWN):
    answer_key = contract.derive(KEY, contract.ANSWER)[:16]
    sealed = contract.seal(answer_key, bytes(16), BODY, cipher)
    rows = [[EPOCH, SEQ, hash8, "credited", sealed]]
    return contract.sign(key, device, number, "receipt", {"out": rows}).encode()


def received(payload, topic=TOPIC):
    link, journal, noted = linked()
    link._receive(Message(topic, payload, 1, 5))
    return link, journal, noted


def test_settled_receipt_of_the_backend_releases_the_record_and_is_told():
    link, journal, noted = received(settled())

    assert journal.released == [(EPOCH, SEQ, HASH8)]
    assert noted == [("settled", {"epoch": EPOCH, "seq": SEQ, "outcome": "credited", "body": BODY})]
    assert link.backlog.flying == {}


def test_same_receipt_twice_is_told_once():
    link, _, noted = linked()
    for _ in range(2):
        link._receive(Message(TOPIC, settled(), 1, 5))
    assert len(noted) == 1


def test_recorded_stops_resending_and_releases_nothing():
    link, journal, _ = received(contract.got([(EPOCH, SEQ, HASH8)]))

    assert link.backlog.flying == {}
    assert journal.released == []


def test_recorded_for_other_bytes_does_not_stop_resending():
    for row in ((EPOCH, SEQ, "0" * 16), (EPOCH, 8, HASH8), ("f" * 16, SEQ, HASH8)):
        link, _, _ = received(contract.got([row]))
        assert link.backlog.flying


def test_receipt_for_other_bytes_releases_nothing():
    _, journal, noted = received(settled(hash8="0" * 16))
    assert (journal.released, noted) == ([], [])


def test_receipts_that_the_backend_did_not_sign_for_this_device_release_nothing():
    up = contract.derive(KEY, contract.UP)
    for payload, reason in (
        (settled(key=up), "bad_signature"),
        (settled(key=bytes(32)), "bad_signature"),
        (settled(device="bin-02"), "bad_signature"),
        (settled(number=2), "bad_signature"),
        (settled()[:-1], "bad_encoding"),
        (settled() + b"\n", "bad_encoding"),
        (b"x" * 1500, "too_large"),
        (b"", "bad_encoding"),
        (b"{}", "bad_schema"),
        (b'{"got":[[1,2,3]]}', "bad_schema"),
        (b'{"got": []}', "bad_json"),
        (b"\xff\xfe", "bad_encoding"),
    ):
        link, journal, noted = received(payload)
        assert link.counts == {reason: 1}, (payload[:40], link.counts)
        assert (journal.released, noted) == ([], [])
        assert link.backlog.flying


def test_no_bytes_that_come_down_end_the_bin():
    """Deep, broken and random payloads, signed or not: each is counted, and none raises."""
    link, journal, _ = linked()
    deep = [b'{"got":' + b"[" * 1000, b'{"got":' + b"[" * 900 + b"]" * 900 + b"}"]
    deep += [b'{"a":' * 400 + b"1" + b"}" * 400, b'{"got":[[' + b"9" * 1900 + b"]]}"]
    true, seed = settled(), 7
    for number in range(600):
        seed = (seed * 1103515245 + 12345) % 2**31
        at = seed // 64 % len(true)
        broken = true[:at] + bytes([seed >> 8 & 0xFF]) + true[at + number % 3 :]
        deep.append(broken if broken != true else true[:at])
    for payload in deep:
        for channel in ("receipt", "command", "settings", "answer"):
            before = sum(link.counts.values())
            link._receive(Message(contract.topic("bin-01", channel), payload, 1, 5))
            assert sum(link.counts.values()) == before + 1, payload[:60]
    for topic in ("", "/", "farz/1/bin-01/record", "farz/1/bin-01/", "\0", "farz/2/bin-01/receipt"):
        link._receive(Message(topic, true, 1, 5))
    assert journal.released == []


def test_message_on_a_foreign_topic_is_counted_and_ignored():
    link, journal, _ = received(settled(), contract.topic("bin-02", "receipt"))
    assert link.counts == {"topic_mismatch": 1}
    assert journal.released == []


def test_what_is_refused_is_written_down_only_of_the_bins_own_topics():
    for channel in ("command", "settings"):
        for device, times in (("bin-01", 1), ("bin-02", 0), ("bin-01/x", 0)):
            _, _, noted = received(b"x.y.z", "farz/1/" + device + "/" + channel)
            assert [facts["channel"] for _, facts in noted] == [channel] * times
    assert received(b"", "")[2] == []


def test_broker_that_hangs_up_has_a_word_only_if_nothing_else_happens_for_long():
    link, _, _ = linked()
    now = [0]
    link._up_ms = lambda: now[0]
    drops = LinkFault("the broker hung up", DROPS)
    assert link._worded(drops, False) == ("the broker hung up",)
    now[0] = LASTING_MS - 1
    assert link._worded(drops, False) == ("the broker hung up",)
    now[0] = LASTING_MS
    assert link._worded(drops, False)[1] == DROPS
    for fault, stayed in ((LinkFault("away"), False), (drops, True)):
        assert link._worded(fault, stayed)[1:] != (DROPS,)
        assert link._worded(drops, False) == ("the broker hung up",)
        now[0] += LASTING_MS
    assert link._worded(LinkFault("birth denied", DENIED), False) == ("birth denied", DENIED)


def test_whatever_fails_while_it_connects_is_a_fault_of_the_connection():
    for error in (MemoryError("tls"), OverflowError("port"), LinkFault("away")):
        link, _, _ = linked()

        async def connect(error=error):
            raise error

        link._connect = connect
        fault = asyncio.run(link._connection())
        assert type(fault) is LinkFault
        assert str(error) in str(fault)
        assert not link._connecting


class Over(Exception):
    pass


def test_pauses_between_calls_double_up_to_half_a_minute_and_differ_by_chance():
    for dice, expected in ((0, 500), (255, 998)):
        link, _, _ = linked()
        link._random = lambda n, dice=dice: bytes([dice] * n)
        pauses = []

        async def away():
            return LinkFault("away")

        async def sleep_ms(ms, pauses=pauses):
            pauses.append(ms)
            if len(pauses) == 8:
                raise Over()

        link._connection = away
        kept = getattr(asyncio, "sleep_ms", None)
        asyncio.sleep_ms = sleep_ms
        try:
            asyncio.run(link.run())
        except Over:
            pass
        finally:
            asyncio.sleep_ms = kept
        assert pauses[0] == expected
        for n in range(5):
            assert 0 <= pauses[n + 1] - 2 * pauses[n] <= 1
        assert pauses[5] == pauses[6] == pauses[7] <= 32000


def test_what_waits_to_be_said_has_an_end_and_what_is_not_said_is_counted():
    link, _, _ = linked()
    for number in range(OUTBOX + 3):
        link.say("result", {"id": str(number)})
    assert len(link._outbox) == OUTBOX
    assert link.counts == {"unsaid": 3}


def test_record_that_fits_no_message_holds_up_nobody():
    link, _, _ = linked()
    body = {"by": "x" * contract.MAX_JWS}

    asyncio.run(link._publish(Deaf(), Record((0, 84), EPOCH, 9, HASH8, 1, body, False)))

    assert link.counts == {"unsendable": 1}
    assert link.backlog.flying[(EPOCH, 9)][2] == AGAIN_MS


class Deaf:
    """A session whose broker answers nothing any more."""

    def __init__(self):
        self.asked = 0

    async def publish(self, topic, payload, qos, retain):
        self.asked += 1
        raise LinkFault("no answer from the broker")


def test_goodbye_that_nobody_hears_keeps_no_bin_from_its_restart():
    link, _, _ = linked()
    link.online, link._session = True, Deaf()

    asyncio.run(link.leave())

    assert link._session.asked == 1
