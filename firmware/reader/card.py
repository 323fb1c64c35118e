"""What a reader saw: a card's number, and the message of a card that proves itself. Pure.

`message` is what a secure card says once (PICCData 16 bytes, SDMMAC 8), None for a plain card.
"""

from collections import namedtuple

from firmware import contract

Card = namedtuple("Card", "uid message")
RANDOM = 0x08  # first of four bytes that a chip draws anew each time (14443-3, table 7)


def same(one, other) -> bool:
    """Tell whether two sights are of one card resting: numbers drawn at random name nobody."""
    if type(one) is not bytes or type(other) is not bytes:
        return one == other
    return one == other or (is_random(one) and is_random(other))


def is_random(uid: bytes) -> bool:
    return len(uid) == 4 and uid[0] == RANDOM


def token(card_key: bytes, card: Card):
    """Return token(epoch, seq): how the card is written into the record of that name."""
    if card.message is not None:
        return lambda epoch, seq: contract.secure_token(card.message)
    return lambda epoch, seq: contract.card_token(card_key, epoch, seq, card.uid)
