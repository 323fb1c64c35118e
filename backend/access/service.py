"""Staff, sign-ins and gateway keys.

`Who` is what a route knows of the caller; what a caller may see is asked of it. Secrets are
shown once, when they are made: the tables hold hashes.
"""

import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, Connection, insert, select, update

from backend import rows
from backend import tables as t
from backend.access.passwords import hash_password, matches
from backend.access.scopes import STAFF_ROLES
from backend.access.sessions import Sessions
from backend.cards import service as cards
from backend.errors import (
    BadGatewayKey,
    BadInput,
    BadLogin,
    Forbidden,
    NotFound,
    UnknownRole,
)
from backend.services import Services

PREFIX_CHARS = 10
KEY_BYTES = 24  # 192 bits at random need no slow hash


@dataclass(frozen=True, slots=True)
class Who:
    """The caller of a route: staff with a role, or a resident (role "resident")."""

    ledger_id: int
    kind: str
    id: int
    name: str
    role: str

    def may(self, scope: str) -> bool:
        return scope in STAFF_ROLES.get(self.role, frozenset())

    def require(self, scope: str) -> None:
        """Raises Forbidden."""
        if not self.may(scope):
            raise Forbidden("Your role does not allow this.")

    def require_if_staff(self, scope: str) -> None:
        """For routes that residents share, who see what is theirs there. Raises Forbidden."""
        if self.kind == "staff":
            self.require(scope)

    def require_person(self, person_id: int, scope: str) -> None:
        """A resident may see what is their own, staff what their role allows. Forbidden."""
        if self.kind == "resident":
            if self.id != person_id:
                raise Forbidden("This belongs to somebody else.")
        else:
            self.require(scope)

    def require_theirs(self, person_id: int) -> None:
        """What a resident could find by guessing numbers is not there unless it is theirs.

        Raises NotFound. Staff are asked for their scope before anything is looked up.
        """
        if self.kind == "resident" and self.id != person_id:
            raise NotFound("There is no such thing of yours.")

    @property
    def signature(self) -> str:
        """What is written beside a decision."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class SignIn:
    token: str
    who: Who
    expires_s: int


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


def sign_in_staff(services: Services, login: str, password: str, address: str) -> SignIn:
    """Raises BadLogin, LockedOut; neither tells whether the name exists."""
    query = select(t.staff).where(
        t.staff.c.ledger_id == services.ledger_id,
        t.staff.c.login == login,
        t.staff.c.closed.is_(False),
    )
    with _one_try(services, f"staff:{login}", address):
        with services.read() as conn:
            row = conn.execute(query).one_or_none()
        if not matches(row.password_hash if row else None, password) or row is None:
            raise BadLogin("The name or the password is wrong.")
    who = Who(services.ledger_id, "staff", row.id, row.name, row.role)
    return _open(services, who)


def sign_in_resident(services: Services, number: str, pin: str, address: str) -> SignIn:
    """Sign in with the number printed on the card and its PIN. Raises BadLogin, LockedOut."""
    digits = number.replace(" ", "")
    query = (
        select(t.card.c.pin_hash, t.person.c.id, t.person.c.name)
        .join(t.person, _same_person())
        .where(t.card.c.ledger_id == services.ledger_id, t.card.c.number == digits)
    )
    with _one_try(services, f"card:{digits}", address):
        with services.read() as conn:
            row = conn.execute(query).one_or_none()
        if not matches(row.pin_hash if row else None, pin) or row is None:
            raise BadLogin("The card number or the PIN is wrong.")
        with services.read() as conn:
            card = cards.by_number(conn, services.ledger_id, digits)
        if card.state != cards.ACTIVE:
            raise BadLogin("This card is blocked. Please ask at the counter.")
    return _open(services, Who(services.ledger_id, "resident", row.id, row.name, "resident"))


def sign_out(services: Services, token: str) -> None:
    services.sessions.close(token)


def who_is(services: Services, token: str) -> Who | None:
    """Return whose session a token is; None if it has ended or its owner has left."""
    found = services.sessions.find(token, services.now_s())
    if found is None or found.ledger_id != services.ledger_id:
        return None
    with services.read() as conn:
        if found.kind == "staff":
            return _staff(conn, found.ledger_id, found.subject_id)
        return _resident(conn, found.ledger_id, found.subject_id)


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


def close_staff(conn: Connection, sessions: Sessions, ledger_id: int, staff_id: int) -> None:
    """End somebody's access at once, with every session that is open. Raises NotFound."""
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
    prefix = secrets.token_hex(PREFIX_CHARS // 2)
    key = f"{prefix}.{secrets.token_urlsafe(KEY_BYTES)}"
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


def revoke_gateway(conn: Connection, ledger_id: int, gateway_id: int, *, now_s: int) -> None:
    """Raises NotFound."""
    mine = (t.gateway.c.ledger_id == ledger_id, t.gateway.c.id == gateway_id)
    if conn.execute(update(t.gateway).where(*mine).values(revoked_s=now_s)).rowcount == 0:
        raise NotFound("There is no such gateway.")


def gateway_of(conn: Connection, ledger_id: int, key: str) -> Gateway:
    """Return the gateway that a key belongs to, in this town. Raises BadGatewayKey."""
    given = sha256(key.encode()).digest()
    query = select(t.gateway).where(
        t.gateway.c.ledger_id == ledger_id,
        t.gateway.c.key_prefix == key.partition(".")[0][: PREFIX_CHARS + 1],
        t.gateway.c.revoked_s.is_(None),
    )
    for row in conn.execute(query):
        if secrets.compare_digest(row.key_hash, given):
            return Gateway(row.ledger_id, row.id, row.name, row.public_key)
    raise BadGatewayKey("This key belongs to no gateway of this town.")


def _one_try(services: Services, name: str, address: str) -> AbstractContextManager[None]:
    vault = services.vault
    town = f"{services.ledger_id}:"
    return services.sessions.one_try(
        vault.name_hash(town + name), vault.name_hash("address:" + address), services.now_s()
    )


def _open(services: Services, who: Who) -> SignIn:
    now_s, hours = services.now_s(), services.settings.session_hours
    token = services.sessions.open(who.ledger_id, who.kind, who.id, now_s, hours)
    return SignIn(token, who, now_s + hours * 3600)


def _staff(conn: Connection, ledger_id: int, staff_id: int) -> Who | None:
    query = select(t.staff).where(
        t.staff.c.ledger_id == ledger_id, t.staff.c.id == staff_id, t.staff.c.closed.is_(False)
    )
    row = conn.execute(query).one_or_none()
    return Who(ledger_id, "staff", row.id, row.name, row.role) if row else None


def _resident(conn: Connection, ledger_id: int, person_id: int) -> Who | None:
    query = select(t.person).where(t.person.c.ledger_id == ledger_id, t.person.c.id == person_id)
    row = conn.execute(query).one_or_none()
    return Who(ledger_id, "resident", row.id, row.name, "resident") if row else None


def _same_person() -> ColumnElement[bool]:
    return (t.person.c.ledger_id == t.card.c.ledger_id) & (t.person.c.id == t.card.c.person_id)
