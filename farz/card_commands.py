"""`farz card`: who holds which card."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from farz import card_trust_commands
from farz.asking import secret
from farz.errors import FarzError
from farz.signing import on_behalf, staff_with
from farz.town import open_town

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.access.service import Who
    from backend.services import Services

app = typer.Typer(no_args_is_help=True, help="People and their cards.")
card_trust_commands.add_to(app)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
Number = Annotated[str, typer.Argument(help="The number printed on the card.")]
By = Annotated[str, typer.Option(help="The login of who does it.")]


@app.command()
def issue(
    uid: Annotated[str, typer.Argument(help="The card's UID in hex, as a reader shows it.")],
    by: By,
    pin: Annotated[str, typer.Option(help="Asked for if it is not given.")] = "",
    person: Annotated[int | None, typer.Option(help="A person's number: one more card.")] = None,
    holder: Annotated[str, typer.Option(help="The name of somebody new.")] = "",
    consent: Annotated[str, typer.Option(help="Which version of the words they agreed to.")] = "",
    how: Annotated[str, typer.Option(help="paper, spoken or online")] = "paper",
    nameless: Annotated[
        bool, typer.Option("--nameless", help="No consent, and so a card without a name.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give somebody a card; the number to print on it is shown.

    A name is kept with a consent alone. Who gives none may have a card all the same, without one.
    The PIN is asked for, and may be piped as one line.

    Examples:
      farz card issue 04A2B3C4D5E680 --holder "Umm Ahmad" --consent 2026-1 --by admin
      farz card issue 04A2B3C4D5E681 --person 4711 --by admin
      farz card issue 04A2B3C4D5E682 --nameless --by admin
    """
    from backend.cards import service as cards
    from backend.people import consents
    from backend.people import service as people

    if sum((person is not None, bool(holder), nameless)) != 1:
        raise FarzError("Say who gets it: --person NUMBER, --holder NAME, or --nameless.")
    if bool(holder) != bool(consent):
        raise FarzError(
            "A name is kept with a consent alone: --holder NAME --consent VERSION. "
            "Without a consent, use --nameless."
        )
    raw, now_s = _raw(uid), _now_s()
    chosen = pin or secret("PIN", twice=True)
    with open_town() as services, services.begin() as conn:
        town = services.ledger_id
        if person is None:
            staff_with(conn, town, by, "people:enrol")
            person = people.enrol(conn, town, holder or people.NAMELESS, now_s=now_s).id
        who = on_behalf(services, conn, by, "cards:issue", person)
        if consent:
            given = consents.Consent(consent, now_s, how)
            consents.record(conn, town, person, given, taken_by=who, now_s=now_s)
        card = cards.issue(
            conn,
            services.vault,
            town,
            person_id=person,
            uid=raw,
            pin=chosen,
            decided_by=who,
            from_s=now_s,
        )
        name = people.person(conn, town, person).name
    told = {"card number": card.number, "person": person, "holder": name, "tier": card.tier}
    _show(told, as_json)


@app.command()
def block(
    number: Number,
    by: By,
    as_json: Json = False,
) -> None:
    """Stop a lost card from this moment on; what it deposits later waits in suspense.

    Example:  farz card block 1234-5678 --by admin
    """
    from backend.cards import service as cards

    with open_town() as services, services.begin() as conn:
        town, digits = services.ledger_id, number.replace("-", "")
        holder_id = cards.by_number(conn, town, digits).person_id
        who = on_behalf(services, conn, by, "cards:block", holder_id)
        card = cards.block(conn, town, digits, decided_by=who, from_s=_now_s())
    told = {"number": card.number, "state": card.state, "tier": card.tier}
    typer.echo(json.dumps(told) if as_json else f"card {card.number} is {card.state}")


@app.command()
def swap(
    number: Number,
    uid: Annotated[str, typer.Argument(help="The new card's UID in hex.")],
    by: By,
    as_json: Json = False,
) -> None:
    """Put a new card in the place of one, lost or worn; balance and claims stay. Shows a new PIN.

    Example:  farz card swap 1234-5678 04A2B3C4D5E680 --by admin
    """
    _swap(number.replace("-", ""), None, uid, by, as_json)


