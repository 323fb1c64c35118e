"""Records in quarantine: truly signed bytes under a name that other bytes had taken.

They pay nothing and wait for a person, who sees both sides of the quarrel.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_

from backend import tables as t
from backend.errors import BadInput
from backend.ledger import tables as ledger
from backend.ledger.transfers import signed64, unsigned64
from firmware import contract

PAGE = 50
_NAME = ("source_id", "epoch", "seq", "hash")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """`said` is what these bytes say and `kept` what the books' do, neither with its card.

    `outcome` is what became of the record in the books. The next page starts after `cursor`.
    """

    device: str | None
    epoch: str
    seq: int
    hash: str
    received_s: int
    said: dict[str, Any]
    kept: dict[str, Any]
    outcome: str
    cursor: str


def quarantined(
    conn: Connection, ledger_id: int, *, after: str | None = None, limit: int = PAGE
) -> list[Quarantined]:
    """The town's quarantine in the order of names. Raises BadInput for a cursor of no page."""
    row, first, device = ledger.quarantine, ledger.record, t.device
    same = [row.c[name] == first.c[name] for name in ("ledger_id", "source_id", "epoch", "seq")]
    query = (
        select(row, device.c.id.label("device"), first.c.jws.label("kept"), first.c.outcome)
        .join(first, same[0] & same[1] & same[2] & same[3])
        .outerjoin(
            device,
            (device.c.ledger_id == row.c.ledger_id) & (device.c.source_id == row.c.source_id),
        )
        .where(row.c.ledger_id == ledger_id)
        .order_by(*(row.c[name] for name in _NAME))
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*(row.c[name] for name in _NAME)) > _place(after))
    return [_quarantined(each) for each in conn.execute(query)]


def _quarantined(row: Row[Any]) -> Quarantined:
    digest = bytes(row.hash).hex()
    return Quarantined(
        row.device,
        f"{row.epoch:016x}",
        row.seq,
        digest,
        row.received_s,
        _said(bytes(row.jws)),
        _said(bytes(row.kept)),
        row.outcome,
        f"{row.source_id}.{signed64(row.epoch)}.{row.seq}.{digest}",
    )


def _said(jws: bytes) -> dict[str, Any]:
    """The signed words without the card; nothing where a person's part was erased."""
    try:
        body = json.loads(contract.unb64(jws.split(b".")[1].decode()))
    except (ValueError, IndexError, contract.ContractError):
        return {}
    return {name: value for name, value in body.items() if name != "card"}


def _place(cursor: str) -> tuple[int, int, int, bytes]:
    try:
        source_id, epoch, seq, digest = cursor.split(".")
        place = (int(source_id), unsigned64(int(epoch)), int(seq), bytes.fromhex(digest))
    except ValueError:
        raise BadInput("That is not the cursor of a page.") from None
    if not (0 <= place[0] < 2**31 and 0 <= place[2] < 2**53 and abs(int(epoch)) < 2**63):
        raise BadInput("That is not the cursor of a page.")
    return place
