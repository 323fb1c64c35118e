"""A town of one bin, every part real: commands, HTTP API, gateway, Mosquitto with certificates, and
a simulated board on MicroPython."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from backend.devices.certificates import Identity
from farz.broker import Broker
from farz.device_update import signed_in
from farz.processes import ROOT, Part, free_port
from tests.farz.shell import Shell
from tests.farz.test_device_revoke import der, key_der

BIN, GATEWAY, LOGIN, PASSWORD = "bin-12", "gateway", "salma", "technicians word"
LIMIT_S = 240.0  # for a busy machine


class Chain:
    """A town of one bin, founded and run by the commands that a person would type."""

    def __init__(self, farz: Shell, base: Path, stay: ExitStack) -> None:
        self.farz, self.base, self._stay = farz, base, stay
        self.files, self.key = base / BIN, base / "signing.pem"
        self.parts: dict[str, Part] = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        farz.done("staff", "add", LOGIN, "--role", "field_technician", typed=f"{PASSWORD}\n" * 2)
        self.broker = stay.enter_context(self._broker())
        self._provision(self.broker.port)
        self._env = self._gateway(self.broker.port)

    def serve(self) -> None:
        """Start the backend, again if it was stopped, and sign in."""
        self.start("serve", "--port", str(self.port)).await_ready(self._answers, LIMIT_S)
        self.client = self._stay.enter_context(signed_in(self.url, LOGIN, PASSWORD, ""))

    def relay(self) -> None:
        """Start the gateway."""
        self.start("gateway", env=self._env)

    def start(self, *words: str, env: dict[str, str] | None = None) -> Part:
        command = [sys.executable, "-m", "farz", "--data-dir", str(self.farz.folder), *words]
        part = self.parts[words[0]] = Part(words[0], command, self.base / f"{words[0]}.log", env)
        self._stay.callback(part.stop)
        part.start()
        return part

    def typed_at_gateway(self, *words: str) -> str:
        """Run `farz gateway WORDS` beside it; what it said."""
        command = [sys.executable, "-m", "farz", "gateway", *words]
        return subprocess.check_output(
            command, cwd=ROOT, env={**os.environ, **self._env}, text=True
        )

    def _broker(self) -> Broker:
        papers = self.base / "papers"
        self.farz.done("device", "broker-files", str(papers), "--host", "localhost")
        own = [der(papers / "ca.crt"), der(papers / "server.crt"), key_der(papers / "server.key")]
        revoked = revoked_in(papers / "revoked.crl")
        folder = self.base / "broker"
        return Broker(folder, {}, kind="mosquitto", tls=Identity(*own), revoked=revoked)

    def _provision(self, port: int) -> None:
        made = json.loads(self.farz.done("device", "signing-key", str(self.key), "--json"))
        place = ("--host", "localhost", "--port", str(port), "--language", "en")
        trusted = ("--update-key", made["public"])
        self.farz.done("device", "provision", BIN, "--files", str(self.files), *place, *trusted)

    def _gateway(self, port: int) -> dict[str, str]:
        """Let a gateway in; its settings."""
        folder = self.base / GATEWAY
        self._env = {"FARZ_GATEWAY_DATA_DIR": str(folder), "FARZ_GATEWAY_BROKER_PORT": str(port)}
        public = self.typed_at_gateway("init").split()[-1]
        words = ("device", "gateway", GATEWAY, public, "--json")
        secret = json.loads(self.farz.done(*words))["key"]
        self.farz.done("device", "admit", GATEWAY, str(folder))
        more = {
            "broker_host": "localhost",
            "broker_ca": folder / "ca.crt",
            "broker_certificate": folder / f"{GATEWAY}.crt",
            "broker_private_key": folder / f"{GATEWAY}.key",
            "backend_url": self.url,
            "backend_key": secret,
            "health_port": 0,
            "poll_s": 0.3,
        }
        named = {f"FARZ_GATEWAY_{name.upper()}": str(value) for name, value in more.items()}
        return self._env | named

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def birth(self) -> dict[str, Any] | None:
        """What the bin said of itself last, as the backend tells a technician."""
        answer = self.client.get(f"/v1/devices/{BIN}")
        found: dict[str, Any] | None = answer.raise_for_status().json()["birth"]
        return found


def revoked_in(path: Path) -> bytes:
    """Mosquitto's list of revoked certificates as DER."""
    return x509.load_pem_x509_crl(path.read_bytes()).public_bytes(Encoding.DER)
