"""What the tables of a town's file say about each other: names that are there, periods that fit.

Pure. A plan that was read leniently may be checked too: what could not be read contradicts nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import Any
from zoneinfo import available_timezones

from backend.access.scopes import STAFF_ROLES
from backend.tariffs.service import GRADE
from backend.towns.plan import Cards, Device, Part, Plan, Town
from firmware import contract

Path = tuple[str | int, ...]
Found = Iterator[tuple[Path, str, str]]


def check(plan: Plan) -> Found:
    """What is wrong between the parts: (place, words, cure)."""
    yield from _town(plan.town)
    for noun, field in (
        ("fractions", "name"),
        ("points", "name"),
        ("devices", "device"),
        ("staff", "login"),
        ("products", "name"),
        ("factors", "pack"),
    ):
        yield from _twice(noun, field, getattr(plan, noun))
    yield from _fractions(plan)
    points = [each.name for each in plan.points]
    for i, device in enumerate(plan.devices):
        yield from _device(("devices", i), device, points)
    for i, who in enumerate(plan.staff):
        if who.role not in STAFF_ROLES:
            yield ("staff", i, "role"), f"No role is called {who.role}.", _choose(STAFF_ROLES)
    if not any(who.role == "administrator" for who in plan.staff):
        yield ("staff", 0), "Nobody is administrator.", "Give one of the staff this role."
    yield from _cards(plan.cards)
    if plan.expiry is not None and plan.demurrage is not None:
        cure = "Take out [expiry] or [demurrage]."
        yield ("demurrage",), "Credit expires, or it carries demurrage: never both.", cure
    yield from _tariffs(plan, points)
    yield from _periods("budgets", plan.budgets, lambda _each: "town")
    yield from _factors(plan)


def _town(town: Town) -> Found:
    if town.timezone not in available_timezones():
        cure = "Write it like Asia/Hebron."
        yield ("town", "timezone"), f"No time zone is called {town.timezone}.", cure
    if GRADE not in town.grades:
        words = f"There is no grade {GRADE}, which is what a bin vouches for."
        yield ("town", "grades"), words, f"Add {GRADE}."


def _cards(cards: Cards | None) -> Found:
    if cards is None:
        return
    capped = cards.plain_daily_g is not None or cards.plain_daily_amount is not None
    if cards.plain_uncapped is capped:
        words = "Plain cards are capped, or they are not: the file says both or neither."
        cure = "Write plain_daily_g = 30000, or plain_uncapped = true."
        yield ("cards",), words, cure


def _factors(plan: Plan) -> Found:
    """Savings of fractions that are not accepted, or said twice for one moment."""
    accepted = [each.name for each in plan.fractions]
    seen: set[tuple[str, Any]] = set()
    for i, pack in enumerate(plan.factors):
        for j, each in enumerate(pack.disposal):
            place: Path = ("factors", i, "disposal", j, "fraction")
            if each.fraction not in accepted:
                yield place, f"{each.fraction} is not accepted in this town.", _choose(accepted)
            if (each.fraction, pack.since) in seen:
                words = f"What {each.fraction} saves from that moment on is said twice."
                yield place, words, "Take one out."
            seen.add((each.fraction, pack.since))


def _twice(noun: str, field: str, parts: list[Part]) -> Found:
    seen: set[str] = set()
    for i, part in enumerate(parts):
        name = getattr(part, field)
        if name in seen:
            yield (noun, i, field), f"{name} is there twice.", "Give one another name."
        seen.add(name)


def _fractions(plan: Plan) -> Found:
    for i, each in enumerate(plan.fractions):
        code = contract.FRACTIONS.get(each.name)
        if code is None:
            cure = _choose(contract.FRACTIONS)
            yield ("fractions", i, "name"), f"No fraction is called {each.name}.", cure
        elif code != each.waste_code:
            words = f"{each.waste_code} is not {each.name}'s code in the List of Waste."
            yield ("fractions", i, "waste_code"), words, f"Write {code}."


def _device(place: Path, device: Device, points: list[str]) -> Found:
    if not contract.is_device(device.device):
        cure = "Use 1 to 32 of a-z, 0-9 and the hyphen."
        yield (*place, "device"), f"{device.device!r} is no device's name.", cure
    for i, each in enumerate(device.places):
        if each.point not in points:
            words = f"{device.device} stands at {each.point}, which is no point here."
            yield (*place, "places", i, "point"), words, _choose(points)
    for i, (one, next_) in enumerate(pairwise(device.places), 1):
        if next_.since <= one.since:
            words = f"{device.device} moves before it has stood."
            yield (*place, "places", i, "since"), words, "Put its places in the order of time."


def _tariffs(plan: Plan, points: list[str]) -> Found:
    accepted = [each.name for each in plan.fractions]
    for i, tariff in enumerate(plan.tariffs):
        if tariff.point is not None and tariff.point not in points:
            words = f"This tariff is for {tariff.point}, which is no point here."
            yield ("tariffs", i, "point"), words, _choose(points)
        seen: set[tuple[str, str]] = set()
        for j, rate in enumerate(tariff.rates):
            place: Path = ("tariffs", i, "rates", j, "fraction")
            if rate.fraction not in accepted:
                yield place, f"{rate.fraction} is not accepted in this town.", _choose(accepted)
            if rate.grade not in plan.town.grades:
                place_of_grade: Path = ("tariffs", i, "rates", j, "grade")
                words = f"No grade is called {rate.grade} in this town."
                yield place_of_grade, words, _choose(plan.town.grades)
            if (rate.fraction, rate.grade) in seen:
                words = f"{rate.fraction} of grade {rate.grade} has two rates."
                yield place, words, "Take one out."
            seen.add((rate.fraction, rate.grade))
    bounded = [each for each in plan.tariffs if each.until is not None]
    yield from _periods("tariffs", bounded, lambda each: each.point, plan.tariffs)
    opened: set[tuple[str | None, Any]] = set()
    for i, tariff in enumerate(plan.tariffs):
        scope = (tariff.point, tariff.since)
        if tariff.until is None and scope in opened:
            words = "Two tariffs start at this moment."
            yield ("tariffs", i, "since"), words, "Date one of them otherwise."
        opened |= {scope} if tariff.until is None else set()


def _periods(
    noun: str, parts: Iterable[Any], scope: Callable[[Any], Any], among: list[Any] | None = None
) -> Found:
    """Periods that end before they start, and those that overlap within one scope."""
    parts = list(parts)
    numbers = {id(each): i for i, each in enumerate(among or parts)}
    for each in parts:
        if each.until <= each.since:
            yield (noun, numbers[id(each)], "until"), "This ends before it starts.", "Swap them."
    scopes: dict[Any, list[Any]] = defaultdict(list)
    for each in sorted(parts, key=lambda each: each.since):
        scopes[scope(each)].append(each)
    for one, next_ in chain.from_iterable(map(pairwise, scopes.values())):
        if next_.since < one.until:
            words = f"This period overlaps the one that ends at {one.until.isoformat()}."
            yield (noun, numbers[id(next_)], "since"), words, "Start it then, or later."


def _choose(known: Iterable[str]) -> str:
    return f"Choose among: {', '.join(known)}."
