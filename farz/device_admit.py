"""`farz device provision --files`, `replace`, `revoke`: who is a bin of this town.

A bin has a key that signs (known to it and to the backend), and a TLS key with a certificate that
opens the broker. Both are written into its files once; its certificate's key is kept nowhere else.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farz.errors import FarzError
from farz.town import open_town

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.devices.certificates import Identity
    from backend.services import Services

app = typer.Typer()
Device = Annotated[str, typer.Argument(help="Device id: a-z, 0-9 and hyphens.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
NO_RECORD = ("0" * 16, 0)  # ends a key under which nothing was ever signed


@dataclass(frozen=True)
class Place:
    """Where a bin is told to call, and what it is made for."""

    host: str
    port: int
    fractions: list[str]
    limits: tuple[int, int, int]
    language: str
    ssid: str
    update_keys: dict[str, str]


def place(
    host: str, port: int, fractions: str, limits: str, language: str, ssid: str, update_key: str
) -> Place:
    """What was asked for, checked as the bin itself will check it. FarzError says what is wrong."""
    from firmware.errors import SettingsFault
    from firmware.settings import checked

    try:
        e_g, min_g, max_g = (int(each) for each in limits.split(","))
    except ValueError:
        raise FarzError("--limits takes three whole numbers: --limits 10,200,60000") from None
    kinds = [each.strip() for each in fractions.split(",")]
    made = Place(host, port, kinds, (e_g, min_g, max_g), language, ssid, public_key(update_key))
    probe = {"device": "x", "key": "00" * 32, "key_number": 1, "fractions": kinds, "host": host}
    probe |= {"port": port, "e_g": e_g, "min_g": min_g, "max_g": max_g, "language": language}
    try:
        checked(probe)
    except SettingsFault as error:
        raise FarzError(f"No bin would start with these settings: {error}.") from None
    return made


def write_files(
    folder: Path, device: str, key: bytes, number: int, trusted: "Identity", place: Place
) -> list[Path]:
    """Write what `farz device flash` puts on the board; the files are their owner's alone."""
    e_g, min_g, max_g = place.limits
    settings: dict[str, Any] = {
        "device": device,
        "key": key.hex(),
        "key_number": number,
        "fractions": place.fractions,
        "host": place.host,
        "port": place.port,
        "e_g": e_g,
        "min_g": min_g,
        "max_g": max_g,
        "language": place.language,
        "update_keys": place.update_keys,
        **trusted.settings(),
    }
    wifi = {"ssid": place.ssid, "password": ""}
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, body in (("settings.json", settings), ("wifi.json", wifi)):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(body, indent=1) + "\n")
        made.append(path)
    return made


def admitted(services: "Services", conn: "Connection", device: str) -> "Identity":
    """A new TLS key and certificate for a device, entered in the town's books."""
    from backend.devices import trust

    return trust.admit(conn, services.vault, services.ledger_id, device, int(time.time()))


def public_key(text: str) -> dict[str, str]:
    """{name: hex} of a key that may sign updates; an empty text is none. FarzError."""
    from farz.device_bundles import key_name

    if not text:
        return {}
    with suppress(ValueError):
        if len(bytes.fromhex(text)) == 32:
            return {key_name(text): text}
    raise FarzError("--update-key takes what `farz device signing-key` printed as public.")


@app.command()
def revoke(
    device: Device,
    crl: Annotated[Path | None, typer.Option(help="Write Mosquitto's revoked.crl here.")] = None,
    as_json: Json = False,
) -> None:
    """Shut a stolen or broken bin out: its certificates are revoked, its key has ended.

    What its journal has in the books up to now stays good; nothing after it is believed. Mosquitto
    needs the new list and a SIGHUP. `replace` lets a new board in under the same name.
    Example:  farz device revoke bin-12 --crl /etc/mosquitto/farz/revoked.crl
    """
    from backend.devices import certificates, service, trust
    from backend.errors import NotFound

    now_s = int(time.time())
    with open_town() as services, services.begin() as conn:
        numbers = list(service.keys(conn, services.vault, services.ledger_id, device))
        if not numbers:
            raise FarzError(f"There is no device {device}. See: farz device list")
        ended = _end_keys(conn, services.ledger_id, device, numbers, now_s)
        try:
            count = trust.revoke(conn, services.ledger_id, device, now_s)
        except NotFound:
            count = 0  # it came with a password
        listed = trust.revoked(conn, services.vault, services.ledger_id, now_s)
    if crl is not None:
        crl.write_text(certificates.pem(listed, "X509 CRL"))
    if as_json:
        typer.echo(json.dumps({"device": device, "certificates": count, "keys": ended}))
        return
    typer.echo(f"{device}: {count} certificates revoked, keys ended: {ended or 'none'}")
    if crl is None:
        typer.echo("Now: farz device broker-files DIR --host HOST --only-revoked, and SIGHUP.")


