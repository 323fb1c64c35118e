"""Laws of the log: every transfer is in it, and what was signed is never contradicted."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, func, select

from backend import db
from backend.ledger import errors, log, merkle
from backend.ledger import tables as t
from backend.ledger.transfers import Credit
from tests.backend.ledger.town import TOWN, Town, done, entry

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = f"farz/{TOWN}"


def deposits(town: Town, first: int, count: int) -> None:
    member = town.account()
    futures = town.poster.submit_entries(
        [entry(n, Credit(member, 1)) for n in range(first, first + count)]
    )
    for future in futures:
        done(future)


def test_every_transfer_is_in_the_log_and_can_be_proved(town: Town) -> None:
    deposits(town, 0, 700)
    note = done(town.poster.submit(log.SignLog(KEY)))
    assert note is not None

    said = log.open_note(note, NAME, KEY.public_key())

    assert (said.origin, said.size) == (NAME, 700)
    with db.read(town.engine) as conn:
        salt = log.origin(conn, TOWN).salt
        for transfer_id in (1, 2, 256, 257, 512, 513, 700):
            row = conn.execute(select(t.transfer).where(t.transfer.c.id == transfer_id)).one()
            path = log.prove_inclusion(conn, TOWN, transfer_id, said.size)
            leaf = log.leaf(salt, row)
            assert merkle.includes(leaf, transfer_id - 1, said.size, path, said.root)


def test_an_older_checkpoint_is_a_prefix_of_a_newer(town: Town) -> None:
    notes = []
    for first in (0, 300, 600):
        deposits(town, first, 300)
        notes.append(done(town.poster.submit(log.SignLog(KEY))))
    older, middle, newer = (log.open_note(n or "", NAME, KEY.public_key()) for n in notes)

    with db.read(town.engine) as conn:
        for a, b in ((older, middle), (middle, newer), (older, newer)):
            path = log.prove_consistency(conn, TOWN, a.size, b.size)
            assert merkle.consistent(a.size, b.size, a.root, b.root, path)


def test_nothing_new_is_not_signed_again(town: Town) -> None:
    deposits(town, 0, 3)

    assert done(town.poster.submit(log.SignLog(KEY))) is not None
    assert done(town.poster.submit(log.SignLog(KEY))) is None


def test_books_that_contradict_a_checkpoint_are_not_signed(town: Town) -> None:
    town.spoiled = True
    deposits(town, 0, 3)
    done(town.poster.submit(log.SignLog(KEY)))
    with db.begin(town.engine) as conn:
        conn.execute(
            t.log_tile.update().values(hashes=bytes(32) * 3).where(t.log_tile.c.level == 0)
        )
    deposits(town, 10, 3)

    with pytest.raises(errors.LogForked):
        done(town.poster.submit(log.SignLog(KEY)))


def test_the_log_grows_behind_the_posting_and_after_a_restart(town: Town) -> None:
    deposits(town, 0, 100)
    # The poster holds the lock that the log needs; here nobody posts any more.
    town.close()
    with db.begin(town.engine) as conn:
        while log.integrate(conn, TOWN, 7):
            continue
    once = [bytes(row) for row in _tiles(town)]
    with db.begin(town.engine) as conn:
        conn.execute(delete(t.log_tile))
    with db.begin(town.engine) as conn:
        log.integrate(conn, TOWN)

    assert [bytes(row) for row in _tiles(town)] == once


def _tiles(town: Town) -> list[bytes]:
    with db.read(town.engine) as conn:
        return list(conn.scalars(select(t.log_tile.c.hashes).order_by(t.log_tile.c.n)))


def test_a_note_has_the_form_that_others_read(town: Town) -> None:
    deposits(town, 0, 2)
    note = done(town.poster.submit(log.SignLog(KEY))) or ""

    origin, size, root, blank, signature = note.splitlines()
    public = KEY.public_key().public_bytes_raw()
    signed = base64.b64decode(signature.removeprefix(f"— {NAME} "))
    assert (origin, size, blank) == (NAME, "2", "")
    assert len(base64.b64decode(root)) == 32
    assert signed[:4] == hashlib.sha256(NAME.encode() + b"\n\x01" + public).digest()[:4]
    KEY.public_key().verify(signed[4:], f"{origin}\n{size}\n{root}\n".encode())


def test_a_note_that_was_touched_is_refused(town: Town) -> None:
    deposits(town, 0, 2)
    note = done(town.poster.submit(log.SignLog(KEY))) or ""

    for bad in (note.replace("\n2\n", "\n3\n"), note.split("\n\n")[0] + "\n\n"):
        with pytest.raises(ValueError, match="note"):
            log.open_note(bad, NAME, KEY.public_key())


def test_equal_transfers_have_different_leaves(town: Town) -> None:
    deposits(town, 0, 2)
    with db.read(town.engine) as conn:
        rows = conn.execute(select(t.transfer)).all()
        assert conn.scalar(select(func.count()).select_from(t.transfer)) == 2
    assert log.leaf(bytes(32), rows[0]) != log.leaf(b"\x01" * 32, rows[0])
