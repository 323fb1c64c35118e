"""Budgets as JSON, in minor units."""

from pydantic import BaseModel

from backend.budgets.service import Budget
from backend.schemas import Amount, Seconds, Strict


class BudgetIn(Strict):
    """What may be minted from `from_s` to `until_s`."""

    from_s: Seconds
    until_s: Seconds
    amount: Amount


class BudgetsOut(BaseModel):
    """`waiting` claims, worth `waiting_amount`, found no budget yet."""

    budgets: list[Budget]
    waiting: int
    waiting_amount: int


class BudgetSetOut(BaseModel):
    """How many waiting claims were paid."""

    paid: int
