"""What a decided batch leaves to be written: the rows of one transaction, by table."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backend.ledger.tiles import TileRow
from backend.ledger.transfers import TransferRow

if TYPE_CHECKING:
    from sqlalchemy import Table


@dataclass(slots=True)
class Budget:
    """A period [from_s, until_s) of recorded time and what may be minted in it."""

    from_s: int
    until_s: int
    amount: int
    spent: int
    decided_by: str

    @property
    def left(self) -> int:
        return self.amount - self.spent


@dataclass(slots=True)
class Sheet:
    """The rows of one transaction, by table."""

    transfers: list[TransferRow] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    quarantined: list[tuple[Any, ...]] = field(default_factory=list)
    claims: list[tuple[Any, ...]] = field(default_factory=list)
    claims_opened: list[tuple[Any, ...]] = field(default_factory=list)
    claims_ended: list[tuple[Any, ...]] = field(default_factory=list)
    resolutions: list[tuple[Any, ...]] = field(default_factory=list)
    idempotency: list[tuple[Any, ...]] = field(default_factory=list)
    terms: list[tuple[Any, ...]] = field(default_factory=list)
    notices: list[tuple[Any, ...]] = field(default_factory=list)
    hold_terms: list[tuple[Any, ...]] = field(default_factory=list)
    holds_opened: list[tuple[Any, ...]] = field(default_factory=list)
    holds_ended: list[int] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    tiles: list[TileRow] = field(default_factory=list)
    rows: "list[tuple[Table, dict[str, Any]]]" = field(default_factory=list)
    # How many of the first transfers and records have been sent to the database.
    transfers_sent: int = 0
    records_sent: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any(getattr(self, name) for name in self.__slots__)
