"""A lean load generator: keep-alive connections that each send the next POST when answered.

`python -m bench.http_load PORT CONNECTIONS SECONDS < ORDER` posts redemptions; ORDER is a JSON
object with `cookie`, `product_id`, `person_ids` and `prefix` (of the idempotency keys). Prints
{"per_s", "p50_ms", "p99_ms", "statuses", "cpu"} of what was answered in SECONDS; `cpu` is its own
share of one core. A tenth of the time before warms up and is not counted.
"""

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from typing import Any, cast

import uvloop

HOST = "127.0.0.1"


class Load:
    """What all connections share: what to send, and what was seen."""

    def __init__(self, order: dict[str, Any], seconds: float) -> None:
        self.order = order
        self.number = 0
        self.statuses: Counter[int] = Counter()
        self.waits_s: list[float] = []
        self.start_s = time.perf_counter() + seconds / 10
        self.end_s = self.start_s + seconds
        self.open = 0
        self.closed = asyncio.Event()

    def request(self) -> bytes:
        """The next redemption, under an idempotency key of its own."""
        self.number += 1
        people = self.order["person_ids"]
        body = b'{"product_id":%d,"person_id":%d,"grams":%d}' % (
            self.order["product_id"],
            people[self.number * 7919 % len(people)],
            1 + self.number % 500,
        )
        head = (
            f"POST /v1/redemptions HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
            f"Cookie: {self.order['cookie']}\r\nContent-Length: {len(body)}\r\n"
            f"Idempotency-Key: {self.order['prefix']}-{self.number}\r\n\r\n"
        )
        return head.encode() + body


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._seen = b""
        self._sent_s = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._load.open += 1
        self._send()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._seen = b""
        load, now_s = self._load, time.perf_counter()
        load.statuses[int(head[9:12])] += 1
        if load.start_s <= now_s <= load.end_s:
            load.waits_s.append(now_s - self._sent_s)
        if now_s < load.end_s:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.open -= 1
        if self._load.open == 0:
            self._load.closed.set()

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._load.request())


async def drive(port: int, connections: int, seconds: float, order: dict[str, Any]) -> None:
    load = Load(order, seconds)
    loop = asyncio.get_running_loop()
    cpu_s = time.process_time()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(load), HOST, port)
    await asyncio.wait_for(load.closed.wait(), seconds * 2 + 30)
    waits_ms = sorted(wait * 1000 for wait in load.waits_s) or [0.0]
    print(
        json.dumps(
            {
                "per_s": len(load.waits_s) / seconds,
                "p50_ms": statistics.median(waits_ms),
                "p99_ms": waits_ms[int(len(waits_ms) * 0.99)],
                "statuses": load.statuses,
                "cpu": (time.process_time() - cpu_s) / (seconds * 1.1),
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(drive(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), json.load(sys.stdin)))
