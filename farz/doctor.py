"""`farz doctor`: a table of questions about this machine and this town, each with its cure.

A finding has a level: 0 well, 1 a warning, 2 wrong. Every finding above 0 names the command
that mends it. Nothing is changed. What is not installed or set up here is not asked about.
"""

from collections.abc import Iterator

from farz.checkups import gateway, machine, town
from farz.checkups.finding import WARNING, WELL, WRONG, Check, Finding

MACHINE: dict[str, Check] = {
    "Python": machine.python,
    "SQLite": machine.sqlite,
    "environment": machine.environment,
    "clock": machine.clock,
    "broker": machine.installed(
        "mosquitto",
        WARNING,
        "sudo apt-get install -y --no-install-recommends mosquitto",
        "the demo uses an embedded broker without access lists instead",
    ),
    "MicroPython": machine.installed(
        "micropython", WARNING, "make setup", "bins cannot be simulated without it"
    ),
    "backend": machine.room("fastapi", "backend"),
    "gateway": machine.room("paho", "gateway"),
    "lettering": machine.lettering,
    "fonts": machine.fonts,
}
TOWN: dict[str, Check] = {
    "settings": town.settings,
    "data directory": town.data_dir,
    "town secret": town.secret,
    "tables": town.tables,
    "books' clock": town.clock_of_books,
    "ledger": town.ledger,
    "tariff": town.tariff,
    "approvers": town.approvers,
    "plain cards": town.plain_cards,
    "languages": town.languages,
    "devices": town.devices,
    "recovery": town.recovery,
    "backup": town.backup,
    "time series": town.series,
}
GATEWAY: dict[str, Check] = {
    "gateway's key": gateway.key,
    "gateway's broker": gateway.broker,
    "gateway's uplink": gateway.uplink,
    "broker's certificate": gateway.certificate,
    "gateway's backlog": gateway.backlog,
}


def examine() -> list[Finding]:
    """Ask every question; one that fails in an unforeseen way is itself a finding."""
    return [_ask(name, check) for name, check in _questions()]


def _questions() -> Iterator[tuple[str, Check]]:
    yield from MACHINE.items()
    if machine.has("fastapi"):
        yield from TOWN.items()
    if machine.has("paho") and gateway.is_here():
        yield from GATEWAY.items()


def _ask(name: str, check: Check) -> Finding:
    try:
        return check(name)
    except Exception as error:
        # A doctor that falls ill says so instead of keeping the other answers to himself.
        return Finding(name, WRONG, f"{type(error).__name__}: {error}", "farz migrate")


def show(findings: list[Finding]) -> None:
    """Print the findings, worst first, each with its cure."""
    from rich.console import Console

    console = Console(highlight=False)
    marks = {WELL: "[green]well[/]", WARNING: "[yellow]note[/]", WRONG: "[red]wrong[/]"}
    for finding in sorted(findings, key=lambda each: -each.level):
        console.print(
            f"{marks[finding.level]:<14} {finding.check}: {finding.words}", soft_wrap=True
        )
        if finding.cure:
            # Never broken in two: it is there to be copied.
            console.print(f"               mend it:  {finding.cure}", markup=False, soft_wrap=True)
