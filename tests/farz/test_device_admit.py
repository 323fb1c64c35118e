"""A bin is let in with key and certificate, its board is swapped, and it is shut out."""

import json
from dataclasses import replace
from pathlib import Path

from cryptography import x509

from farz.device_admit import ACCESS_POINT
from farz.processes import ROOT
from firmware.rescue import door
from firmware.scale.calibration import mg_of
from firmware.scale.envelope import read
from firmware.settings import checked
from tests.farz.shell import Shell
from tests.farz.test_calibrating import at_temperature

EPOCH = "00112233445566ff"
CELLS = [
    {"grams": g, "place": "middle", "counts": [8000 + 43 * g], "temp_c10": None}
    for g in (0, 10_000)
]


def provisioned(founded: Shell, folder: Path) -> dict[str, object]:
    told = founded.done("device", "provision", "bin-12", "--files", str(folder), "--host", "broker")
    assert "settings.json" in told
    found: dict[str, object] = json.loads((folder / "settings.json").read_text())
    return found


def test_provisioned_files_are_settings_that_a_bin_takes(founded: Shell, tmp_path: Path) -> None:
    values = provisioned(founded, tmp_path / "bin-12")

    papers = [bytes.fromhex(str(values.pop(name))) for name in ("certificate", "ca", "private_key")]
    settings = checked(values)  # DER is for MicroPython; the rest is checked here as there
    assert (settings.device, settings.key_number, settings.language) == ("bin-12", 1, "ar")
    certificate = x509.load_der_x509_certificate(papers[0])
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(papers[1]))
    assert certificate.subject.rfc4514_string() == "CN=bin-12"
    assert oct((tmp_path / "bin-12/settings.json").stat().st_mode)[-3:] == "600"
    wrong = founded("device", "provision", "bin-13", "--fractions", "gold")
    assert (wrong.returncode, "No bin would start" in wrong.stderr) == (1, True)
    assert "bin-13" not in founded.done("device", "list")
    # Another bin's files are not written over: its TLS key is kept nowhere else.
    over = founded("device", "provision", "bin-14", "--files", str(tmp_path / "bin-12"))
    assert (over.returncode, "of bin-12. Choose another folder" in over.stderr) == (1, True)
    assert json.loads((tmp_path / "bin-12/settings.json").read_text())["device"] == "bin-12"
    assert "bin-14" not in founded.done("device", "list")


