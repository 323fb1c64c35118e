"""What a certificate says of its holder: at a broker that asks for one, that is who one is."""

from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from edge_gateway.errors import SettingsError


def name_of(certificate: Path | None) -> str:
    """The common name in a PEM file, "" without a file. SettingsError if it cannot be read."""
    if certificate is None:
        return ""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"{certificate} holds no certificate ({why}). Make it: farz device admit"
        ) from None
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
