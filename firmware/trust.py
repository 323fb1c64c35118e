"""TLS to the broker: whom the bin trusts, how it proves who it is, and what a failure means.

One private authority signs the broker's certificate and the bin's. The broker must show one for
the very name that the bin calls; the bin shows its own, whose common name is its id. DER only:
MicroPython reads no PEM.
"""

import asyncio
import ssl

from firmware.errors import LinkFault

UNTRUSTED = "broker_unknown"  # the display's word
# MBEDTLS_ERR_X509_CERT_VERIFY_FAILED (mbed TLS, x509.h); the Unix port says it as a ValueError.
VERIFY_FAILED = -0x2700


class Papers:
    """The authority's certificate, the bin's own and its private key, as DER."""

    def __init__(self, ca: bytes, certificate: bytes, private_key: bytes) -> None:
        self.ca = ca
        self.certificate = certificate
        self.private_key = private_key

    def context(self):
        """Return the TLS context; ValueError if one of the three is not what it should be."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=self.ca)
        made.load_cert_chain(self.certificate, self.private_key)
        return made

    def over(self, sock, name: str):
        """Return a stream of TLS over an open socket; it shakes hands with the first bytes."""
        veiled = self.context().wrap_socket(
            sock, server_hostname=name, do_handshake_on_connect=False
        )
        return asyncio.StreamReader(veiled)  # reads and writes: MicroPython has one kind of stream


def fault(error) -> LinkFault:
    """Turn what a socket raised into a LinkFault; a broker that we do not trust has its word."""
    untrusted = isinstance(error, ValueError) or error.args[:1] == (VERIFY_FAILED,)
    return LinkFault(" ".join(str(error).split()) or repr(error), UNTRUSTED if untrusted else "")
