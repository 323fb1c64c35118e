"""Writes a synthetic village into a town's books through the backend's own services."""

import secrets
import time
from collections import Counter
from dataclasses import dataclass

from backend.access import service as access
from backend.budgets import service as budgets
from backend.cards import caps
from backend.cards import service as cards
from backend.compost import heaps
from backend.compost import service as compost
from backend.compost.service import Batch
from backend.devices import service as devices
from backend.people import service as people
from backend.services import Services
from backend.tariffs import service as tariffs
from backend.towns import secret
from backend.towns import service as towns
from farz.village import COMPOST_PER_KG, CURRENCY, TARIFF_PER_KG, Village

DAY_S = 86_400
STAFF = {
    "administrator": "administrator",
    "officer": "municipal_officer",
    "clerk": "counter_clerk",
    "technician": "field_technician",
}  # login: role
BUDGET = 10**9  # minor units for the period: more than any demo mints
STOCK_G = 5_000_000
PERMISSIBLE_G = 100  # more than a simulated scale may err in one visit


@dataclass(frozen=True)
class Founded:
    """What a person needs to look around; none of it exists outside this one demo."""

    gateway_key: str
    passwords: dict[str, str]  # by login
    residents: tuple[tuple[str, str], ...]  # card number and PIN, in the order of the people
    product_id: int


def daily_cap_g(village: Village) -> int:
    """What a plain card may bring a day: a town's default, or more where a person here does.

    A demo's weeks pass within one day of its town, and its second opinion knows the bins' flash but
    not the order in which the books took what came; so its people keep below the cap.
    """
    brought: Counter[bytes] = Counter()
    for bin_ in village.bins:
        for visit in bin_.visits:
            brought[visit.uid] += visit.grams + PERMISSIBLE_G
    return max([caps.DEFAULT_DAILY_G, *brought.values()])


def found(
    services: Services,
    village: Village,
    public_key: bytes,
    start_s: int,
    *,
    plain_daily_g: int | None = None,
) -> Founded:
    """Found the village a day before `start_s` (Unix), so that everything is in force by then.

    Without `plain_daily_g` (grams) plain cards are not capped.
    """
    since_s = start_s - DAY_S
    passwords = {login: secrets.token_urlsafe(9) for login in STAFF}
    with services.begin() as conn:
        town = services.ledger_id
        towns.found(conn, town, "Demo village (synthetic)", currency=CURRENCY, now_s=since_s)
        secret.note(conn, town, services.vault)
        caps.set_cap(
            conn,
            town,
            daily_g=plain_daily_g,
            daily_amount=None,
            decided_by="officer",
            from_s=0,
        )
        for login, password in passwords.items():
            access.create_staff(
                conn,
                town,
                login=login,
                name=f"{login.capitalize()} (synthetic)",
                role=STAFF[login],
                password=password,
                now_s=since_s,
            )
        gateway = access.create_gateway(
            conn, town, name="gateway", public_key=public_key, now_s=since_s
        )
    _put_tariff_in_force(services, since_s)
    residents = _enrol(services, village, since_s)
    _place_bins(services, village, since_s)
    product_id = _stock_compost(services, since_s)
    budgets.set_budget(
        services,
        from_s=since_s - DAY_S,
        until_s=start_s + 366 * DAY_S,
        amount=BUDGET,
        decided_by="officer",
    )
    return Founded(gateway.key, passwords, residents, product_id)


def _put_tariff_in_force(services: Services, since_s: int) -> None:
    with services.begin() as conn:
        town = services.ledger_id
        draft = tariffs.draft(
            conn, town, TARIFF_PER_KG, from_s=since_s, drafted_by="founding", now_s=since_s
        )
        approvers = [who for who in access.staff(conn, town) if who.may("tariffs:approve")]
        for who in approvers:
            tariffs.approve(conn, town, draft.id, staff_id=who.id, now_s=since_s)


def _enrol(services: Services, village: Village, since_s: int) -> tuple[tuple[str, str], ...]:
    residents = []
    for person in village.people:
        # One household a transaction: hashing a PIN takes long, and others may want the books.
        with services.begin() as conn:
            town = services.ledger_id
            enrolled = people.enrol(conn, town, person.name, now_s=since_s)
            card = cards.issue(
                conn,
                services.vault,
                town,
                person_id=enrolled.id,
                uid=person.uid,
                pin=person.pin,
                decided_by="clerk",
                from_s=since_s,
            )
            if person.blocked:
                cards.block(conn, town, card.number, decided_by="clerk", from_s=since_s + 1)
        residents.append((card.number, person.pin))
    return tuple(residents)


def _place_bins(services: Services, village: Village, since_s: int) -> None:
    with services.begin() as conn:
        town = services.ledger_id
        places: dict[str, int] = {}
        for bin_ in village.bins:
            if bin_.point not in places:
                places[bin_.point] = towns.add_point(conn, town, bin_.point, now_s=since_s).id
            devices.provision(
                conn,
                services.vault,
                town,
                bin_.device,
                point_id=places[bin_.point],
                key=bin_.key,
                from_s=since_s,
            )


def _stock_compost(services: Services, since_s: int) -> int:
    with services.begin() as conn:
        town = services.ledger_id
        product = compost.create_product(conn, town, "Compost", now_s=since_s)
        compost.set_price(
            conn, town, product.id, COMPOST_PER_KG, decided_by="officer", from_s=since_s
        )
    ripe_compost(services, product.id, STOCK_G, by="clerk", key=f"first-{int(time.time())}")
    return product.id


def ripe_compost(services: Services, product_id: int, grams: int, *, by: str, key: str) -> Batch:
    """Synthetic compost in stock: a heap of 90 days ago with three times as much in it."""
    now_s = services.now_s()
    with services.begin() as conn:
        town = services.ledger_id
        made = heaps.start(
            conn,
            town,
            product_id,
            started_s=now_s - 90 * heaps.DAY_S,
            maturity_days=heaps.LEAST_DAYS,
            note="synthetic",
            started_by=by,
            now_s=now_s,
        )
        heaps.add_input(
            conn,
            town,
            made.id,
            material="organic",
            grams=3 * grams,
            source="synthetic",
            added_by=by,
            now_s=now_s,
        )
    return heaps.weigh_out(services, made.id, grams, by=by, key=key)
