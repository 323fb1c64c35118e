"""Routes for issuing, finding, blocking and swapping cards, and for their PINs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, status

from backend.access.dependencies import (
    CallingCounter,
    SignedIn,
    WithServices,
    place_of,
    staff_with,
)
from backend.access.passwords import draw_pin
from backend.access.service import Who
from backend.cards import service, swapping
from backend.cards.schemas import (
    CardIn,
    CardOut,
    IssuedOut,
    LostIn,
    PinIn,
    PinOut,
    SwappedOut,
    TapIn,
)
from backend.deposits import resolving
from backend.errors import NotFound
from backend.problems import problems
from backend.schemas import RowId
from backend.services import Services

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
    """Give a card to a person, and with it what was brought before anybody knew the card.

    A second card of a household is one more of these: it pays into the same account.
    """
    who.saw("cards:issue", person_id)
    pin = body.pin or draw_pin()
    with services.begin() as conn:
        card = service.issue(
            conn,
            services.vault,
            who.ledger_id,
            person_id=person_id,
            uid=bytes.fromhex(body.uid),
            pin=pin,
            decided_by=who.signature,
            from_s=services.now_s(),
        )
    return IssuedOut(**_issued(services, who, body, card, pin))


@router.post(
    "/people/{person_id}/cards/lost",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def replace_lost(person_id: RowId, body: LostIn, who: Issuer, services: WithServices) -> SwappedOut:
    """A lost card in one step: it is stopped, and the new one pays into the same account.

    409 names the cards of whoever has several, to choose from.
    """
    who.saw("cards:issue", person_id)
    with services.read() as conn:
        if body.number is None:
            number = swapping.lost_card(conn, who.ledger_id, person_id).number
        else:
            number = service.by_number(conn, who.ledger_id, body.number).number
            if number not in {c.number for c in service.of_person(conn, who.ledger_id, person_id)}:
                raise NotFound("This person has no such card.")
    return _swap(services, who, number, body)


@router.post(
    "/cards/{number}/swap",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def swap(number: CardNumber, body: CardIn, who: Issuer, services: WithServices) -> SwappedOut:
    """Put a new card in the place of one, lost or worn: the balance is the holder's and stays."""
    with services.read() as conn:
        person_id = service.by_number(conn, who.ledger_id, number).person_id
    who.saw("cards:issue", person_id)
    return _swap(services, who, number, body)


@router.post("/cards/{number}/pin", responses=problems(401, 403, 404, 422, 503))
def reset_pin(number: CardNumber, who: Issuer, services: WithServices) -> PinOut:
    """Draw a new PIN for a card whose holder stands here; it is shown this once."""
    with services.read() as conn:
        person_id = service.by_number(conn, who.ledger_id, number).person_id
    who.saw("cards:issue", person_id)
    pin = draw_pin()
    card = swapping.set_pin(services, number, pin)
    return PinOut(number=card.number, pin=pin)


@router.put(
    "/cards/{number}/pin",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429, 503),
)
def change_pin(
    number: CardNumber, body: PinIn, who: SignedIn, services: WithServices, request: Request
) -> None:
    """Change one's own PIN, knowing the old one; signs out everywhere."""
    who.require_if_staff("cards:issue")
    with services.read() as conn:
        person_id = service.by_number(conn, who.ledger_id, number).person_id
    who.require_theirs(person_id, "cards:issue" if who.kind == "staff" else "pins:change")
    swapping.change_pin(services, number, body.old_pin, body.pin, place_of(request))


@router.post("/counters/mine/taps", responses=problems(401, 404, 422, 503))
def tap(body: TapIn, counter: CallingCounter, services: WithServices) -> CardOut:
    """Whose card lies on a counter's reader: what the machine asks with its own key."""
    uid = bytes.fromhex(body.uid)
    with services.read() as conn:
        card = service.by_uid(conn, services.vault, services.ledger_id, uid)
    services.audit.add(counter.actor, "people:find", [card.person_id], at_s=services.now_s())
    return _card(card)


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


def _swap(services: Services, who: Who, number: str, body: CardIn) -> SwappedOut:
    pin = body.pin or draw_pin()
    with services.begin() as conn:
        made = swapping.swap(
            conn,
            services.vault,
            who.ledger_id,
            number,
            uid=bytes.fromhex(body.uid),
            pin=pin,
            decided_by=who.signature,
            from_s=services.now_s(),
        )
    # Whoever found the card may have found the slip with it.
    services.sessions.close_all(who.ledger_id, "resident", made.new.person_id)
    return SwappedOut(**_issued(services, who, body, made.new, pin), old_number=made.old.number)


def _issued(
    services: Services, who: Who, body: CardIn, card: service.Card, pin: str
) -> dict[str, Any]:
    """What is told of a new card, after what had waited for it was paid."""
    uid_hash = services.vault.card_hash(bytes.fromhex(body.uid))
    claimed = resolving.claim_for_cards(services, [uid_hash], decided_by=who.signature)
    shown = pin if body.pin is None else None
    return {**_card(card).model_dump(), "claimed": claimed, "pin": shown}


def _card(card: service.Card) -> CardOut:
    return CardOut(
        number=card.number,
        last4=card.last4,
        person_id=card.person_id,
        state=card.state,
        tier=card.tier,
    )
