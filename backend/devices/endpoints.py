"""Routes of the technician: devices, where they stand, their keys, journals and orders."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, status
from sqlalchemy import Connection

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.alerts import service as alerts
from backend.alerts.conditions import Condition
from backend.deposits import resolving
from backend.devices import gaps, orders, service
from backend.devices.gaps import Journal
from backend.devices.schemas import (
    AssignmentIn,
    CommandIn,
    CommandOut,
    DeviceIn,
    DeviceOut,
    KeyIn,
    OrderOut,
    ProvisionedOut,
    ReleasedOut,
    RequeuedOut,
    TuneIn,
)
from backend.errors import NotReady
from backend.problems import problems
from backend.recovery.guard import open_in_recovery
from backend.schemas import DevicePath, Digits, EpochPath, Moment
from backend.services import Services
from backend.telemetry import HOUR, RAW, Sample, StoreFault

router = APIRouter(prefix="/v1/devices", tags=["devices"])
Reader = Annotated[Who, Depends(staff_with("devices:read"))]
Writer = Annotated[Who, Depends(staff_with("devices:write"))]
Confirmer = Annotated[Who, Depends(staff_with("epochs:confirm"))]


@router.get("", responses=problems(401, 403, 503))
def list_devices(who: Reader, services: WithServices) -> list[DeviceOut]:
    """Every device with its condition, in the order of names."""
    with services.read() as conn:
        return _devices(services, conn, service.devices(conn, who.ledger_id))


@router.get("/{device}", responses=problems(401, 403, 404, 422, 503))
def read_device(device: DevicePath, who: Reader, services: WithServices) -> DeviceOut:
    with services.read() as conn:
        return _devices(services, conn, [service.device(conn, who.ledger_id, device)])[0]


@router.get("/{device}/telemetry", responses=problems(401, 403, 404, 422, 503))
def read_telemetry(
    device: DevicePath,
    who: Reader,
    services: WithServices,
    since_s: Moment = 0,
    until_s: Moment = 2**40,
    by: Literal["sample", "hour"] = "sample",
    limit: Annotated[int, Digits, Query(ge=1, le=5_000)] = 1_000,
) -> list[Sample]:
    """What the device measured in [since_s, until_s), in the order of time."""
    with services.read() as conn:
        service.device(conn, who.ledger_id, device)
    measurement = {"sample": RAW, "hour": HOUR}[by]
    try:
        return services.telemetry.store.samples(device, since_s, until_s, measurement, limit)
    except StoreFault as fault:
        raise NotReady(f"The time series cannot be read now: {fault}") from fault


@router.get("/{device}/gaps", responses=problems(401, 403, 404, 422, 503))
def read_gaps(device: DevicePath, who: Reader, services: WithServices) -> list[Journal]:
    """By journal: up to which number all records are in the books, and which are missing."""
    with services.read() as conn:
        return gaps.journals(conn, who.ledger_id, device)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def provision(body: DeviceIn, who: Writer, services: WithServices) -> ProvisionedOut:
    """Register a device; answers its key, this once."""
    with services.begin() as conn:
        made = service.provision(
            conn,
            services.vault,
            who.ledger_id,
            body.device,
            point_id=body.point_id,
            from_s=services.now_s(),
        )
    return ProvisionedOut(device=made.device, number=made.number, key=made.key.hex())


@router.post(
    "/{device}/keys",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def add_key(device: DevicePath, body: KeyIn, who: Writer, services: WithServices) -> ProvisionedOut:
    """Give a device another key by number; answers it, this once."""
    with services.begin() as conn:
        key = service.add_key(
            conn,
            services.vault,
            who.ledger_id,
            device,
            number=body.number,
            now_s=services.now_s(),
        )
    return ProvisionedOut(device=device, number=body.number, key=key.hex())


@router.post("/{device}/assignments", responses=problems(401, 403, 404, 409, 422, 503))
def assign(
    device: DevicePath, body: AssignmentIn, who: Writer, services: WithServices
) -> DeviceOut:
    """Stand a device at a point from a moment on."""
    with services.begin() as conn:
        service.assign(conn, who.ledger_id, device, body.point_id, from_s=body.from_s)
        return _devices(services, conn, [service.device(conn, who.ledger_id, device)])[0]


@router.post(
    "/{device}/epochs/{epoch}/confirmation",
    responses=problems(401, 403, 404, 409, 422, 503),
)
def confirm_epoch(
    device: DevicePath, epoch: EpochPath, who: Confirmer, services: WithServices
) -> ReleasedOut:
    """Vouch for a swap or a wipe: pays what was held for the device's new journal."""
    released = resolving.confirm_epoch(services, device, epoch, decided_by=who.signature)
    return ReleasedOut(released=released)


@router.post("/{device}/requeue", responses=problems(401, 403, 404, 409, 422, 503))
def requeue(device: DevicePath, _who: Writer, services: WithServices) -> RequeuedOut:
    """Try refused bytes of a device again, after its key was registered."""
    return RequeuedOut(outcomes=resolving.requeue(services, device))


@router.post(
    "/{device}/commands",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
@open_in_recovery
def send_command(
    device: DevicePath, body: CommandIn, who: Writer, services: WithServices
) -> CommandOut:
    """Send a device an order for the session it is in."""
    with services.begin() as conn:
        down_id = orders.send_command(
            conn,
            services.vault,
            who.ledger_id,
            device,
            body.name,
            body.args,
            now_s=services.now_s(),
        )
    return CommandOut(id=down_id)


@router.post(
    "/{device}/settings",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def tune(device: DevicePath, body: TuneIn, who: Writer, services: WithServices) -> CommandOut:
    """Change a device's settings, whole or not at all; the result comes under the same number."""
    with services.begin() as conn:
        number = orders.tune(
            conn, services.vault, who.ledger_id, device, body.values, now_s=services.now_s()
        )
    return CommandOut(id=number)


@router.post(
    "/{device}/rotation",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def rotate(device: DevicePath, who: Writer, services: WithServices) -> CommandOut:
    """Give a device its next key, sealed under the one it has."""
    with services.begin() as conn:
        down_id = orders.rotate(conn, services.vault, who.ledger_id, device, now_s=services.now_s())
    return CommandOut(id=down_id)


@router.get("/{device}/orders", responses=problems(401, 403, 404, 422, 503))
def list_orders(device: DevicePath, who: Reader, services: WithServices) -> list[OrderOut]:
    """What was sent to a device, newest first, and what it answered."""
    with services.read() as conn:
        return [OrderOut(**asdict(each)) for each in orders.sent(conn, who.ledger_id, device)]


def _devices(services: Services, conn: Connection, found: list[service.Device]) -> list[DeviceOut]:
    newest, now_s = services.telemetry.newest(), services.now_s()
    judged = alerts.conditions(conn, services.ledger_id, found, newest, now_s)
    return [_device(each, now) for each, now in zip(found, judged, strict=True)]


def _device(found: service.Device, now: Condition) -> DeviceOut:
    return DeviceOut(
        id=found.id,
        point_id=found.point_id,
        seen_s=found.seen_s,
        state=found.state,
        birth=dict(found.birth) if found.birth else None,
        birth_s=found.birth_s,
        epochs=list(found.epochs),
        condition=now.state,
        heard_s=now.heard_s,
        age_s=now.age_s,
        reasons=list(now.reasons),
    )
