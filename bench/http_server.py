"""The backend that bench/http_posts.py loads: `python -m bench.http_server HOW PORT`.

It founds a small town in FARZ_DATA_DIR, leaves what a client needs in `order.json` there, and
serves as `farz serve` does. HOW is `durable`, or `storeless`: then requests are answered where the
poster would take them, with what it would say, and nothing is kept.
"""

import json
import secrets
import sys
import time
from concurrent.futures import Future
from hashlib import sha256
from itertools import count
from typing import Any

import backend.opening
from backend.access import service as access
from backend.access.dependencies import COOKIE
from backend.compost import service as compost
from backend.ledger.poster import Poster
from backend.ledger.transfers import Credit, Entry, Group, Posted, RecordKey
from backend.people import service as people
from backend.services import Services
from backend.settings import Settings
from backend.towns import service as towns
from farz.founding import ripe_compost
from farz.serving import serve
from farz.town import open_town

MEMBERS = 1_000
FUNDS = 10**12
STOCK_G = compost.GRAMS_MOST
BATCHES_OF_STOCK = 100


class Storeless(Poster):
    """Answers groups at once, as if they were booked."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._numbers = count(1, 2)

    def start(self) -> None:
        """Nothing is read and no thread runs."""

    @property
    def alive(self) -> bool:
        """It answers without a thread."""
        return True

    def close(self) -> None:
        """Nothing waits."""

    def submit(self, request: Any) -> "Future[Any]":
        assert isinstance(request, Group)
        first = next(self._numbers)
        named = {"ledger_id": 1, "group_id": first}
        rows = tuple({**values, **named} for _, values in request.rows)
        ids = tuple(range(first, first + len(request.legs)))
        answer: Future[Any] = Future()
        answer.set_result(Posted(first, ids, time.time_ns() // 1000, False, rows))
        return answer


def found(services: Services) -> dict[str, Any]:
    """A clerk who is signed in, members with funds, compost with a price and enough in stock."""
    now_s = services.now_s()
    with services.begin() as conn:
        towns.found(conn, 1, "Bench town (synthetic)", now_s=now_s)
        clerk = access.create_staff(
            conn, 1, login="clerk", name="Clerk", role="counter_clerk",
            password=secrets.token_urlsafe(12), now_s=now_s,
        )  # fmt: skip
        members = [people.enrol(conn, 1, f"Member {n}", now_s=now_s) for n in range(MEMBERS)]
        product = compost.create_product(conn, 1, "Compost", now_s=now_s)
        compost.set_price(conn, 1, product.id, 10, decided_by="officer", from_s=now_s)
    funds = [_funding(number, each.account_id) for number, each in enumerate(members)]
    assert {answer.outcome for answer in services.poster.submit_all(funds).result()} == {"credited"}
    for number in range(BATCHES_OF_STOCK):
        ripe_compost(services, product.id, STOCK_G, by="clerk", key=f"stock-{number}")
    token = services.sessions.open(1, "staff", clerk.id, now_s, hours=12)
    return {
        "cookie": f"{COOKIE}={token}",
        "product_id": product.id,
        "person_ids": [each.id for each in members],
    }


def _funding(number: int, account_id: int) -> Entry:
    signed = b"funding.%d" % number
    now_s = time.time_ns() // 10**9
    return Entry(
        key=RecordKey(1, 1, number, sha256(signed).digest()),
        kind="deposit",
        jws=signed + b".synthetic",
        received_s=now_s,
        effective_s=now_s,
        wanted=Credit(account_id, FUNDS),
    )


def main(how: str, port: int) -> None:
    settings = Settings()
    with open_town(create=True) as services:
        order = found(services)
    (settings.data_dir / "order.json").write_text(json.dumps(order))
    if how == "storeless":
        backend.opening.Poster = Storeless  # type: ignore[attr-defined]  # where it is made
    serve(port)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
