"""Routes for drafting and approving tariffs."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.problems import problems
from backend.schemas import Moment, RowId
from backend.tariffs import service, simulation
from backend.tariffs.schemas import RateOut, SimulationOut, TariffIn, TariffOut

router = APIRouter(prefix="/v1/tariffs", tags=["tariffs"])
Reader = Annotated[Who, Depends(staff_with("tariffs:read"))]
Drafter = Annotated[Who, Depends(staff_with("tariffs:draft"))]
Approver = Annotated[Who, Depends(staff_with("tariffs:approve"))]


@router.get("", responses=problems(401, 403, 503))
def list_tariffs(who: Reader, services: WithServices) -> list[TariffOut]:
    """Every version, drafts too."""
    with services.read() as conn:
        return [_tariff(each) for each in service.tariffs(conn, who.ledger_id)]


@router.post(
    "", status_code=status.HTTP_201_CREATED, responses=problems(401, 403, 404, 409, 422, 503)
)
def draft(body: TariffIn, who: Drafter, services: WithServices) -> TariffOut:
    """Write down a new version; it needs two approvals."""
    rates = {(each.fraction, each.grade): each.amount_per_kg for each in body.rates}
    with services.begin() as conn:
        made = service.draft(
            conn,
            who.ledger_id,
            rates,
            from_s=body.from_s,
            until_s=body.until_s,
            point_id=body.point_id,
            drafted_by=who.signature,
            note=body.note,
            now_s=services.now_s(),
        )
    return _tariff(made)


@router.post("/{tariff_id}/approvals", responses=problems(401, 403, 404, 409, 422, 503))
def approve(tariff_id: RowId, who: Approver, services: WithServices) -> TariffOut:
    """Sign a version; the second person's signature puts it in force at its date."""
    with services.begin() as conn:
        made = service.approve(
            conn, who.ledger_id, tariff_id, staff_id=who.id, now_s=services.now_s()
        )
    return _tariff(made)


@router.get("/{tariff_id}/simulation", responses=problems(401, 403, 404, 422, 503))
def simulate(
    tariff_id: RowId,
    who: Reader,
    services: WithServices,
    since_s: Moment = 0,
    until_s: Moment = 2**40,
) -> SimulationOut:
    """What past deposits would have earned under a version, and whom that helps or hurts."""
    with services.read() as conn:
        found = service.tariff(conn, who.ledger_id, tariff_id)
        made = simulation.simulate(conn, who.ledger_id, found, since_s, until_s)
    return SimulationOut(**made.as_dict())


def _tariff(found: service.Tariff) -> TariffOut:
    return TariffOut(
        id=found.id,
        from_s=found.from_s,
        until_s=found.until_s,
        point_id=found.point_id,
        note=found.note,
        drafted_by=found.drafted_by,
        approved_by=list(found.approved_by),
        approved=found.approved,
        rates=[
            RateOut(fraction=fraction, grade=grade, amount_per_kg=amount)
            for (fraction, grade), amount in found.rates.items()
        ],
    )
