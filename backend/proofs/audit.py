"""What the verifier asks of the programme's own rows, beside the ledger's: the whole way of a gram.

Attestations are checked with the gateway's key and must name each record that they brought. With
the vault, the device's own signature over each record is checked again as well.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, select, text

from backend import tables as t
from backend.devices import keys
from backend.ledger import log
from backend.ledger.erasure import Opener
from backend.ledger.laws import Law
from backend.ledger.tables import checkpoint, record
from backend.ledger.verify import NAMED, Report
from backend.proofs import oaths
from backend.vault import Vault
from firmware import contract

_BATCH = 5_000
LAWS = (
    Law(
        "I9",
        "a record's rate is not its tariff's",
        """SELECT r.source_id, r.seq, r.tariff_id, r.amount_per_kg FROM record r
        LEFT JOIN tariff_rate x ON x.ledger_id = r.ledger_id AND x.tariff_id = r.tariff_id
          AND x.fraction = r.fraction AND x.grade = r.grade AND x.amount_per_kg = r.amount_per_kg
        WHERE r.ledger_id = :l AND r.amount_per_kg IS NOT NULL AND x.tariff_id IS NULL""",
    ),
    Law(
        "I9",
        "a deposit is worth something and has no rate",
        """SELECT source_id, seq, amount FROM record WHERE ledger_id = :l AND kind = 'deposit'
        AND amount > 0 AND amount_per_kg IS NULL""",
    ),
    Law(
        "I4",
        "a redemption is not what was paid for it",
        """SELECT m.group_id, m.amount FROM redemption m WHERE m.ledger_id = :l AND NOT EXISTS (
        SELECT 1 FROM transfer x WHERE x.ledger_id = m.ledger_id AND x.group_id = m.group_id
          AND x.code = 5 AND x.credit = 3 AND x.amount = m.amount)""",
    ),
    Law(
        "I4",
        "a redemption is not what was handed out for it",
        """SELECT m.group_id, m.grams FROM redemption m WHERE m.ledger_id = :l AND NOT EXISTS (
        SELECT 1 FROM transfer x WHERE x.ledger_id = m.ledger_id AND x.group_id = m.group_id
          AND x.code = 7 AND x.credit = 12 AND x.amount = m.grams)""",
    ),
    Law(
        "I4",
        "credit was redeemed for nothing that is written down",
        """SELECT x.id, x.group_id FROM transfer x
        LEFT JOIN redemption m ON m.ledger_id = x.ledger_id AND m.group_id = x.group_id
        LEFT JOIN fee_discount f ON f.ledger_id = x.ledger_id AND f.group_id = x.group_id
          AND f.amount = x.amount
        LEFT JOIN settlement_paid p ON p.ledger_id = x.ledger_id AND p.group_id = x.group_id
        WHERE x.ledger_id = :l AND x.code = 5 AND x.state IN (0, 2)
        AND m.group_id IS NULL AND f.group_id IS NULL AND p.group_id IS NULL""",
    ),
    Law(
        "I10",
        "an attestation is not in the chain that checkpoints name",
        """SELECT a.id FROM attestation a
        LEFT JOIN attestation_link k ON k.ledger_id = a.ledger_id AND k.attestation_id = a.id
        WHERE a.ledger_id = :l AND k.number IS NULL""",
    ),
    Law(
        "I9",
        "a deposit from paper has not two signatures",
        """SELECT r.epoch, r.seq FROM record r
        JOIN device d ON d.ledger_id = r.ledger_id AND d.source_id = r.source_id
          AND d.id = 'paper-desk'
        WHERE r.ledger_id = :l AND r.kind = 'deposit' AND NOT EXISTS (
        SELECT 1 FROM paper_slip p JOIN paper_signature s
          ON s.ledger_id = p.ledger_id AND s.slip_id = p.id
        WHERE p.ledger_id = r.ledger_id AND p.book = r.epoch AND p.number = r.seq
          AND s.outcome = 'confirmed' AND s.signed_by <> p.entered_by
          AND p.gross_g - p.tare_g = r.net_g)""",
    ),
)


def audit(conn: Connection, ledger_id: int, report: Report, vault: Vault | None = None) -> None:
    """Adds to a report what the programme's rows break. One snapshot; changes nothing."""
    for law in LAWS:
        for row in conn.execute(text(law.query), {"l": ledger_id}).fetchmany(NAMED):
            names = ", ".join(f"{key} {value}" for key, value in row._mapping.items())
            report.add(law.invariant, f"{law.words}: {names}")
    _check_attestations(conn, ledger_id, report)
    for problem in oaths.wrong(oaths.oaths(conn, ledger_id), _notes(conn, ledger_id)):
        report.add("I10", problem)
    if vault is not None:
        _check_signatures(conn, ledger_id, report, vault)


