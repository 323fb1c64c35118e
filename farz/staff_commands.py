"""`farz staff`: who works for the town."""

import json
import time
from typing import Annotated

import typer

from farz.telling import Json, tell
from farz.town import new_password, open_books, open_town

app = typer.Typer(no_args_is_help=True, help="Who works for the town.")


@app.command()
def add(
    login: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Annotated[
        str, typer.Option(help="counter_clerk, municipal_officer …; a wrong one lists all")
    ],
    name: Annotated[str, typer.Option(help="Their name, as others see it.")] = "",
    as_json: Json = False,
) -> None:
    """Add a colleague, asking for their password; it may be piped as one line.

    Examples:
      farz staff add salma --role municipal_officer --name "Salma"
      farz staff add salma --role municipal_officer < salma.password
    """
    from backend.access import service as access

    password = new_password(login)
    with open_town() as services, services.begin() as conn:
        made = access.create_staff(
            conn,
            services.ledger_id,
            login=login,
            name=name or login,
            role=role,
            password=password,
            now_s=int(time.time()),
        )
    words = f"{made.name} may sign in as {login} ({made.role})"
    tell({"id": made.id, "login": login, "name": made.name, "role": made.role}, words, as_json)


@app.command(name="list")
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Everybody who may sign in, with their role, and whether they are asked for a code.

    Reads only.
    Example:  farz staff list --json
    """
    from backend import db
    from backend.access import second_factor
    from backend.access import service as access

    with open_books() as (engine, town), db.read(engine) as conn:
        told = [
            {
                "login": access.login_of(conn, town, who.id),
                "name": who.name,
                "role": who.role,
                "code": second_factor.is_on(conn, town, who.id),
            }
            for who in access.staff(conn, town)
        ]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for each in told:
        code = "with a code" if each["code"] else ""
        words = f"{each['login']:<16} {each['name']:<24} {each['role']:<20} {code}"
        typer.echo(words.rstrip())


@app.command()
def password(
    login: Annotated[str, typer.Argument(help="Who gets another password.")],
    as_json: Json = False,
) -> None:
    """Give somebody another password, best typed by themselves; it may be piped as one line.

    Their open sessions end.
    Examples:
      farz staff password salma
      farz staff password salma < salma.password
    """
    from backend import db
    from backend.access import service as access
    from backend.access.audit import OFFICE

    with open_books() as (engine, town), db.read(engine) as conn:
        access.by_login(conn, town, login)  # a misspelt one is told before anything is asked
    fresh = new_password(login)
    with open_town() as services, services.begin() as conn:
        who = access.by_login(conn, services.ledger_id, login)
        services.audit.add(OFFICE, "staff:password", at_s=int(time.time()))
        access.set_password(conn, services.sessions, services.ledger_id, who, fresh)
    words = f"{who.name} signs in with the new password from now on"
    tell({"login": login, "password": "changed"}, words, as_json)


@app.command(name="no-code")
def end_codes(
    login: Annotated[str, typer.Argument(help="Who lost telephone and codes.")],
    as_json: Json = False,
) -> None:
    """Ask somebody for no code any more, after you have seen who they are.

    They sign in with their password alone until they start anew.
    Example:  farz staff no-code salma
    """
    from backend.access import second_factor
    from backend.access import service as access
    from backend.access.audit import OFFICE

    with open_town() as services, services.begin() as conn:
        who = access.by_login(conn, services.ledger_id, login)
        services.audit.add(OFFICE, "second_factor:end", at_s=int(time.time()))
        second_factor.turn_off(conn, services.ledger_id, who.id)
    words = f"{who.name} is asked for no code"
    tell({"login": login, "code": False}, words, as_json)


@app.command()
def counter(
    name: Annotated[str, typer.Argument(help="What the counter is called.")], as_json: Json = False
) -> None:
    """Register a counter's machine and print its key, once.

    Example:  farz staff counter cooperative
    """
    from backend.access import counters

    with open_town() as services, services.begin() as conn:
        made = counters.create_counter(conn, services.ledger_id, name, now_s=int(time.time()))
    words = f"counter {made.name}, key (shown once): {made.key}"
    tell({"counter": made.name, "key": made.key}, words, as_json)
