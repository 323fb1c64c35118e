"""More than the books can hold at once is answered 'later' over HTTP, and nothing is kept."""

from backend.ledger.poster import Limits
from tests.backend import village


def test_a_full_queue_is_a_503_that_says_when_to_come_back(small_town: village.Town) -> None:
    poster = small_town.services.poster
    batch = small_town.gateway.batch(
        *[(small_town.bin.device, small_town.bin.deposit()) for _ in range(8)]
    )

    roomy, poster._limits = poster._limits, Limits(queue=7)
    refused = small_town.gateway.post(batch)
    poster._limits = roomy
    taken = small_town.gateway.post(batch)

    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "books_busy"
    assert taken.status_code == 200
    assert small_town.balance(small_town.amal) == 8 * 50
