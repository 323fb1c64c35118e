"""One connection to a broker that answers as the test says, byte by byte."""

import asyncio
import random

from firmware import mqtt, session
from firmware.errors import LinkFault

CLIENT, WILL = ("bin-01", None, None), ("t", b"lost")


class Socket:
    def __init__(self):
        self.options, self.closed = [], False

    def setsockopt(self, *option):
        self.options.append(option)

    def close(self):
        self.closed = True


class Stream:
    """Gives the bytes of `answers`, then the end; `stuck` takes nothing any more."""

    def __init__(self, answers=b"", stuck=False):
        self.s = Socket()
        self.answers, self.stuck, self.sent = answers, stuck, b""

    def write(self, data):
        self.sent += data

    async def drain(self):
        if self.stuck:
            await asyncio.Event().wait()

    async def readexactly(self, count):
        if len(self.answers) < count:
            raise EOFError()
        head, self.answers = self.answers[:count], self.answers[count:]
        return head


async def fault_of(waiting):
    try:
        await waiting
    except LinkFault as fault:
        return str(fault), fault.word
    raise AssertionError("no fault")


def opened(stream):
    """Return session.connect() to a stream."""

    async def open_connection(host, port):
        return stream, stream

    async def connect():
        kept, asyncio.open_connection = asyncio.open_connection, open_connection
        try:
            return await session.connect(("broker", 1883), None, None, CLIENT, WILL)
        finally:
            asyncio.open_connection = kept

    return connect()


async def test_packets_are_sent_at_once():
    stream = Stream(b"\x20\x03\x00\x00\x00")
    await opened(stream)
    assert (6, 1, 1) in stream.s.options  # IPPROTO_TCP, TCP_NODELAY


async def test_session_that_the_broker_kept_is_no_reason_to_leave():
    stream = Stream(b"\x20\x03\x01\x00\x00")
    await opened(stream)
    assert stream.sent[0] >> 4 == mqtt.CONNECT
    assert not stream.s.closed


async def test_broker_that_refuses_or_hangs_up_says_so_in_words():
    assert await fault_of(opened(Stream(b"\x20\x03\x00\x87\x00"))) == (
        "connection refused 0x87",
        session.REFUSED,
    )
    hung_up = Stream(b"")
    assert await fault_of(opened(hung_up)) == ("the broker hung up", session.DROPS)
    assert hung_up.s.closed


async def test_every_end_of_a_running_connection_is_a_fault():
    for answers, why, word in (
        (b"", "the broker hung up", session.DROPS),
        (b"\xe0\x02\x8e\x00", "closed by the broker 0x8e", session.DROPS),  # taken over
        (b"\x40\x00", "malformed packet", ""),
        (b"\x30\xff\xff\xff\xff\x01", "malformed packet", ""),
        (b"\x30" + b"\xff" * 9000, "malformed packet", ""),  # a length without end
        (b"\x30\x81\x20", "packet too large", ""),
    ):
        talk = session.Session(Stream(answers), None)
        assert await fault_of(talk.run()) == (why, word), answers


async def test_packet_numbers_begin_again_after_the_last():
    talk = session.Session(Stream(), None)
    talk._packet_id = 65534
    assert [talk._next_id() for _ in range(3)] == [65535, 1, 2]  # 0 is none (MQTT 5.0, 2.2.1)


async def test_random_bytes_end_a_connection_with_a_fault_and_nothing_else():
    random.seed(11)
    ends = set()
    for number in range(1500):
        raw = bytes([random.randrange(256) for _ in range(random.randrange(1, 90))])
        if number % 2:  # a packet of a true kind and length, with anything in it
            kind = random.choice((0x20, 0x30, 0x32, 0x36, 0x40, 0x90, 0xD0, 0xE0))
            raw = bytes([kind, len(raw)]) + raw
        talk = session.Session(Stream(raw), lambda message: None)
        ends.add((await fault_of(talk.run()))[0][:12])
        ends.add((await fault_of(opened(Stream(raw))))[0][:12] if raw[0] != 0x20 else "")
    assert {"malformed pa", "packet too l", "closed by th", "the broker h"} <= ends


async def test_broker_that_takes_nothing_any_more_is_given_up():
    kept, session.REPLY_MS = session.REPLY_MS, 50
    try:
        stuck = session.Session(Stream(stuck=True), None)
        for qos in (0, 1):
            assert await fault_of(stuck.publish("t", b"x", qos, False)) == (session.SILENT, "")
        silent = session.Session(Stream(), None)
        assert await fault_of(silent.publish("t", b"x", 1, False)) == (session.SILENT, "")
    finally:
        session.REPLY_MS = kept