def test_board_is_swapped_and_the_old_one_shut_out(founded: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "bin-12"
    old = provisioned(founded, folder)

    swap = ("device", "replace", "bin-12", "--files", str(folder), "--by", "admin")
    nobody = founded(*swap[:-1], "F. Technician")
    assert "Nobody of the staff signs in as F. Technician" in nobody.stderr
    told = json.loads(founded.done(*swap, "--json"))
    new = json.loads((folder / "settings.json").read_text())

    assert told["key_number"] == new["key_number"] == 2
    assert new["key"] != old["key"]
    assert new["certificate"] != old["certificate"]
    password = door(bytes.fromhex(new["key"]))
    assert told["label"] == {"ssid": ACCESS_POINT, "password": password}
    assert f'ssid="{ACCESS_POINT}"' in (ROOT / "firmware/boards/esp32.py").read_text()
    # The books know no journal of the board before: its key counts until one was taken in.
    assert "take them in" in founded.done(*swap, "--epoch", EPOCH)
    assert "16 hex digits" in founded(*swap, "--epoch", "0011").stderr
    anew = ("device", "replace", "bin-12", "--files", str(tmp_path / "new"), "--by", "admin")
    assert "say --host" in founded(*anew).stderr
    listed_at = tmp_path / "at-once.crl"
    told = json.loads(founded.done(*anew, "--host", "broker", "--crl", str(listed_at), "--json"))
    new = json.loads((tmp_path / "new" / "settings.json").read_text())
    assert (told["key_number"], new["key_number"], new["host"]) == (3, 3, "broker")
    assert len(x509.load_pem_x509_crl(listed_at.read_bytes())) == 2
    crl = tmp_path / "revoked.crl"
    shut = json.loads(founded.done("device", "revoke", "bin-12", "--crl", str(crl), "--json"))
    assert (shut["certificates"], shut["keys"]) == (1, [1, 2, 3])
    listed = x509.load_pem_x509_crl(crl.read_bytes())
    serials = {row.serial_number for row in listed}
    for values in (old, new):
        raw = bytes.fromhex(str(values["certificate"]))
        assert x509.load_der_x509_certificate(raw).serial_number in serials
    assert json.loads(founded.done("device", "revoke", "bin-12", "--json"))["keys"] == []
    assert "no device" in founded("device", "revoke", "bin-99").stderr


def test_protocol_is_signed_by_the_town_for_that_bin(founded: Shell, tmp_path: Path) -> None:
    values = provisioned(founded, tmp_path / "bin-12")
    checks = [
        {"grams": g, "place": "middle", "counts": [8000 + 43 * g], "temp_c10": None}
        for g in (15_000, 60_000)
    ]
    body = {"device": "bin-12", "number": 4, "limits": [10, 200, 60_000], "zero": CELLS[0]}
    file, out = tmp_path / "protocol.json", tmp_path / "bin-12.jws"
    file.write_text(json.dumps({**body, "spans": CELLS[1:], "checks": checks}))
    sign = (
        "device",
        "calibrate",
        "bin-12",
        "--from-protocol",
        str(file),
        "--by",
        "F",
        "--seal",
        "S",
    )

    told = json.loads(founded.done(*sign, "--out", str(out), "--json"))

    assert (told["passed"], told["installed"]) == (True, False)
    found = read(out.read_text().strip(), bytes.fromhex(str(values["key"])), "bin-12", 1)
    assert (found.number, found.passed, found.seal) == (4, True, "S")

    checks[1]["counts"] = [8000 + 43 * 60_100]
    file.write_text(json.dumps({**body, "spans": CELLS[1:], "checks": checks}))
    out.unlink()
    (tmp_path / "no.json").write_text("-----BEGIN")
    other = ("device", "calibrate", "bin-12", "--by", "F", "--seal", "S", "--from-protocol")
    assert "is no protocol" in founded(*other, str(tmp_path / "no.json")).stderr
    failed = founded(*sign, "--out", str(out))
    assert (failed.returncode, out.exists()) == (1, False)
    assert "TOO FAR" in failed.stdout
    rejected = founded(*sign, "--out", str(out), "--reject")
    assert rejected.returncode == 1
    assert not read(out.read_text().strip(), bytes.fromhex(str(values["key"])), "bin-12", 1).passed


def test_protocols_of_two_temperatures_are_signed_with_their_fit(
    founded: Shell, tmp_path: Path
) -> None:
    values = provisioned(founded, tmp_path / "bin-12")
    mild, frost = (
        replace(at_temperature(temp_c10, 900, 120), device="bin-12") for temp_c10 in (200, -80)
    )
    for name, each in (("mild", mild), ("frost", frost)):
        (tmp_path / f"{name}.json").write_text(json.dumps(each.as_dict()))
    out = tmp_path / "bin-12.jws"
    files = [str(tmp_path / f"{name}.json") for name in ("mild", "frost")]

    told = founded.done(
        *("device", "calibrate", "bin-12", "--by", "F", "--seal", "S", "--out", str(out), "--json"),
        *("--from-protocol", files[0], "--other-temperature", files[1]),
    )

    assert json.loads(told)["passed"]
    found = read(out.read_text().strip(), bytes.fromhex(str(values["key"])), "bin-12", 1)
    warm = at_temperature(350, 900, 120).checks[-1]
    assert abs(mg_of(found, warm.counts, 350) - 1000 * warm.grams) <= 5_000
    near = founded(
        *("device", "calibrate", "bin-12", "--by", "F", "--seal", "S"),
        *("--from-protocol", files[0], "--other-temperature", files[0]),
    )
    assert (near.returncode, "within 5 degrees" in near.stderr) == (1, True)
