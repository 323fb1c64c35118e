"""Accounts as JSON. Amounts in minor units; `scale` is how many decimals a person sees."""

from pydantic import BaseModel

from backend.budgets.coverage import Coverage


class AccountOut(BaseModel):
    """`available` is without what is held for open payments. No limit is null."""

    account_id: int
    currency: str
    scale: int
    balance: int
    held: int
    available: int
    min_balance: int | None
    max_balance: int | None
    soft_min: int | None
    soft_max: int | None
    closed: bool


class LineOut(BaseModel):
    """One movement; `balance_after` is exact at that moment of the books."""

    transfer_id: int
    group_id: int
    code: str
    amount: int
    balance_after: int
    other_account_id: int
    effective_s: int
    recorded_us: int


class SupplyOut(BaseModel):
    """issued = retired + melted + outstanding; what melted went back to its issuer by rule."""

    currency: str
    scale: int
    issued: int
    retired: int
    melted: int
    outstanding: int


class MoneyOut(BaseModel):
    """`upto_id` is the last transfer that is counted; the rest is of this moment.

    `shortfall` is what the town bears of compost that was handed out beyond a balance, on paper or
    offline, until it pays it in.
    """

    upto_id: int
    supply: list[SupplyOut]
    coverage: Coverage
    shortfall: int


class VelocityOut(BaseModel):
    """Whole days, UTC. `velocity`: how often the money outstanding changed hands in them.

    A day's part of `volume` is told up to 2^62.
    """

    currency: str
    from_s: int
    until_s: int
    transfers: int
    volume: int
    average_outstanding: int
    velocity: float | None
