"""`Idempotency-Key`: a client's own name for a request that moves money.

After draft-ietf-httpapi-idempotency-key-header: the value is a Structured Field String
(RFC 9651); the same characters without quotes are taken for the same key, since many clients
send them so. A key belongs to whoever signed in. It names one request: what was sent is compared
by fingerprint, and the answer of the books, booked or refused, is given again to a repeat.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from sqlalchemy import Connection, select

from backend.errors import BadKey, MissingKey
from backend.ledger.repeats import KEPT_DAYS
from backend.ledger.tables import idempotency
from backend.ledger.transfers import Idempotency

HEADER = "Idempotency-Key"
LONGEST = 255
ABOUT = (
    'Your own name for this request, as a Structured Field String: `"8e03978e-40d5-43e8"`; the '
    f"quotes may be left out. 1 to {LONGEST} characters, drawn anew for each request and kept for "
    "its repeats. 400 without one; 422 if it came before with another request; 409 while the "
    "first is being worked on. A repeat hears the first answer again, whether it was booked or "
    "refused by the books; what was refused before it reached them (400, 401, 403, 422, 503, or "
    "404 for a thing that is not there) leaves the key unused. "
    f"Keys are kept for at least {KEPT_DAYS} days."
)
# RFC 9651, 4.2.5: printable ASCII in quotes, with a backslash before quote and backslash.
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_PARAMETERS = re.compile(r"(?:; *[a-z*][a-z0-9_.*-]*(?:=[^;,\s]+)?)*")
_BARE = re.compile(r"[A-Za-z0-9!#$%&'*+./:=^_`|~-]+")


def parse(field: str) -> str:
    """The key in a header's value. Raises MissingKey, BadKey."""
    text = field.strip(" \t")
    if not text:
        raise MissingKey(f"Send an {HEADER}, so that a repeat does not count twice.")
    if _BARE.fullmatch(text):
        return check(text)
    found = _STRING.match(text)
    if found is None or not _PARAMETERS.fullmatch(text[found.end() :]):
        raise BadKey(f'An {HEADER} is a string of printable ASCII in quotes, like "8e03978e".')
    return check(re.sub(r'\\(["\\])', r"\1", found[1]))


def check(key: str) -> str:
    """The key itself. Raises MissingKey for an empty one, BadKey for one that is too long."""
    if not key:
        raise MissingKey(f"Send an {HEADER} that is not empty.")
    if len(key) > LONGEST:
        raise BadKey(f"An {HEADER} has at most {LONGEST} characters.")
    return key


def named(what: str, client: str, key: str, asked: Mapping[str, Any]) -> Idempotency:
    """Name a request by who asks and their key; `what` and `asked` are what a repeat repeats.

    Raises MissingKey, BadKey.
    """
    text = json.dumps({"what": what, **asked}, sort_keys=True)
    return Idempotency(client, check(key), sha256(text.encode()).digest())


def answered(conn: Connection, ledger_id: int, asked: Idempotency) -> bool:
    """Whether the key has its answer: then the books give it, whatever has changed since."""
    row = idempotency.c
    mine = (row.ledger_id == ledger_id, row.client == asked.client, row.key == asked.key)
    return conn.scalar(select(row.recorded_us).where(*mine)) is not None


async def _given(
    request: Request,
    _documented: Annotated[str | None, Header(alias=HEADER, description=ABOUT)] = None,
) -> str:
    fields = request.headers.getlist(HEADER)
    if len(fields) > 1:
        raise BadKey(f"Send one {HEADER}, not {len(fields)}.")
    return parse(fields[0] if fields else "")


Key = Annotated[str, Depends(_given)]
