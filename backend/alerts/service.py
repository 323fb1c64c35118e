"""Alerts: opened by a value, ended by a later value, never by silence; a bin's own alarms: `said`.

Rows are written at a change alone, so that a bin that reports as ever costs the books nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from backend.alerts.conditions import (
    RULES,
    SILENT,
    Condition,
    Open,
    condition,
    words_of,
)
from backend.alerts.tables import alert
from backend.devices import service as devices
from backend.devices.service import Device
from backend.services import Services
from backend.telemetry import Sample


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that was wrong with a device; `resolved_s` None: it still is, for all we know."""

    device: str
    rule: str
    words: str
    unit: str
    opened_s: int
    opened_value: int
    resolved_s: int | None
    resolved_value: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """An alert to open (or, with `resolves`, to end) by what was measured at a moment."""

    device: str
    rule: str
    at_s: int
    value: int
    resolves: bool


def alerts(
    conn: Connection, ledger_id: int, *, device: str | None = None, resolved: bool = False
) -> list[Alert]:
    """Return alerts that are open, or all of them, the newest first."""
    query = select(alert).where(alert.c.ledger_id == ledger_id)
    if device is not None:
        query = query.where(alert.c.device == device)
    if not resolved:
        query = query.where(alert.c.resolved_s.is_(None))
    query = query.order_by(alert.c.opened_s.desc(), alert.c.device, alert.c.rule).limit(1_000)
    return [_alert(row) for row in conn.execute(query)]


def judge(open_: Mapping[tuple[str, str], int], samples: Iterable[Sample]) -> list[Change]:
    """Return what samples change: `open_` has since when (device, rule) is wrong. Pure.

    Samples may come late and out of order: one from before an alert was opened cannot end it.
    """
    known, changes = dict(open_), []
    for sample in sorted(samples, key=lambda each: each.at_s):
        for rule, (field, limit) in RULES.items():
            value, key = sample.values.get(field.name), (sample.device, rule)
            if value is None:
                continue
            if key not in known and limit.is_bad(value):
                known[key] = sample.at_s
                changes.append(Change(sample.device, rule, sample.at_s, value, False))
            elif key in known and limit.is_good(value) and sample.at_s > known[key]:
                del known[key]
                changes.append(Change(sample.device, rule, sample.at_s, value, True))
    return changes


def take(services: Services, samples: Iterable[Sample]) -> None:
    """Open and end alerts by what has just come; writes only if something changes."""
    given = list(samples)
    with services.read() as conn:
        changes = judge(_open(conn, services.ledger_id), given)
    if changes:
        with services.begin() as conn:
            # Judged again under the lock: another process may have heard the same.
            for change in judge(_open(conn, services.ledger_id), given):
                apply_change(conn, services.ledger_id, change)


def conditions(
    conn: Connection,
    ledger_id: int,
    found: Sequence[Device],
    newest: Mapping[str, Sample],
    now_s: int,
) -> list[Condition]:
    """Return how devices are, in their order, by their newest samples beside what is known."""
    wrong: dict[str, list[Open]] = {}
    for (device, rule), (opened_s, value) in _open_values(conn, ledger_id).items():
        wrong.setdefault(device, []).append(Open(rule, opened_s, value))
    return [
        condition(_heard_s(each, newest), each.state, wrong.get(each.id, []), now_s)
        for each in found
    ]


def watch(services: Services) -> None:
    """Open an alert for devices that have fallen silent; end it once they are heard again.

    Does nothing while the time series cannot be read: then it is we who are deaf.
    """
    newest = services.telemetry.newest()
    if not services.telemetry.readable:
        return
    with services.read() as conn:
        found = devices.devices(conn, services.ledger_id)
        known = _open(conn, services.ledger_id)
        judged = conditions(conn, services.ledger_id, found, newest, services.now_s())
    changes = []
    for device, now in zip(found, judged, strict=True):
        is_open, quiet = (device.id, SILENT) in known, now.state in ("stale", "offline")
        if quiet == is_open or now.heard_s is None or now.age_s is None:
            continue
        if is_open and now.heard_s <= known[device.id, SILENT]:
            continue
        changes.append(Change(device.id, SILENT, now.heard_s, now.age_s, is_open))
    if changes:
        with services.begin() as conn:
            for change in changes:
                apply_change(conn, services.ledger_id, change)


def _heard_s(device: Device, newest: Mapping[str, Sample]) -> int | None:
    sample = newest.get(device.id)
    measured_s = sample.at_s if sample else None
    heard = [s for s in (device.seen_s, device.birth_s, measured_s) if s is not None]
    return max(heard, default=None)


def _open(conn: Connection, ledger_id: int) -> dict[tuple[str, str], int]:
    return {key: since_s for key, (since_s, _) in _open_values(conn, ledger_id).items()}


def _open_values(conn: Connection, ledger_id: int) -> dict[tuple[str, str], tuple[int, int]]:
    query = select(alert).where(alert.c.ledger_id == ledger_id, alert.c.resolved_s.is_(None))
    return {(row.device, row.rule): (row.opened_s, row.opened_value) for row in conn.execute(query)}


def apply_change(conn: Connection, ledger_id: int, change: Change) -> None:
    """Open or end an alert, once for each moment."""
    mine = (
        alert.c.ledger_id == ledger_id,
        alert.c.device == change.device,
        alert.c.rule == change.rule,
    )
    if change.resolves:
        conn.execute(
            update(alert)
            .where(*mine, alert.c.resolved_s.is_(None))
            .values(resolved_s=change.at_s, resolved_value=change.value)
        )
        return
    taken = select(alert.c.opened_s).where(
        *mine, (alert.c.resolved_s.is_(None)) | (alert.c.opened_s == change.at_s)
    )
    if conn.scalar(taken.limit(1)) is not None:
        return
    conn.execute(
        insert(alert).values(
            ledger_id=ledger_id,
            device=change.device,
            rule=change.rule,
            opened_s=change.at_s,
            opened_value=change.value,
        )
    )


def _alert(row: Any) -> Alert:
    unit = "s" if row.rule == SILENT else ""
    if row.rule in RULES:
        unit = RULES[row.rule][0].unit
    return Alert(
        row.device,
        row.rule,
        words_of(row.rule),
        unit,
        row.opened_s,
        row.opened_value,
        row.resolved_s,
        row.resolved_value,
    )
