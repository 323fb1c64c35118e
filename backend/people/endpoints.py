"""Routes of the registry, and of what is a person's own: balance and statement."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status
from sqlalchemy import Connection

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.cards import service as cards
from backend.errors import NotFound
from backend.people import consents, delegates, enrolling, lists, service
from backend.people.consents import Consent
from backend.people.delegates import Delegation
from backend.people.enrolling import Slip
from backend.people.schemas import (
    BalanceOut,
    ConsentIn,
    ConsentOut,
    DelegateIn,
    DelegateOut,
    EnrolledOut,
    HouseholdIn,
    ListIn,
    PersonIn,
    PersonOut,
    SlipOut,
)
from backend.people.service import Line, Person
from backend.problems import problems
from backend.schemas import LARGEST, After, Digits, PageSize, RowId, Words
from backend.services import Services

router = APIRouter(prefix="/v1/people", tags=["people"])
Enroller = Annotated[Who, Depends(staff_with("people:enrol"))]
Finder = Annotated[Who, Depends(staff_with("people:find"))]


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(401, 403, 409, 422, 503))
def enrol(body: PersonIn, who: Enroller, services: WithServices) -> PersonOut:
    with services.begin() as conn:
        made = service.enrol(
            conn,
            who.ledger_id,
            body.name or service.NAMELESS,
            household=body.household,
            language=body.language,
            now_s=services.now_s(),
        )
        who.saw("people:enrol", made.id)
        if body.consent is not None:
            _agree(conn, services, who, made.id, body.consent)
    return _person(made)


@router.post("/lists", responses=problems(401, 403, 409, 422, 503))
def enrol_list(body: ListIn, who: Enroller, services: WithServices) -> EnrolledOut:
    """Enrol a whole list, checked whole first; answers the new cards' PINs, this once.

    Applied again it enrols whoever is new. Who was erased stays so (`erased` counts them) until
    their line has a consent of a later day. A mistake is told with its line and cure.
    """
    entries = lists.read(body.csv.encode(), now_s=services.now_s())
    slips: list[Slip] = []
    if body.check:
        enrolling.check(services, entries)
        return EnrolledOut(people=0, cards=0, known=0, claimed=0, erased=0, slips=[])

    def keep(more: list[Slip]) -> None:
        who.saw("people:enrol", *(slip.person_id for slip in more))
        slips.extend(more)

    made = enrolling.enrol_list(services, entries, decided_by=who.signature, keep_slips=keep)
    return EnrolledOut(
        people=made.people,
        cards=made.cards,
        known=made.known,
        claimed=made.claimed,
        erased=made.erased,
        slips=[
            SlipOut(person_id=each.person_id, name=each.name, number=each.number, pin=each.pin)
            for each in slips
        ],
    )


@router.get("", responses=problems(401, 403, 422, 503))
def find(
    who: Finder,
    services: WithServices,
    name: Annotated[Words, Query()] = "",
    household: Annotated[Words, Query()] = "",
    after: Annotated[int, Digits, Query(ge=0, le=LARGEST)] = 0,
    limit: PageSize = 50,
) -> list[PersonOut]:
    """People whose name contains a text, all or of one household, paged by id."""
    with services.read() as conn:
        found = service.find(
            conn, who.ledger_id, name, household=household, after=after, limit=limit
        )
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


@router.put("/{person_id}/household", responses=problems(401, 403, 404, 422, 503))
def move(person_id: RowId, body: HouseholdIn, who: Enroller, services: WithServices) -> PersonOut:
    """Count a person for another household; their account stays theirs."""
    who.saw("people:enrol", person_id)
    with services.begin() as conn:
        return _person(service.move(conn, who.ledger_id, person_id, body.household))


@router.get("/{person_id}/consents", responses=problems(401, 403, 404, 422, 503))
def list_consents(person_id: RowId, who: SignedIn, services: WithServices) -> list[ConsentOut]:
    """What a person has agreed to, the newest first."""
    who.require_person(person_id, "people:find")
    with services.read() as conn:
        service.person(conn, who.ledger_id, person_id)
        found = consents.of_person(conn, who.ledger_id, person_id)
    return [ConsentOut(version=each.version, given_s=each.given_s, how=each.how) for each in found]


@router.post(
    "/{person_id}/consents",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 503),
)
def agree(person_id: RowId, body: ConsentIn, who: Enroller, services: WithServices) -> None:
    """Note that a person agreed to a version of the town's words."""
    who.saw("people:enrol", person_id)
    with services.begin() as conn:
        service.require_there(conn, who.ledger_id, person_id)
        _agree(conn, services, who, person_id, body)


@router.get("/{person_id}/delegates", responses=problems(401, 403, 404, 422, 503))
def list_delegates(person_id: RowId, who: SignedIn, services: WithServices) -> list[DelegateOut]:
    """Who acts for a person now."""
    who.require_person(person_id, "people:find")
    with services.read() as conn:
        service.person(conn, who.ledger_id, person_id)
        now_s = services.now_s()
        found = delegates.of_holder(conn, who.ledger_id, person_id, now_s=now_s)
    return [_delegate(each) for each in found]


@router.post(
    "/{person_id}/delegates",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 422, 503),
)
def name_delegate(
    person_id: RowId, body: DelegateIn, who: SignedIn, services: WithServices
) -> DelegateOut:
    """Let somebody look, or block a card, for a person: named by them, or at the counter."""
    who.require_person(person_id, _naming(who))
    with services.begin() as conn:
        made = delegates.name_delegate(
            conn,
            who.ledger_id,
            holder_id=person_id,
            delegate_id=_known_as(conn, who, body.number, body.name),
            scopes=body.scopes,
            until_s=body.until_s,
            decided_by=who.signature,
            now_s=services.now_s(),
        )
    return _delegate(made)


@router.delete(
    "/{person_id}/delegates/{delegation_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 503),
)
def end_delegate(
    person_id: RowId, delegation_id: RowId, who: SignedIn, services: WithServices
) -> None:
    """End it at once."""
    who.require_person(person_id, _naming(who))
    with services.begin() as conn:
        delegates.end(
            conn,
            who.ledger_id,
            holder_id=person_id,
            delegation_id=delegation_id,
            now_s=services.now_s(),
        )


def _naming(who: Who) -> str:
    return "people:enrol" if who.kind == "staff" else "delegates:name"


def _known_as(conn: Connection, who: Who, number: str, name: str) -> int:
    """Return whose card this is, to whoever knows their name too. Raises NotFound."""
    card = cards.by_number(conn, who.ledger_id, number)
    if service.person(conn, who.ledger_id, card.person_id).name.casefold() != name.casefold():
        raise NotFound("There is no such card in this town.")
    return card.person_id


def _agree(conn: Connection, services: Services, who: Who, person_id: int, body: ConsentIn) -> None:
    given = Consent(body.version, body.given_s, body.how)
    now_s = services.now_s()
    consents.record(conn, who.ledger_id, person_id, given, taken_by=who.signature, now_s=now_s)


def _delegate(found: Delegation) -> DelegateOut:
    return DelegateOut(
        id=found.id,
        holder_id=found.holder_id,
        delegate_id=found.delegate_id,
        delegate=found.delegate,
        scopes=list(found.scopes),
        from_s=found.from_s,
        until_s=found.until_s,
    )


def _person(found: Person) -> PersonOut:
    return PersonOut(
        id=found.id, name=found.name, household=found.household, language=found.language
    )
