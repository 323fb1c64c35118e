"""`farz people`: what a person may ask for, all that is kept of them and its erasure."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from farz.errors import FarzError
from farz.signing import on_behalf, staff_with
from farz.telling import tell
from farz.town import open_town

app = typer.Typer(no_args_is_help=True, help="What is kept of a person, and its erasure.")
Person = Annotated[int, typer.Argument(help="The person's number.")]


@app.command()
def export(
    person: Person,
    by: Annotated[str, typer.Option(help="The login of who hands it out.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="One table for a spreadsheet.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on one line.")] = False,
) -> None:
    """Everything that is kept of a person, as JSON or as one CSV table.

    Examples:
      farz people export 4711 --by admin > amal.json
      farz people export 4711 --by admin --csv > amal.csv
    """
    from backend.privacy import exporting

    with open_town() as services:
        with services.read() as conn:
            on_behalf(services, conn, by, "people:export", person)
        found = exporting.export(services, person)
        table = exporting.as_csv(services, found) if as_csv else ""
    if as_csv:
        sys.stdout.write(table)
        return
    tell(found, json.dumps(found, ensure_ascii=False, indent=2), as_json)


@app.command()
def erase(
    person: Person,
    by: Annotated[str, typer.Option(help="The login of who decided it.")],
    reason: Annotated[str, typer.Option(help="Who asked and how; not the person's name.")],
    settle: Annotated[
        bool,
        typer.Option(
            "--settle", help="After a restore: take back what somebody erased before it had spent."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Erase a person for ever. Refused while they have or owe money, or something waits.

    What is left are numbers; the books and the log verify as before. Older backups hold the
    person until they are destroyed: see docs/dpia.md.
    Example:
      farz people erase 4711 --by admin --reason "asked at the counter"
    """
    from backend.privacy import restores

    if not yes and not typer.confirm(f"Erase person {person} for ever?"):
        raise FarzError("Nothing was done.")
    with open_town() as services:
        with services.read() as conn:
            who = staff_with(conn, services.ledger_id, by, "people:erase")
        services.audit.add(who.actor, "people:erase", [person], at_s=services.now_s())
        done = restores.erase(
            services, person, reason=reason, decided_by=who.signature, settle=settle
        )
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    typer.echo(f"Person {person} is erased; {done.keys} keys of signed bytes were destroyed.")
