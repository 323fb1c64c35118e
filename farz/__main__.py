"""The `farz` command: one small function a command, each importing its rooms only when called.

A gateway's machine has no backend installed, so nothing but typer is imported up here.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from farz import (
    budget_commands,
    card_commands,
    compost_commands,
    device_admit,
    device_calibrate,
    device_commands,
    device_workshop,
    fee_commands,
    ledger_commands,
    melting_commands,
    merchant_commands,
    order_commands,
    paper_commands,
    people_commands,
    privacy_commands,
    report_commands,
    staff_commands,
    tariff_commands,
    variables,
)
from farz.errors import FarzError, in_words, of_database
from farz.gateway_help import WithSettings
from farz.telling import Json, tell

app = typer.Typer(
    name="farz",
    help="From a kilogram of sorted waste to a community's currency, and anyone can check the way.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(staff_commands.app, name="staff")
device_commands.app.add_typer(order_commands.app)
device_commands.app.add_typer(device_admit.app)
device_commands.app.add_typer(device_calibrate.app)
device_commands.app.add_typer(device_workshop.app)
app.add_typer(device_commands.app, name="device")
app.add_typer(card_commands.app, name="card")
people_commands.app.add_typer(privacy_commands.app)
app.add_typer(people_commands.app, name="people")
app.add_typer(compost_commands.app, name="compost")
app.add_typer(tariff_commands.app, name="tariff")
app.add_typer(ledger_commands.app, name="ledger")
app.add_typer(melting_commands.app, name="melting")
app.add_typer(budget_commands.app, name="budget")
app.add_typer(merchant_commands.app, name="merchant")
app.add_typer(fee_commands.app, name="fee")
app.add_typer(merchant_commands.settlements, name="settlement")
app.add_typer(paper_commands.app, name="paper")
app.add_typer(paper_commands.collection, name="collection")
app.add_typer(report_commands.app, name="report")

Port = Annotated[int, typer.Option(min=1, max=65_535, help="TCP port on the loopback.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same run.")]


@app.callback()
def choose_data_dir(
    context: typer.Context,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="FARZ_DATA_DIR", help="Where the town's data lies."),
    ] = None,
) -> None:
    if data_dir is not None:
        os.environ["FARZ_DATA_DIR"] = str(data_dir)
    variables.require_known(context.invoked_subcommand)


@app.command()
def demo(
    once: Annotated[bool, typer.Option(help="Run without waiting, count, and stop.")] = False,
    bins: Annotated[int, typer.Option(min=1, max=20)] = 5,
    deposits: Annotated[int, typer.Option(min=1, max=20_000)] = 200,
    redemptions: Annotated[int, typer.Option(min=0, max=2_000)] = 20,
    seed: Seed = 7,
    as_json: Json = False,
    port: Port = 8080,
) -> None:
    """A synthetic village on this machine: bins, broker, gateway, backend, pages.

    Examples:
      farz demo
      farz demo --once --bins 5 --deposits 200 --redemptions 20 --json
    """
    from farz import demo as village
    from farz.guard import ends_in_order

    if not once:
        village.live(bins=bins, deposits=deposits, seed=seed, port=port)
        return
    with ends_in_order():
        report = village.once(bins=bins, deposits=deposits, redemptions=redemptions, seed=seed)
    _print(report, as_json)
    raise typer.Exit(0 if report["ok"] else 1)


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="The town's name, or its file: town.toml.")],
    currency: Annotated[str, typer.Option(help="What the credit is called.")] = "qamama",
    login: Annotated[str, typer.Option(help="The first administrator's login.")] = "admin",
    slips: Annotated[
        Path | None, typer.Option(help="Where PIN slips of the file's people go, a new HTML file.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also where somebody decided otherwise since.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Found a town: its secret, its books, its first administrator.

    By a name it asks for the administrator's password, which may be piped as one line.
    A file describes the whole town and is checked whole; applied again, it adds what is new, and
    stops where the staff have decided otherwise since (prices, caps), unless --overwrite is given.
    Examples:
      farz init "My village" --currency qamama
      farz init farz/towns/village.toml
      farz init "My village" < admin.password
    """
    from farz.town import apply_file, found

    if name.endswith(".toml"):
        apply_file(Path(name), slips, as_json, overwrite=overwrite)
        return
    found(name, currency, login, as_json)


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only say whether there is work.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the database to this version's tables. Does nothing when it is there already.

    With --check nothing is changed: exit code 0 if the tables are this version's, else 1.
    Example:  farz migrate --check --json
    """
    from backend import db, migrations
    from backend.settings import Settings
    from farz.town import open_database

    if check:
        with open_database() as engine, db.read(engine) as conn:
            there, head = migrations.versions(conn)
        words = f"The database is at {there}, this program at {head}."
        tell({"database": there, "program": head, "current": there == head}, words, as_json)
        raise typer.Exit(0 if there == head else 1)
    migrations.upgrade(Settings())
    tell({"current": True}, "The database is at this version's tables.", as_json)


@app.command()
def serve(
    port: Port = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on, as in a container.")] = (
        "127.0.0.1"
    ),
) -> None:
    """The backend with its pages, on the loopback; put a proxy with TLS in front of it.

    The log goes to standard error, as JSON unless that is a terminal (FARZ_LOG_FORMAT).
    """
    from farz.serving import serve as run

    run(port, host)


@app.command(cls=WithSettings)
def gateway(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="nothing, init, again SECONDS, or take FILE")
    ] = None,
) -> None:
    """The gateway between the broker and the backend. Its settings are listed below.

    `farz gateway init` makes its key and prints the public half for the backend;
    `farz gateway again 86400` relays once more what came within the last day;
    `farz gateway take FILE` takes in what `farz device salvage` wrote.
    """
    from edge_gateway.__main__ import main as run

    raise typer.Exit(run(arguments or []))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="ledger, spine …; a wrong name lists all")],
    as_json: Json = False,
) -> None:
    """Measure, as ratios to a limit that is measured in the same run."""
    from farz.benches import run
    from farz.guard import ends_in_order

    with ends_in_order():
        report = run(name)
    _print(report, as_json)
    raise typer.Exit(1 if report["short"] else 0)


@app.command()
def drill(
    name: Annotated[
        str, typer.Argument(help="restart, kill, power-cut, scale …; a wrong name lists all")
    ],
    runs: Annotated[int, typer.Option(min=1)] = 3,
    seed: Seed = 1,
    engine: Annotated[
        Literal["sqlite", "postgresql"],
        typer.Option(help="kill, failpoint, lost-day: where the books are."),
    ] = "sqlite",
    as_json: Json = False,
) -> None:
    """Break things on purpose and count what was lost or doubled.

    Examples:
      farz drill kill --engine postgresql --runs 200
      farz drill failpoint --json
    """
    from farz.drills import drill as run
    from farz.guard import ends_in_order

    with ends_in_order():
        report = run(name, runs, seed, engine)
    _print(report, as_json)
    raise typer.Exit(0 if report["ok"] else 1)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is wrong here and the command that mends it. Exit code 0, 1 (notes) or 2.

    Example:  farz --data-dir /var/lib/farz doctor
    """
    from farz.doctor import examine, show

    findings = examine()
    if as_json:
        typer.echo(json.dumps({"findings": [f.as_dict() for f in findings]}, ensure_ascii=False))
    else:
        show(findings)
    raise typer.Exit(max((f.level for f in findings), default=0))


