"""What goes down to a device: settled receipts and answers, signed and sealed for it alone.

A receipt has at most four rows and 1,024 bytes; rows are packed until one of both is full.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backend.aes import encrypt_cbc
from backend.deposits.envelope import Signed
from firmware import contract

IV_BYTES = 16
Row = list[Any]


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of one record in the words that its device shows."""

    signed: Signed
    outcome: str
    net_g: int
    credit: int
    balance: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Down:
    """A message for a device; `id` is None where a repeat of the record makes it again."""

    device: str
    channel: str
    body: str
    expires_s: int | None = None
    id: int | None = None


def settled(outcomes: Iterable[Settled]) -> list[Down]:
    """Return the receipts for many devices, each signed under the key its records were."""
    waiting: dict[tuple[str, int], list[Settled]] = {}
    for each in outcomes:
        key = (each.signed.device.id, each.signed.key.number)
        waiting.setdefault(key, []).append(each)
    return [
        Down(device, "receipt", jws)
        for (device, _number), rows in waiting.items()
        for jws in _packed(rows)
    ]


def answer(ask: Signed, balance: int | None, why: str) -> Down:
    """Return the reply to a balance question, with its nonce and its expiry."""
    key, device = ask.key, ask.device.id
    body = {
        "v": contract.VERSION,
        "nonce": ask.body["nonce"],
        "body": _sealed(key.answer16, {"balance": balance, "why": why}),
    }
    jws = contract.sign(key.down, device, key.number, "answer", body)
    return Down(device, "answer", jws, ask.received_s + ask.body["ttl_s"])


def _packed(rows: list[Settled]) -> list[str]:
    """Sign as few receipts as hold all rows."""
    first = rows[0].signed
    made: list[str] = []
    batch: list[Row] = []
    last = ""
    for each in rows:
        row = _row(each)
        try:
            if len(batch) == contract.ROWS_PER_RECEIPT:
                raise contract.ContractError("too_large")
            last = _signed(first, [*batch, row])
            batch.append(row)
        except contract.ContractError:
            made.append(last)
            batch, last = [row], _signed(first, [row])
    return [*made, last]


def _signed(first: Signed, rows: list[Row]) -> str:
    key = first.key
    jws: str = contract.sign(key.down, first.device.id, key.number, "receipt", {"out": rows})
    return jws


def _row(each: Settled) -> Row:
    body = each.signed.body
    shown = {
        "net_g": each.net_g,
        "credit": each.credit,
        "balance": each.balance,
        "why": each.why,
    }
    sealed = _sealed(each.signed.key.answer16, shown)
    hash8 = contract.hash8(each.signed.hash)
    return [body["epoch"], body["seq"], hash8, each.outcome, sealed]


def _sealed(key16: bytes, shown: dict[str, Any]) -> str:
    text: str = contract.seal(key16, secrets.token_bytes(IV_BYTES), shown, encrypt_cbc)
    return text
