"""What the municipality sees of a period: figures asked of services, in its page's shape."""

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from backend.accounts import service as accounts
from backend.budgets import coverage
from backend.budgets import service as budgets
from backend.budgets.coverage import Coverage
from backend.budgets.service import Claims
from backend.devices import service as devices
from backend.devices.service import Device
from backend.reports import service as reports
from backend.reports import totals
from backend.reports.service import Stream, Streams
from backend.reports.totals import Money
from backend.services import Services
from backend.towns import service as towns

PERIODS = ("today", "week", "month", "all")
_DAYS = {"today": 0, "week": 6, "month": 29}
COVERED_DAYS = 90
SILENT_AFTER_S = 2 * 3600


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart; `share` is of the longest bar, in per mille."""

    name: str
    net_g: int
    held_g: int
    deposits: int
    amount: int
    share: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A device with the state that a person should read: silence is never shown as health."""

    id: str
    point: str | None
    state: str
    seen_s: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    change: int
    total: Streams
    fractions: tuple[Bar, ...]
    points: tuple[Bar, ...]
    money: Money
    claims: Claims
    covered: tuple[Coverage, ...]
    shortfall: int
    outcomes: dict[str, int]
    devices: tuple[Seen, ...]
    at_s: int


def overview(services: Services, period: str, timezone: str) -> Overview:
    """Read one moment of the town."""
    ledger_id, now_s = services.ledger_id, services.now_s()
    since_s = start_of(period, now_s, timezone)
    with services.read() as conn:
        total = reports.streams(conn, ledger_id, since_s)
        places = {point.id: point.name for point in towns.points(conn, ledger_id)}
        seen = [_seen(each, places, now_s) for each in devices.devices(conn, ledger_id)]
        money = totals.money(conn, ledger_id)
        claims = budgets.claims(conn, ledger_id)
        covered = coverage.days(conn, ledger_id, limit=COVERED_DAYS)
        shortfall = accounts.shortfall(conn, ledger_id)
        outcomes = totals.outcomes(conn, ledger_id, since_s)
    return Overview(
        change=total.change,
        total=total,
        fractions=bars(total.streams, lambda stream: stream.fraction),
        points=bars(total.streams, lambda stream: stream.point or ""),
        money=money,
        claims=claims,
        covered=tuple(covered),
        shortfall=shortfall,
        outcomes=outcomes,
        devices=tuple(sorted(seen, key=lambda each: (each.state == "online", each.id))),
        at_s=now_s,
    )


def start_of(period: str, now_s: int, timezone: str) -> int:
    """Return when a period began: at a midnight of the town."""
    if period not in _DAYS:
        return 0
    today = datetime.datetime.fromtimestamp(now_s, ZoneInfo(timezone)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return int((today - datetime.timedelta(days=_DAYS[period])).timestamp())


def bars(streams: Iterable[Stream], name: Callable[[Stream], str]) -> tuple[Bar, ...]:
    """Sum streams under a name, the heaviest first."""
    groups: dict[str, list[Stream]] = defaultdict(list)
    for stream in streams:
        groups[name(stream)].append(stream)
    weights = {key: sum(each.net_g for each in group) for key, group in groups.items()}
    longest = max(weights.values(), default=0)
    return tuple(
        Bar(
            name=key,
            net_g=weights[key],
            held_g=sum(each.held_g for each in groups[key]),
            deposits=sum(each.deposits for each in groups[key]),
            amount=sum(each.amount for each in groups[key]),
            share=weights[key] * 1000 // longest if longest else 0,
        )
        for key in sorted(weights, key=lambda key: (-weights[key], key))
    )


def _seen(device: Device, places: dict[int, str], now_s: int) -> Seen:
    point = places.get(device.point_id) if device.point_id is not None else None
    state = device.state or "online"
    if device.seen_s is None:
        state = "never"
    elif state == "online" and now_s - device.seen_s > SILENT_AFTER_S:
        state = "silent"
    return Seen(device.id, point, state, device.seen_s)
