"""`farz ledger`: what anyone may check."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farz import money_commands
from farz.errors import FarzError, in_words
from farz.telling import Json, saying, tell
from farz.town import open_books, open_town

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.ledger.verify import Report

app = typer.Typer(no_args_is_help=True, help="The books: checking and distributing them.")
money_commands.add_to(app)


@app.command()
def verify(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Check what `farz ledger export` wrote, offline.")
    ] = None,
    database: Annotated[str, typer.Option(help="Check the books at this URL.")] = "",
    with_secret: Annotated[
        bool, typer.Option(help="Check the devices' signatures too, with the town's secret.")
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint as it was published: it must be in the books.")
    ] = None,
) -> None:
    """Fold every balance again from the transfers and check every invariant.

    Reads only, so it runs beside a backend that serves. Exit code 1 names what is wrong,
    exit code 2 says why nothing could be read.

    What it proves and what it cannot tell: deploy/README.md, "What the verifier proves".

    Examples:
      farz ledger verify --json
      farz ledger verify --export books --checkpoint checkpoint-of-may
    """
    from dataclasses import asdict

    typer.echo("Folding the books again from their transfers ...", err=True)
    report = _report(export, database, checkpoint, with_secret=with_secret)
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, **asdict(report)}, default=str))
    else:
        for problem in report.problems:
            typer.echo(str(problem))
        typer.echo("The books are right." if report.ok else "The books are NOT right.")
    raise typer.Exit(0 if report.ok else 1)


def _report(
    export: Path | None, database: str, checkpoint: Path | None, *, with_secret: bool
) -> "Report":
    from sqlalchemy.exc import SQLAlchemyError

    from backend import db
    from backend.ledger.export import UnusableExport
    from backend.ledger.verify_export import verify_export
    from backend.proofs import exported, exported_rates
    from backend.proofs.service import PUBLISHED
    from backend.settings import Settings

    try:
        if export is not None:
            report = verify_export(export, partial(_more_of_export, checkpoint=checkpoint))
            for problem in exported.problems(export):
                report.add("I10", problem)
            for problem in exported_rates.problems(export):
                report.add("I9", problem)
            return report
        if not database:
            own = Settings().data_dir / PUBLISHED
            published = checkpoint or (own if own.exists() else None)
            with open_books() as (engine, ledger_id), db.read(engine) as conn:
                return _audited(conn, ledger_id, with_secret, published)
        path = database.removeprefix("sqlite:///")
        if path != database and not Path(path).exists():
            raise UnusableExport(f"There is no file {path}. Give the path of an SQLite file.")
        engine = db.create_engine(database, exclusive=False)
        try:
            with db.read(engine) as conn:
                return _audited(conn, Settings().ledger_id, with_secret, checkpoint)
        finally:
            engine.dispose()
    except (OSError, ValueError, SQLAlchemyError) as error:
        typer.echo(in_words(error) if isinstance(error, OSError) else f"{error}", err=True)
        raise typer.Exit(2) from None


def _audited(
    conn: "Connection", ledger_id: int, with_secret: bool, checkpoint: Path | None
) -> "Report":
    from backend.ledger.verify import Report
    from backend.ledger.verify import verify as run
    from backend.proofs.audit import audit
    from backend.recovery import service as recovery
    from backend.settings import Settings
    from backend.vault import Vault

    vault = Vault(Settings().town_secret()) if with_secret else None
    report = Report(ledger_id)
    with saying(lambda: f"{report.transfers} transfers and {report.records} records ..."):
        run(conn, ledger_id, vault, into=report)
        audit(conn, ledger_id, report, vault)
    recovering = recovery.current(conn, ledger_id) is not None
    _check_published(conn, report, checkpoint, recovering=recovering)
    return report


def _more_of_export(conn: "Connection", report: "Report", *, checkpoint: Path | None) -> None:
    """The laws of the programme that ask ledger tables alone, and what was published."""
    from backend.ledger.verify import check_laws
    from backend.proofs.laws import OF_TERMS

    check_laws(conn, report.ledger_id, OF_TERMS, report)
    _check_published(conn, report, checkpoint)


def _check_published(
    conn: "Connection", report: "Report", checkpoint: Path | None, *, recovering: bool = False
) -> None:
    from backend.proofs import published

    if checkpoint is None:
        return
    if words := published.wrong(conn, report.ledger_id, checkpoint, recovering=recovering):
        report.add("I10", words)


@app.command()
def checkpoint(
    sign: Annotated[bool, typer.Option(help="Sign the log as it is, first.")] = False,
    as_json: Json = False,
) -> None:
    """Show the newest signed checkpoint of the log. With --sign the backend must be stopped."""
    from backend import db
    from backend.proofs import service

    if sign:
        with open_town() as services:
            service.sign(services)
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        note = service.checkpoint(conn, ledger_id)
    tell({"note": note}, note.rstrip("\n"), as_json)


@app.command("new-log")
def new_log(reason: str, as_json: Json = False) -> None:
    """Begin the log anew, after a restore that lost what had been signed; say why."""
    from backend.proofs import service

    with open_town() as services:
        name = service.begin_anew(services, reason).name
    tell({"name": name}, name, as_json)


@app.command()
def prove(transfer_id: int, as_json: Json = False) -> None:
    """Show that a transfer is in the newest checkpoint (RFC 6962); the proof is JSON either way.

    Example:  farz ledger prove 4711 --json
    """
    from backend import db
    from backend.proofs import service

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        said, leaf, path, note = service.inclusion(conn, ledger_id, transfer_id)
        keys = service.read_log(conn, ledger_id).verifier_keys
    proof = {
        "index": transfer_id - 1,
        "size": said.size,
        "leaf": leaf.hex(),
        "path": [step.hex() for step in path],
        "note": note,
        "keys": keys,
    }
    tell(proof, json.dumps(proof, indent=2, ensure_ascii=False), as_json)


@app.command("export")
def export_books(
    directory: Path,
    with_salt: Annotated[
        bool,
        typer.Option(help="Add the log's secret: leaves can be made again, and entries guessed."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the books as CSV and beancount text, with the log's leaves and checkpoints.

    No signed bytes, cards or owners go along. Without --with-salt whoever has the files can
    check checkpoints against the leaves, but not the leaves against the transfers.
    """
    from backend import db
    from backend.ledger import beancount
    from backend.ledger import export as files
    from backend.proofs import exported, exported_rates

    if directory.exists() and any(directory.iterdir()):
        typer.echo(f"{directory} is not empty. Give a new directory.", err=True)
        raise typer.Exit(2)
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        typer.echo("Writing tables ...", err=True)
        made = files.export(conn, ledger_id, directory, with_salt=with_salt)
        text = directory / "ledger.beancount"
        with text.open("w", encoding="utf-8") as out:
            count = beancount.write(conn, ledger_id, out)
        made += [text, exported.write(conn, ledger_id, directory)]
        made.append(exported_rates.write(conn, ledger_id, directory))
        files.write_manifest(directory, ledger_id, made, with_salt=with_salt)
    words = f"{count} transfers are in {directory}."
    tell(
        {"folder": str(directory), "transfers": count, "files": [path.name for path in made]},
        words,
        as_json,
    )


@app.command()
def distribute(as_json: Json = False) -> None:
    """Print the SQL that distributes an empty, migrated database by town (Citus).

    Example:  farz ledger distribute | psql "$URL"

    Read deploy/distribute.md first.
    """
    from backend.distribution import LOCAL, citus_statements

    local = [f"-- {name} stays local: {reason}" for name, reason in LOCAL.items()]
    statements = list(citus_statements())
    told = {"statements": statements, "local": dict(LOCAL)}
    tell(told, "\n".join([*local, *statements]), as_json)


@app.command()
def grants(role: str, as_json: Json = False) -> None:
    """Print the SQL that lets a PostgreSQL role serve the town and change no history.

    Example:  farz ledger grants farz_serves | psql "$URL"

    Read deploy/README.md first.
    """
    from backend.grants import grant_statements

    try:
        statements = [f"{each};" for each in grant_statements(role)]
    except ValueError as error:
        raise FarzError(str(error)) from None
    tell({"statements": statements}, "\n".join(statements), as_json)
