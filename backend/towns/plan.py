"""A town's file: read and checked whole before anything is made of it.

Pure: text in; a `Plan`, or every mistake with its line and its cure at once. TOML's reader keeps
no places, so a short scan remembers on which line each table and key stands.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from backend.access.scopes import STAFF_ROLES
from backend.budgets.coverage import DEAREST_TONNE
from backend.errors import BadTownFile
from backend.schemas import LARGEST, Name, Words
from backend.tariffs.service import DEAREST, GRADE
from firmware import contract

Path = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([\w-]+)\s*=")


Grade = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,12}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Town(_Part):
    name: Name
    currency: Annotated[str, Field(pattern=r"^[A-Za-z]{2,16}$")]
    scale: Annotated[int, Field(ge=0, le=6)] = 2
    backed_by: Annotated[Words, Field(min_length=1)]
    languages: Annotated[list[str], Field(min_length=1)]
    timezone: str
    grades: Annotated[list[Grade], Field(min_length=1)] = [GRADE]


class Accepted(_Part):
    name: str
    waste_code: str


class Point(_Part):
    name: Name


class Place(_Part):
    point: str
    since: AwareDatetime


class Device(_Part):
    device: str
    places: Annotated[list[Place], Field(min_length=1)]


class Staff(_Part):
    login: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,64}$")]
    role: str
    name: Name


class Rate(_Part):
    fraction: str
    amount_per_kg: Annotated[int, Field(ge=0, le=DEAREST)]
    grade: Grade = GRADE


class Tariff(_Part):
    since: AwareDatetime
    rates: Annotated[list[Rate], Field(min_length=1)]
    until: AwareDatetime | None = None
    point: str | None = None
    note: Words = ""


class Budget(_Part):
    since: AwareDatetime
    until: AwareDatetime
    amount: Annotated[int, Field(ge=0, le=LARGEST)]


class Product(_Part):
    name: Name
    amount_per_kg: Annotated[int, Field(ge=1, le=10**9)]


class Cards(_Part):
    """What a card that proves nothing may bring a day, in grams and in minor units.

    A file that says nothing gives `caps.DEFAULT_DAILY_G`; `plain_uncapped = true` gives no cap.
    """

    plain_daily_g: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    plain_daily_amount: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    plain_uncapped: bool = False


class Saving(_Part):
    fraction: str
    amount_per_tonne: Annotated[int, Field(ge=0, le=DEAREST_TONNE)]


class Factors(_Part):
    """A pack of figures from elsewhere: what a tonne saves in disposal, and who says so."""

    pack: Name
    source: Annotated[str, Field(min_length=1, max_length=50)]
    since: AwareDatetime
    disposal: Annotated[list[Saving], Field(min_length=1)]


class People(_Part):
    """So many people who do not exist, for a town that is tried out."""

    synthetic: Annotated[int, Field(ge=1, le=100_000)]


class Plan(_Part):
    """A whole town; every name that it mentions is one that it has."""

    town: Town
    fractions: Annotated[list[Accepted], Field(min_length=1)]
    points: Annotated[list[Point], Field(min_length=1)]
    devices: list[Device] = []
    staff: Annotated[list[Staff], Field(min_length=1)]
    tariffs: list[Tariff] = []
    budgets: list[Budget] = []
    products: list[Product] = []
    cards: Cards | None = None
    factors: list[Factors] = []
    people: People | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """`line` counts from 1."""

    line: int
    words: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.words} {self.cure}"


def read(text: str) -> Plan:
    """Return the plan in a file's text. Raises BadTownFile with every mistake in it."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTownFile(f"This is not TOML: {error}. Mend that place first.") from None
    lines = lines_of(text)
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        mistakes = [_of_shape(lines, each) for each in error.errors()]
    else:
        mistakes = [Mistake(_line(lines, place), *said) for place, *said in _check(plan)]
        if not mistakes:
            return plan
    told = "\n".join(str(each) for each in sorted(mistakes, key=lambda each: each.line))
    raise BadTownFile(f"{len(mistakes)} to mend, nothing was changed:\n{told}")


def lines_of(text: str) -> dict[Path, int]:
    """Return the line of each table and key: ("points", 2, "name") -> 14."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = defaultdict(int)
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _table(tuple(header[2].split(".")), header[1] == "[[", counts)
            found[table] = number
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1]), number)
    return found


def _table(names: tuple[str, ...], repeated: bool, counts: dict[Path, int]) -> Path:
    """Where a header leads: the last of each repeated table on the way."""
    place: Path = ()
    for depth, name in enumerate(names):
        place = (*place, name)
        if repeated and depth == len(names) - 1:
            counts[place] += 1
        if counts[place]:
            place = (*place, counts[place] - 1)
    return place


def _line(lines: dict[Path, int], place: Path) -> int:
    """The line of a place, or of the nearest thing around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _of_shape(lines: dict[Path, int], error: Any) -> Mistake:
    place: Path = tuple(error["loc"])
    name = ".".join(map(str, place))
    said = {
        "missing": (f"{name} is missing.", f"Write it: {place[-1]} = …"),
        "extra_forbidden": (f"Nothing is called {name}.", "Take it out or spell it as the guide."),
    }.get(error["type"], (f"{name}: {error['msg']}.", "Write another value here."))
    return Mistake(_line(lines, place), *said)


Found = Iterator[tuple[Path, str, str]]


def _check(plan: Plan) -> Found:
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
    yield from _tariffs(plan, points)
    yield from _periods("budgets", plan.budgets, lambda _each: "town")
    yield from _factors(plan)


def _town(town: Town) -> Found:
    if town.timezone not in available_timezones():
        cure = "Write it like Asia/Hebron."
        yield ("town", "timezone"), f"No time zone is called {town.timezone}.", cure
    for language in town.languages:
        if not re.fullmatch(r"[a-z]{2,3}", language):
            yield ("town", "languages"), f"{language!r} is no language.", "Write ar, en, …"

    if GRADE not in town.grades:
        words = f"There is no grade {GRADE}, which is what a bin vouches for."
        yield ("town", "grades"), words, f"Add {GRADE}."


def _cards(cards: Cards | None) -> Found:
    if cards is None:
        return
    capped = cards.plain_daily_g is not None or cards.plain_daily_amount is not None
    if capped == cards.plain_uncapped:
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


def _twice(noun: str, field: str, parts: list[_Part]) -> Found:
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
    ordered = sorted(parts, key=lambda each: (str(scope(each)), each.since))
    for one, next_ in pairwise(ordered):
        if scope(one) == scope(next_) and next_.since < one.until:
            words = f"This period overlaps the one that ends at {one.until.isoformat()}."
            yield (noun, numbers[id(next_)], "since"), words, "Start it then, or later."


def _choose(known: Iterable[str]) -> str:
    return f"Choose among: {', '.join(known)}."
