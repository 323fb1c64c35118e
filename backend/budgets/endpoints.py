"""Routes for the municipality's budget."""

from typing import Annotated

from fastapi import APIRouter, Depends

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.budgets import service
from backend.budgets.schemas import BudgetIn, BudgetSetOut, BudgetsOut
from backend.problems import problems

router = APIRouter(prefix="/v1/budgets", tags=["budgets"])
Reader = Annotated[Who, Depends(staff_with("reports:read"))]
Writer = Annotated[Who, Depends(staff_with("budgets:write"))]


@router.get("", responses=problems(401, 403, 503))
def list_budgets(who: Reader, services: WithServices) -> BudgetsOut:
    with services.read() as conn:
        found = service.budgets(conn, who.ledger_id)
        claims = service.claims(conn, who.ledger_id)
    return BudgetsOut(
        budgets=found,
        waiting=claims.count,
        waiting_amount=claims.amount,
    )


@router.put("", responses=problems(401, 403, 409, 422, 503))
def set_budget(body: BudgetIn, who: Writer, services: WithServices) -> BudgetSetOut:
    """Set a period's budget; waiting claims are paid at once as far as it goes."""
    paid = service.set_budget(
        services,
        from_s=body.from_s,
        until_s=body.until_s,
        amount=body.amount,
        decided_by=who.signature,
    )
    return BudgetSetOut(paid=paid)
