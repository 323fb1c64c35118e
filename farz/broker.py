"""A broker of one's own on the loopback, for the demo, the drills and the tests.

Eclipse Mosquitto 2 with the configuration and access list of farz/mosquitto, its door either
passwords (the demo: nothing leaves the machine) or TLS with certificates. Where Mosquitto is not
installed, the embedded `iotcore` broker: no access list, and it forgets on restart; `note` says so.
"""

import os
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from backend.devices import certificates
from backend.devices.certificates import Identity
from farz import guard
from farz.errors import NotInstalled, PartFailed
from farz.processes import ROOT, fallen, free_port

HOST = "127.0.0.1"
TEMPLATES = ROOT / "farz" / "mosquitto"
START_S = 10.0
STOP_S = 5.0
POLL_S = 0.01
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
NOTES = {
    "mosquitto": "Eclipse Mosquitto, with an access list for each device.",
    "iotcore": (
        "Mosquitto is not installed, so an embedded broker without an access list is used:"
        " good enough to look around, not for a town. Mend it: sudo apt-get install mosquitto"
    ),
}
Kind = Literal["mosquitto", "iotcore"]

# rumqttd's own configuration, narrowed to one MQTT 5 listener on the loopback.
IOTCORE_CONFIG = string.Template("""\
id = 0
[router]
id = 0
max_connections = 2000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5"
listen = "${host}:${port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 16384
max_inflight_count = 20
dynamic_filters = true
[v5.1.connections.auth]
""")


class Broker:
    """One broker process: `users` maps device ids and gateway names to passwords.

    With `tls`, the broker's identity, the door is TLS and nobody has a password; `revoked` is the
    list (DER) of certificates that it no longer takes. `queued` is how many messages it keeps for
    whoever is away, instead of what mosquitto.conf says.

    `start` picks a free port once; `restart` and `start` after `kill` keep it. Files live in
    `directory`. Use as a context manager, or stop() it.
    """

    def __init__(
        self,
        directory: Path,
        users: Mapping[str, str],
        gateways: Iterable[str] = ("gateway",),
        *,
        kind: Kind | None = None,
        tls: Identity | None = None,
        revoked: bytes = b"",
        queued: int | None = None,
    ) -> None:
        self.directory = directory
        self.host = HOST
        self.port = 0
        self.kind: Kind = kind or _installed_kind()
        self.note = NOTES[self.kind]
        self._users = dict(users)
        self._tls = tls
        self._revoked = revoked
        self._queued = queued
        self._gateways = list(gateways)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Write the configuration, start the broker and wait until it accepts connections."""
        self.port = self.port or free_port()
        self.directory.mkdir(parents=True, exist_ok=True)
        command = self._mosquitto() if self.kind == "mosquitto" else self._iotcore()
        with (self.directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        guard.keep(self._process.pid)
        self._await_listening()
        return self

    def stop(self) -> None:
        """SIGTERM: sessions and retained messages are saved (by Mosquitto)."""
        self._end(gently=True)

    def kill(self) -> None:
        """kill -9: what was not saved within the last minute is forgotten."""
        self._end(gently=False)

    def restart(self) -> None:
        self.stop()
        self.start()

    def revoke(self, revoked: bytes) -> None:
        """Put a new list of revoked certificates in force, for open connections too."""
        self._revoked = revoked
        self._write_papers()
        self.restart()

    def allow(self, rules: str) -> None:
        """Put another access list in force for whoever publishes or connects from now on."""
        _write(self.directory / "acl", rules)
        self.reload()

    def reload(self) -> None:
        """SIGHUP: Mosquitto reads lists and passwords anew."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _end(self, *, gently: bool) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate() if gently else process.kill()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        guard.let_go(process.pid)
        self._process = None

    def _await_listening(self) -> None:
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s and self.running:
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return
            time.sleep(POLL_S)
        code = self._process.poll() if self._process else None
        what = f"did not listen within {START_S:.0f} s" if code is None else f"ended with {code}"
        self.stop()
        log = self.directory / "broker.log"
        words = log.read_text(errors="replace")[-1000:].rstrip()
        raise PartFailed(fallen("The broker", what, log, words))

    def _mosquitto(self) -> list[str]:
        self._write_papers()
        _write(self.directory / "acl", access_list(self._gateways))
        here = self.directory.resolve()
        text = configuration(
            here,
            here,
            door="tls.conf" if self._tls else "passwords.conf",
            listener=f"{self.port} {self.host}",
            # As root Mosquitto becomes the user `mosquitto`, who could not read this directory.
            run_as="user root" if os.geteuid() == 0 else "",
        )
        if self._queued is not None:
            text = re.sub(r"(?m)^(max_queued_messages) .*$", rf"\1 {self._queued}", text)
        config = self.directory / "mosquitto.conf"
        _write(config, text)
        return [_program("mosquitto"), "-c", str(config)]

    def _write_papers(self) -> None:
        if self._tls is None:
            write_passwords(self.directory / "passwords", self._users)
            return
        for name, text in broker_files(self._tls, self._revoked).items():
            _write(self.directory / name, text)

    def _iotcore(self) -> list[str]:
        config = self.directory / "iotcore.toml"
        users = "".join(f'{name} = "{password}"\n' for name, password in self._users.items())
        _write(config, IOTCORE_CONFIG.substitute(host=self.host, port=self.port) + users)
        start = "import sys; from iotcore import Broker; Broker(config_path=sys.argv[1])"
        return [sys.executable, "-c", f"{start}.run_forever()", str(config)]


def configuration(
    directory: Path, state: Path, *, door: str, listener: str, run_as: str = ""
) -> str:
    """farz/mosquitto/mosquitto.conf filled in: its files in `directory`, sessions in `state`.

    `listener` is a port, or a port and an address; `door` is tls.conf or passwords.conf.
    """
    values = {"directory": directory, "state": state, "listener": listener, "run_as": run_as}
    text = (
        (TEMPLATES / "mosquitto.conf")
        .read_text()
        .replace("${door}", (TEMPLATES / door).read_text().rstrip("\n"))
    )
    return string.Template(text).substitute(values)


def broker_files(identity: Identity, revoked: bytes) -> dict[str, str]:
    """The files that farz/mosquitto/tls.conf names, by name, as PEM."""
    return {
        "ca.crt": certificates.pem(identity.authority_der),
        "server.crt": certificates.pem(identity.certificate_der),
        "server.key": certificates.pem(identity.key_der, "EC PRIVATE KEY"),
        "revoked.crl": certificates.pem(revoked, "X509 CRL"),
    }


def access_list(gateways: Iterable[str]) -> str:
    """farz/mosquitto/acl with the gateway's block repeated for each of `gateways`."""
    devices, marker, block = (TEMPLATES / "acl").read_text().partition("user gateway\n")
    return devices + "\n".join(marker.replace("gateway", name) + block for name in gateways)


def write_passwords(path: Path, users: Mapping[str, str]) -> None:
    """Write Mosquitto's password file: the clear text first, which its own tool then hashes."""
    path.unlink(missing_ok=True)
    _write(path, "".join(f"{name}:{password}\n" for name, password in users.items()))
    subprocess.run([_program("mosquitto_passwd"), "-U", str(path)], check=True, capture_output=True)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _installed_kind() -> Kind:
    return "mosquitto" if shutil.which("mosquitto", path=SYSTEM_PATH) else "iotcore"


def _program(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_PATH)
    if not found:
        raise NotInstalled(f"{name} is missing. Mend it: sudo apt-get install mosquitto")
    return found
