"""Sign-ins, staff and gateways as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.schemas import Strict


class StaffSignIn(Strict):
    login: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(max_length=256)]


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
    name: Annotated[str, Field(min_length=1, max_length=120)]
    role: Annotated[str, Field(max_length=16)]
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
