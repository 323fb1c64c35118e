"""`farz device send | tune | rotate | orders | admit | broker-files`: what goes down to a bin.

These join the commands of device_commands.py; most write, so with SQLite the backend must be
stopped, or with --login the same is asked of its API (`/v1/devices/ID/commands`, `settings`,
`rotation`).
"""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from farz.asking import secret
from farz.device_commands import Device
from farz.errors import FarzError
from farz.telling import Json, tell
from farz.town import open_books, open_town
from firmware import contract

app = typer.Typer()


Login = Annotated[str, typer.Option(help="Go through the backend that runs, as this technician.")]
Url = Annotated[str, typer.Option(help="Where it runs.")]
Password = Annotated[
    str, typer.Option(envvar="FARZ_STAFF_PASSWORD", help="Asked for if it is not given.")
]
Code = Annotated[str, typer.Option(help="Second factor, if the login has one.")]
AT = "http://127.0.0.1:8000"
EXPIRES = "it expires in five minutes; `farz device orders` shows what became of it"


@app.command()
def send(
    device: Device,
    name: Annotated[str, typer.Argument(help=", ".join(contract.COMMANDS))],
    args: Annotated[str, typer.Option(help="Its arguments as a JSON object.")] = "{}",
    login: Login = "",
    url: Url = AT,
    password: Password = "",
    code: Code = "",
    as_json: Json = False,
) -> None:
    """Send a bin an order for the session it is in; with --login, wait for what it answers.

    Without --login the order is written into the books: with SQLite the backend is stopped for it.
    The password is asked for, and may be piped as one line.
    Examples:
      farz device send bin-12 identify --login salma
      farz device send bin-12 history --args '{"epoch": "00112233445566ff", "first": 3, "last": 9}'
    """
    given = _object(args)
    if login:
        asked = {"name": name, "args": given}
        _through(device, "commands", asked, (url, login, password, code), as_json)
        return
    from backend.devices import orders

    with open_town() as services, services.begin() as conn:
        number = orders.send_command(
            conn,
            services.vault,
            services.ledger_id,
            device,
            name,
            given,
            now_s=int(time.time()),
        )
    tell({"order": number}, f"order {number} waits for the next uplink; {EXPIRES}", as_json)


@app.command()
def tune(
    device: Device,
    values: Annotated[list[str], typer.Argument(help="NAME=VALUE, VALUE as JSON or as text.")],
    login: Login = "",
    url: Url = AT,
    password: Password = "",
    code: Code = "",
    as_json: Json = False,
) -> None:
    """Change settings of a bin, whole or not at all; the bin restarts with them.

    These can be changed: host, port, ca, certificate, fractions, language, own_digits, scale, dark.
    NAME=null goes back to what the bin was provisioned with. Without --login they are written into
    the books: with SQLite the backend is stopped for it.
    The password is asked for, and may be piped as one line.
    Examples:
      farz device tune bin-12 language=fr --login salma
      farz device tune bin-12 'fractions=["organic"]' dark=null
    """
    given = dict(_pair(each) for each in values)
    if login:
        _through(device, "settings", {"values": given}, (url, login, password, code), as_json)
        return
    from backend.devices import orders

    with open_town() as services, services.begin() as conn:
        number = orders.tune(
            conn,
            services.vault,
            services.ledger_id,
            device,
            given,
            now_s=int(time.time()),
        )
    words = f"settings {number} wait for the next uplink"
    tell({"settings": number}, words, as_json)


@app.command()
def rotate(
    device: Device,
    login: Login = "",
    url: Url = AT,
    password: Password = "",
    code: Code = "",
    as_json: Json = False,
) -> None:
    """Give a bin its next key, sealed under the one it has; it signs from its next start on.

    Without --login it is written into the books: with SQLite the backend is stopped for it.
    The password is asked for, and may be piped as one line.
    Example:  farz device rotate bin-12 --login salma
    """
    if login:
        _through(device, "rotation", None, (url, login, password, code), as_json)
        return
    from backend.devices import orders

    with open_town() as services, services.begin() as conn:
        number = orders.rotate(
            conn, services.vault, services.ledger_id, device, now_s=int(time.time())
        )
    tell({"order": number}, f"order {number} waits for the next uplink; {EXPIRES}", as_json)


