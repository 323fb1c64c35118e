"""What the verifier asks of the programme's own rows, beside the ledger's: the whole way of a gram.

Attestations are checked with the gateway's key and must name each record that they brought, and
when. With the vault, the device's own signature over each record is checked again as well, and
that each device's key can be read.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from time import time_ns
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, select, union_all

from backend import tables as t
from backend.devices import keys
from backend.ledger import log
from backend.ledger.erasure import Opener
from backend.ledger.errors import LogMissing
from backend.ledger.repeats import KEPT_US
from backend.ledger.tables import checkpoint, quarantine, record
from backend.ledger.verify import LEDGER_TABLES, Report, by_sets, check_laws, signed_hash
from backend.ledger.verify_cells import naming_wrong_cells
from backend.proofs import oaths
from backend.proofs.laws import LAWS, OF_TERMS
from backend.vault import Vault
from firmware import contract

_BATCH = 5_000
# The programme's; the ledger's verifier looks at its own.
_TABLES = [each for each in t.metadata.sorted_tables if each not in LEDGER_TABLES]


def audit(
    conn: Connection,
    ledger_id: int,
    report: Report,
    vault: Vault | None = None,
    *,
    now_us: int | None = None,
) -> None:
    """Adds to a report what the programme's rows break. One snapshot; changes nothing.

    `now_us`, this moment where it is not given, says which answers may be forgotten by now.
    """
    kept_us = (time_ns() // 1_000 if now_us is None else now_us) - KEPT_US
    with naming_wrong_cells(conn, _TABLES, report):
        with by_sets(conn):
            check_laws(conn, ledger_id, (*OF_TERMS, *LAWS), report, kept_us=kept_us)
        _check_attestations(conn, ledger_id, report)
        _check_quarantine(conn, ledger_id, report)
        for problem in oaths.wrong(oaths.oaths(conn, ledger_id), _notes(conn, ledger_id)):
            report.add("I10", problem)
        if vault is not None:
            _check_keys(conn, ledger_id, report, vault)
            _check_signatures(conn, ledger_id, report, vault)


def _notes(conn: Connection, ledger_id: int) -> list[str]:
    """The checkpoints of the log in force: those of a closed one may contradict."""
    note = checkpoint.c
    try:
        number = log.origin(conn, ledger_id).number
    except LogMissing:
        return []  # the ledger's verifier says so
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
    """Records, and what lies in quarantine, by the attestation that they came with."""
    device = t.device.c
    each = union_all(
        *(
            select(row.attestation_id, row.epoch, row.seq, row.hash, row.received_s, device.id)
            .join(t.device, (device.ledger_id == row.ledger_id)
                  & (device.source_id == row.source_id))
            .where(row.ledger_id == ledger_id, row.attestation_id.is_not(None))
            for row in (record.c, quarantine.c)
        )
    ).subquery()  # fmt: skip
    asked = select(each).order_by(each.c.attestation_id)
    yield from conn.execute(asked.execution_options(yield_per=_BATCH))


def _name(row: Any) -> tuple[str, str, int, str, int]:
    digest = contract.hash8(bytes(row.hash))
    return row.id, f"{row.epoch:016x}", row.seq, digest, row.received_s


def _named(row: Any, report: Report) -> set[tuple[Any, ...]]:
    """The records that an attestation names, whose signature `oaths` looks at."""
    try:
        said = json.loads(bytes(row.statement).partition(b"\n")[2])
        return {tuple(each) for each in said["rows"]}
    except (ValueError, TypeError, KeyError):
        report.add("I6", f"attestation {row.id} cannot be read")
        return set()


def _check_quarantine(conn: Connection, ledger_id: int, report: Report) -> None:
    """Bytes in quarantine are those of their hash, unless they were dropped in time."""
    row = quarantine.c
    asked = select(row.epoch, row.seq, row.hash, row.jws).where(row.ledger_id == ledger_id)
    for each in conn.execute(asked.execution_options(yield_per=_BATCH)):
        if each.jws and signed_hash(each.jws) != bytes(each.hash):
            report.add(
                "I6",
                f"bytes in quarantine are not those of their hash: epoch {each.epoch:016x}, "
                f"seq {each.seq}",
            )


def _check_keys(conn: Connection, ledger_id: int, report: Report, vault: Vault) -> None:
    """Each device's key is sealed for that device and number under the town's secret."""
    key = t.device_key.c
    for each in conn.execute(select(key.device, key.number).where(key.ledger_id == ledger_id)):
        if _up(conn, ledger_id, vault, *each) is None:
            report.add("I6", f"the key {each.number} of the device {each.device} cannot be read")


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
