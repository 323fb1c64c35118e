"""What a gateway reports beside records: samples to the time series, states to the registry."""

from backend.deposits.schemas import PointIn, TelemetryIn
from backend.devices import service as devices
from backend.services import Services
from backend.telemetry import Sample
from firmware import contract


def take(services: Services, body: TelemetryIn) -> None:
    """Store what fits the contract; count what does not. Raises nothing for a bad sample."""
    samples = [sample for each in body.points if (sample := _sample(services, each)) is not None]
    if samples:
        services.telemetry.write(samples)
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
    return Sample(point.device, point.received_s, point.body)
