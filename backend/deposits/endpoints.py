"""Routes of the uplink, of telemetry, and of deposits that people look at."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, status
from fastapi.concurrency import run_in_threadpool

from backend.access.dependencies import CallingGateway, SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.deposits import quarantine, resolving, service, telemetry, uplink
from backend.deposits.quarantine import Quarantined
from backend.deposits.schemas import (
    ResolutionIn,
    ResolvedOut,
    TelemetryIn,
    UplinkIn,
    UplinkOut,
)
from backend.deposits.service import Deposit
from backend.problems import problems
from backend.recovery.guard import open_in_recovery
from backend.schemas import After, DevicePath, EpochPath, PageSize, RowId

router = APIRouter(prefix="/v1", tags=["deposits"])
RecordReader = Annotated[Who, Depends(staff_with("records:read"))]
Resolver = Annotated[Who, Depends(staff_with("deposits:resolve"))]


@router.post("/uplink", responses=problems(401, 403, 413, 422, 503))
@open_in_recovery
async def take_uplink(
    batch: UplinkIn, gateway: CallingGateway, services: WithServices
) -> UplinkOut:
    """Take a gateway's batch of signed records, and answer what became of each.

    The same batch again is answered alike. An empty batch asks for what goes down.
    """
    prepared = await run_in_threadpool(uplink.prepare, services, gateway, batch)
    answers: list[Any] = []
    if prepared.entries:
        answers = await asyncio.wrap_future(services.poster.submit_all(prepared.entries))
    return await run_in_threadpool(uplink.answered, services, gateway, batch, prepared, answers)


@router.post(
    "/telemetry",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 413, 422, 503),
)
@open_in_recovery
def take_telemetry(body: TelemetryIn, _gateway: CallingGateway, services: WithServices) -> None:
    """Take measurements and states; what is lost here costs nobody money."""
    telemetry.take(services, body)


@router.get("/people/{person_id}/deposits", responses=problems(401, 403, 404, 422, 503))
def deposits_of_person(
    person_id: RowId,
    who: SignedIn,
    services: WithServices,
    before: Annotated[str | None, Query(max_length=80)] = None,
    before_s: After = None,
    limit: PageSize = service.PAGE,
) -> list[Deposit]:
    """A resident's deposits, newest first, each with what its credit rests on.

    The next page starts `before` the last one's cursor.
    """
    who.require_person(person_id, "statements:read")
    with services.read() as conn:
        return service.of_person(
            conn,
            who.ledger_id,
            person_id,
            before=before,
            before_s=before_s,
            limit=limit,
            vault=services.vault,
        )


@router.get("/deposits/waiting", responses=problems(401, 403, 422, 503))
def deposits_waiting(
    who: Resolver, services: WithServices, limit: PageSize = service.PAGE
) -> list[Deposit]:
    """What is held or suspended and waits for a person, oldest first."""
    with services.read() as conn:
        return service.waiting(conn, who.ledger_id, limit=limit)


@router.get("/quarantine", responses=problems(401, 403, 422, 503))
def list_quarantine(
    who: RecordReader,
    services: WithServices,
    after: Annotated[str | None, Query(max_length=140)] = None,
    limit: PageSize = quarantine.PAGE,
) -> list[Quarantined]:
    """Truly signed records under a name that other bytes had taken; they pay nothing."""
    with services.read() as conn:
        return quarantine.quarantined(conn, who.ledger_id, after=after, limit=limit)


@router.post(
    "/deposits/{device}/{epoch}/{seq}/resolution",
    responses=problems(401, 403, 404, 409, 422, 503),
)
def resolve_deposit(
    device: DevicePath,
    epoch: EpochPath,
    seq: RowId,
    body: ResolutionIn,
    who: Resolver,
    services: WithServices,
) -> ResolvedOut:
    """The last word on a waiting deposit: credit it to a person, or refuse it."""
    concerned = resolving.whose(services, device, epoch, seq)
    if body.person_id is not None:
        concerned.add(body.person_id)
    who.saw("deposits:resolve", *sorted(concerned))
    made = resolving.resolve(
        services,
        device,
        epoch,
        seq,
        person_id=body.person_id,
        reason=body.reason,
        decided_by=who.signature,
        amount=body.amount,
    )
    return ResolvedOut(outcome=made.outcome, amount=made.amount)
