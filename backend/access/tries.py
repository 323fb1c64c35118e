"""How often a secret may be guessed, counted so that a stranger locks out strangers alone.

After OWASP's device cookies: a browser in which somebody once signed in carries a token for their
name and is counted apart, so that whoever tries names from elsewhere cannot keep their owners
out. Other browsers share a name's limit of a day, and each address has limits of its own.
A wait ends by itself, and at once with a new secret, since tries are counted against the secret
that is stored; a swapped card has a new number, which the stranger does not know.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from backend.vault import Vault

LIMIT = 5  # wrong tries at one name from one address, or from one browser that is known
ADDRESS_LIMIT = 50  # one address may stand for a whole town hall
NAME_LIMIT = 30  # in a day, at one name, from all browsers that are not known to it
WINDOW_S = 15 * 60
DAY_S = 86_400
NONCE_BYTES = 12
KNOWN_MOST = 5  # a family shares a telephone
_BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class Count:
    """Tries under a keyed name; `forgiven`: all of them are, once the secret was right."""

    name: str
    limit: int
    window_s: int
    forgiven: bool


def counts(
    vault: Vault, name: str, address: str, known: str = "", stored: str = ""
) -> Sequence[Count]:
    """Return what a try counts against, in this order, up to the first that is locked.

    `stored` is the hash of the secret, or nothing for a name that is made up.
    """
    nonce, place, guessed = _nonce_for(vault, name, known), network(address), f"{name} {stored}"
    if nonce is not None:
        return (Count(vault.name_hash(f"browser {nonce} {guessed}"), LIMIT, WINDOW_S, True),)
    return (
        Count(vault.name_hash(f"{place} {guessed}"), LIMIT, WINDOW_S, True),
        Count(vault.name_hash(f"address {place}"), ADDRESS_LIMIT, WINDOW_S, False),
        Count(vault.name_hash(f"anywhere {guessed}"), NAME_LIMIT, DAY_S, False),
    )


def remember(vault: Vault, name: str, known: str = "") -> str:
    """Return the cookie of a browser in which the secret was right: it knows this name, too."""
    mine = [each for each in known.split(_BETWEEN) if each]
    if _nonce_for(vault, name, known) is None:
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        mine = [f"{nonce}.{_mark(vault, name, nonce)}", *mine]
    return _BETWEEN.join(mine[:KNOWN_MOST])


def network(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or an IPv6 network of 64 bits (RFC 6177)."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(found)


def _nonce_for(vault: Vault, name: str, known: str) -> str | None:
    for each in known.split(_BETWEEN)[:KNOWN_MOST]:
        nonce, _, mark = each.partition(".")
        if nonce and hmac.compare_digest(mark.encode(), _mark(vault, name, nonce).encode()):
            return nonce
    return None


def _mark(vault: Vault, name: str, nonce: str) -> str:
    return vault.name_hash(f"known:{nonce}:{name}")[:32]
