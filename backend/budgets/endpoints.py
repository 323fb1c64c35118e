"""Routes for the municipality's budget, what waits for it, and what covers the credit."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.budgets import coverage, picture, service
from backend.budgets.coverage import DisposalCost
from backend.budgets.schemas import (
    BudgetIn,
    BudgetOut,
    BudgetSetOut,
    BudgetsOut,
    ClaimsOut,
    CoverageOut,
    DisposalCostIn,
)
from backend.people import service as people
from backend.problems import problems
from backend.schemas import Digits, RowId

router = APIRouter(prefix="/v1", tags=["budgets"])
Reader = Annotated[Who, Depends(staff_with("reports:read"))]
Writer = Annotated[Who, Depends(staff_with("budgets:write"))]


Days = Annotated[int, Digits, Query(ge=1, le=3_700)]
WORDS = {
    "title": "What covers the credit",
    "stock": "compost in stock",
    "promised": "promised by merchants",
    "avoided": "avoided disposal cost",
    "outstanding": "credit outstanding",
}


@router.get("/budgets", responses=problems(401, 403, 503))
def list_budgets(who: Reader, services: WithServices) -> BudgetsOut:
    """Each period's budget, how far it goes at its pace, and what waits for one."""
    now_s = services.now_s()
    with services.read() as conn:
        found = service.budgets(conn, who.ledger_id)
        claims = service.claims(conn, who.ledger_id)
    return BudgetsOut(
        budgets=[
            BudgetOut(
                from_s=each.from_s,
                until_s=each.until_s,
                amount=each.amount,
                spent=each.spent,
                left=each.left,
                runs_out_s=each.runs_out_s(now_s),
            )
            for each in found
        ],
        waiting=claims.count,
        waiting_amount=claims.amount,
        waiting_accounts=claims.accounts,
        waiting_since_s=claims.oldest_s,
    )


@router.put("/budgets", responses=problems(401, 403, 409, 422, 503))
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


@router.get("/people/{person_id}/claims", responses=problems(401, 403, 404, 422, 503))
def read_claims(person_id: RowId, who: SignedIn, services: WithServices) -> ClaimsOut:
    """What a person brought that waits for budget, and how much is paid before it."""
    who.require_person(person_id, "balances:read")
    with services.read() as conn:
        account_id = people.person(conn, who.ledger_id, person_id).account_id
        found = service.claims_of(conn, who.ledger_id, account_id)
    return ClaimsOut(
        person_id=person_id,
        waiting=found.count,
        waiting_amount=found.amount,
        waiting_since_s=found.oldest_s,
        ahead_amount=found.ahead_amount,
    )


@router.put("/disposal-costs", responses=problems(401, 403, 409, 422, 503))
def set_disposal_cost(body: DisposalCostIn, who: Writer, services: WithServices) -> DisposalCost:
    """Say what a tonne of a sorted fraction saves the town, from a moment on."""
    from_s = services.now_s() if body.from_s is None else body.from_s
    decided = DisposalCost(body.fraction, from_s, body.amount_per_tonne, who.signature)
    with services.begin() as conn:
        coverage.set_disposal_cost(conn, who.ledger_id, decided)
    return decided


@router.get("/coverage", responses=problems(401, 403, 422, 503))
def read_coverage(who: Reader, services: WithServices, days: Days = 90) -> CoverageOut:
    """What covers the credits outstanding: now, and day by day as it was kept."""
    with services.read() as conn:
        return CoverageOut(
            now=coverage.coverage(conn, who.ledger_id, now_s=services.now_s()),
            days=coverage.days(conn, who.ledger_id, limit=days),
            disposal_costs=coverage.disposal_costs(conn, who.ledger_id),
        )


@router.get(
    "/coverage.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}, **problems(401, 403, 422, 503)},
)
def draw_coverage(who: Reader, services: WithServices, days: Days = 90) -> Response:
    """The kept days as a picture."""
    with services.read() as conn:
        found = coverage.days(conn, who.ledger_id, limit=days)
    return Response(picture.drawn(found, WORDS), media_type="image/svg+xml")
