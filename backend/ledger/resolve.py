"""What may be asked of the poster beside entries and groups, and the pure rules of it.

A `Resolution` is a person's last word on a record that was held, suspended or queued. A budget
says how much may be minted in a period; claims are paid in effective order when funds come.
`Amend` changes an account's terms. All of it runs under the same lock, through the same queue.
"""

from dataclasses import dataclass
from typing import NamedTuple

from backend.ledger.transfers import Terms


@dataclass(frozen=True, slots=True)
class Resolution:
    """Decide a record once: credit it to `account_id`, or refuse it (`account_id` None).

    `amount` None means the record's own; only a held record may be given another one.
    """

    source_id: int
    epoch: int
    seq: int
    account_id: int | None
    reason: str
    decided_by: str
    amount: int | None = None

    @property
    def name(self) -> tuple[int, int, int]:
        return (self.source_id, self.epoch, self.seq)


@dataclass(frozen=True, slots=True)
class Resolved:
    """`outcome` is credited, queued (no budget: the claim is paid later) or refused."""

    outcome: str
    amount: int
    transfer_id: int | None
    recorded_us: int


@dataclass(frozen=True, slots=True)
class SetBudget:
    """From `from_s` to `until_s` (recorded time), `amount` may be minted in all.

    A period that exists already gets the new amount. Claims are paid at once as far as it goes.
    """

    from_s: int
    until_s: int
    amount: int
    decided_by: str


@dataclass(frozen=True, slots=True)
class PayClaims:
    """Pay what the budget in force can pay: asked for when a new period begins."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The period in force; `left` is what may still be minted."""

    from_s: int
    until_s: int
    amount: int
    spent: int

    @property
    def left(self) -> int:
        return max(0, self.amount - self.spent)


@dataclass(frozen=True, slots=True)
class Amend:
    """New terms of an account: limits (None: no limit) and whether it is closed."""

    account_id: int
    min_balance: int | None
    max_balance: int | None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Amended:
    """The terms hold from the transfer `from_id` on."""

    account_id: int
    from_id: int
    terms: Terms


class ClaimDue(NamedTuple):
    """A claim that waits, in the order of payment."""

    effective_s: int
    source_id: int
    epoch: int
    seq: int
    account_id: int
    amount: int
    decided_by: str
    hash: bytes
