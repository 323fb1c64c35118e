"""Who stands behind a command: the login that somebody gives, as decisions are signed.

A command asks the same scope of them as the route that does the same, so that nobody's name
stands beside what their role does not allow.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.access.service import Who
    from backend.services import Services


def by_whom(conn: "Connection", ledger_id: int, login: str, scope: str) -> str:
    """Return what is written beside a decision. Raises NotFound, Forbidden, each with the way."""
    return staff_with(conn, ledger_id, login, scope).signature


def on_behalf(
    services: "Services", conn: "Connection", login: str, scope: str, person_id: int
) -> str:
    """The same for what is done with what is a person's: it is in their log before it is done."""
    who = staff_with(conn, services.ledger_id, login, scope)
    services.audit.add(who.actor, scope, [person_id], at_s=services.now_s())
    return who.signature


def staff_with(conn: "Connection", ledger_id: int, login: str, scope: str) -> "Who":
    """Return who of the staff may do this. Raises NotFound, Forbidden."""
    from backend.access import service as access

    who = access.by_login(conn, ledger_id, login)
    allowed(who, login, scope)
    return who


def allowed(who: "Who", login: str, scope: str) -> None:
    """Raise Forbidden, with the roles that may, for who may not do this."""
    from backend.access.scopes import STAFF_ROLES
    from backend.errors import Forbidden

    if not who.may(scope):
        may = ", ".join(sorted(role for role, scopes in STAFF_ROLES.items() if scope in scopes))
        raise Forbidden(f"{login} is {who.role}, and this is for: {may}. See: farz staff list")
