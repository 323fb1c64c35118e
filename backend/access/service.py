"""Staff, and the keys of gateways and counters.

Secrets are shown once, when they are made: the tables hold hashes.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, Table, insert, select, update

from backend import rows
from backend import tables as t
from backend.access.passwords import hash_password
from backend.access.scopes import STAFF_ROLES
from backend.access.sessions import Sessions
from backend.access.who import Who as Who
from backend.errors import BadGatewayKey, BadInput, Conflict, NotFound, UnknownRole

ADMINISTRATOR = "administrator"  # the role that adds and closes staff
PREFIX_CHARS = 10
KEY_BYTES = 24  # 192 bits at random need no slow hash


@dataclass(frozen=True, slots=True)
class GatewayKey:
    id: int
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Gateway:
    ledger_id: int
    id: int
    name: str
    public_key: bytes


def create_staff(
    conn: Connection,
    ledger_id: int,
    *,
    login: str,
    name: str,
    role: str,
    password: str,
    now_s: int,
) -> Who:
    """Add a member of staff. Raises UnknownRole, WeakPassword, Taken."""
    if role not in STAFF_ROLES:
        raise UnknownRole(f"There is no role {role!r}. Roles: {', '.join(sorted(STAFF_ROLES))}.")
    password_hash = hash_password(password)
    rows.require_free(
        conn, t.staff, f"The name {login} is taken.", ledger_id=ledger_id, login=login
    )
    staff_id = rows.next_id(conn, ledger_id, t.staff.c.id)
    conn.execute(
        insert(t.staff).values(
            ledger_id=ledger_id,
            id=staff_id,
            login=login,
            name=name,
            role=role,
            password_hash=password_hash,
            closed=False,
            created_s=now_s,
        )
    )
    return Who(ledger_id, "staff", staff_id, name, role)


def staff(conn: Connection, ledger_id: int) -> list[Who]:
    query = (
        select(t.staff)
        .where(t.staff.c.ledger_id == ledger_id, t.staff.c.closed.is_(False))
        .order_by(t.staff.c.id)
    )
    return [Who(ledger_id, "staff", row.id, row.name, row.role) for row in conn.execute(query)]


def by_login(conn: Connection, ledger_id: int, login: str) -> Who:
    """Return a member of staff by what they sign in with. Raises NotFound."""
    query = select(t.staff.c.id).where(t.staff.c.ledger_id == ledger_id, t.staff.c.login == login)
    staff_id = conn.scalar(query)
    found = _staff(conn, ledger_id, staff_id) if staff_id is not None else None
    if found is None:
        raise NotFound(f"Nobody of the staff signs in as {login}. See: farz staff list")
    return found


def login_of(conn: Connection, ledger_id: int, staff_id: int) -> str:
    """Raises NotFound."""
    mine = (t.staff.c.ledger_id == ledger_id, t.staff.c.id == staff_id)
    login = conn.scalar(select(t.staff.c.login).where(*mine, t.staff.c.closed.is_(False)))
    if login is None:
        raise NotFound("There is no such member of staff.")
    return str(login)


def set_password(
    conn: Connection, sessions: Sessions, ledger_id: int, who: Who, password: str
) -> None:
    """Give somebody another password; every session that is open ends. Raises WeakPassword."""
    mine = (t.staff.c.ledger_id == ledger_id, t.staff.c.id == who.id)
    conn.execute(update(t.staff).where(*mine).values(password_hash=hash_password(password)))
    sessions.close_all(ledger_id, "staff", who.id)


def close_staff(conn: Connection, sessions: Sessions, ledger_id: int, staff_id: int) -> None:
    """End somebody's access at once, with every session that is open.

    Raises NotFound; Conflict for the last administrator, after whom nobody could add anybody.
    """
    if {each.id for each in staff(conn, ledger_id) if each.role == ADMINISTRATOR} == {staff_id}:
        raise Conflict("This is the town's last administrator. Add another one first.")
    mine = (t.staff.c.ledger_id == ledger_id, t.staff.c.id == staff_id)
    if conn.execute(update(t.staff).where(*mine).values(closed=True)).rowcount == 0:
        raise NotFound("There is no such member of staff.")
    sessions.close_all(ledger_id, "staff", staff_id)


def create_gateway(
    conn: Connection, ledger_id: int, *, name: str, public_key: bytes, now_s: int
) -> GatewayKey:
    """Register a gateway's Ed25519 public key (32 bytes); return its API key, shown once.

    Raises BadInput, Taken.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise BadInput("An Ed25519 public key has 32 bytes.") from None
    rows.require_free(
        conn,
        t.gateway,
        f"There is a gateway called {name} already.",
        ledger_id=ledger_id,
        name=name,
    )
    prefix, key = draw_key()
    gateway_id = rows.next_id(conn, ledger_id, t.gateway.c.id)
    conn.execute(
        insert(t.gateway).values(
            ledger_id=ledger_id,
            id=gateway_id,
            name=name,
            key_prefix=prefix,
            key_hash=sha256(key.encode()).digest(),
            public_key=public_key,
            created_s=now_s,
        )
    )
    return GatewayKey(gateway_id, name, key)


def gateways(conn: Connection, ledger_id: int) -> list[str]:
    """Return the names of the gateways whose keys are good."""
    row = t.gateway.c
    query = select(row.name).where(row.ledger_id == ledger_id, row.revoked_s.is_(None))
    return list(conn.scalars(query.order_by(row.name)))


def revoke_gateway(conn: Connection, ledger_id: int, gateway_id: int, *, now_s: int) -> None:
    """Raises NotFound."""
    mine = (t.gateway.c.ledger_id == ledger_id, t.gateway.c.id == gateway_id)
    if conn.execute(update(t.gateway).where(*mine).values(revoked_s=now_s)).rowcount == 0:
        raise NotFound("There is no such gateway.")


def gateway_of(conn: Connection, ledger_id: int, key: str) -> Gateway:
    """Return the gateway that a key belongs to, in this town. Raises BadGatewayKey."""
    row = owner_of_key(conn, t.gateway, ledger_id, key)
    if row is None:
        raise BadGatewayKey("This key belongs to no gateway of this town.")
    return Gateway(row.ledger_id, row.id, row.name, row.public_key)


def draw_key() -> tuple[str, str]:
    """Return a new key's first part, by which it is looked up, and the key, which is shown once."""
    prefix = secrets.token_hex(PREFIX_CHARS // 2)
    return prefix, f"{prefix}.{secrets.token_urlsafe(KEY_BYTES)}"


def owner_of_key(conn: Connection, table: Table, ledger_id: int, key: str) -> Row[Any] | None:
    """Return the row of a gateway or counter whose key this is, unless it was revoked."""
    given = sha256(key.encode()).digest()
    query = select(table).where(
        table.c.ledger_id == ledger_id,
        table.c.key_prefix == key.partition(".")[0][: PREFIX_CHARS + 1],
        table.c.revoked_s.is_(None),
    )
    for row in conn.execute(query):
        if secrets.compare_digest(row.key_hash, given):
            return row
    return None


def _staff(conn: Connection, ledger_id: int, staff_id: int) -> Who | None:
    query = select(t.staff).where(
        t.staff.c.ledger_id == ledger_id, t.staff.c.id == staff_id, t.staff.c.closed.is_(False)
    )
    row = conn.execute(query).one_or_none()
    return Who(ledger_id, "staff", row.id, row.name, row.role) if row else None