def _notes(conn: Connection, ledger_id: int) -> list[str]:
    """The checkpoints of the log in force: those of a closed one may contradict."""
    note = checkpoint.c
    number = log.origin(conn, ledger_id).number
    mine = (note.ledger_id == ledger_id, note.origin_no == number)
    return [str(each) for each in conn.scalars(select(note.note).where(*mine))]


def _check_attestations(conn: Connection, ledger_id: int, report: Report) -> None:
    """Both sides in the order of their attestation, so that neither is held in memory."""
    brought = groupby(_brought(conn, ledger_id), lambda row: row.attestation_id)
    number, rows = next(brought, (None, iter(())))
    row = t.attestation.c
    for each in conn.execute(
        select(row.id, row.statement)
        .where(row.ledger_id == ledger_id)
        .order_by(row.id)
        .execution_options(yield_per=_BATCH)
    ):
        while number is not None and number < each.id:
            report.add("I6", f"attestation {number}, which records came with, is not in the books")
            number, rows = next(brought, (None, iter(())))
        named = _named(each, report)
        if number == each.id:
            for record_ in rows:
                name = _name(record_)
                if name not in named:
                    report.add("I6", f"attestation {each.id} does not name the record {name}")
            number, rows = next(brought, (None, iter(())))
    if number is not None:
        report.add("I6", f"attestation {number}, which records came with, is not in the books")


def _brought(conn: Connection, ledger_id: int) -> Iterator[Any]:
    row, device = record.c, t.device.c
    yield from conn.execute(
        select(row.attestation_id, row.epoch, row.seq, row.hash, device.id.label("device"))
        .join(t.device, (device.ledger_id == row.ledger_id) & (device.source_id == row.source_id))
        .where(row.ledger_id == ledger_id, row.attestation_id.is_not(None))
        .order_by(row.attestation_id)
        .execution_options(yield_per=_BATCH)
    )


def _name(row: Any) -> tuple[str, str, int, str]:
    return row.device, f"{row.epoch:016x}", row.seq, contract.hash8(bytes(row.hash))


def _named(row: Any, report: Report) -> set[tuple[Any, ...]]:
    """The records that an attestation names, whose signature `oaths` looks at."""
    try:
        said = json.loads(bytes(row.statement).partition(b"\n")[2])
        return {tuple(each[:4]) for each in said["rows"]}
    except (ValueError, TypeError, KeyError):
        report.add("I6", f"attestation {row.id} cannot be read")
        return set()


def _check_signatures(conn: Connection, ledger_id: int, report: Report, vault: Vault) -> None:
    """The device's HMAC over each record's bytes, with the key that its envelope names."""
    opener = Opener(conn, ledger_id, vault)
    up: dict[tuple[str, int], bytes | None] = {}
    row, device = record.c, t.device.c
    for each in conn.execute(
        select(row.source_id, row.epoch, row.seq, row.jws, row.sealed_for,
               device.id.label("device"))
        .join(t.device, (device.ledger_id == row.ledger_id) & (device.source_id == row.source_id))
        .where(row.ledger_id == ledger_id)
        .execution_options(yield_per=_BATCH)
    ):  # fmt: skip
        jws = bytes(each.jws) if each.sealed_for is None else opener.open(each)
        if jws is None:
            continue
        try:
            parts = contract.split(jws.decode(), "record")
            place = (each.device, parts.number)
            if place not in up:
                up[place] = _up(conn, ledger_id, vault, *place)
            key = up[place]
            if key is None:
                raise ValueError(f"no key {parts.number}")
            contract.verify(parts, key)
        except (contract.ContractError, ValueError) as error:
            report.add(
                "I6",
                f"a record is not signed by its device {each.device}: epoch {each.epoch:016x}, "
                f"seq {each.seq} ({error})",
            )


def _up(conn: Connection, ledger_id: int, vault: Vault, device: str, number: int) -> bytes | None:
    key = t.device_key.c
    sealed = conn.scalar(
        select(key.sealed).where(
            key.ledger_id == ledger_id, key.device == device, key.number == number
        )
    )
    try:
        return (
            None
            if sealed is None
            else keys.opened(vault, ledger_id, device, number, bytes(sealed)).up
        )
    except InvalidTag:
        return None
