"""Routes for issuing, finding and blocking cards."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.cards import service
from backend.cards.schemas import CardIn, CardOut, IssuedOut
from backend.deposits import resolving
from backend.problems import problems
from backend.schemas import RowId

router = APIRouter(prefix="/v1", tags=["cards"])
Issuer = Annotated[Who, Depends(staff_with("cards:issue"))]
Finder = Annotated[Who, Depends(staff_with("people:find"))]
CardNumber = Annotated[str, Path(max_length=16)]


@router.post(
    "/people/{person_id}/cards",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def issue(person_id: RowId, body: CardIn, who: Issuer, services: WithServices) -> IssuedOut:
    """Give a card to a person, and with it what was brought before anybody knew the card."""
    uid = bytes.fromhex(body.uid)
    who.saw("cards:issue", person_id)
    with services.begin() as conn:
        card = service.issue(
            conn,
            services.vault,
            who.ledger_id,
            person_id=person_id,
            uid=uid,
            pin=body.pin,
            decided_by=who.signature,
            from_s=services.now_s(),
        )
    uid_hash = services.vault.card_hash(uid)
    claimed = resolving.claim_for_card(services, uid_hash, decided_by=who.signature)
    return IssuedOut(
        number=card.number,
        last4=card.last4,
        person_id=card.person_id,
        state=card.state,
        claimed=claimed,
    )


@router.get("/people/{person_id}/cards", responses=problems(401, 403, 404, 422, 503))
def cards_of_person(person_id: RowId, who: SignedIn, services: WithServices) -> list[CardOut]:
    who.require_person(person_id, "people:find")
    with services.read() as conn:
        return [_card(card) for card in service.of_person(conn, who.ledger_id, person_id)]


@router.get("/cards/{number}", responses=problems(401, 403, 404, 422, 503))
def read_card(number: CardNumber, who: Finder, services: WithServices) -> CardOut:
    """Find a card by the number printed on it: how a counter finds whose it is."""
    with services.read() as conn:
        found = service.by_number(conn, who.ledger_id, number)
    who.saw("people:find", found.person_id)
    return _card(found)


@router.post("/cards/{number}/block", responses=problems(401, 403, 404, 409, 422, 503))
def block(number: CardNumber, who: SignedIn, services: WithServices) -> CardOut:
    """Stop a lost card from now on: its holder may, and staff whose role allows it."""
    who.require_if_staff("cards:block")
    with services.begin() as conn:
        card = service.by_number(conn, who.ledger_id, number)
        who.require_theirs(card.person_id, "cards:block")
        blocked = service.block(
            conn,
            who.ledger_id,
            number,
            decided_by=who.signature,
            from_s=services.now_s(),
        )
    return _card(blocked)


def _card(card: service.Card) -> CardOut:
    return CardOut(number=card.number, last4=card.last4, person_id=card.person_id, state=card.state)
