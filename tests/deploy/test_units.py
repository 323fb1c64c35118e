"""What a server is set up from: units that systemd takes, a compose file that hangs together."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from backend.settings import Settings
from edge_gateway.settings import Settings as GatewaySettings
from farz.__main__ import app
from farz.processes import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
COMPOSE_FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
FARZ = "/opt/farz/.venv/bin/farz"
MOST_EXPOSED = 2.0  # of 10, by systemd's own reckoning


def lines(unit: Path) -> dict[str, str]:
    """Each key's last value."""
    return dict(
        line.split("=", 1)
        for line in unit.read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )


def parsed(words: list[str]) -> None:
    """Read a command line as `farz` does, and do nothing. Raises a usage error."""
    command: Any = typer.main.get_command(app)
    context: Any = None
    while words and hasattr(command, "commands"):
        context = command.make_context("farz", [], parent=context, resilient_parsing=True)
        command = command.commands[words[0]]
        words = words[1:]
    command.make_context(command.name, list(words), parent=context)


def variables() -> set[str]:
    """Every name of a setting, of the backend and of a gateway."""
    towns = {f"FARZ_{name.upper()}" for name in Settings.model_fields}
    gateways = {f"FARZ_GATEWAY_{name.upper()}" for name in GatewaySettings.model_fields}
    return towns | gateways | {"FARZ_GATEWAY_FILE"}


def test_there_is_a_unit_for_each_long_running_part() -> None:
    assert {unit.stem for unit in UNITS} == {"farz-backend", "farz-gateway", "farz-backup"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_unit_and_finds_it_shut(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(FARZ, sys.executable))

    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True
    )
    secure = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", copy],
        capture_output=True,
        text=True,
    )

    assert verified.returncode == 0, verified.stderr
    assert unit.name not in verified.stderr, verified.stderr
    exposure = float(secure.stdout.rsplit(":", 1)[1].split()[0])
    assert exposure <= MOST_EXPOSED, secure.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_there_is_and_comes_back(unit: Path) -> None:
    found = lines(unit)
    program, *words = shlex.split(found["ExecStart"])

    assert program == FARZ
    parsed(words)
    with pytest.raises(Exception, match="No such option"):
        parsed([*words, "--prot"])
    assert {each.split("=")[0] for each in shlex.split(found["Environment"])} <= variables()
    assert found["Restart"] == "on-failure"
    assert found["User"] != "root"
    assert (found["Type"] == "notify") == ("WatchdogSec" in found)


def test_the_compose_file_keeps_to_the_compose_specification(tmp_path: Path) -> None:
    """Against the specification's own schema, as check-jsonschema carries it."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump(COMPOSE | {"services": {"broker": {"imag": "x"}}}))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    right = subprocess.run([*check, COMPOSE_FILE], capture_output=True, text=True)
    refused = subprocess.run([*check, wrong], capture_output=True, text=True)

    assert right.returncode == 0, right.stdout + right.stderr
    assert refused.returncode == 1
    assert "'imag' was unexpected" in refused.stdout


def test_the_compose_file_hangs_together() -> None:
    services, secrets = COMPOSE["services"], set(COMPOSE["secrets"])
    volumes = set(COMPOSE["volumes"])

    assert set(services) == {"broker", "backend", "gateway", "backup", "database"}
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert ":" in service["image"], f"{name}: pin the image"
        assert not service["image"].endswith(":latest")
        assert set(service.get("depends_on", ())) <= set(services), name
        assert set(service.get("secrets", ())) <= secrets, name
        named = {v.split(":")[0] for v in service.get("volumes", ()) if v[0] not in "./$"}
        assert named <= volumes, name
        if "depends_on" not in service or name == "gateway":
            assert "healthcheck" in service, name


def test_the_compose_file_runs_commands_that_there_are_and_holds_no_secret() -> None:
    for name in ("backend", "gateway", "backup"):
        service = COMPOSE["services"][name]
        assert service["command"][0] == "farz"
        parsed(service["command"][1:])
        assert set(service["environment"]) <= variables()
        assert service["read_only"] is True
        for key, value in service["environment"].items():
            assert "PASSWORD" not in key or value.startswith("/run/secrets/")
            assert "KEY" not in key
    assert COMPOSE["services"]["backend"]["ports"] == ["127.0.0.1:8000:8000"]
