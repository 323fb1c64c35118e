"""Proofs as JSON. Hashes are hexadecimal."""

from pydantic import BaseModel


class LogOut(BaseModel):
    """`keys` are C2SP verifier keys, oldest first; the last one signs."""

    origin: str
    number: int
    size: int
    signed_size: int
    keys: list[str]


class InclusionOut(BaseModel):
    """RFC 6962's audit path of one transfer's leaf in the tree of a checkpoint."""

    index: int
    size: int
    leaf: str
    path: list[str]
    note: str


class ConsistencyOut(BaseModel):
    """RFC 6962's proof that the old checkpoint's tree is a prefix of the new one's."""

    old: int
    new: int
    path: list[str]


class LeafOut(BaseModel):
    """What one's own leaf holds: its hash is SHA-256(0x00 ‖ leaf).

    16 bytes of salt, one byte that says which optional names are there, sixteen 64-bit numbers
    (ledger, transfer, debit, credit, amount, code, group, state, hold, corrected transfer,
    source, epoch, seq, leg, effective time, recorded time), and the record's hash or zeros.
    """

    index: int
    leaf: str
    hash: str