@app.command()
def replace(
    device: Device,
    files: Annotated[Path, typer.Option(help="settings.json of the board before; is rewritten.")],
    by: Annotated[str, typer.Option(help="Who swaps the board.")],
    epoch: Annotated[str, typer.Option(help="The new board's journal, once it is known.")] = "",
    as_json: Json = False,
) -> None:
    """Swap a bin's board: a new key and certificate under the same name.

    The old certificate is revoked at once. The old key counts on for the old board's journals, so
    that what was salvaged or waits at a gateway is paid, and for nothing in the new one.

    First salvage the old board's journal (farz device salvage). Then: replace, flash, calibrate,
    accept. The new board opens a journal of its own; name it with --epoch (accept prints it), and
    it is confirmed, so that its deposits are paid.
    Examples:
      farz device replace bin-12 --files bin-12 --by "F. Technician"
      farz device replace bin-12 --files bin-12 --by "F. Technician" --epoch 00112233445566ff
    """
    from backend.deposits import resolving
    from backend.devices import service, trust
    from backend.errors import NotFound

    now_s = int(time.time())
    if epoch:
        with open_town() as services:
            with services.begin() as conn:
                ledger_id = services.ledger_id
                service.see_epoch(conn, ledger_id, device, epoch, now_s=now_s)
                numbers = sorted(service.keys(conn, services.vault, ledger_id, device))
                for number in numbers[:-1]:
                    service.end_key(conn, ledger_id, device, number, (epoch, 0), now_s)
            released = resolving.confirm_epoch(services, device, epoch, decided_by=by)
        found: dict[str, Any] = {"device": device, "epoch": epoch, "released": released}
        typer.echo(
            json.dumps(found) if as_json else f"confirmed; {released} held deposits released"
        )
        return
    path = files / "settings.json"
    if not path.is_file():
        raise FarzError(f"There is no {path}. Provision writes one, `replace` rewrites it.")
    settings = json.loads(path.read_text())
    if settings.get("device") != device:
        raise FarzError(f"{path} is of {settings.get('device')}, not of {device}.")
    with open_town() as services, services.begin() as conn:
        ledger_id = services.ledger_id
        numbers = list(service.keys(conn, services.vault, ledger_id, device))
        if not numbers:
            raise FarzError(f"There is no device {device}. Run: farz device provision {device}")
        with suppress(NotFound):  # the board before may have had a password
            trust.revoke(conn, ledger_id, device, now_s)
        number = max(numbers) + 1
        key = service.add_key(conn, services.vault, ledger_id, device, number=number, now_s=now_s)
        settings |= {"key": key.hex(), "key_number": number}
        settings |= admitted(services, conn, device).settings()
    for gone in ("user", "password"):
        settings.pop(gone, None)
    path.write_text(json.dumps(settings, indent=1) + "\n")
    if as_json:
        typer.echo(json.dumps({"device": device, "key_number": number, "file": str(path)}))
        return
    typer.echo(f"{path}: key {number} and a new certificate. Calibrations are to be signed again.")
    typer.echo(f"Next: farz device flash --port PORT --files {files}")


def _end_keys(
    conn: "Connection", ledger_id: int, device: str, numbers: list[int], now_s: int
) -> list[int]:
    """End every key at the last record that is in the books; returns which had not ended yet."""
    from backend.devices import gaps, service

    known = [each for each in gaps.journals(conn, ledger_id, device) if each.highest is not None]
    name = (known[-1].epoch, known[-1].highest or 0) if known else NO_RECORD
    ended = service.key_ends(conn, ledger_id, device)
    fresh = [number for number in numbers if number not in ended]
    for number in fresh:
        service.end_key(conn, ledger_id, device, number, name, now_s)
    return fresh
