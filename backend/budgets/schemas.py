"""Budgets as JSON, in minor units."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.budgets.coverage import DEAREST_TONNE, Coverage, DisposalCost
from backend.schemas import Amount, Fraction, Seconds, Strict


class BudgetIn(Strict):
    """What may be minted from `from_s` to `until_s`."""

    from_s: Seconds
    until_s: Seconds
    amount: Amount


class BudgetOut(BaseModel):
    """`runs_out_s` is when it would be used up at its pace so far, if before its end."""

    from_s: int
    until_s: int
    amount: int
    spent: int
    left: int
    runs_out_s: int | None


class BudgetsOut(BaseModel):
    """`waiting` claims of `waiting_accounts`, worth `waiting_amount`, found no budget yet."""

    budgets: list[BudgetOut]
    waiting: int
    waiting_amount: int
    waiting_accounts: int
    waiting_since_s: int | None


class BudgetSetOut(BaseModel):
    """How many waiting claims were paid."""

    paid: int


class ClaimsOut(BaseModel):
    """What a person weighed in that waits for budget; others come first with `ahead_amount`."""

    person_id: int
    waiting: int
    waiting_amount: int
    waiting_since_s: int | None
    ahead_amount: int


class DisposalCostIn(Strict):
    """What a tonne of a fraction saves the town from `from_s` on; now where it is left out."""

    fraction: Fraction
    amount_per_tonne: Annotated[int, Field(ge=0, le=DEAREST_TONNE)]
    from_s: Seconds | None = None


class CoverageOut(BaseModel):
    """Today as it is now; the days as housekeeping found them; the costs as decided."""

    now: Coverage
    days: list[Coverage]
    disposal_costs: list[DisposalCost]
