"""`farz recovery`: how far a restored town has come, and its end."""

import getpass
import json

import typer

from farz.town import open_books, open_town


def show(as_json: bool) -> int:
    """Print who owes what; return 0 if nobody does, else 1. Raises NotFound without a recovery."""
    from backend import db
    from backend.recovery import service
    from backend.recovery.schemas import recovery_out

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = service.state(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps(recovery_out(found).model_dump(mode="json")))
        return 0 if found.complete else 1
    for gateway in found.gateways:
        said = "has not answered yet"
        if gateway.waiting is not None:
            said = f"relays {gateway.found} messages again, {gateway.waiting} of them still wait"
        typer.echo(f"gateway {gateway.name}: {said}")
    for device in found.devices:
        if not device.missing:
            typer.echo(f"bin {device.device}: is asked whether it has more than the books")
            continue
        first = ", ".join(f"{gap.first}-{gap.last}" for gap in device.gaps[:5])
        typer.echo(f"bin {device.device}: {device.missing} records are missing ({first})")
    done = "Everything that is known of is here. Next: farz recovery --end"
    typer.echo(done if found.complete else "Wait; bins that are away bring theirs when they come.")
    return 0 if found.complete else 1


def end(*, anyway: bool) -> str:
    """Open the town again. Raises NotFound, StillMissing, db.DatabaseInUse."""
    from backend.recovery import service

    with open_town() as services:
        service.end(services, ended_by=f"console:{getpass.getuser()}"[:64], anyway=anyway)
    return "The town is open again: everything is booked as ever."
