"""What gateways swore to is in the log: nothing can be taken out of it or put in afterwards."""

from dataclasses import dataclass, field
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from backend.ledger import export
from backend.ledger.notes import open_note, read_checkpoint
from backend.proofs import exported, oaths, service
from backend.proofs.oaths import Oath, in_note, next_link, wrong
from tests.backend.village import AMAL, Town

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def chain(count: int) -> list[Oath]:
    """Truly signed attestations of a synthetic gateway."""
    last, made = oaths.START, []
    for number in range(1, count + 1):
        statement = b"statement %d" % number
        signature = KEY.sign(statement)
        last = next_link(last, sha256(statement).digest(), signature)
        public = KEY.public_key().public_bytes_raw()
        made.append(Oath(number, "gateway-1", public, statement, signature, last))
    return made


@dataclass
class Signed:
    """A town whose log was signed after each of three deposits."""

    town: Town
    notes: list[str] = field(default_factory=list)


@pytest.fixture
def signed(town: Town) -> Signed:
    made = Signed(town)
    for _ in range(3):
        town.clock.now_s += 60
        town.outcome(town.bin.deposit(uid=AMAL))
        made.notes.append(service.sign(town.services) or "")
    return made


def found(town: Town) -> list[Oath]:
    with town.services.read() as conn:
        return list(oaths.oaths(conn, 1))


def test_each_checkpoint_names_the_end_of_the_chain(signed: Signed) -> None:
    rows = found(signed.town)

    ends = [in_note(note) for note in signed.notes]

    assert [(end.number, end.chain) for end in ends if end] == [
        (row.number, row.chain) for row in rows[-3:]
    ]
    assert not list(wrong(rows, signed.notes))


def test_a_note_with_the_chain_is_still_a_signed_checkpoint(signed: Signed) -> None:
    with signed.town.services.read() as conn:
        keys = service.public_keys(conn, 1)

    for note in signed.notes:
        said = read_checkpoint(note)
        assert open_note(note, said.origin, *keys) == said


def test_an_attestation_that_was_taken_out_is_missed(signed: Signed) -> None:
    rows = found(signed.town)

    assert any("are not in the books" in each for each in wrong(rows[:-1], signed.notes))
    assert any("not the next one" in each for each in wrong(rows[1:], signed.notes))


def test_an_attestation_that_was_put_in_later_contradicts_what_was_signed(signed: Signed) -> None:
    other = chain(len(found(signed.town)))

    told = list(wrong(other, signed.notes))

    assert told
    assert all("names another chain" in each for each in told)


def test_the_same_attestation_again_is_not_linked_twice(town: Town) -> None:
    batch = town.gateway.batch((town.bin.device, town.bin.deposit(uid=AMAL)))

    for _ in range(2):
        assert town.gateway.post(batch).status_code == 200

    rows = found(town)
    assert len({row.statement for row in rows}) == len(rows)
    assert not list(wrong(rows, []))


def test_an_export_is_checked_without_the_books(
    signed: Signed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    to = tmp_path_factory.mktemp("export")
    with signed.town.services.read() as conn:
        export.export(conn, 1, to)
        path = exported.write(conn, 1, to)
    assert not list(exported.problems(to))

    lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8-sig")

    assert any("are not in the books" in each for each in exported.problems(to))


@given(st.integers(1, 8), st.data())
def test_any_change_to_a_chain_is_found(count: int, data: st.DataObject) -> None:
    rows = chain(count)
    place = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from(["statement", "signature", "chain", "public_key"]))
    before = getattr(rows[place], name)
    at = data.draw(st.integers(0, len(before) - 1))
    changed = before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :]
    rows[place] = rows[place]._replace(**{name: changed})

    assert list(wrong(rows, []))
