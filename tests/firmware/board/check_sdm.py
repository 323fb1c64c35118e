"""AES-CMAC and the SDMMAC with the board's own cipher, against published values."""

from binascii import unhexlify

from firmware.boards.simntag import block
from firmware.reader import sdm

# RFC 4493, section 4.
KEY = unhexlify("2b7e151628aed2a6abf7158809cf4f3c")
TEXT = unhexlify("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
MACS = {
    0: "bb1d6929e95937287fa37d129b756746",
    16: "070a16b46b4d4144f79bdd9dd04a287c",
    40: "dfa66747de9ae63030ca32611497c827",
}


def test_cmac_of_the_standard():
    for length in MACS:
        assert sdm.cmac(block, KEY, TEXT[:length]) == unhexlify(MACS[length])


def test_mac_of_the_application_note():
    # NXP AN12196, p. 12 and p. 18, keys all zero.
    key = bytes(16)
    first = sdm.mac(block, key, unhexlify("04DE5F1EACC040"), 61)
    assert first == unhexlify("94EED9EE65337086")
    said = b"CEE9A53E3E463EF1F459635736738962&cmac="
    second = sdm.mac(block, key, unhexlify("04958CAA5C5E80"), 8, said)
    assert second == unhexlify("ECC1E7F6C6C73BF6")
    assert sdm.mac(block, key, unhexlify("041E3C8A2D6B80"), 6) == unhexlify("4B00064004B0B3D3")
