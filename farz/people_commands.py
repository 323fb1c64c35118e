"""`farz people`: who takes part, what they agreed to, who acts for them, and who looked at them."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from farz.moments import moment
from farz.signing import on_behalf, staff_with
from farz.telling import Json, tell
from farz.town import open_town

app = typer.Typer(no_args_is_help=True, help="Who takes part, and who looked at them.")
By = Annotated[str, typer.Option(help="The login of who does it.")]
Number = Annotated[str, typer.Argument(help="The number printed on a card of theirs.")]


@app.command()
def enrol(
    name: str,
    consent: Annotated[str, typer.Option(help="Which version of the words they agreed to.")],
    by: By,
    how: Annotated[str, typer.Option(help="paper, spoken or online")] = "paper",
    on: Annotated[str, typer.Option(help="When; without it, now.")] = "",
    household: Annotated[str, typer.Option(help="What their household is called.")] = "",
    language: Annotated[str, typer.Option(help="ar or en")] = "ar",
    as_json: Json = False,
) -> None:
    """Enrol one person with their consent; `farz card issue` gives them a card.

    Example:
      farz people enrol "Umm Ahmad" --household "House 12" --consent 2026-1 --by admin
    """
    from backend.people import consents
    from backend.people import service as people

    now_s = int(time.time())
    given = consents.Consent(consent, moment(on) if on else now_s, how)
    with open_town() as services, services.begin() as conn:
        town = services.ledger_id
        who = staff_with(conn, town, by, "people:enrol")
        made = people.enrol(conn, town, name, household=household, language=language, now_s=now_s)
        consents.record(conn, town, made.id, given, taken_by=who.signature, now_s=now_s)
        services.audit.add(who.actor, "people:enrol", [made.id], at_s=now_s)
    if as_json:
        typer.echo(json.dumps({"person_id": made.id, "name": name, "household": made.household}))
        return
    typer.echo(f"{name} is enrolled as person {made.id}, of household {made.household}")


@app.command(name="import")
def enrol_list(
    file: Annotated[Path, typer.Argument(help="A CSV file, as a spreadsheet saves it.")],
    by: By,
    slips: Annotated[Path, typer.Option(help="Where the PIN slips go: a new HTML file.")] = Path(
        "slips.html"
    ),
    check: Annotated[bool, typer.Option("--check", help="Change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Enrol a whole list; every mistake is told at once, with its line and cure.

    The heading is: name,household,language,uid,consent_version,consent_on,consent_how. Language and
    uid may be left out. The same list again enrols whoever is new. The slips hold the only copy of
    the PINs: print them, cut them apart, hand them over, and delete the file.

    Example:  farz people import people.csv --slips slips.html --by admin
    """
    from backend.people import enrolling, lists
    from farz import paper_slips

    entries = lists.read(file.read_bytes(), now_s=int(time.time()))
    with open_town() as services:
        with services.read() as conn:
            who = staff_with(conn, services.ledger_id, by, "people:enrol")
        if check:
            enrolling.check(services, entries)
            if as_json:
                typer.echo(json.dumps({"people": len(entries), "mistakes": 0}))
                return
            typer.echo(f"{len(entries)} people, no mistake. Nothing was changed.")
            return
        made, sheets = paper_slips.enrol(services, entries, slips, who.signature, who.actor)
    told: dict[str, object] = {"people": made.people, "cards": made.cards, "known": made.known}
    told |= {"deposits_claimed": made.claimed, "erased": made.erased}
    told |= {"slips": [str(each) for each in sheets]}
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{made.people} people and {made.cards} cards are new, {made.known} were known.")
    if made.erased:
        typer.echo(
            f"{made.erased} were erased and stay so. Who came back has a consent of a later day: "
            "write it into their line."
        )
    if sheets:
        files = ", ".join(map(str, sheets))
        typer.echo(f"Print {files}, hand the slips over, and delete what holds the PINs.")


@app.command()
def find(
    by: By,
    name: Annotated[str, typer.Argument(help="A part of the name; empty: everybody.")] = "",
    household: Annotated[str, typer.Option(help="Those of one household.")] = "",
    as_json: Json = False,
) -> None:
    """People and their cards, by name or household; each is told in their log that you looked.

    Examples:
      farz people find Ahmad --by admin
      farz people find --household "House 12" --by admin --json
    """
    from backend.cards import service as cards
    from backend.people import service as people

    with open_town() as services:
        with services.read() as conn:
            town = services.ledger_id
            who = staff_with(conn, town, by, "people:find")
            found = people.find(conn, town, name, household=household, limit=200)
            held = {each.id: cards.of_person(conn, town, each.id) for each in found}
        seen = [each.id for each in found]
        services.audit.add(who.actor, "people:find", seen, at_s=int(time.time()))
    told = [
        {
            "person_id": each.id,
            "name": each.name,
            "household": each.household,
            "cards": [{"number": card.number, "state": card.state} for card in held[each.id]],
        }
        for each in found
    ]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    if not found:
        typer.echo("nobody is found; a household is looked for with --household")
    for each in found:
        shown = "  ".join(f"{card.number} ({card.state})" for card in held[each.id])
        typer.echo(f"{each.id:<17} {each.name:<28} {each.household:<20} {shown}")


@app.command()
def looks(number: Number, by: By, as_json: Json = False) -> None:
    """Who looked at somebody or did something for them, newest first: this look as well.

    Example:  farz people looks 1234-5678 --by admin
    """
    from backend.access import looks as log
    from backend.cards import service as cards

    with open_town() as services:
        with services.read() as conn:
            card = cards.by_number(conn, services.ledger_id, _digits(number))
            on_behalf(services, conn, by, "audit:read", card.person_id)
        found = log.looks(services, person_id=card.person_id, limit=200)
    if as_json:
        told = [
            {
                "at_s": each.line.at_s,
                "who": each.name,
                "role": each.line.actor.role,
                "action": each.line.action,
            }
            for each in found
        ]
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for each in found:
        at = datetime.fromtimestamp(each.line.at_s, UTC).isoformat(timespec="minutes")
        typer.echo(f"{at}  {each.name:<24} {each.line.actor.role:<20} {each.line.action}")


@app.command()
def delegate(
    holder: Annotated[str, typer.Argument(help="A card number of whom it is about.")],
    to: Annotated[str, typer.Argument(help="A card number of who acts for them.")],
    may: Annotated[list[str], typer.Option(help="balances:read, statements:read, cards:block …")],
    by: By,
    until: Annotated[str, typer.Option(help="When it ends; without it, when it is ended.")] = "",
    as_json: Json = False,
) -> None:
    """Let somebody look, or block a card, for somebody else, who is here and wants it.

    Example:
      farz people delegate 1234-5678 8765-4321 --may balances:read --may cards:block --by admin
    """
    from backend.cards import service as cards
    from backend.people import delegates

    now_s = int(time.time())
    with open_town() as services, services.begin() as conn:
        town = services.ledger_id
        ends = [cards.by_number(conn, town, _digits(each)).person_id for each in (holder, to)]
        who = on_behalf(services, conn, by, "people:enrol", ends[0])
        made = delegates.name_delegate(
            conn,
            town,
            holder_id=ends[0],
            delegate_id=ends[1],
            scopes=may,
            until_s=moment(until) if until else None,
            decided_by=who,
            now_s=now_s,
        )
    words = f"delegation {made.id}: {made.delegate} may {', '.join(made.scopes)}"
    tell(asdict(made), words, as_json)


def _digits(number: str) -> str:
    return number.replace("-", "")
