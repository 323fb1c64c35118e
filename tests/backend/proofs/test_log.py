"""The public log over HTTP, checked by others' code; and what is never signed."""

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from sqlalchemy import text

from backend.errors import BadInput
from backend.ledger import notes
from backend.ledger.errors import LogForked
from backend.ledger.verify import verify
from backend.proofs import service
from tests.backend.village import AMAL, BASSAM, Town


def deposits(town: Town, count: int) -> None:
    for _ in range(count):
        town.clock.now_s += 60
        assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"


def read(town: Town, path: str) -> dict[str, object]:
    answer = town.client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def checked(note: str, vkey: str) -> tuple[str, int, bytes]:
    """Reads a signed note as C2SP writes it, without a line of ours."""
    name, key_id, key = vkey.split("+", 2)
    public = base64.b64decode(key)
    assert hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8] == key_id
    body, _, signature = note.rpartition("\n\n")
    start = f"— {name} "
    assert signature.startswith(start)
    signed = base64.b64decode(signature[len(start) :])
    assert signed[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signed[4:], f"{body}\n".encode())
    origin, size, root, *_extensions = body.split("\n")  # c2sp.org/tlog-checkpoint allows them
    return origin, int(size), base64.b64decode(root)


def test_another_reader_can_check_a_checkpoint_and_its_proofs(town: Town) -> None:
    deposits(town, 3)
    service.sign(town.services)
    first = town.client.get("/v1/log/checkpoint").text
    deposits(town, 4)
    service.sign(town.services)
    second = town.client.get("/v1/log/checkpoint").text
    keys = read(town, "/v1/log")["keys"]
    assert isinstance(keys, list)

    (_, old, old_root), (name, new, new_root) = (checked(n, keys[-1]) for n in (first, second))

    assert (old, new, name) == (3, 7, read(town, "/v1/log")["origin"])
    tile = town.client.get("/v1/log/tile/0/000.p/7").content
    leaves = [tile[i : i + 32] for i in range(0, len(tile), 32)]
    assert oracle(leaves[:old]) == old_root
    assert oracle(leaves) == new_root
    for index, leaf in enumerate(leaves):
        proof = read(town, f"/v1/log/inclusion/{index + 1}")
        assert proof["leaf"] == leaf.hex()
        assert proof["path"] == [step.hex() for step in audit_path(leaves, index)]
    assert town.client.get(f"/v1/log/checkpoints/{old}").text == first
    assert read(town, f"/v1/log/consistency?old={old}&new={new}")["path"]


def oracle(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1 as it is written, over the hashes of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + oracle(leaves[:k]) + oracle(leaves[k:])).digest()


def audit_path(leaves: list[bytes], index: int) -> list[bytes]:
    """RFC 6962 §2.1.1 as it is written."""
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < k:
        return [*audit_path(leaves[:k], index), oracle(leaves[k:])]
    return [*audit_path(leaves[k:], index - k), oracle(leaves[:k])]


def test_pymerkle_accepts_the_entries_and_gives_the_same_root(small_town: Town) -> None:
    deposits(small_town, 5)
    note = service.sign(small_town.services) or ""
    tree = InmemoryTree(algorithm="sha256")
    amal = small_town.browser("amal")
    for index in range(5):
        url = f"/v1/people/{small_town.amal.id}/transfers/{index + 1}/leaf"
        shown = amal.get(url).json()
        assert tree.append_entry(bytes.fromhex(shown["leaf"])) == index + 1

    root = notes.read_checkpoint(note).root

    assert tree.get_root() == root
    verify_inclusion(tree.get_leaf(2), root, tree.prove_inclusion(2))
    verify_consistency(tree.get_root(3), root, tree.prove_consistency(3, 5))
    ours = read(small_town, "/v1/log/inclusion/2")
    assert isinstance(ours["path"], list)
    theirs = tree.prove_inclusion(2).serialize()["path"]  # begins with the leaf itself
    assert ours["path"] == theirs[1:]


def test_a_receipt_discloses_ones_own_transfer_alone(small_town: Town) -> None:
    deposits(small_town, 1)
    small_town.outcome(small_town.bin.deposit(uid=BASSAM))
    service.sign(small_town.services)
    bassam = small_town.browser("bassam")
    mine = f"/v1/people/{small_town.bassam.id}/transfers"

    shown = bassam.get(f"{mine}/2/leaf").json()

    numbers = struct.unpack(">B16q", bytes.fromhex(shown["leaf"])[16:145])
    assert numbers[4] == small_town.bassam.account_id
    assert read(small_town, "/v1/log/inclusion/2")["leaf"] == shown["hash"]
    assert bassam.get(f"{mine}/1/leaf").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "checkpoint",
        "checkpoints/5",
        "tile/0/000",
        "tile/0/000.p/4",
        "tile/0/000.p/0",
        "tile/1/000",
        "tile/0/x000/000.p/1x",
        "inclusion/1",
        "consistency?old=1&new=2",
    ],
)
def test_what_was_never_signed_is_not_there(small_town: Town, path: str) -> None:
    answer = small_town.client.get(f"/v1/log/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_old_key_still_opens_its_notes(small_town: Town) -> None:
    deposits(small_town, 1)
    first = service.sign(small_town.services) or ""
    service.rotate_key(small_town.services)
    deposits(small_town, 1)
    second = service.sign(small_town.services) or ""
    with small_town.services.read() as conn:
        old, new = service.public_keys(conn, 1)
        name = service.read_log(conn, 1).origin.name
        assert verify(conn, 1).ok

    assert notes.open_note(first, name, old).size == 1
    assert notes.open_note(second, name, old, new).size == 2
    with pytest.raises(ValueError, match="not signed"):
        notes.open_note(second, name, old)


def test_a_witness_may_add_its_line(small_town: Town) -> None:
    deposits(small_town, 1)
    note = service.sign(small_town.services) or ""
    with small_town.services.read() as conn:
        keys, name = service.public_keys(conn, 1), service.read_log(conn, 1).origin.name

    assert notes.open_note(f"{note}— witness.example AAAAAAAA\n", name, *keys).size == 1


def test_a_restored_backup_signs_nothing_that_contradicts_what_was_published(
    small_town: Town,
) -> None:
    deposits(small_town, 2)
    service.sign(small_town.services)
    path = service.published_path(small_town.services)
    later = notes.read_checkpoint(path.read_text())._replace(size=9)
    key = small_town.services.vault.log_key(1, 1)
    path.write_text(notes.sign(later, later.origin, key))

    with pytest.raises(LogForked, match="9 transfers"):
        service.sign(small_town.services)
    with pytest.raises(BadInput):
        service.begin_anew(small_town.services, " ")
    opened = service.begin_anew(small_town.services, "The disk died; two days were lost.")
    note = service.sign(small_town.services) or ""

    assert (opened.number, notes.read_checkpoint(note).origin) == (2, opened.name)
    with small_town.services.read() as conn:
        assert verify(conn, 1).ok
        kept = conn.scalar(text("SELECT reason FROM log_origin WHERE number = 2"))
    assert kept == "The disk died; two days were lost."


def test_a_note_that_its_key_did_not_sign_is_named(small_town: Town) -> None:
    deposits(small_town, 1)
    service.sign(small_town.services)
    with small_town.services.begin() as conn:
        conn.execute(text("DROP TRIGGER checkpoint_no_update"))
        conn.execute(text("UPDATE checkpoint SET note = replace(note, '— farz', '— fraz')"))

    with small_town.services.read() as conn:
        report = verify(conn, 1)
    assert {"I7", "I10"} == {problem.invariant for problem in report.problems}
