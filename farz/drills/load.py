"""What the drills ask of the books: a seeded mix of everything that may be asked.

Requests name accounts, never a ledger, so that two ledgers opened with the same seed can be
asked the same. Every request may be repeated: a record by its name, a payment by its key.
"""

import copyreg
import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from backend.ledger import accounts
from backend.ledger.holds import ExpireHolds, Settle, Void
from backend.ledger.log import SignLog
from backend.ledger.poster import Request
from backend.ledger.resolve import Amend, PayClaims, Resolution, SetBudget
from backend.ledger.transfers import (
    Code,
    Credit,
    Entry,
    Group,
    Hold,
    HoldTerms,
    Idempotency,
    Leg,
    Note,
    Posted,
    RecordKey,
    Suspend,
    Wanted,
)

BEGAN_S = 1_790_000_000
EPOCH = 0xF00D_0000_0000_0001  # above 2**63, where databases have no plain integer
MEMBERS = 8
FUNDS = 300
# Signs the drills' logs, wherever the poster runs: unlike a town's key, it may travel.
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
copyreg.pickle(
    type(SIGNER), lambda key: (Ed25519PrivateKey.from_private_bytes, (key.private_bytes_raw(),))
)


@dataclass
class Load:
    """One ledger's requests, the same for the same seed. New holds end at `hold_until_s`."""

    seed: int
    source_id: int = 1
    hold_until_s: int = 0
    seq: int = 0
    payments: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)
    sent: list[Entry] = field(default_factory=list)
    holds: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"farz load {self.seed}")
        self.members = [accounts.FIRST_DRAWN + 7 * n for n in range(MEMBERS)]

    def open(self, conn: Connection, ledger_id: int, opened_s: int = BEGAN_S) -> None:
        """Opens the ledger with its members; one of them may hold little."""
        accounts.open_ledger(
            conn, ledger_id, opened_s * 1_000_000, origin="farz/drill", salt=bytes(32)
        )
        for number, account_id in enumerate(self.members):
            accounts.open_account(
                conn,
                ledger_id,
                accounts.CREDIT,
                None,
                max_balance=2 * FUNDS if number == 0 else None,
                draw=lambda _, a=account_id: a - accounts.FIRST_DRAWN,  # type: ignore[misc]
            )

    def funds(self) -> list[Request]:
        """What every member begins with."""
        return [self.record(Credit(member, FUNDS)) for member in self.members]

    def record(self, wanted: Wanted) -> Entry:
        """The next record of the device."""
        self.seq += 1
        entry = signed(self.source_id, self.seq, wanted)
        self.sent.append(entry)
        return entry

    def mixed(self) -> list[Request]:
        """Records of every kind, replays, a contradiction, payments, groups, last words."""
        dice, members = self.dice, self.members
        asked: list[Request] = [
            Resolution(self.source_id, EPOCH, seq, who, "seen", "staff:1")
            for seq, who in self._decided()
        ]
        asked += [self.record(Credit(dice.choice(members), dice.randint(0, 90))) for _ in range(4)]
        asked += [dice.choice(self.sent), signed(self.source_id, self.seq, Note(), "other bytes")]
        self.waiting = [(self.seq + n, dice.choice(members)) for n in (1, 2)]
        asked.append(self.record(Suspend(dice.randint(1, 40))))
        asked.append(self.record(Hold("new_epoch", account_id=dice.choice(members), amount=30)))
        asked.append(self.record(Note("calibration")))
        asked += [self.payment(legs, dice.choice((20, 60, 400))) for legs in (1, 1, 1, 3)]
        asked += [self.payment(1, 50, hold=True) for _ in range(2)]
        asked += [self._settled(self.holds.pop()) for _ in self.holds[:2]]
        dice.shuffle(asked)
        return asked

    def everything(self) -> list[Request]:
        """A mixed batch, in the middle of which an account's terms change and the log is signed."""
        asked = self.mixed()
        for request in (self.amend(), SignLog(SIGNER)):
            asked.insert(self.dice.randrange(len(asked)), request)
        return asked

    def amend(self) -> Amend:
        """Other terms for a member: credit or none, a little room or much, seldom closed."""
        dice = self.dice
        low, high = dice.choice((0, 0, -50, None)), dice.choice((None, None, 2 * FUNDS, FUNDS))
        closed, soft = dice.random() < 0.1, dice.choice((None, 60))
        return Amend(dice.choice(self.members), low, high, closed, soft)

    def _decided(self) -> Iterator[tuple[int, int | None]]:
        for seq, who in self.waiting:
            yield seq, self.dice.choice((who, who, None))

    def payment(self, legs: int, most: int, *, hold: bool = False) -> Group:
        """A payment by key; with several legs money passes through several hands."""
        path, amount = self.dice.sample(self.members, legs + 1), self.dice.randint(1, most)
        terms = None
        if hold:
            terms = HoldTerms(self.hold_until_s, self.dice.choice(("post", "void")))
        moves = tuple(
            Leg(debit, credit, amount, Code.PAY, hold=terms) for debit, credit in pairwise(path)
        )
        return Group(moves, BEGAN_S, self._key(path, amount))

    def _settled(self, hold_id: int) -> Settle | Void:
        """The whole of a hold, a part (which may be too much), or nothing of it."""
        amount = self.dice.choice((None, 1, 40))
        if self.dice.random() < 0.3:
            return Void(hold_id, self._key("void", hold_id))
        return Settle(hold_id, amount, self._key("settle", hold_id, amount))

    def _key(self, *content: object) -> Idempotency:
        self.payments += 1
        fingerprint = hashlib.sha256(repr(content).encode()).digest()
        return Idempotency("drill", f"{self.source_id}.{self.payments}", fingerprint)

    def told(self, requests: Sequence[Request], answers: Sequence[Any]) -> None:
        """Remembers the holds that were made, to settle them later."""
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(request, Group) and request.legs[0].hold and isinstance(answer, Posted):
                self.holds.append(answer.transfer_ids[0])

    def steps(self) -> Iterator[tuple[str, list[Request]]]:
        """(shape, requests) for ever: each list is one transaction of the poster."""
        budget = MEMBERS * FUNDS
        while True:
            for _ in range(4):
                yield "mixed", self.mixed()
            budget += self.dice.randint(0, 900)
            yield "budget", [SetBudget(BEGAN_S - 10, BEGAN_S + 10**7, budget, "council")]
            yield "mixed", self.mixed()
            yield "claims", [PayClaims()]
            yield "amend", [self.amend()]
            yield "expiry", [ExpireHolds()]
            yield "sign", [SignLog(SIGNER)]


def signed(source_id: int, seq: int, wanted: Wanted, words: str = "") -> Entry:
    """A synthetic record; other `words` are other signed bytes under the same name."""
    said = f"{source_id}.{seq}-{words}".encode()
    return Entry(
        key=RecordKey(source_id, EPOCH, seq, hashlib.sha256(said).digest()),
        kind="deposit",
        jws=said + b".synthetic",
        received_s=BEGAN_S,
        effective_s=BEGAN_S + seq,
        wanted=wanted,
    )
