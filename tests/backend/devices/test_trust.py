"""The town's authority: founded once, sealed, renewing in time, and listing what it revoked."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend import housekeeping
from backend.devices import certificates, trust
from backend.errors import NotFound
from firmware import contract
from tests.backend.village import Town

DAY_S = 86_400


def admitted(town: Town, name: str = "bin-1") -> certificates.Identity:
    services = town.services
    with services.begin() as conn:
        return trust.admit(conn, services.vault, 1, name, services.now_s())


def test_the_authority_is_founded_once_and_its_key_is_sealed(town: Town) -> None:
    first, second = admitted(town), admitted(town, "gateway")

    assert first.authority_der == second.authority_der
    issuer = certificates.read(first.authority_der).public_key()
    assert isinstance(issuer, ec.EllipticCurvePublicKey)
    made = certificates.read(second.certificate_der)
    issuer.verify(
        made.signature, made.tbs_certificate_bytes, ec.ECDSA(made.signature_hash_algorithm)
    )
    assert made.subject.rfc4514_string() == "CN=gateway"
    with town.services.read() as conn:
        raw = conn.exec_driver_sql("SELECT sealed_key FROM authority").scalar_one()
    assert b"\x02\x01\x01\x04\x20" not in bytes(raw), "an EC private key in the clear"


def test_a_revoked_name_is_on_the_list_and_others_are_not(town: Town) -> None:
    stolen, other = admitted(town), admitted(town, "bin-2")
    services = town.services
    with services.begin() as conn:
        assert trust.revoke(conn, 1, "bin-1", services.now_s()) == 1
        assert trust.revoke(conn, 1, "bin-1", services.now_s()) == 0
        with pytest.raises(NotFound):
            trust.revoke(conn, 1, "bin-7", services.now_s())
        listed = x509.load_der_x509_crl(trust.revoked(conn, services.vault, 1, services.now_s()))

    serials = {row.serial_number for row in listed}
    assert serials == {certificates.read(stolen.certificate_der).serial_number}
    assert certificates.read(other.certificate_der).serial_number not in serials


def test_a_certificate_is_renewed_in_time_once_for_the_same_key(town: Town) -> None:
    mine = admitted(town)
    admitted(town, "gateway")
    town.gateway.message("bin-1", "birth", town.bin.birth(session=7))
    housekeeping.renew_certificates(town.services)
    assert town.gateway.relay()["down"] == []

    town.clock.now_s += (certificates.DEVICE_DAYS - 60) * DAY_S
    for _ in range(2):
        housekeeping.renew_certificates(town.services)

    (down,) = [each for each in town.gateway.relay()["down"] if each["channel"] == "settings"]
    assert len(down["body"]) <= contract.LONGER["settings"]
    values = town.bin.open("settings", down["body"])["values"]
    new = certificates.read(bytes.fromhex(values["certificate"]))
    old = certificates.read(mine.certificate_der)
    assert new.public_key() == old.public_key()
    assert new.subject == old.subject
    assert certificates.until_s(new) > town.clock.now_s + 700 * DAY_S


def test_what_is_revoked_or_has_run_out_is_not_renewed(town: Town) -> None:
    services = town.services
    admitted(town)
    with services.begin() as conn:
        trust.revoke(conn, 1, "bin-1", town.clock.now_s)

    town.clock.now_s += (certificates.DEVICE_DAYS - 60) * DAY_S
    with services.begin() as conn:
        assert trust.renew(conn, services.vault, 1, town.clock.now_s) == []

    admitted(town)
    town.clock.now_s += (certificates.DEVICE_DAYS + 1) * DAY_S
    with services.begin() as conn:
        assert trust.renew(conn, services.vault, 1, town.clock.now_s) == []
