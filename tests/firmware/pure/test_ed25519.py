"""Ed25519 against RFC 8032, section 7.1; SHA-512 against FIPS 180-4's examples."""

from binascii import hexlify, unhexlify

from firmware import ed25519
from firmware.sha512 import sha512

# Public key, message, signature of RFC 8032's tests 1, 2 and 3.
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
)
SHA_ABC = (
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)


def vectors():
    return [[unhexlify(part) for part in row] for row in VECTORS]


def test_digest_of_abc_and_of_two_blocks():
    assert hexlify(sha512(b"abc")).decode() == SHA_ABC
    two = b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
    two += b"hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
    assert hexlify(sha512(two)).decode() == (
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
        "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
    )


def test_signatures_of_the_standard_hold():
    for key, message, signature in vectors():
        assert ed25519.verify(key, message, signature)


def test_each_changed_bit_of_key_message_and_signature_breaks_it():
    key, message, signature = vectors()[2]
    for at in range(0, 32, 7):
        assert not ed25519.verify(flipped(key, at), message, signature)
    for at in range(0, 64, 9):
        assert not ed25519.verify(key, message, flipped(signature, at))
    assert not ed25519.verify(key, flipped(message, 0), signature)
    assert not ed25519.verify(key, message + b"\x00", signature)


def test_other_spellings_of_a_signature_are_refused():
    key, message, signature = vectors()[1]
    s = int.from_bytes(signature[32:], "little") + ed25519.ORDER
    assert not ed25519.verify(key, message, signature[:32] + s.to_bytes(32, "little"))
    assert not ed25519.verify(key, message, signature + b"\x00")
    assert not ed25519.verify(key[:31], message, signature)
    assert not ed25519.verify(key, message, b"")


def test_what_is_no_point_is_no_key():
    signature = vectors()[0][2]
    for y in (ed25519.P, ed25519.P + 1, (1 << 255) - 1, 2):  # not reduced; 2 is on no curve point
        assert not ed25519.verify(y.to_bytes(32, "little"), b"", signature)
    minus_zero = (1 | 1 << 255).to_bytes(32, "little")  # x = 0 has no sign
    assert not ed25519.verify(minus_zero, b"", signature)


def flipped(raw, at):
    return raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]
