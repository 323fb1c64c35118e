"""deploy/README.md, typed as it stands: the town, its gateway and a real Mosquitto come of it.

What only a server has (root's other users, systemd, package installation) is left out or aside:
paths lie under one folder, `sudo -u` is the tester, `systemctl` does nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from farz.broker import SYSTEM_PATH
from farz.processes import ROOT, Part, free_port
from tests.edge_gateway.doubles import await_until, deposit, signed

GUIDE = (ROOT / "deploy" / "README.md").read_text()
BROKER_USER = "mosquitto"
NOT_HERE = ("apt-get ", "useradd ", "python3 -m venv", "ln -s ", "systemctl enable")
BESIDE = {
    "sudo -u farz-gateway ": "",
    "sudo -u farz ": "",
    " -o farz-gateway -g farz-gateway": "",
    " -o farz-gateway": "",
    " -o farz -g farz": "",
    "broker.example": "localhost",
    " town.toml": " 'Test town (synthetic)'",
    "--host localhost": "--host localhost --port $PORT",
    "PORT=8883": "PORT=$PORT",
}
AS_ROOT = os.geteuid() == 0
FOLDERS = ("/var/lib/", "/srv/", "/etc/farz", "/etc/mosquitto", "/etc/systemd")


def typed(root: Path) -> str:
    """The guide's blocks on systemd as one script below `root`."""
    section = GUIDE.split("## With systemd")[1].split("\n## ")[0]
    lines = "".join(re.findall(r"```\n(.*?)```", section, re.DOTALL)).splitlines()
    kept = "\n".join(line for line in lines if not line.startswith(NOT_HERE))
    for there, here in BESIDE.items():
        kept = kept.replace(there, here)
    if not AS_ROOT:
        kept = kept.replace(f" -o {BROKER_USER}", "").replace(f" -g {BROKER_USER}", "")
    for folder in FOLDERS:
        kept = kept.replace(folder, f"{root}{folder}")
    password = "echo a password for the first | farz "
    return kept.replace("farz --data-dir", password + "--data-dir", 1).replace("doctor", "--help")


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that Mosquitto may go through, whoever it becomes; pytest's are closed to it."""
    with tempfile.TemporaryDirectory(prefix="farz-server-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def port(root: Path) -> int:
    """Set a server up by the guide; the port on which its broker is to listen."""
    made = free_port()
    own = root / "bin"
    own.mkdir()
    for name, body in (
        ("systemctl", "exit 0"),
        ("farz", f'exec {sys.executable} -m farz "$@"'),
    ):
        (own / name).write_text(f"#!/bin/sh\n{body}\n")
        (own / name).chmod(0o755)
    for folder in ("etc/systemd/system", "etc/mosquitto", "var/lib", "srv"):
        (root / folder).mkdir(parents=True)
    state = root / "var/lib/mosquitto"
    state.mkdir()
    if AS_ROOT:
        shutil.chown(state, BROKER_USER)
    env = {**os.environ, "PATH": f"{own}:{os.environ['PATH']}", "PORT": str(made)}
    env["PYTHONPATH"] = str(ROOT)
    script = ["bash", "-euo", "pipefail", "-c", f"umask 022; {typed(root)}"]
    ended = subprocess.run(script, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "gateways in the access list: town-hall" in ended.stdout
    return made


def broker(root: Path) -> Part:
    """Mosquitto as the drop-in of the guide starts it."""
    drop_in = (root / "etc/systemd/system/mosquitto.service.d/farz.conf").read_text()
    command = drop_in.rsplit("ExecStart=", 1)[1].split()
    command[0] = shutil.which("mosquitto", path=SYSTEM_PATH) or command[0]
    command[2] = f"{root}{command[2]}"
    # Sessions lie where the distribution keeps them, but below this folder.
    config = Path(command[2])
    text = config.read_text().replace(" /var/lib/mosquitto/", f" {root}/var/lib/mosquitto/")
    config.write_text(text)
    return Part("mosquitto", command, root / "broker.log")


def gateway(root: Path, **more: Any) -> Part:
    lines = (root / "etc/farz/gateway.env").read_text().splitlines()
    env = dict(line.split("=", 1) for line in lines)
    env |= {
        "FARZ_GATEWAY_DATA_DIR": f"{root}/var/lib/farz-gateway",
        "FARZ_GATEWAY_HEALTH_PORT": "0",
    }
    env |= {f"FARZ_GATEWAY_{name.upper()}": str(value) for name, value in more.items()}
    return Part("gateway", [sys.executable, "-m", "farz", "gateway"], root / "gateway.log", env)


def bin_at(root: Path, port: int) -> Client:
    """A bin with a certificate of this town, at its broker."""
    folder = root / "bin-01"
    town = ["--data-dir", f"{root}/var/lib/farz"]
    command = [sys.executable, "-m", "farz", *town, "device", "admit", "bin-01", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    client = Client(CallbackAPIVersion.VERSION2, "bin-01", protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(*(str(folder / name) for name in ("ca.crt", "bin-01.crt", "bin-01.key")))
    client.connect("localhost", port)
    client.loop_start()
    await_until(client.is_connected, "the bin's connection")
    return client


def test_the_guide_sets_up_a_broker_at_which_bin_and_gateway_meet(root: Path, port: int) -> None:
    parts = [broker(root), gateway(root)]
    heard: list[bytes] = []
    try:
        for part in parts:
            part.start()
            time.sleep(0.5)
        await_until(lambda: "connected to the broker" in parts[1].last_words(), "the gateway")
        client = bin_at(root, port)
        client.on_message = lambda _c, _d, message: heard.append(bytes(message.payload))
        client.subscribe("farz/1/bin-01/receipt", 1)
        body = deposit(1)
        client.publish("farz/1/bin-01/record", signed("bin-01", body), 1)
        await_until(lambda: heard, "the gateway's receipt")
        client.disconnect()
        client.loop_stop()
    finally:
        for part in reversed(parts):
            part.stop()

    assert body["epoch"].encode() in heard[0]
