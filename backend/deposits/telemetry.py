"""What a gateway reports beside records: samples to the time series, states to the registry."""

from backend.alerts import service as alerts
from backend.deposits.schemas import PointIn, TelemetryIn
from backend.devices import service as devices
from backend.services import Services
from backend.telemetry import Sample
from firmware import contract

AHEAD_S = 300  # a gateway's clock may be so far ahead; what says more is dated now


def take(services: Services, body: TelemetryIn) -> None:
    """Store what fits the contract; count what does not. Raises nothing for a bad sample.

    The time series gets its samples through a queue; the books hear only of what changes.
    """
    with services.read() as conn:
        known = devices.names(conn, services.ledger_id)
    points = [each for each in body.points if each.device in known]
    services.telemetry.counts.add("unknown_device", len(body.points) - len(points))
    samples = [sample for each in points if (sample := _sample(services, each)) is not None]
    if samples:
        services.telemetry.write(samples)
        alerts.take(services, samples)
    if body.states:
        with services.begin() as conn:
            for state in body.states:
                devices.save_state(
                    conn, services.ledger_id, state.device, state.state, state.session
                )


def _sample(services: Services, point: PointIn) -> Sample | None:
    try:
        contract.check("telemetry", point.body)
    except contract.ContractError:
        services.telemetry.counts.add("bad_schema")
        return None
    now_s = services.now_s()
    at_s = point.received_s if point.received_s <= now_s + AHEAD_S else now_s
    return Sample(point.device, at_s, point.body)
