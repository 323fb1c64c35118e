"""People who do not exist, for towns that are tried out: so many, in households, all labelled.

Every fifth has a card, the first of each household; numbers and nothing else tell them apart, so
that the same call makes the same people.
"""

from collections.abc import Iterator

from backend.people.consents import Consent
from backend.people.lists import Entry

IN_HOUSEHOLD = 5
LABEL = "(synthetic)"
# Their consents have a day of their own: who is applied again has agreed to nothing new.
GIVEN_S = 1_767_225_600  # 2026-01-01
_UID_PREFIX = b"\xfa\xf2"  # no manufacturer's of ISO/IEC 7816-6: these chips do not exist


def entries(count: int) -> Iterator[Entry]:
    """Lines of a list, as if somebody had written it; their consents are as synthetic as they."""
    for number in range(count):
        household, place = divmod(number, IN_HOUSEHOLD)
        yield Entry(
            number + 2,
            f"Person {number + 1} {LABEL}",
            f"Household {household + 1} {LABEL}",
            "ar" if household % 2 else "en",
            None if place else _UID_PREFIX + household.to_bytes(5, "big"),
            Consent("synthetic", GIVEN_S, "paper"),
        )
