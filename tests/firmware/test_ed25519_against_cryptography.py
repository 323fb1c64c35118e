"""The bin's own Ed25519 and the one that signs (cryptography, OpenSSL) say the same."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import ed25519
from firmware.sha512 import sha512


def says_the_other(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@given(st.binary(max_size=400))
def test_digests_are_those_of_the_standard_library(message: bytes) -> None:
    assert sha512(message) == hashlib.sha512(message).digest()


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.data())
def test_true_signatures_hold_and_touched_ones_do_not(
    seed: bytes, message: bytes, data: st.DataObject
) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = private.public_key().public_bytes_raw(), private.sign(message)

    assert ed25519.verify(key, message, signature)

    whole = bytearray(key + signature + message)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    touched = bytes(whole[:32]), bytes(whole[96:]), bytes(whole[32:96])
    assert not ed25519.verify(*touched)
    assert not says_the_other(*touched)


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_noise_is_judged_alike(key: bytes, signature: bytes) -> None:
    assert ed25519.verify(key, b"x", signature) == says_the_other(key, b"x", signature)
