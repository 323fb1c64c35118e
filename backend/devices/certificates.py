"""The town's own certificate authority: who may open a connection to the broker, and for how long.

Pure: keys and certificates in, DER out. EC P-256 throughout (RFC 5480), as short as X.509 allows:
a renewed certificate has to fit one signed settings message. A device's common name is its id, so
the broker knows it by the very name that its topics have.
"""

import base64
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
AUTHORITY_DAYS = 25 * 365  # longer than any bin is expected to stand in the street
DEVICE_DAYS, BROKER_DAYS = 2 * 365, 825
# A list that has run out makes the broker refuse everybody; revocation is told by a new list.
LIST_DAYS = 10 * 365
EARLY = timedelta(hours=1)  # before the moment of issue, for clocks that are behind
LONGEST_NAME = 64  # ub-common-name, RFC 5280 appendix A


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates: its key, and the certificate that devices and broker trust."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return der(self.certificate)


@dataclass(frozen=True, slots=True)
class Identity:
    """What one party of the link is given: DER, as MicroPython wants it. `key_der` is secret."""

    authority_der: bytes
    certificate_der: bytes
    key_der: bytes

    def settings(self) -> dict[str, str]:
        """The three as a device's settings spell them (hex)."""
        return {
            "ca": self.authority_der.hex(),
            "certificate": self.certificate_der.hex(),
            "private_key": self.key_der.hex(),
        }


def found(name: str, now_s: int) -> Authority:
    """Make a new authority; `name` is what its certificate is called."""
    key = new_key()
    subject = _name(name)
    begin = _moment(now_s)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, subject, key.public_key(), begin, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
    )
    return Authority(key, certificate)


def restored(key_der: bytes, certificate_der: bytes) -> Authority:
    """Return an authority from what was kept of it. Raises ValueError."""
    return Authority(private_key(key_der), read(certificate_der))


def issue_device(
    authority: Authority,
    name: str,
    public_key: ec.EllipticCurvePublicKey,
    now_s: int,
    days: int = DEVICE_DAYS,
) -> x509.Certificate:
    """Certify a device's or a gateway's key under its name, for `days` from now."""
    builder = _builder(_name(name), authority.certificate.subject, public_key, _moment(now_s), days)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return builder.add_extension(usage, critical=False).sign(authority.key, SHA256())


def issue_broker(
    authority: Authority,
    hosts: Iterable[str],
    public_key: ec.EllipticCurvePublicKey,
    now_s: int,
    days: int = BROKER_DAYS,
) -> x509.Certificate:
    """Certify the broker under every name and address that devices are told to call."""
    names = list(hosts)
    subject, issuer = _name(names[0]), authority.certificate.subject
    builder = _builder(subject, issuer, public_key, _moment(now_s), days)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False
    )
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return builder.add_extension(usage, critical=False).sign(authority.key, SHA256())


def revocation_list(authority: Authority, revoked: Iterable[tuple[int, int]], now_s: int) -> bytes:
    """Return the DER of a list of (serial, when revoked): certificates no longer good."""
    begin = _moment(now_s)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(begin)
        .next_update(begin + LIST_DAYS * DAY)
    )
    for serial, revoked_s in revoked:
        row = x509.RevokedCertificateBuilder().serial_number(serial)
        builder = builder.add_revoked_certificate(row.revocation_date(_moment(revoked_s)).build())
    return builder.sign(authority.key, SHA256()).public_bytes(serialization.Encoding.DER)


def identity(authority: Authority, name: str, now_s: int, days: int = DEVICE_DAYS) -> Identity:
    """Make a key for a device or gateway and certify it: all that it needs to connect."""
    key = new_key()
    certificate = issue_device(authority, name, key.public_key(), now_s, days)
    return Identity(authority.der, der(certificate), key_der(key))


def broker_identity(
    authority: Authority, hosts: Iterable[str], now_s: int, days: int = BROKER_DAYS
) -> Identity:
    """Make a key for the broker and certify it."""
    key = new_key()
    certificate = issue_broker(authority, hosts, key.public_key(), now_s, days)
    return Identity(authority.der, der(certificate), key_der(key))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as SEC 1 DER, which mbedTLS and OpenSSL both read."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def private_key(raw: bytes) -> ec.EllipticCurvePrivateKey:
    """Read a private key's DER. Raises ValueError."""
    key = serialization.load_der_private_key(raw, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key of an elliptic curve")
    return key


def public_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """Return what a certificate certifies, for its renewal. Raises ValueError."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("not a key of an elliptic curve")
    return key


def read(raw: bytes) -> x509.Certificate:
    """Read a certificate's DER. Raises ValueError."""
    return x509.load_der_x509_certificate(raw)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(raw: bytes, what: str = "CERTIFICATE") -> str:
    """DER as PEM (RFC 7468); `what` is CERTIFICATE, EC PRIVATE KEY or X509 CRL."""
    text = base64.b64encode(raw).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {what}-----", *lines, f"-----END {what}-----", ""])


def until_s(certificate: x509.Certificate) -> int:
    """Unix seconds at which a certificate runs out."""
    return int(certificate.not_valid_after_utc.timestamp())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begin: datetime,
    days: int,
) -> x509.CertificateBuilder:
    # 62 random bits: unique enough (RFC 5280, 4.1.2.2), short, and what a 64-bit column holds.
    serial = x509.random_serial_number() >> 97
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(begin - EARLY)
        .not_valid_after(begin + days * DAY)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:LONGEST_NAME])])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _moment(unix_s: int) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
