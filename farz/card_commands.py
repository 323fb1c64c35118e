"""`farz card`: who holds which card."""

import time
from typing import Annotated

import typer

from farz import card_trust_commands
from farz.town import open_town

app = typer.Typer(no_args_is_help=True, help="People and their cards.")
card_trust_commands.add_to(app)
Number = Annotated[str, typer.Argument(help="The number printed on the card.")]


@app.command()
def issue(
    uid: Annotated[str, typer.Argument(help="The card's UID in hex, as a reader shows it.")],
    holder: Annotated[str, typer.Option(help="The holder's name; enrolled if new.")],
    pin: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
    by: Annotated[str, typer.Option(help="Who issues it.")] = "office",
) -> None:
    """Enrol a person and give them a card; the number to print on it is shown.

    Example:  farz card issue 04A2B3C4D5E680 --holder "Umm Ahmad" --by office
    """
    from backend.cards import service as cards
    from backend.errors import BadInput
    from backend.people import service as people

    try:
        raw = bytes.fromhex(uid)
    except ValueError:
        raise BadInput(f"{uid!r} is not a UID in hex; read the card again.") from None
    now_s = int(time.time())
    with open_town() as services, services.begin() as conn:
        person = people.enrol(conn, services.ledger_id, holder, now_s=now_s)
        card = cards.issue(
            conn,
            services.vault,
            services.ledger_id,
            person_id=person.id,
            uid=raw,
            pin=pin,
            decided_by=by,
            from_s=now_s,
        )
    typer.echo(f"card number  {card.number}\nholder       {person.name}")


@app.command()
def block(
    number: Number, by: Annotated[str, typer.Option(help="Who blocks it.")] = "office"
) -> None:
    """Stop a lost card from this moment on; what it deposits later waits in suspense.

    Example:  farz card block 1234-5678
    """
    from backend.cards import service as cards

    with open_town() as services, services.begin() as conn:
        card = cards.block(conn, services.ledger_id, number, decided_by=by, from_s=int(time.time()))
    typer.echo(f"card {card.number} is {card.state}")
