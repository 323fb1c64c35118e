"""`farz ledger`: what anyone may check."""

import json
from typing import Annotated

import typer

from farz import money_commands
from farz.town import open_books

app = typer.Typer(no_args_is_help=True, help="The books: checking and distributing them.")
money_commands.add_to(app)


@app.command()
def verify(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Fold every balance again from the transfers and check every invariant.

    Reads only, so it runs beside a backend that serves. Exit code 1 names what is wrong.
    """
    from dataclasses import asdict

    from backend import db
    from backend.ledger.verify import verify as run

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        report = run(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, **asdict(report)}, default=str))
    else:
        for problem in report.problems:
            typer.echo(str(problem))
        typer.echo("The books are right." if report.ok else "The books are NOT right.")
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def distribute() -> None:
    """Print the SQL that distributes an empty, migrated database by town (Citus).

    Example:  farz ledger distribute | psql "$URL"        Read deploy/distribute.md first.
    """
    from backend.distribution import LOCAL, citus_statements

    for name, reason in LOCAL.items():
        typer.echo(f"-- {name} stays local: {reason}")
    for statement in citus_statements():
        typer.echo(statement)
