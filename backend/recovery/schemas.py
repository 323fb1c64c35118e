"""A recovery as JSON."""

from pydantic import BaseModel

from backend.recovery.service import Asked, Owing, State
from backend.schemas import Strict


class RecoveryOut(BaseModel):
    """Books of `taken_s` that are being completed since `began_s`; `complete`: it may end."""

    id: int
    taken_s: int
    began_s: int
    since_s: int
    complete: bool
    gateways: list[Asked]
    devices: list[Owing]


class EndIn(Strict):
    """`anyway`: although gateways or bins owe something, which is then lost for good."""

    anyway: bool = False


class EndedOut(BaseModel):
    id: int


def recovery_out(state: State) -> RecoveryOut:
    found = state.recovery
    return RecoveryOut(
        id=found.id,
        taken_s=found.taken_s,
        began_s=found.began_s,
        since_s=found.since_s,
        complete=state.complete,
        gateways=list(state.gateways),
        devices=list(state.devices),
    )
