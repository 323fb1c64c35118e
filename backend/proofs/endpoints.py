"""Routes of the public log: `/v1/log` is a C2SP tlog-tiles prefix, with proofs beside it.

Open to all: only hashes, sizes and signatures are shown. A leaf with its salt is shown to the
person whose transfer it is.
"""

import re
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import PlainTextResponse, Response

from backend.access.dependencies import SignedIn, WithServices
from backend.errors import NotFound
from backend.ledger import tiles
from backend.people import service as people
from backend.problems import problems
from backend.proofs import service
from backend.proofs.schemas import ConsistencyOut, InclusionOut, LeafOut, LogOut
from backend.schemas import Digits, RowId

router = APIRouter(prefix="/v1", tags=["proofs"])
Size = Annotated[int, Digits, Query(ge=1, le=2**53)]
_TILE = re.compile(r"((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([0-9]{1,3}))?")
# A tile that is full never changes.
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/log", responses=problems(503))
def read_log(services: WithServices) -> LogOut:
    """The log's name, how far it is signed, and the keys to check its notes with."""
    with services.read() as conn:
        found = service.read_log(conn, services.ledger_id)
    return LogOut(
        origin=found.origin.name,
        number=found.origin.number,
        size=found.size,
        signed_size=found.signed_size,
        keys=found.verifier_keys,
    )


@router.get("/log/checkpoint", responses=problems(404, 503), response_class=PlainTextResponse)
def read_checkpoint(services: WithServices) -> PlainTextResponse:
    """The newest checkpoint as a signed note."""
    with services.read() as conn:
        return PlainTextResponse(service.checkpoint(conn, services.ledger_id))


@router.get(
    "/log/checkpoints/{size}", responses=problems(404, 422, 503), response_class=PlainTextResponse
)
def read_older_checkpoint(
    size: Annotated[int, Digits, Path(ge=1, le=2**53)], services: WithServices
) -> PlainTextResponse:
    """The checkpoint that was signed at a size."""
    with services.read() as conn:
        return PlainTextResponse(service.checkpoint(conn, services.ledger_id, size))


@router.get(
    "/log/tile/{level}/{name:path}", responses=problems(404, 422, 503), response_class=Response
)
def read_tile(
    level: Annotated[int, Digits, Path(ge=0, le=7)], name: str, services: WithServices
) -> Response:
    """A tile of hashes under its C2SP name: `000`, `x001/067`, `067.p/12`."""
    found = _TILE.fullmatch(name)
    if found is None or len(name) > 40:
        raise NotFound("The log has no such tile.")
    n = int(found[1].replace("x", "").replace("/", "") + found[2])
    width = int(found[3] or tiles.WIDTH)
    with services.read() as conn:
        hashes = service.tile(conn, services.ledger_id, level, n, width)
    headers = _FOR_EVER if width == tiles.WIDTH else None
    return Response(hashes, media_type="application/octet-stream", headers=headers)


@router.get("/log/inclusion/{transfer_id}", responses=problems(404, 422, 503))
def prove_inclusion(
    transfer_id: RowId, services: WithServices, size: Size | None = None
) -> InclusionOut:
    """That a transfer is in the tree of a checkpoint: the newest, or the one of `size`."""
    with services.read() as conn:
        said, leaf, path, note = service.inclusion(conn, services.ledger_id, transfer_id, size)
    return InclusionOut(
        index=transfer_id - 1,
        size=said.size,
        leaf=leaf.hex(),
        path=[step.hex() for step in path],
        note=note,
    )


@router.get("/log/consistency", responses=problems(404, 422, 503))
def prove_consistency(services: WithServices, old: Size, new: Size) -> ConsistencyOut:
    """That what was signed at `old` is the beginning of what was signed at `new`."""
    with services.read() as conn:
        path = service.consistency(conn, services.ledger_id, old, new)
    return ConsistencyOut(old=old, new=new, path=[step.hex() for step in path])


@router.get(
    "/people/{person_id}/transfers/{transfer_id}/leaf",
    responses=problems(401, 403, 404, 422, 503),
)
def read_leaf(
    person_id: RowId, transfer_id: RowId, who: SignedIn, services: WithServices
) -> LeafOut:
    """One's own transfer as the log holds it, so that its hash can be computed at home."""
    who.require_person(person_id, "statements:read")
    with services.read() as conn:
        person = people.person(conn, who.ledger_id, person_id)
        found = service.leaf(conn, who.ledger_id, transfer_id, person.account_id)
    hashed = sha256(b"\0" + found).hexdigest()
    return LeafOut(index=transfer_id - 1, leaf=found.hex(), hash=hashed)
