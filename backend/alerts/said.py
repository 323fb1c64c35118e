"""Alarms that bins sign: each opens an alert, which a person ends who has seen to it.

A record of kind `alarm` or `tamper` says in a few words what happened. The alert is opened before
the record is booked, under the record's own time, so that a repeat opens nothing again.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, select, update

from backend.alerts.conditions import SAID
from backend.alerts.service import Change, apply_change
from backend.alerts.tables import alert
from backend.deposits.envelope import Signed, Unsigned
from backend.deposits.rules import SLACK_S
from backend.errors import BadInput, NotFound

RULE_CHARS = 32
# What a bin says when all is well again, and which of its alarms that ends.
WELL = {
    "calibration in force": "alarm:calibration",
    "cell speaks": "alarm:cell silent",
    "lid shut": "alarm:lid open",
}


def hear(conn: Connection, ledger_id: int, records: Iterable[Signed | Unsigned]) -> None:
    """Open alerts for what truly signed records say."""
    for each in records:
        if isinstance(each, Unsigned) or each.body["kind"] not in SAID:
            continue
        body, device = each.body, each.device.id
        known = body["clock"] == "synced" and body["at_s"] <= each.received_s + SLACK_S
        at_s = body["at_s"] if known else each.received_s
        if body["what"] in WELL:
            _end_all(conn, ledger_id, device, WELL[body["what"]], at_s)
            continue
        rule = f"{body['kind']}:{body['what']}"[:RULE_CHARS]
        apply_change(conn, ledger_id, Change(device, rule, at_s, body["seq"], resolves=False))


def end(conn: Connection, ledger_id: int, device: str, rule: str, *, by: int, now_s: int) -> None:
    """Say that somebody has seen to a bin's alarm. Raises NotFound, BadInput for other alerts."""
    if rule.partition(":")[0] not in SAID:
        raise BadInput("This alert ends by itself, once the device says a good value.")
    row = alert.c
    mine = (row.ledger_id == ledger_id, row.device == device, row.rule == rule)
    open_ = select(row.opened_s).where(*mine, row.resolved_s.is_(None))
    if conn.scalar(open_.limit(1)) is None:
        raise NotFound("There is no such alert open.")
    apply_change(conn, ledger_id, Change(device, rule, now_s, by, resolves=True))


def _end_all(conn: Connection, ledger_id: int, device: str, prefix: str, at_s: int) -> None:
    row = alert.c
    conn.execute(
        update(alert)
        .where(
            row.ledger_id == ledger_id,
            row.device == device,
            row.rule.startswith(prefix),
            row.opened_s < at_s,
            row.resolved_s.is_(None),
        )
        .values(resolved_s=at_s, resolved_value=0)
    )
