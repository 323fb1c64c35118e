"""Questions for the balance of the card that was just held to the reader."""

from firmware import contract
from firmware.reader.card import token

TTL_S = 20  # of a question: a person has gone by then


class Asking:
    """Asks for the balance of a card; `tell(body)` hears the answer to the last question."""

    def __init__(self, link, keys, random, tell) -> None:
        self._link = link
        self._keys = keys
        self._random = random
        self._tell = tell
        self._nonce = None

    def ask(self, card) -> None:
        """Ask, if there is a network; the person does not wait for it. A secure card's message is
        not used up by a question."""
        if not self._link.online:
            return
        nonce = self._random(16).hex()
        card_key = contract.derive(self._keys.key, contract.CARD)
        body = {"v": contract.VERSION, "nonce": nonce, "session": self._link.number}
        body.update(card=token(card_key, card)(nonce, 0), ttl_s=TTL_S)
        self._nonce = nonce
        self._link.say("ask", body)

    def hear(self, number: int, body: dict) -> None:
        """Take an answer; one to another question is nobody's at this bin."""
        if body["nonce"] == self._nonce:
            self._nonce = None
            self._tell(self._link.unsealed(number, body["body"]))
