"""Who stands behind a command: the login that somebody gives, as decisions are signed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection


def by_whom(conn: "Connection", ledger_id: int, login: str) -> str:
    """Return what is written beside a decision. Raises NotFound with the way to the logins."""
    from backend.access import service as access

    return access.by_login(conn, ledger_id, login).signature
