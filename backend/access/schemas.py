"""Sign-ins, staff and gateways as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.access.scopes import STAFF_ROLES
from backend.schemas import Name, Strict


class StaffSignIn(Strict):
    """`code` is the telephone's, or a recovery code, for those who are asked for one."""

    login: Name
    password: Annotated[str, Field(max_length=256)]
    code: Annotated[str, Field(max_length=32)] = ""


class ResidentSignIn(Strict):
    number: Annotated[str, Field(max_length=16)]
    pin: Annotated[str, Field(max_length=16)]


class WhoOut(BaseModel):
    kind: Literal["staff", "resident"]
    id: int
    name: str
    role: str


class StaffIn(Strict):
    login: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")]
    name: Name
    role: Annotated[str, Field(max_length=32, json_schema_extra={"enum": sorted(STAFF_ROLES)})]
    password: Annotated[str, Field(max_length=256)]


class GatewayIn(Strict):
    """`public_key` is the gateway's Ed25519 public key in hex."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class GatewayOut(BaseModel):
    """`key` is shown this once."""

    id: int
    name: str
    key: str


class CounterIn(Strict):
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class CounterOut(BaseModel):
    id: int
    name: str


class CounterKeyOut(CounterOut):
    """`key` is shown this once."""

    key: str


class FactorOut(BaseModel):
    """What an authenticator app is told: `uri` as a QR code, or `secret` typed in."""

    uri: str
    secret: str


class CodeIn(Strict):
    code: Annotated[str, Field(max_length=32)]


class RecoveryOut(BaseModel):
    """Each opens once, in place of the telephone; shown this once."""

    recovery_codes: list[str]


class LookOut(BaseModel):
    """A line of the audit log: `who` did or saw `action` at `at_s`, about `person_id`."""

    id: int
    at_s: int
    who: str
    kind: str
    role: str
    action: str
    person_id: int | None
