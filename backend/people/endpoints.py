"""Routes of the registry, and of what is a person's own: balance and statement."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.people import service
from backend.people.schemas import BalanceOut, PersonIn, PersonOut
from backend.people.service import Line, Person
from backend.problems import problems
from backend.schemas import LARGEST, After, PageSize, RowId, Words

router = APIRouter(prefix="/v1/people", tags=["people"])
Enroller = Annotated[Who, Depends(staff_with("people:enrol"))]
Finder = Annotated[Who, Depends(staff_with("people:find"))]


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(401, 403, 409, 422, 503))
def enrol(body: PersonIn, who: Enroller, services: WithServices) -> PersonOut:
    with services.begin() as conn:
        made = service.enrol(
            conn,
            who.ledger_id,
            body.name,
            household=body.household,
            language=body.language,
            now_s=services.now_s(),
        )
        who.saw("people:enrol", made.id)
    return _person(made)


@router.get("", responses=problems(401, 403, 422, 503))
def find(
    who: Finder,
    services: WithServices,
    name: Annotated[Words, Query()] = "",
    after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: PageSize = 50,
) -> list[PersonOut]:
    """People whose name contains a text, paged by id."""
    with services.read() as conn:
        found = service.find(conn, who.ledger_id, name, after=after, limit=limit)
    who.saw("people:find", *(each.id for each in found))
    return [_person(each) for each in found]


@router.get("/{person_id}", responses=problems(401, 403, 404, 422, 503))
def read_person(person_id: RowId, who: SignedIn, services: WithServices) -> PersonOut:
    who.require_person(person_id, "people:find")
    with services.read() as conn:
        return _person(service.person(conn, who.ledger_id, person_id))


@router.get("/{person_id}/balance", responses=problems(401, 403, 404, 422, 503))
def read_balance(person_id: RowId, who: SignedIn, services: WithServices) -> BalanceOut:
    who.require_person(person_id, "balances:read")
    with services.read() as conn:
        found = service.balance(conn, who.ledger_id, person_id)
    return BalanceOut(
        person_id=person_id,
        balance=found.posted,
        available=found.available,
        currency=found.currency,
        scale=found.scale,
    )


@router.get("/{person_id}/statement", responses=problems(401, 403, 404, 422, 503))
def read_statement(
    person_id: RowId,
    who: SignedIn,
    services: WithServices,
    before_id: After = None,
    limit: PageSize = 50,
) -> list[Line]:
    """Movements, newest first; the next page starts before the last one's `transfer_id`."""
    who.require_person(person_id, "statements:read")
    with services.read() as conn:
        return service.statement(conn, who.ledger_id, person_id, before_id=before_id, limit=limit)


def _person(found: Person) -> PersonOut:
    return PersonOut(
        id=found.id, name=found.name, household=found.household, language=found.language
    )