@app.command()
def backup(
    target: Annotated[
        Path | None,
        typer.Argument(help="A new folder; with --every the folder of all backups."),
    ] = None,
    every: Annotated[str, typer.Option(help="Go on, one each 15m, 1h …, until stopped.")] = "",
    keep: Annotated[int, typer.Option(min=1, help="Newest to keep, beside one a day.")] = 96,
    telemetry: Annotated[bool, typer.Option(help="The bins' time series too.")] = False,
    as_json: Json = False,
) -> None:
    """Copy the books into a folder while the backend goes on serving, and check the copy.

    Without TARGET backups go to FARZ_BACKUP_DIR. The town's secret is left out: keep it apart.
    Examples:
      farz backup /media/usb/before-the-update
      farz backup /backups --every 15m
    """
    from dataclasses import asdict

    from backend.settings import Settings
    from farz import backups

    folder = Settings().backup_dir if target is None else target
    if folder is None:
        raise FarzError("Name a folder, or set FARZ_BACKUP_DIR. Example: farz backup /media/usb/b1")
    if every:
        backups.keep_backing_up(folder, backups.seconds(every), keep, telemetry=telemetry)
        return
    if target is None:
        made = backups.new_in(folder, telemetry=telemetry)
    else:
        made = target, backups.backup(target, telemetry=telemetry)
    if as_json:
        _print({"folder": str(made[0]), **asdict(made[1])}, as_json)
    else:
        typer.echo(backups.describe(made))


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A folder made by `farz backup`.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="The newest published checkpoint that you have a copy of.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option(help="Take books in which `farz ledger verify` finds something wrong.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in place of the books, after its books have been verified.

    The backend must be stopped, and the town's secret in its place. Afterwards start the backend:
    it only reads until gateways and bins have brought what the backup does not have.
    Follow it with `farz recovery`; `farz recovery --end` opens the town again.
    Example:  farz restore /media/usb/before-the-update
    """
    from dataclasses import asdict
    from datetime import datetime

    from farz.restoring import restore as run

    done = run(source, checkpoint, anyway=anyway)
    if as_json:
        _print(asdict(done.manifest) | done.found(), as_json)
        return
    moment = datetime.fromtimestamp(done.manifest.taken_s).astimezone().isoformat(" ", "seconds")
    typer.echo(f"{done.manifest.town} is as at {moment}: {done.manifest.transfers} transfers.")
    if done.kept:
        typer.echo(f"What was there is kept as {done.kept}.")
    if done.new_log:
        typer.echo(f"A new log was opened, {done.new_log}: tell those who keep its checkpoints.")
    typer.echo(
        "It only reads until gateways and bins have brought what is missing. Next: farz serve, "
        "then farz recovery.\nWhat people decided since (cards, tariffs, hand-overs) is not "
        "in bins: do it again from paper. Who was erased is erased again by itself."
    )


@app.command()
def recovery(
    end: Annotated[bool, typer.Option("--end", help="Open the town again.")] = False,
    anyway: Annotated[
        bool, typer.Option(help="End it although somebody still owes something.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What gateways and bins still owe a restored town. Exit code 1 while they owe anything.

    With SQLite, --end needs the backend stopped; the administrator may end it over HTTP instead.
    """
    from farz.recovering import end as stop
    from farz.recovering import show

    if end:
        words = stop(anyway=anyway)
        tell({"ended": True}, words, as_json)
        return
    raise typer.Exit(show(as_json))


def _print(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in report.items():
        table.add_row(name, json.dumps(value) if isinstance(value, dict | list) else str(value))
    Console().print(table)


def main() -> None:
    """Run the command; errors that a person can do something about are printed as sentences."""
    os.umask(0o077)  # books, keys and logs are their owner's business
    try:
        app()
    except OSError as error:
        _refuse(in_words(error))
    except FarzError as error:
        _refuse(error)
    except Exception as error:
        if words := of_database(error):
            _refuse(words)
        # The rooms' own errors carry words for people; anything else is a fault of ours.
        if not type(error).__module__.startswith(("backend.", "edge_gateway.", "firmware.")):
            raise
        _refuse(error)


def _refuse(error: Exception | str) -> None:
    sys.stderr.write(f"farz: {error}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