def _through(
    device: str,
    what: str,
    body: dict[str, Any] | None,
    signs_in: tuple[str, str, str, str],
    as_json: bool,
) -> None:
    """Ask a running backend, and print what the bin answers. FarzError if it refuses."""
    from farz import device_update as way

    url, login, password, code = signs_in
    given = password or secret(f"Password for {login}")
    with way.signed_in(url, login, given, code) as client:
        over_air = way.OverAir(client, device)
        number = over_air.order(what, body)
        try:
            words = over_air.answer(number)
        except way.Silent as silent:
            raise FarzError(f"Order {number} is on its way, but {silent}. {EXPIRES}.") from None
        except way.Refused as refusal:
            raise FarzError(f"{device} refused order {number}: {refusal}") from None
    tell({"order": number, "ok": True, "words": words}, f"{device}: {words}", as_json)


@app.command()
def orders(device: Device, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What was sent to a bin, newest first, and what it answered. Reads only.

    Example:  farz device orders bin-12
    """
    from backend import db
    from backend.devices import orders as found

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        sent = found.sent(conn, ledger_id, device)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in sent]))
        return
    for each in sent:
        answer = {None: "no answer yet", True: "done", False: "refused"}[each.ok]
        typer.echo(f"{each.id:>8}  {each.channel:<9} {each.name:<12} {answer}  {each.words or ''}")


@app.command()
def admit(
    name: Annotated[str, typer.Argument(help="Device id or gateway name, as at the broker.")],
    directory: Annotated[Path, typer.Argument(help="Where its key and certificate go.")],
    as_json: Json = False,
) -> None:
    """Make a TLS key and certificate for a device or gateway, and write them as PEM.

    The key is kept nowhere else. Example:  farz device admit town-hall var/town-hall
    """
    from backend.devices import certificates, trust

    with open_town() as services, services.begin() as conn:
        made = trust.admit(conn, services.vault, services.ledger_id, name, int(time.time()))
    _write(directory / "ca.crt", certificates.pem(made.authority_der))
    _write(directory / f"{name}.crt", certificates.pem(made.certificate_der))
    _write(directory / f"{name}.key", certificates.pem(made.key_der, "EC PRIVATE KEY"))
    words = f"ca.crt, {name}.crt and {name}.key are in {directory}"
    tell({"folder": str(directory), "name": name}, words, as_json)


@app.command()
def broker_files(
    directory: Annotated[Path, typer.Argument(help="Where Mosquitto reads them.")],
    host: Annotated[
        list[str], typer.Option(help="Name or address that bins call the broker by; repeatable.")
    ],
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where it listens.")] = 8883,
    seen_as: Annotated[
        Path | None, typer.Option(help="Where Mosquitto will find them, if not there.")
    ] = None,
    state: Annotated[Path, typer.Option(help="Where Mosquitto keeps its sessions.")] = Path(
        "/var/lib/mosquitto"
    ),
    only_revoked: Annotated[
        bool, typer.Option("--only-revoked", help="Only the list; then restart Mosquitto.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write all that Mosquitto reads: configuration, access list, certificate, key, revoked ones.

    The access list has a block for each gateway that is registered: run it again after
    `farz device gateway`.
    Example:
      farz device broker-files /etc/mosquitto/farz --host broker.town.example
    """
    from backend.access import service as access
    from backend.devices import trust
    from farz import broker

    now_s = int(time.time())
    with open_town() as services, services.begin() as conn:
        papers = trust.broker(conn, services.vault, services.ledger_id, host, now_s)
        revoked = trust.revoked(conn, services.vault, services.ledger_id, now_s)
        gateways = access.gateways(conn, services.ledger_id)
    place = (seen_as or directory).absolute()
    texts = broker.broker_files(papers, revoked) | {
        "acl": broker.access_list(gateways),
        "mosquitto.conf": broker.configuration(place, state, door="tls.conf", listener=str(port)),
    }
    for name, text in texts.items():
        if not only_revoked or name == "revoked.crl":
            _write(directory / name, text)
    heard = ", ".join(gateways) or "none yet; register it with `farz device gateway`, then again"
    words = f"written to {directory}\ngateways in the access list: {heard}"
    told = {"folder": str(directory), "only_revoked": only_revoked, "gateways": gateways}
    tell(told, words, as_json)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FarzError('Arguments are a JSON object, for example \'{"first": 3, "last": 9}\'.')
    return found


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise FarzError(f"{text!r} is not NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
