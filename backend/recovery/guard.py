"""While a town recovers nothing is written over HTTP but what the recovery itself needs."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from backend.access.dependencies import WithServices
from backend.errors import Recovering

READS = frozenset({"GET", "HEAD", "OPTIONS"})
_open: set[Callable[..., Any]] = set()
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def open_in_recovery(endpoint: Endpoint) -> Endpoint:
    """Mark a route that writes and yet may be used while the town recovers."""
    _open.add(endpoint)
    return endpoint


async def refuse_in_recovery(request: Request, services: WithServices) -> None:
    """Raises Recovering for every other route that writes; asked before anything else."""
    if request.method in READS or not services.recovery.maybe:
        return
    if getattr(request.scope.get("route"), "endpoint", None) in _open:
        return
    if await run_in_threadpool(services.recovery.now) is not None:
        raise Recovering(
            "These books come from a backup and are being completed. Nothing can be booked or "
            "changed yet; what bins weigh is kept and counted."
        )
