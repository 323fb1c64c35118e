"""Laws of the log: every transfer is in it, and what was signed is never contradicted."""

import base64
import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, delete, func, select

from backend import db
from backend.ledger import accounts, errors, log, merkle, notes, tiles
from backend.ledger import tables as t
from backend.ledger.clerk import Clerk, Limits
from backend.ledger.poster import Poster
from backend.ledger.transfers import Credit, Entry
from backend.ledger.verify import verify
from tests.backend.ledger.town import TOWN, Clock, Town, done, entry
from tests.fixtures.databases import on_postgresql

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = f"farz/{TOWN}"


def deposits(town: Town, first: int, count: int) -> None:
    member = town.account()
    asked = [entry(n, Credit(member, 1)) for n in range(first, first + count)]
    assert len(done(town.poster.submit_all(asked))) == count


def test_every_transfer_is_in_the_log_and_can_be_proved(town: Town) -> None:
    deposits(town, 0, 700)
    note = done(town.poster.submit(log.SignLog(KEY)))
    assert note is not None

    said = notes.open_note(note, NAME, KEY.public_key())

    assert (said.origin, said.size) == (NAME, 700)
    with db.read(town.engine) as conn:
        salt = log.origin(conn, TOWN).salt
        for transfer_id in (1, 2, 256, 257, 512, 513, 700):
            row = conn.execute(select(t.transfer).where(t.transfer.c.id == transfer_id)).one()
            path = log.prove_inclusion(conn, TOWN, transfer_id, said.size)
            leaf = tiles.Leaves(salt).of(row)
            assert merkle.includes(leaf, transfer_id - 1, said.size, path, said.root)


def test_an_older_checkpoint_is_a_prefix_of_a_newer(town: Town) -> None:
    signed = []
    for first in (0, 300, 600):
        deposits(town, first, 300)
        signed.append(done(town.poster.submit(log.SignLog(KEY))))
    older, middle, newer = (notes.open_note(n or "", NAME, KEY.public_key()) for n in signed)

    with db.read(town.engine) as conn:
        for a, b in ((older, middle), (middle, newer), (older, newer)):
            path = log.prove_consistency(conn, TOWN, a.size, b.size)
            assert merkle.consistent(a.size, b.size, a.root, b.root, path)


def test_nothing_new_is_not_signed_again(town: Town) -> None:
    deposits(town, 0, 3)

    assert done(town.poster.submit(log.SignLog(KEY))) is not None
    assert done(town.poster.submit(log.SignLog(KEY))) is None


def test_a_town_that_was_signed_before_its_first_transfer_is_right(town: Town) -> None:
    done(town.poster.submit(log.SignLog(KEY)))
    deposits(town, 0, 3)

    with db.read(town.engine) as conn:
        report = verify(conn, TOWN)
    assert (report.ok, report.checkpoints) == (True, 1), report.problems


def test_books_that_contradict_a_checkpoint_are_not_signed(town: Town) -> None:
    town.spoiled = True
    deposits(town, 0, 300)
    done(town.poster.submit(log.SignLog(KEY)))
    with db.begin(town.engine) as conn:
        conn.execute(t.log_tile.update().values(root=bytes(32)))
    deposits(town, 1_000, 3)

    with pytest.raises(errors.LogForked):
        done(town.poster.submit(log.SignLog(KEY)))


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_tiles_that_are_missing_are_made_again_at_a_start(town: Town, lost: int) -> None:
    for first in range(0, 700, 100):  # tiles grow over the edges of batches
        deposits(town, first, 100)
    once = _tiles(town)
    with db.begin(town.engine) as conn:
        conn.execute(delete(t.log_tile).where(t.log_tile.c.n >= lost))

    town.restart()

    assert len(once) == 2
    assert _tiles(town) == once


@on_postgresql  # SQLite takes one process
def test_two_posters_write_one_tree(engine: Engine) -> None:
    """Each keeps leaves of its own and must notice that the other has posted in between."""
    town = Town(engine)
    second = Poster(engine, TOWN, town.clock)
    second.start()
    member = town.account()

    for n in range(40):
        poster = (town.poster, second)[n % 2]
        done(poster.submit_all([entry(n * 20 + i, Credit(member, 1)) for i in range(20)]))

    with db.read(engine) as conn:
        assert tiles.written(conn, TOWN) == 800 // tiles.WIDTH
        assert verify(conn, TOWN).ok
    second.close()
    town.close()


def _tiles(town: Town) -> list[tuple[int, int, bytes, bytes]]:
    tile = t.log_tile.c
    with db.read(town.engine) as conn:
        rows = conn.execute(select(t.log_tile).order_by(tile.level, tile.n)).all()
    return [(row.level, row.n, bytes(row.hashes), bytes(row.root)) for row in rows]


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
            notes.open_note(bad, NAME, KEY.public_key())


def test_equal_transfers_have_different_leaves(town: Town) -> None:
    deposits(town, 0, 2)
    with db.read(town.engine) as conn:
        rows = conn.execute(select(t.transfer)).all()
        assert conn.scalar(select(func.count()).select_from(t.transfer)) == 2
    one, other = tiles.Leaves(bytes(32)), tiles.Leaves(b"\x01" * 32)
    assert len({one.of(rows[0]), one.of(rows[1]), other.of(rows[0])}) == 3


def test_leaves_of_a_batch_that_failed_are_forgotten(engine: Engine) -> None:
    """Another poster may have booked as many transfers since: the next leaf's number still fits."""
    clock = Clock()
    with db.begin(engine) as conn:
        accounts.open_ledger(conn, TOWN, clock())
        member = accounts.open_account(conn, TOWN, accounts.CREDIT, None, 0, None)
    one, other = (Clerk(engine, TOWN, clock, Limits()) for _ in range(2))

    def some(first: int, count: int) -> list[Entry]:
        return [entry(seq, Credit(member, 1)) for seq in range(first, first + count)]

    one.open()
    other.open()
    one.book(some(0, 10))
    spoiled = [*some(100, 19), replace(entry(119, Credit(member, 1)), kind=None)]  # type: ignore[arg-type]
    with pytest.raises(Exception, match="kind"):
        one.book(spoiled)
    other.book(some(200, 20))
    one.book(some(300, 300))

    with db.read(engine) as conn:
        assert verify(conn, TOWN).ok
