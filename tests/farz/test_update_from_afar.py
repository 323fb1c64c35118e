"""A bundle goes the whole way in one go, every part real: commands, HTTP API, gateway, Mosquitto
with certificates, and a simulated bin on MicroPython that starts anew with what it was sent."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from backend.devices.certificates import Identity
from farz.broker import Broker
from farz.device_bundles import About, pack, read_key, simulated
from farz.device_update import signed_in
from farz.device_workshop import MODEL
from farz.processes import ROOT, Part, await_until, free_port
from firmware.journal import read_image
from firmware.slots import Slots
from tests.farz.shell import Shell
from tests.farz.test_device_revoke import der, key_der

BIN, GATEWAY, LOGIN, PASSWORD = "bin-12", "gateway", "salma", "technicians word"
LIMIT_S = 240.0  # for a busy machine


class Chain:
    """A town of one bin, founded and run by the commands that a person would type."""

    def __init__(self, farz: Shell, base: Path, stay: ExitStack) -> None:
        self._farz, self._base, self._stay = farz, base, stay
        self.files, self.key = base / BIN, base / "signing.pem"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        farz.done("staff", "add", LOGIN, "--role", "field_technician", typed=f"{PASSWORD}\n" * 2)
        broker = stay.enter_context(self._broker())
        self._provision(broker.port)
        env = self._gateway(broker.port)
        self._start("serve", "--port", str(port))
        await_until(self._answers, LIMIT_S, "the backend")
        self._start("gateway", env=env)
        day = ("--visits", "99", "--speed", "1")  # longer than this test
        self._start("device", "simulate", "--files", str(self.files), *day)
        self._client = stay.enter_context(signed_in(self.url, LOGIN, PASSWORD, ""))
        await_until(lambda: self.birth() is not None, LIMIT_S, "the bin's birth")

    def _broker(self) -> Broker:
        papers = self._base / "papers"
        self._farz.done("device", "broker-files", str(papers), "--host", "localhost")
        listed = x509.load_pem_x509_crl((papers / "revoked.crl").read_bytes())
        own = [der(papers / "ca.crt"), der(papers / "server.crt"), key_der(papers / "server.key")]
        revoked = listed.public_bytes(Encoding.DER)
        folder = self._base / "broker"
        return Broker(folder, {}, kind="mosquitto", tls=Identity(*own), revoked=revoked)

    def _provision(self, port: int) -> None:
        made = json.loads(self._farz.done("device", "signing-key", str(self.key), "--json"))
        place = ("--host", "localhost", "--port", str(port), "--language", "en")
        trusted = ("--update-key", made["public"])
        self._farz.done("device", "provision", BIN, "--files", str(self.files), *place, *trusted)

    def _gateway(self, port: int) -> dict[str, str]:
        """Let a gateway in; its settings."""
        folder = self._base / GATEWAY
        env = {"FARZ_GATEWAY_DATA_DIR": str(folder), "FARZ_GATEWAY_BROKER_PORT": str(port)}
        command = [sys.executable, "-m", "farz", "gateway", "init"]
        public = subprocess.check_output(command, cwd=ROOT, env={**os.environ, **env}, text=True)
        words = ("device", "gateway", GATEWAY, public.split()[-1], "--json")
        secret = json.loads(self._farz.done(*words))["key"]
        self._farz.done("device", "admit", GATEWAY, str(folder))
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
        return env | {f"FARZ_GATEWAY_{name.upper()}": str(value) for name, value in more.items()}

    def _start(self, *words: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "farz", "--data-dir", str(self._farz.folder), *words]
        part = Part(words[0], command, self._base / f"{words[0]}.log", env)
        self._stay.callback(lambda: part.stop())
        part.start()

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def birth(self) -> dict[str, Any] | None:
        """What the bin said of itself last, as the backend tells a technician."""
        answer = self._client.get(f"/v1/devices/{BIN}")
        found: dict[str, Any] | None = answer.raise_for_status().json()["birth"]
        return found

    def bundle(self, version: int) -> Path:
        """The firmware with one language's pictures: fewer orders than whole, and it runs."""
        files = {name: raw for name, raw in simulated().items() if not name.endswith("r.bin")}
        out = self._base / f"{version}.bundle"
        out.write_bytes(pack(files, About(version, 1, MODEL), read_key(self.key)))
        return out

    def update(self, bundle: Path) -> "subprocess.CompletedProcess[str]":
        """Type `farz device update`, and wait for its end."""
        where = ("--device", BIN, "--url", self.url, "--login", LOGIN, "--json")
        return self._farz("device", "update", str(bundle), *where, typed=f"{PASSWORD}\n")

    @property
    def slots(self) -> Slots:
        return Slots(str(self.files))

    def told(self) -> list[tuple[str, str]]:
        """What the bin's journal says of updates."""
        bodies = [body for body, _, _ in read_image((self.files / "flash.bin").read_bytes())]
        alarms = [(body["what"], body["by"]) for body in bodies if body["kind"] == "alarm"]
        return [row for row in alarms if row[0].startswith("update")]


@pytest.fixture
def chain(founded: Shell, tmp_path: Path) -> Iterator[Chain]:
    with ExitStack() as stay:
        yield Chain(founded, tmp_path, stay)


def test_update_from_afar_is_in_force_and_one_that_is_wrongly_signed_is_refused(
    chain: Chain, tmp_path: Path
) -> None:
    before, good = chain.birth(), chain.bundle(7)

    done = chain.update(good)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"version": 7, "before": 0, "in_force": True}
    assert "the bin tries it" in done.stderr
    assert (chain.slots.slot, chain.slots.version, chain.slots.trial) == ("a", 7, None)
    assert chain.told() == [("update 7 on trial", "bin"), ("update 7 in force", "bin")]
    after = chain.birth()
    assert before is not None
    assert after is not None
    assert after["fw"] != before["fw"]  # it weighs with the compiled files it was sent
    assert after["epoch"] == before["epoch"]
    assert after["session"] > before["session"]

    bad = tmp_path / "8.bundle"  # somebody else's hand has raised the number
    bad.write_bytes(good.read_bytes().replace(b'"version":7', b'"version":8', 1))
    refused = chain.update(bad)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-1].startswith("farz: the signature is not that of ")
    assert (chain.slots.slot, chain.slots.version, chain.slots.trial) == ("a", 7, None)
    assert chain.birth() == after  # it did not even start anew
    again = chain.update(good)
    assert json.loads(again.stdout) == {"version": 7, "before": 7, "in_force": True}
