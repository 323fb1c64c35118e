"""`farz gateway --help` names every setting that a gateway takes, and no other."""

import json
import re
from pathlib import Path

import pytest

from edge_gateway.settings import Settings, load
from tests.farz.shell import Shell

LISTED = re.compile(r"^FARZ_GATEWAY_(\w+)=(.*)\n    (\S.*)$", re.MULTILINE)


def test_every_setting_is_listed_with_its_default_and_is_taken(
    farz: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = LISTED.findall(farz.done("gateway", "--help"))
    listed = {name.lower(): default for name, default, _words in found}

    assert listed.pop("file") == ""
    assert set(listed) == set(Settings.model_fields)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FARZ_GATEWAY_{name.upper()}", raising=False)
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps({name: text for name, text in listed.items() if text}))
    monkeypatch.setenv("FARZ_GATEWAY_FILE", str(file))
    assert load().model_dump() == {n: f.default for n, f in Settings.model_fields.items()}
