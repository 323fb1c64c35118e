"""`farz device provision --files`, `replace`, `revoke`: who is a bin of this town.

A bin has a key that signs (known to it and to the backend), and a TLS key with a certificate that
opens the broker. Both are written into its files once; its certificate's key is kept nowhere else.
"""

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farz.errors import FarzError
from farz.signing import by_whom
from farz.town import open_town

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.devices.certificates import Identity
    from backend.services import Services

app = typer.Typer()
Device = Annotated[str, typer.Argument(help="Device id: a-z, 0-9 and hyphens.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
Host = Annotated[str, typer.Option(help="How the bin calls the broker.")]
BrokerPort = Annotated[int, typer.Option(min=1, max=65_535)]
Fractions = Annotated[str, typer.Option(help="What it takes, with commas.")]
RangeG = Annotated[str, typer.Option("--limits", help="e,Min,Max in grams.")]
Language = Annotated[str, typer.Option(help="en, ar or fr.")]
Ssid = Annotated[
    str, typer.Option(help="The radio network it joins; write its password into wifi.json.")
]
UpdateKey = Annotated[str, typer.Option(help="Public key that may sign updates.")]
Crl = Annotated[Path | None, typer.Option(help="Write Mosquitto's revoked.crl here.")]
SETTINGS, WIFI = "settings.json", "wifi.json"
ACCESS_POINT = "farz-setup"  # firmware/boards/esp32.py opens it in safe mode
LIST_HINT = (
    "Mosquitto lets it in until it has the new list: farz device broker-files DIR --host HOST "
    "--only-revoked, then: systemctl restart mosquitto. (A reload would leave it what is open.)"
)


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
    return [_write(folder / SETTINGS, settings), _write(folder / WIFI, wifi)]


def _write(path: Path, body: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(body, indent=1) + "\n")
    return path


def require_free(folder: Path) -> None:
    """FarzError where a bin's files lie already: its TLS key is kept nowhere else."""
    path = folder / SETTINGS
    if path.exists():
        raise FarzError(
            f"{path} is there already, of {_whose(path)}. Choose another folder, "
            "or give that bin a new board: farz device replace --help"
        )


def _whose(path: Path) -> str:
    """Whose settings a file holds."""
    with suppress(ValueError, AttributeError):
        return str(json.loads(path.read_text()).get("device"))
    return "nobody: it is not whole"


def label(folder: Path) -> dict[str, str]:
    """What goes onto a bin's label, inside the seal: how its page in safe mode is reached."""
    from firmware.rescue import door

    settings = json.loads((folder / SETTINGS).read_text())
    return {"ssid": ACCESS_POINT, "password": door(bytes.fromhex(settings["key"]))}


def label_words(folder: Path) -> str:
    shown = label(folder)
    return f"label       Wi-Fi {shown['ssid']}, password {shown['password']} (safe mode)"


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
def revoke(device: Device, crl: Crl = None, as_json: Json = False) -> None:
    """Shut a stolen or broken bin out: its certificates are revoked, its keys believed no more.

    What its journals have in the books up to now stays good; nothing more of them is believed.
    Mosquitto needs the new list and a restart. `replace` lets a new board in under the same name.
    Example:  farz device revoke bin-12 --crl /etc/mosquitto/farz/revoked.crl
    """
    from backend.devices import service, trust
    from backend.errors import NotFound

    now_s = int(time.time())
    with open_town() as services, services.begin() as conn:
        if not service.keys_made(conn, services.ledger_id, device):
            raise FarzError(f"There is no device {device}. See: farz device list")
        shut = service.shut_keys(conn, services.ledger_id, device, now_s)
        count = 0
        with suppress(NotFound):  # it came with a password
            count = trust.revoke(conn, services.ledger_id, device, now_s)
        listed = trust.revoked(conn, services.vault, services.ledger_id, now_s)
    _list(crl, listed)
    if as_json:
        typer.echo(json.dumps({"device": device, "certificates": count, "keys": shut}))
        return
    typer.echo(f"{device}: {count} certificates revoked, keys shut: {shut or 'none'}")
    if crl is None:
        typer.echo(LIST_HINT)


@app.command()
def replace(
    device: Device,
    files: Annotated[Path, typer.Option(help="The bin's files; settings.json is rewritten.")],
    by: Annotated[str, typer.Option(help="The login of who swaps the board.")],
    epoch: Annotated[str, typer.Option(help="The new board's journal, once it is known.")] = "",
    crl: Crl = None,
    host: Annotated[
        str, typer.Option(help="Files that are lost: how the bin calls the broker.")
    ] = "",
    port: BrokerPort = 8883,
    fractions: Fractions = "organic",
    limits: RangeG = "10,200,60000",
    language: Language = "ar",
    ssid: Ssid = "",
    update_key: UpdateKey = "",
    as_json: Json = False,
) -> None:
    """Swap a bin's board: a new key and certificate under the same name.

    The old certificate is revoked: give Mosquitto the new list (--crl) and restart it. The old key
    counts on for the old board's journals, so that what was salvaged or waits at a gateway is paid,
    and for nothing in the new one. What was changed from afar is in the new files.

    First save the old board's journal (farz device salvage) and take it in at a gateway. Then:
    replace, flash, calibrate, accept. The new board opens a journal of its own; name it with
    --epoch (accept prints it), and it is confirmed, so that its deposits are paid.
    If the files are lost, say --host and what else it was provisioned with: they are written anew,
    but for service cards (farz card service).
    Examples:
      farz device replace bin-12 --files bin-12 --by rana
      farz device replace bin-12 --files bin-12 --by rana --epoch 00112233445566ff
    """
    if epoch:
        found, words = _confirmed(device, epoch, by)
    else:
        anew = place(host, port, fractions, limits, language, ssid, update_key) if host else None
        found, words = _swapped(device, files, by, anew, crl)
    typer.echo(json.dumps(found) if as_json else words)


def _swapped(
    device: str, files: Path, by: str, anew: Place | None, crl: Path | None
) -> tuple[dict[str, Any], str]:
    """Give a device its next key and certificate, in the books and in its files."""
    from backend.devices import orders, service, trust
    from backend.errors import NotFound

    path = files / SETTINGS
    settings = None if anew else _settings_of(path, device)
    now_s = int(time.time())
    with open_town() as services, services.begin() as conn:
        vault, ledger_id = services.vault, services.ledger_id
        by_whom(conn, ledger_id, by, "devices:write")
        numbers = service.keys_made(conn, ledger_id, device)
        if not numbers:
            raise FarzError(f"There is no device {device}. Run: farz device provision {device}")
        with suppress(NotFound):  # the board before may have had a password
            trust.revoke(conn, ledger_id, device, now_s)
        number = max(numbers) + 1
        key = service.add_key(conn, vault, ledger_id, device, number=number, now_s=now_s)
        tuned = orders.hand_over(conn, vault, ledger_id, device, number, now_s=now_s)
        trusted = admitted(services, conn, device)
        listed = trust.revoked(conn, vault, ledger_id, now_s)
        if settings is None and anew is not None:
            write_files(files, device, key, number, trusted, anew)
            settings = json.loads(path.read_text())
        settings = {**(settings or {}), **tuned, "key": key.hex(), "key_number": number}
        settings |= trusted.settings()
        for gone in ("user", "password"):
            settings.pop(gone, None)
        _write(path, settings)  # before the books say so: without its files a key is of no use
    _list(crl, listed)
    found = {"device": device, "key_number": number, "file": str(path), "label": label(files)}
    words = f"{path}: key {number} and a new certificate. Calibrations are to be signed again.\n"
    words += f"{label_words(files)}\n" + (f"{LIST_HINT}\n" if crl is None else "")
    return found, words + f"Next: farz device flash --port PORT --files {files}"


def _settings_of(path: Path, device: str) -> dict[str, Any]:
    """The settings of the board before. FarzError if there are none, or another bin's."""
    if not path.is_file():
        raise FarzError(
            f"There is no {path}. If the files are lost, say --host and what else {device} was "
            "provisioned with: they are written anew."
        )
    if _whose(path) != device:
        raise FarzError(f"{path} is of {_whose(path)}, not of {device}.")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _confirmed(device: str, epoch: str, by: str) -> tuple[dict[str, Any], str]:
    """Vouch for the new board's journal, and let the keys before count for older ones alone."""
    from backend.deposits import resolving
    from backend.devices import service

    if not re.fullmatch("[0-9a-f]{16}", epoch):
        raise FarzError("A journal is 16 hex digits, as `farz device accept` prints them.")
    now_s = int(time.time())
    with open_town() as services:
        with services.begin() as conn:
            ledger_id = services.ledger_id
            who = by_whom(conn, ledger_id, by, "epochs:confirm")
            journals = {each.epoch: each for each in service.device(conn, ledger_id, device).epochs}
            made = service.keys_made(conn, ledger_id, device)
            known = journals.pop(epoch, None)
            if known is not None and known.seen_s < made[max(made)]:
                raise FarzError(
                    f"Journal {epoch} is the board before's: it was heard before the swap. "
                    "The new one's is what `farz device accept` prints."
                )
            service.see_epoch(conn, ledger_id, device, epoch, now_s=now_s)
            for number in sorted(made)[:-1] if journals else ():
                service.end_key(conn, ledger_id, device, number, (epoch, 0), now_s)
        released = resolving.confirm_epoch(services, device, epoch, decided_by=who)
    words = f"confirmed; {released} held deposits released"
    if not journals:
        words += (
            "\nThe books know no journal of the board before, so its key still counts. If it had "
            "records, take them in (farz gateway take FILE), then this once more."
        )
    found = {"device": device, "epoch": epoch, "released": released, "older": len(journals)}
    return found, words


def _list(path: Path | None, revoked: bytes) -> None:
    """Write the list of revoked certificates as Mosquitto reads it."""
    from backend.devices import certificates

    if path is not None:
        path.write_text(certificates.pem(revoked, "X509 CRL"))
