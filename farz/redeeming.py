"""Residents of the synthetic village take compost home: through the API, as a clerk would."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from farz.errors import PartFailed
from farz.founding import Founded
from farz.village import COMPOST_PER_KG

PAGE = 200
MOST_G = 3000


@dataclass
class Redeemed:
    """How many redemptions were made, refused and answered twice, and for how much credit."""

    made: int = 0
    amount: int = 0
    grams: int = 0
    refused: int = 0
    replayed: int = 0


def redeem(url: str, founded: Founded, count: int, seed: int) -> Redeemed:
    """Make `count` redemptions by those who have the credit; each is asked for twice.

    The repeat under the same Idempotency-Key must answer the same receipt and take nothing.
    """
    total = Redeemed()
    dice = random.Random(f"farz redemptions {seed}")
    with httpx.Client(base_url=url, timeout=30) as client:
        answer = client.post(
            "/v1/sessions/staff", json={"login": "clerk", "password": founded.passwords["clerk"]}
        )
        _expect(answer, 200)
        balances = dict(_balances(client))
        for number in range(count):
            person_id = max(balances, key=lambda each: balances[each])
            affordable_g = balances[person_id] * 1000 // COMPOST_PER_KG
            wanted_g = max(1, min(affordable_g, dice.randrange(500, MOST_G)))
            body = {
                "product_id": founded.product_id,
                "person_id": person_id,
                "grams": wanted_g,
            }
            key = {"Idempotency-Key": f'"demo-{seed}-{number}"'}
            first = client.post("/v1/redemptions", json=body, headers=key)
            again = client.post("/v1/redemptions", json=body, headers=key)
            if first.status_code != 201:
                total.refused += 1
                continue
            receipt = first.json()
            total.made += 1
            total.amount += receipt["amount"]
            total.grams += receipt["grams"]
            total.replayed += again.json().get("receipt") == receipt["receipt"]
            balances[person_id] -= receipt["amount"]
    return total


def _balances(client: httpx.Client) -> Iterator[tuple[int, int]]:
    after = 0
    while True:
        answer = client.get("/v1/people", params={"after": after, "limit": PAGE})
        _expect(answer, 200)
        people = answer.json()
        for person in people:
            balance = client.get(f"/v1/people/{person['id']}/balance")
            _expect(balance, 200)
            yield person["id"], balance.json()["available"]
        if len(people) < PAGE:
            return
        after = people[-1]["id"]


def _expect(answer: httpx.Response, status: int) -> None:
    if answer.status_code != status:
        raise PartFailed(f"the backend answered {answer.status_code}: {answer.text[:300]}")
