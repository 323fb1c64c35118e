"""Who is let in at the broker: the town's authority in the database, what it issued and revoked.

The pure part is certificates.py. A device keeps its private key for life; its certificate is
renewed before it runs out, for the same key, by a signed settings message. A device that is
replaced or stolen is revoked, and the broker is given the new list.
"""

from collections.abc import Iterable

from cryptography import x509
from sqlalchemy import Connection, insert, select, update

from backend.devices import certificates, orders
from backend.devices import tables as d
from backend.devices.certificates import Authority, Identity
from backend.errors import NotFound
from backend.vault import Vault

DAY_S = 86_400
RENEW_S = 90 * DAY_S  # before the end: a bin that is off the network for a season still gets it


def authority(conn: Connection, vault: Vault, ledger_id: int, now_s: int) -> Authority:
    """Return the town's authority; the first call founds it."""
    row = conn.execute(select(d.authority).where(d.authority.c.ledger_id == ledger_id)).first()
    if row is not None:
        key = vault.unseal(row.sealed_key, _bound(ledger_id))
        return certificates.restored(key, row.certificate)
    made = certificates.found(f"Farz town {ledger_id}", now_s)
    sealed = vault.seal(certificates.key_der(made.key), _bound(ledger_id))
    conn.execute(
        insert(d.authority).values(
            ledger_id=ledger_id, certificate=made.der, sealed_key=sealed, created_s=now_s
        )
    )
    return made


def admit(conn: Connection, vault: Vault, ledger_id: int, holder: str, now_s: int) -> Identity:
    """Make a key and a certificate for a device or a gateway by its broker name.

    What the holder had before stays good until revoke(). The key is kept nowhere here.
    """
    issuer = authority(conn, vault, ledger_id, now_s)
    made = certificates.identity(issuer, holder, now_s)
    _keep(conn, ledger_id, holder, certificates.read(made.certificate_der), now_s)
    return made


def broker(
    conn: Connection, vault: Vault, ledger_id: int, hosts: Iterable[str], now_s: int
) -> Identity:
    """Make a key and a certificate for the broker under the names that devices call it by."""
    return certificates.broker_identity(authority(conn, vault, ledger_id, now_s), hosts, now_s)


def revoke(conn: Connection, ledger_id: int, holder: str, now_s: int) -> int:
    """Let nobody in as `holder` any more; return how many certificates that took. NotFound."""
    mine = (d.certificate.c.ledger_id == ledger_id, d.certificate.c.holder == holder)
    if conn.execute(select(d.certificate.c.serial).where(*mine)).first() is None:
        raise NotFound(f"{holder} has never had a certificate.")
    done = conn.execute(
        update(d.certificate)
        .where(*mine, d.certificate.c.revoked_s.is_(None))
        .values(revoked_s=now_s)
    )
    return done.rowcount


def revoked(conn: Connection, vault: Vault, ledger_id: int, now_s: int) -> bytes:
    """Return the signed list (DER) of what is revoked and has not run out by itself."""
    row = d.certificate.c
    query = select(row.serial, row.revoked_s).where(
        row.ledger_id == ledger_id, row.revoked_s.is_not(None), row.until_s > now_s
    )
    rows = [(serial, revoked_s) for serial, revoked_s in conn.execute(query.order_by(row.serial))]
    issuer = authority(conn, vault, ledger_id, now_s)
    return certificates.revocation_list(issuer, rows, now_s)


def renew(conn: Connection, vault: Vault, ledger_id: int, now_s: int) -> list[str]:
    """Send a new certificate to each device whose newest runs out soon; return their ids.

    One that ran out already, or was revoked, takes a visit. A device is asked once: its newest
    certificate is then the one that was sent.
    """
    row = d.certificate.c
    newest: dict[str, tuple[int, bytes, int | None]] = {}
    query = select(row.holder, row.until_s, row.der, row.revoked_s).where(
        row.ledger_id == ledger_id, row.until_s > now_s
    )
    for holder, until_s, der, revoked_s in conn.execute(query.order_by(row.until_s)):
        newest[holder] = (until_s, der, revoked_s)
    sent = []
    for holder, (until_s, der, revoked_s) in sorted(newest.items()):
        if until_s <= now_s + RENEW_S and revoked_s is None:
            public_key = certificates.public_key(certificates.read(der))
            issuer = authority(conn, vault, ledger_id, now_s)
            made = certificates.issue_device(issuer, holder, public_key, now_s)
            values = {"certificate": certificates.der(made).hex()}
            try:
                orders.tune(conn, vault, ledger_id, holder, values, now_s=now_s)
            except NotFound:
                continue  # a gateway: its files are renewed where it runs
            _keep(conn, ledger_id, holder, made, now_s)
            sent.append(holder)
    return sent


def _keep(
    conn: Connection, ledger_id: int, holder: str, made: x509.Certificate, now_s: int
) -> None:
    conn.execute(
        insert(d.certificate).values(
            ledger_id=ledger_id,
            serial=made.serial_number,
            holder=holder,
            der=certificates.der(made),
            issued_s=now_s,
            until_s=certificates.until_s(made),
        )
    )


def _bound(ledger_id: int) -> str:
    return f"{ledger_id}|authority"
