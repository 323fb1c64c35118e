"""The keys of one device by number, and what each of them opens.

The newest signs from now on. Older ones stay for what was signed under them: a record keeps its
key for ever. A new key comes sealed under the old one, so it is of use to nobody who did not have
that; it becomes the newest only when the journal has ended the old one by a `key` record.
"""

import binascii
import json

from firmware import contract
from firmware.errors import OrderRefused
from firmware.twin import Twin

FILE = "/keys"
KEPT = 16  # none is ever forgotten: what lies on the flash may have been signed under any of them


class Keys:
    """`settings` has the device's id, and its first key with the number of that."""

    def __init__(self, folder: str, settings) -> None:
        self.device = settings.device
        self._twin = Twin(folder + FILE)
        text = self._twin.read()
        kept = json.loads(text) if text else {"now": settings.key_number, "keys": []}
        self._rows = kept["keys"] or [
            [settings.key_number, binascii.hexlify(settings.key).decode()]
        ]
        self.number = kept["now"]

    @property
    def key(self) -> bytes:
        """Return the device key that signs now."""
        return self._key(self.number)

    @property
    def next(self) -> "int | None":
        """Return the number of a key that came and does not sign yet."""
        newest = self._rows[-1][0]
        return newest if newest > self.number else None

    def known(self) -> dict:
        """Return every key by number."""
        return {number: binascii.unhexlify(text) for number, text in self._rows}

    def up(self, number: int) -> bytes:
        return contract.derive(self._key(number), contract.UP)

    def answer(self, number: int) -> bytes:
        return contract.derive(self._key(number), contract.ANSWER)[:16]

    def opened(self, jws, channel: str) -> tuple:
        """Return (key number, body) of what the backend signed for this device, whole and checked.

        Raises ContractError.
        """
        parts = contract.split(jws, channel)
        if parts.device != self.device or parts.number not in [row[0] for row in self._rows]:
            raise contract.ContractError("bad_signature", "another device's or key's")
        contract.verify(parts, contract.derive(self._key(parts.number), contract.DOWN))
        return parts.number, contract.read(parts)

    def add(self, number: int, key: bytes) -> None:
        """Keep a new key; it does not sign before switch()."""
        if len(key) != 32 or type(number) is not int or number <= self._rows[-1][0]:
            raise OrderRefused("a new key has 32 bytes and a higher number")
        if len(self._rows) >= KEPT:
            raise OrderRefused("it has had too many keys and is to be provisioned anew")
        self._rows = self._rows + [[number, binascii.hexlify(key).decode()]]
        self._keep(self.number)

    def switch(self) -> None:
        """Let the newest key sign from now on; call it once the journal has ended the old one."""
        self._keep(self._rows[-1][0])

    def _keep(self, now: int) -> None:
        self._twin.write(json.dumps({"now": now, "keys": self._rows}))
        self.number = now

    def _key(self, number: int) -> bytes:
        for row in self._rows:
            if row[0] == number:
                return binascii.unhexlify(row[1])
        raise contract.ContractError("bad_signature", "key " + str(number) + " is not here")
