"""One-time codes of staff (TOTP, RFC 6238), and recovery codes for a lost telephone.

Six digits every 30 seconds from HMAC-SHA1, which is what every app reads. A code is taken one
step early or late, as clocks differ, and never twice. The secret is sealed by the vault.
"""

import hmac
import secrets
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from backend.access import tables as t
from backend.errors import BadCode, Conflict
from backend.vault import Vault

DIGITS, STEP_S, SECRET_BYTES = 6, 30, 20
DRIFT = (0, -1, 1)
RECOVERY_CODES, RECOVERY_BYTES = 8, 10  # 80 bits at random need no slow hash
ISSUER = "Farz"


@dataclass(frozen=True, slots=True)
class Started:
    """What an authenticator app is told: as an address for a QR code, and to be typed."""

    uri: str
    secret: str


def codes(secret: bytes) -> TOTP:
    """Return the generator of a secret's codes: `.generate(unix_s)` gives the digits in ASCII."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S, enforce_key_length=False)


def start(conn: Connection, vault: Vault, ledger_id: int, staff_id: int, login: str) -> Started:
    """Draw a secret that holds once `confirm` has seen a code of it. Raises Conflict."""
    if is_on(conn, ledger_id, staff_id):
        raise Conflict("Codes are asked for already. Turn them off first.")
    _delete(conn, ledger_id, staff_id)
    secret = secrets.token_bytes(SECRET_BYTES)
    sealed = vault.seal(secret, _bound(ledger_id, staff_id))
    row = {"ledger_id": ledger_id, "staff_id": staff_id, "sealed": sealed, "last_step": 0}
    conn.execute(insert(t.second_factor).values(row))
    return Started(codes(secret).get_provisioning_uri(login, ISSUER), b32encode(secret).decode())


def confirm(
    conn: Connection, vault: Vault, ledger_id: int, staff_id: int, code: str, *, now_s: int
) -> list[str]:
    """Ask for codes from now on; return the recovery codes, shown once. Raises BadCode."""
    if is_on(conn, ledger_id, staff_id) or not _use_code(
        conn, vault, ledger_id, staff_id, code, now_s
    ):
        raise BadCode("This is not the code of this moment. Start again if it goes on.")
    mine = _mine(ledger_id, staff_id)
    conn.execute(update(t.second_factor).where(*mine).values(confirmed_s=now_s))
    made = [secrets.token_hex(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    rows = [
        {"ledger_id": ledger_id, "staff_id": staff_id, "code_hash": _hash(each)} for each in made
    ]
    conn.execute(insert(t.recovery_code), rows)
    return made


def is_on(conn: Connection, ledger_id: int, staff_id: int) -> bool:
    """Tell whether somebody is asked for a code."""
    query = select(t.second_factor.c.confirmed_s).where(*_mine(ledger_id, staff_id))
    return conn.scalar(query) is not None


def use(
    conn: Connection, vault: Vault, ledger_id: int, staff_id: int, code: str, *, now_s: int
) -> bool:
    """Tell whether a code opens, and use it up. A recovery code opens as well, once."""
    plain = code.replace(" ", "").lower()
    if _use_code(conn, vault, ledger_id, staff_id, plain, now_s):
        return True
    row = t.recovery_code.c
    unused = (row.ledger_id == ledger_id, row.staff_id == staff_id, row.used_s.is_(None))
    using = update(t.recovery_code).where(*unused, row.code_hash == _hash(plain))
    return conn.execute(using.values(used_s=now_s)).rowcount == 1


def turn_off(conn: Connection, ledger_id: int, staff_id: int) -> None:
    """Ask for no code any more; what was drawn is void."""
    _delete(conn, ledger_id, staff_id)


def _use_code(
    conn: Connection, vault: Vault, ledger_id: int, staff_id: int, code: str, now_s: int
) -> bool:
    mine = _mine(ledger_id, staff_id)
    row = conn.execute(select(t.second_factor).where(*mine)).one_or_none()
    if row is None:
        return False
    generator = codes(vault.unseal(row.sealed, _bound(ledger_id, staff_id)))
    for step in (now_s // STEP_S + drift for drift in DRIFT):
        right = generator.generate(step * STEP_S)
        if step > row.last_step and hmac.compare_digest(right, code.encode()):
            # Whoever uses the same code at the same time finds the step gone.
            using = update(t.second_factor).where(*mine, t.second_factor.c.last_step < step)
            return conn.execute(using.values(last_step=step)).rowcount == 1
    return False


def _delete(conn: Connection, ledger_id: int, staff_id: int) -> None:
    for table in (t.recovery_code, t.second_factor):
        mine = (table.c.ledger_id == ledger_id, table.c.staff_id == staff_id)
        conn.execute(delete(table).where(*mine))


def _mine(ledger_id: int, staff_id: int) -> tuple[ColumnElement[bool], ...]:
    row = t.second_factor.c
    return (row.ledger_id == ledger_id, row.staff_id == staff_id)


def _bound(ledger_id: int, staff_id: int) -> str:
    return f"second factor/{ledger_id}/{staff_id}"


def _hash(code: str) -> bytes:
    return sha256(code.encode()).digest()