@app.command()
def lost(
    name: Annotated[str, typer.Argument(help="A part of the holder's name.")],
    uid: Annotated[str, typer.Argument(help="The new card's UID in hex.")],
    by: By,
    as_json: Json = False,
) -> None:
    """A lost card in one step: found by its holder's name, stopped, and a new one given out.

    If the name fits several people, or the person has several cards, they are listed, and nothing
    is done: `farz card swap` takes the number of the right one.

    Example:  farz card lost "Umm Ahmad" 04A2B3C4D5E680 --by admin
    """
    _swap(None, name, uid, by, as_json)


@app.command()
def pin(
    number: Number,
    by: By,
    as_json: Json = False,
) -> None:
    """Draw a new PIN for a card whose holder is here, and show it once; wrong tries start anew.

    Example:  farz card pin 1234-5678 --by admin
    """
    from backend.access.passwords import draw_pin
    from backend.cards import service as cards
    from backend.cards import swapping

    drawn, digits = draw_pin(), number.replace("-", "")
    with open_town() as services:
        with services.read() as conn:
            holder_id = cards.by_number(conn, services.ledger_id, digits).person_id
            on_behalf(services, conn, by, "cards:issue", holder_id)
        card = swapping.set_pin(services, digits, drawn)
    _show({"number": card.number, "pin": drawn}, as_json)


def _swap(number: str | None, name: str | None, uid: str, by: str, as_json: bool) -> None:
    from backend.access.passwords import draw_pin
    from backend.cards import service as cards
    from backend.cards import swapping
    from backend.deposits import resolving

    raw, drawn = _raw(uid), draw_pin()
    with open_town() as services:
        with services.begin() as conn:
            town = services.ledger_id
            who = staff_with(conn, town, by, "cards:issue")
            digits = number or _number_of(services, conn, who, name or "")
            holder_id = cards.by_number(conn, town, digits).person_id
            services.audit.add(who.actor, "cards:issue", [holder_id], at_s=_now_s())
            made = swapping.swap(
                conn,
                services.vault,
                town,
                digits,
                uid=raw,
                pin=drawn,
                decided_by=who.signature,
                from_s=_now_s(),
            )
        services.sessions.close_all(services.ledger_id, "resident", made.new.person_id)
        uid_hash = services.vault.card_hash(raw)
        claimed = resolving.claim_for_cards(services, [uid_hash], decided_by=who.signature)
    shown: dict[str, object] = {"number": made.new.number, "pin": drawn}
    shown |= {"stopped": made.old.number, "person_id": made.new.person_id, "claimed": claimed}
    _show(shown, as_json)


def _number_of(services: "Services", conn: "Connection", who: "Who", name: str) -> str:
    """The number of the one card that can be meant.

    Raises FarzError with all that fit, who see in their log that they were shown.
    """
    from backend.cards import swapping
    from backend.people import service as people

    found = people.find(conn, services.ledger_id, name)
    if len(found) != 1:
        shown = found[:10]
        seen = [each.id for each in shown]
        services.audit.add(who.actor, "people:find", seen, at_s=_now_s())
        fit = "".join(f"\n  {each.name}, {each.household}" for each in shown)
        raise FarzError(
            f"{len(found)} people fit {name!r}:{fit or ' nobody'}\n"
            "Write more of the name, or use: farz people find --help, farz card swap NUMBER UID"
        )
    return swapping.lost_card(conn, services.ledger_id, found[0].id).number


def _raw(uid: str) -> bytes:
    from backend.errors import BadInput

    try:
        return bytes.fromhex(uid.replace(":", ""))
    except ValueError:
        raise BadInput(f"{uid!r} is not a UID in hex; read the card again.") from None


def _now_s() -> int:
    return int(time.time())


def _show(told: dict[str, object], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told))
        return
    for name, value in told.items():
        typer.echo(f"{name:<12} {value}")
