"""Invariant I6 of the signed bytes: they are what their hash says, and say what the columns say."""

import hashlib
from typing import Any

from sqlalchemy import Connection, select

from backend.ledger import tables as t
from backend.ledger.erasure import Opener
from backend.ledger.verify_report import Report
from backend.vault import Vault
from firmware import contract

_BATCH = 5_000


def check_records(conn: Connection, ledger_id: int, report: Report, vault: Vault | None) -> None:
    """The signed bytes are those whose hash the books name, and say what the columns say."""
    table = t.record
    opener = None if vault is None else Opener(conn, ledger_id, vault)
    destroyed = set(
        conn.scalars(
            select(t.person_key.c.id).where(
                t.person_key.c.ledger_id == ledger_id, t.person_key.c.sealed.is_(None)
            )
        )
    )
    for row in conn.execute(
        select(table.c.source_id, table.c.epoch, table.c.seq, table.c.hash, table.c.jws,
               table.c.sealed_for, table.c.kind, table.c.fraction, table.c.net_g)
        .where(table.c.ledger_id == ledger_id)
        .execution_options(yield_per=_BATCH)
    ):  # fmt: skip
        report.records += 1
        jws: bytes | str | None = row.jws
        if row.sealed_for is not None:
            erased = row.sealed_for in destroyed
            report.erased += erased
            report.sealed += not erased
            jws = opener.open(row) if opener is not None else None
        if jws is None:
            continue
        if signed_hash(jws) != bytes(row.hash):
            report.add(
                "I6",
                f"a record's bytes are not those of its hash: source_id {row.source_id}, "
                f"epoch {row.epoch:016x}, seq {row.seq}",
            )
        elif differing := _unlike(row, jws):
            report.add(
                "I6",
                f"a record's {differing} is not what its device signed: source_id "
                f"{row.source_id}, epoch {row.epoch:016x}, seq {row.seq}",
            )


def _unlike(row: Any, jws: bytes | str) -> str:
    """The first column of a record that its signed payload contradicts; "" for none."""
    raw = jws.encode() if isinstance(jws, str) else bytes(jws)
    try:
        body = contract.parse_json(contract.unb64(raw.split(b".")[1].decode()))
    except (ValueError, IndexError):
        body = None
    if not isinstance(body, dict):
        return ""  # not an envelope of the contract: its hash was compared, there is no more to it
    said = {"kind": row.kind, "epoch": f"{row.epoch:016x}", "seq": row.seq}
    if row.kind in ("deposit", "interrupted"):
        said["fraction"] = row.fraction
    if row.kind == "deposit":
        said["net_g"] = row.net_g
    return next((name for name in said if body.get(name) != said[name]), "")


def signed_hash(jws: bytes | str) -> bytes:
    """SHA-256 of a JWS without its signature. SQLite hands out text where a hand put text."""
    raw = jws.encode() if isinstance(jws, str) else bytes(jws)
    return hashlib.sha256(raw.rpartition(b".")[0]).digest()
