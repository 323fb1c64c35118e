"""`farz device`: bins and counters, their keys and their places."""

import json
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farz import device_admit
from farz.signing import by_whom, staff_with
from farz.telling import tell
from farz.town import open_books, open_town

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.telemetry import Sample

app = typer.Typer(no_args_is_help=True, help="Bins and counters, their keys and places.")
Device = Annotated[str, typer.Argument(help="Device id: a-z, 0-9 and hyphens.")]


@app.command()
def provision(
    device: Device,
    point: Annotated[str, typer.Option(help="Where it stands.")] = "",
    files: Annotated[
        Path | None, typer.Option(help="Write the board's files here instead of the key.")
    ] = None,
    host: device_admit.Host = "localhost",
    port: device_admit.BrokerPort = 8883,
    fractions: device_admit.Fractions = "organic",
    limits: device_admit.RangeG = "10,200,60000",
    language: device_admit.Language = "ar",
    ssid: device_admit.Ssid = "",
    update_key: device_admit.UpdateKey = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Register a device and print its key once, or write key, certificate and settings to files.

    Examples:
      farz device provision bin-12 --point "Mosque square"
      farz device provision bin-12 --files bin-12 --host broker.town.example --ssid village
    """
    from backend.devices import service as devices

    place = device_admit.place(host, port, fractions, limits, language, ssid, update_key)
    if files is not None:
        device_admit.require_free(files)
    paths: list[Path] = []
    with open_town() as services, services.begin() as conn:
        made = devices.provision(
            conn,
            services.vault,
            services.ledger_id,
            device,
            point_id=_point(conn, services.ledger_id, point) if point else None,
            from_s=int(time.time()),
        )
        if files is not None:  # in the transaction: without its files a bin is not registered
            trusted = device_admit.admitted(services, conn, device)
            paths = device_admit.write_files(files, device, made.key, made.number, trusted, place)
    if files is not None:
        words = "".join(f"written     {path}\n" for path in paths)
        words += f"{device_admit.label_words(files)}\n"
        words += f"next        farz device flash --port PORT --files {files}"
        told = {"device": device, "key_number": made.number, "files": [str(p) for p in paths]}
        tell(told | {"label": device_admit.label(files)}, words, as_json)
        return
    words = f"device      {made.device}\nkey number  {made.number}\nkey         {made.key.hex()}"
    shown = {"device": made.device, "key_number": made.number, "key": made.key.hex()}
    tell(shown, words, as_json)


# One key in 64 begins with a hyphen, and is no option.
@app.command(context_settings={"ignore_unknown_options": True})
def gateway(
    name: Annotated[str, typer.Argument(help="The gateway's name, as in its settings.")],
    public_key: Annotated[str, typer.Argument(help="What `farz gateway init` printed there.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Register a gateway and print its API key once, for FARZ_GATEWAY_BACKEND_KEY.

    Example:
      farz device gateway town-hall UVYWcWjy-Jt4t8oHvCyVpnVn4j3WJf2b1cZL0gk1r0A
    """
    from backend.access import service as access
    from backend.errors import BadInput
    from firmware import contract

    try:
        raw = contract.unb64(public_key)
    except contract.ContractError:
        raise BadInput("A public key is what `farz gateway init` printed.") from None
    with open_town() as services, services.begin() as conn:
        made = access.create_gateway(
            conn, services.ledger_id, name=name, public_key=raw, now_s=int(time.time())
        )
    words = f"gateway  {made.name}\nkey      {made.key}"
    tell({"gateway": made.name, "key": made.key}, words, as_json)


@app.command(name="list")
def show(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Every device, the worst first: how it is, when it was last heard of, and why. Reads only.

    A device is ok, attention, stale (no report for 45 minutes), offline or never_seen.
    Example:  farz device list --json
    """
    from backend import db
    from backend.alerts import service as alerts
    from backend.alerts.conditions import WORST_FIRST
    from backend.devices import service as devices
    from backend.towns import service as towns

    now_s = int(time.time())
    newest = _newest()
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = devices.devices(conn, ledger_id)
        judged = alerts.conditions(conn, ledger_id, found, newest, now_s)
        places = {point.id: point.name for point in towns.points(conn, ledger_id)}
    pairs = sorted(
        zip(found, judged, strict=True), key=lambda pair: WORST_FIRST.index(pair[1].state)
    )
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "device": each.id,
                        "point_id": each.point_id,
                        "point": places.get(each.point_id or 0),
                    }
                    | now._asdict()
                    | {"reasons": [asdict(reason) for reason in now.reasons]}
                    for each, now in pairs
                ]
            )
        )
        return
    for each, now in pairs:
        age = "" if now.age_s is None else f"heard {now.age_s // 60} min ago"
        where = places.get(each.point_id or 0, "at no point")
        typer.echo(f"{each.id:<24} {now.state:<10} {where:<20} {age}".rstrip())
        for reason in now.reasons:
            typer.echo(f"  {reason.words}{_measured(reason.value, reason.unit)}")


@app.command(name="seen-to")
def seen_to(
    device: Annotated[str, typer.Argument(help="The bin.")],
    rule: Annotated[str, typer.Argument(help="As `farz device alerts` names it, like tamper:…")],
    by: Annotated[str, typer.Option(help="The login of who has seen to it.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """End an alarm that a bin has signed, after somebody has been there.

    Example:  farz device seen-to bin-3 "tamper:lid forced" --by rana
    """
    from backend.alerts import said

    with open_town() as services, services.begin() as conn:
        who = staff_with(conn, services.ledger_id, by, "devices:write")
        now_s = services.now_s()
        said.end(conn, services.ledger_id, device, rule, by=who.id, now_s=now_s)
    told = {"device": device, "rule": rule, "resolved_s": now_s}
    typer.echo(json.dumps(told) if as_json else f"{rule} at {device} is ended")


@app.command(name="alerts")
def show_alerts(
    resolved: Annotated[bool, typer.Option(help="Also those that are over.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What is wrong with devices, the newest first. Reads only.

    An alert ends when the device reports that it is well, never because it fell silent; what a bin
    has signed as an alarm ends when somebody has seen to it.
    Example:  farz device alerts --resolved --json
    """
    from backend import db
    from backend.alerts import service as alerts
    from backend.alerts.conditions import SAID

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = alerts.alerts(conn, ledger_id, resolved=resolved)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    for each in found:
        until = "" if each.resolved_s is None else f", until {time.ctime(each.resolved_s)}"
        typer.echo(
            f"{each.device:<24} {each.words}{_measured(each.opened_value, each.unit)}"
            f" since {time.ctime(each.opened_s)}{until}"
        )
        if each.resolved_s is None and each.rule.partition(":")[0] in SAID:
            rule = shlex.quote(each.rule)
            typer.echo(f"  seen to? farz device seen-to {each.device} {rule} --by LOGIN")


@app.command()
def confirm(
    device: Device,
    epoch: Annotated[str, typer.Argument(help="The journal's epoch, 16 hex digits.")],
    by: Annotated[str, typer.Option(help="The login of who looked at the device.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Vouch for a device's new journal (swap or wipe); its held deposits are released.

    Example:  farz device confirm bin-12 00112233445566ff --by rana
    """
    from backend.deposits import resolving

    with open_town() as services:
        with services.read() as conn:
            who = by_whom(conn, services.ledger_id, by, "epochs:confirm")
        released = resolving.confirm_epoch(services, device, epoch, decided_by=who)
    tell({"released": released}, f"{released} held deposits released", as_json)


@app.command()
def gaps(device: Device, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Which records of a device's journals are not in the books. Reads only.

    Example:  farz device gaps bin-12
    """
    from backend import db
    from backend.devices import gaps as found

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        journals = found.journals(conn, ledger_id, device)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in journals]))
        return
    for each in journals:
        upto = "nothing yet" if each.contiguous is None else f"all up to {each.contiguous}"
        typer.echo(f"journal {each.epoch}  {upto}, last {each.highest}, missing {each.missing}")
        for gap in each.gaps:
            typer.echo(f"  {gap.first} to {gap.last}")


def _measured(value: int | None, unit: str) -> str:
    """What was measured when it began; alarms that a bin signed measure nothing."""
    return "" if value is None or not unit else f" ({value} {unit})"


def _newest() -> "dict[str, Sample]":
    """The newest samples beside a backend that serves; none if there is no telemetry yet."""
    from backend.settings import Settings
    from backend.telemetry import StoreFault
    from backend.telemetry_stores import open_reader

    store = open_reader(Settings())
    if store is None:
        return {}
    try:
        return store.newest()
    except StoreFault as fault:
        words = "telemetry could not be read, so ages may be too great"
        typer.echo(f"farz: {words}: {fault}", err=True)
        return {}
    finally:
        store.close()


@app.command()
def salvage(
    image: Annotated[
        Path, typer.Argument(help="The flash image: journal partition or whole chip.")
    ],
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("salvaged.jsonl"),
    key_file: Annotated[
        Path | None, typer.Option(help="The bin's key, 64 hex digits; else the town's books.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Read a dead bin's journal from its flash image into a file that a gateway takes in.

    The image comes by cable, or from the bin's page in safe mode (journal.bin).
    Examples:
      esptool --port /dev/ttyUSB0 read-flash 0x380000 0x80000 bin-12.img
      farz device salvage bin-12.img --to bin-12.jsonl
      farz gateway take bin-12.jsonl     (at the gateway; as often as you like)
    """
    from farz import salvage as salvaging

    raw = salvaging.image_of(image)
    wanted = salvaging.needed(raw)
    keys = salvaging.keys_of(key_file, wanted) if key_file else _up_keys(wanted)
    told = salvaging.report(raw, keys, to)
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{told['records']} records of {', '.join(told['devices'])} are in {to}")
    for name in ("unsettled", "interrupted", "damaged", "without_key", "broken_sectors"):
        typer.echo(f"  {name.replace('_', ' ')}: {told[name]}")
    typer.echo(f"Take them in at a gateway: farz gateway take {to}")


def _up_keys(wanted: list[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    """The signing keys that the town's books have of (device, key number); reads only."""
    from backend import db
    from backend.devices import service as devices
    from backend.settings import Settings
    from backend.vault import Vault

    vault = Vault(Settings().town_secret())
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = {
            device: devices.keys(conn, vault, ledger_id, device)
            for device in {device for device, _ in wanted}
        }
    return {(d, n): found[d][n].up for d, n in wanted if n in found[d]}


def _point(conn: "Connection", ledger_id: int, name: str) -> int:
    """The id of a collection point by name; a new one is opened."""
    from backend.towns import service as towns

    for known in towns.points(conn, ledger_id):
        if known.name == name:
            return known.id
    return towns.add_point(conn, ledger_id, name, now_s=int(time.time())).id
