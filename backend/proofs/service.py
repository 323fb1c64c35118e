"""Signing the log, publishing what was signed, and proofs for those who check.

The last note is also published as a file beside the books. A restored older backup does not
know what was signed after it; the file does, and a tree that contradicts it is not signed.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, func, insert, select

from backend.errors import BadInput, NotFound
from backend.ledger import log, notes, tiles
from backend.ledger import tables as t
from backend.ledger.errors import LogForked
from backend.ledger.log import Origin, SignLog
from backend.ledger.notes import Checkpoint
from backend.proofs import oaths
from backend.services import Services

WAIT_S = 60
PUBLISHED = Path("published", "checkpoint")


@dataclass(frozen=True, slots=True)
class Log:
    """The log in force, how far it goes and how far it is signed."""

    origin: Origin
    size: int
    signed_size: int
    keys: tuple[Ed25519PublicKey, ...]

    @property
    def verifier_keys(self) -> list[str]:
        return [notes.verifier_key(self.origin.name, key) for key in self.keys]


def public_keys(conn: Connection, ledger_id: int) -> tuple[Ed25519PublicKey, ...]:
    """Every key that has signed for the town, oldest first."""
    key = t.log_key.c
    found = conn.scalars(
        select(key.public).where(key.ledger_id == ledger_id).order_by(key.number)
    ).all()
    return tuple(Ed25519PublicKey.from_public_bytes(bytes(public)) for public in found)


def read_log(conn: Connection, ledger_id: int) -> Log:
    """What everybody may know of the log."""
    return Log(
        log.origin(conn, ledger_id),
        tiles.size(conn, ledger_id),
        log.last_checkpoint_size(conn, ledger_id),
        public_keys(conn, ledger_id),
    )


def rotate_key(services: Services) -> str:
    """Signs with a new key from now on; returns its verifier key. Old notes stay checkable."""
    with services.begin() as conn:
        number = _keys(conn, services.ledger_id) + 1
        public = _add_key(services, conn, number).public_key()
        return notes.verifier_key(log.origin(conn, services.ledger_id).name, public)


def sign(services: Services) -> str | None:
    """Signs the log as it is and publishes the note; None when nothing is new.

    Raises LogForked when the books contradict what was signed or published before: then see
    `begin_anew`.
    """
    _check_published(services)
    with services.read() as conn:
        sworn = oaths.end(conn, services.ledger_id).line()
    note = services.poster.submit(SignLog(_signing_key(services), (sworn,))).result(WAIT_S)
    if note is not None:
        _publish(published_path(services), note)
    return note


def begin_anew(services: Services, reason: str) -> Origin:
    """Opens a new log over the books as they are, with the reason for ever in it.

    For after a restore that lost what had been signed. The old log's checkpoints stay, and the
    note that was published last is kept beside the new one.
    """
    with services.begin() as conn:
        made = open_log(conn, services.ledger_id, reason, services.now_s())
    path = published_path(services)
    if path.exists():
        path.rename(path.with_name(f"checkpoint-{made.number - 1}"))
    return made


def open_log(conn: Connection, ledger_id: int, reason: str, now_s: int, beyond: int = 0) -> Origin:
    """Write a new origin down; its number is above `beyond`, which books that are lost had."""
    if not reason.strip():
        raise BadInput("Say why the log begins anew: it is kept for ever.")
    old = log.origin(conn, ledger_id)
    number = max(old.number, beyond) + 1
    name = f"{old.name.removesuffix(f'/log-{old.number}')}/log-{number}"
    conn.execute(
        insert(t.log_origin).values(
            ledger_id=ledger_id,
            number=number,
            name=name,
            salt=old.salt,
            recorded_us=now_s * 1_000_000,
            reason=reason.strip(),
        )
    )
    return Origin(number, name, old.salt)


def published_path(services: Services) -> Path:
    """Where the last signed note is: to be copied to where the town cannot reach."""
    return services.settings.data_dir / PUBLISHED


def _check_published(services: Services) -> None:
    path = published_path(services)
    if not path.exists():
        return
    said = notes.read_checkpoint(path.read_text())
    with services.read() as conn:
        if said.origin != log.origin(conn, services.ledger_id).name:
            raise LogForked(f"{path} is of another log, {said.origin}.")
        known = said.size <= tiles.size(conn, services.ledger_id)
        if not known or log.root_at(conn, services.ledger_id, said.size) != said.root:
            raise LogForked(
                f"The books contradict the checkpoint of {said.size} transfers that was published "
                f"in {path}. After a restore that lost transfers, run: farz ledger new-log"
            )


def _publish(path: Path, note: str) -> None:
    """The whole note or the last one: never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name("checkpoint.new")
    with new.open("w") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _keys(conn: Connection, ledger_id: int) -> int:
    key = t.log_key.c
    found = conn.scalar(select(func.max(key.number)).where(key.ledger_id == ledger_id))
    return found or 0


