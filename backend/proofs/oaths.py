"""The chain of gateways' attestations, which puts them in the log.

Link n = SHA-256(link n - 1 ‖ SHA-256(statement) ‖ signature), link 0 = 32 zeros. Each signed
checkpoint says in a line of its own how long the chain was and where it ended, so that an
attestation can neither be taken out nor put in later. Checking it needs the gateways' public
keys and nothing else.
"""

import base64
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, insert, select

from backend import tables as t
from backend.proofs.tables import attestation_link as link

WORD = "attestations"
START = bytes(32)
_BATCH = 5_000


class End(NamedTuple):
    """How many attestations there are, and the last link."""

    number: int
    chain: bytes

    def line(self) -> str:
        """As it stands in a checkpoint."""
        return f"{WORD} {self.number} {base64.b64encode(self.chain).decode()}"


class Oath(NamedTuple):
    """An attestation with its place, its gateway and that gateway's key."""

    number: int
    gateway: str
    public_key: bytes
    statement: bytes
    signature: bytes
    chain: bytes


def next_link(last: bytes, statement_hash: bytes, signature: bytes) -> bytes:
    """The chain's next link."""
    return sha256(last + statement_hash + signature).digest()


def end(conn: Connection, ledger_id: int) -> End:
    """Where the chain ends now."""
    row = conn.execute(
        select(link.c.number, link.c.chain)
        .where(link.c.ledger_id == ledger_id)
        .order_by(link.c.number.desc())
        .limit(1)
    ).one_or_none()
    return End(0, START) if row is None else End(row.number, bytes(row.chain))


def append(
    conn: Connection, ledger_id: int, attestation_id: int, statement_hash: bytes, signature: bytes
) -> None:
    """Adds an attestation that was just stored. The town's lock keeps the order."""
    last = end(conn, ledger_id)
    conn.execute(
        insert(link).values(
            ledger_id=ledger_id,
            number=last.number + 1,
            attestation_id=attestation_id,
            chain=next_link(last.chain, statement_hash, signature),
        )
    )


def oaths(conn: Connection, ledger_id: int) -> Iterator[Oath]:
    """All attestations of the chain, in its order."""
    row, gateway = t.attestation.c, t.gateway.c
    for each in conn.execute(
        select(
            link.c.number, gateway.name, gateway.public_key, row.statement, row.signature,
            link.c.chain,
        )
        .join(t.attestation,
              (row.ledger_id == link.c.ledger_id) & (row.id == link.c.attestation_id))
        .join(t.gateway, (gateway.ledger_id == row.ledger_id) & (gateway.id == row.gateway_id))
        .where(link.c.ledger_id == ledger_id)
        .order_by(link.c.number)
        .execution_options(yield_per=_BATCH)
    ):  # fmt: skip
        yield Oath(each[0], each[1], *(bytes(value) for value in each[2:]))


def in_note(note: str) -> End | None:
    """What a checkpoint says of the chain; None in one that says nothing."""
    for line in note.partition("\n\n")[0].splitlines()[3:]:
        word, _, rest = line.partition(" ")
        if word == WORD:
            number, _, chain = rest.partition(" ")
            return End(int(number), base64.b64decode(chain, validate=True))
    return None


def wrong(chain: Iterable[Oath], notes: Iterable[str]) -> Iterator[str]:
    """What is wrong with a chain, and with checkpoints that speak of it."""
    said: dict[int, set[bytes]] = {}
    for note in notes:
        if (at := in_note(note)) is not None:
            said.setdefault(at.number, set()).add(at.chain)
    last = START
    for number, oath in enumerate(chain, 1):
        last = next_link(last, sha256(oath.statement).digest(), oath.signature)
        if (oath.number, oath.chain) != (number, last):
            yield f"attestation {oath.number} is not the next one of the chain"
            last = oath.chain
        if not _signed(oath):
            yield f"attestation {oath.number} is not signed by its gateway {oath.gateway}"
        if said.pop(number, {last}) != {last}:
            yield f"a checkpoint names another chain of {number} attestations"
    for number in sorted(said):
        if number or said[number] != {START}:
            yield f"a checkpoint names {number} attestations, which are not in the books"


def _signed(oath: Oath) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(oath.public_key).verify(oath.signature, oath.statement)
    except (InvalidSignature, ValueError):
        return False
    return True
