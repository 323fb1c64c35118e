"""A secure card as a test double: it says what an NTAG 424 DNA would, under keys that it was given.

Made from NXP AN12196 with the ciphers alone, so that it shares no code with what it tests.
"""

import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from firmware import contract


def cmac(key: bytes, data: bytes) -> bytes:
    made = CMAC(algorithms.AES128(key))
    made.update(data)
    return made.finalize()


@dataclass
class Chip:
    uid: bytes
    picc_key: bytes
    mac_key: bytes
    counter: int = 0

    def message(self) -> bytes:
        """Be read once more."""
        self.counter += 1
        count = self.counter.to_bytes(3, "little")
        encryptor = Cipher(algorithms.AES128(self.picc_key), modes.CBC(bytes(16))).encryptor()
        picc_data = encryptor.update(b"\xc7" + self.uid + count + os.urandom(5))
        session = cmac(self.mac_key, bytes.fromhex("3CC300010080") + self.uid + count)
        return picc_data + cmac(session, b"")[1::2]

    def token(self) -> str:
        return str(contract.secure_token(self.message()))