def _signing_key(services: Services) -> Ed25519PrivateKey:
    """The newest key, which is made when there is none."""
    with services.read() as conn:
        number = _keys(conn, services.ledger_id)
    if number:
        return services.vault.log_key(services.ledger_id, number)
    with services.begin() as conn:
        number = _keys(conn, services.ledger_id)
        return (
            _add_key(services, conn, 1)
            if not number
            else services.vault.log_key(services.ledger_id, number)
        )


def _add_key(services: Services, conn: Connection, number: int) -> Ed25519PrivateKey:
    key = services.vault.log_key(services.ledger_id, number)
    conn.execute(
        insert(t.log_key).values(
            ledger_id=services.ledger_id,
            number=number,
            public=key.public_key().public_bytes_raw(),
            recorded_us=services.now_s() * 1_000_000,
        )
    )
    return key


def checkpoint(conn: Connection, ledger_id: int, size: int | None = None) -> str:
    """The note of that size, or the newest, of the log in force. Raises NotFound."""
    table = t.checkpoint.c
    number = log.origin(conn, ledger_id).number
    query = select(table.note).where(table.ledger_id == ledger_id, table.origin_no == number)
    if size is not None:
        query = query.where(table.size == size)
    note = conn.scalar(query.order_by(table.size.desc()).limit(1))
    if note is None:
        raise NotFound("No such checkpoint has been signed.")
    return str(note)


def inclusion(
    conn: Connection, ledger_id: int, transfer_id: int, size: int | None = None
) -> tuple[Checkpoint, bytes, list[bytes], str]:
    """(checkpoint, leaf hash, audit path, note) of a transfer. Raises NotFound."""
    note = checkpoint(conn, ledger_id, size)
    said = notes.read_checkpoint(note)
    if not 1 <= transfer_id <= said.size:
        raise NotFound(f"Transfer {transfer_id} is not in the checkpoint of {said.size}.")
    path = log.prove_inclusion(conn, ledger_id, transfer_id, said.size)
    n, place = divmod(transfer_id - 1, tiles.WIDTH)
    hashes = tiles.tile(conn, ledger_id, log.origin(conn, ledger_id).salt, 0, n)
    return said, hashes[place * tiles.HASH : (place + 1) * tiles.HASH], path, note


def consistency(conn: Connection, ledger_id: int, old: int, new: int) -> list[bytes]:
    """The proof between two sizes that were signed. Raises NotFound, BadInput."""
    if not 0 < old <= new:
        raise BadInput("Give an old size above 0 and a new one that is not smaller.")
    for size in (old, new):
        checkpoint(conn, ledger_id, size)
    return log.prove_consistency(conn, ledger_id, old, new)


def tile(conn: Connection, ledger_id: int, level: int, n: int, width: int) -> bytes:
    """The first `width` hashes of a tile, as far as they are signed. Raises NotFound."""
    signed = log.last_checkpoint_size(conn, ledger_id) >> (8 * level)
    if not 0 < width <= min(tiles.WIDTH, signed - n * tiles.WIDTH):
        raise NotFound("The log has no such tile.")
    hashes = tiles.tile(conn, ledger_id, log.origin(conn, ledger_id).salt, level, n)
    return hashes[: width * tiles.HASH]


def leaf(conn: Connection, ledger_id: int, transfer_id: int, account_id: int) -> bytes:
    """What an account's own transfer is in the log, with its salt. Raises NotFound."""
    transfer = t.transfer.c
    row = conn.execute(
        select(t.transfer).where(
            transfer.ledger_id == ledger_id,
            transfer.id == transfer_id,
            (transfer.debit == account_id) | (transfer.credit == account_id),
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such transfer of yours.")
    return tiles.Leaves(log.origin(conn, ledger_id).salt).preimage(row)[1:]
