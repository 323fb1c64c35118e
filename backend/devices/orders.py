"""What goes down to one device, signed: orders of a session, settings that stay, a new key.

All of it lies in `down` until a gateway has handed it to the broker; the device's answer comes
back under the same number. What is signed is signed under the key that the device was born with
last: it may not have a newer one yet.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from backend import rows
from backend import tables as t
from backend.aes import encrypt_cbc
from backend.devices import service as devices
from backend.devices.keys import DeviceKey
from backend.errors import BadInput
from backend.vault import Vault
from firmware import contract

COMMAND_TTL_S = 300
# Settings lie at the broker until others replace them; after this a device is no longer expected.
SETTINGS_TTL_S = 10 * 365 * 86_400
SHOWN = 50
ID_DIGITS = 18  # what a 64-bit column holds of any number
GIVEN = (
    "host",
    "port",
    "ca",
    "certificate",
    "fractions",
    "language",
    "own_digits",
    "scale",
    "dark",
)


@dataclass(frozen=True, slots=True)
class Sent:
    """An order or settings; `ok` and `words` are the device's answer, None until there is one."""

    id: int
    channel: str
    name: str
    created_s: int
    expires_s: int
    delivered_s: int | None
    ok: bool | None
    words: str | None


def send_command(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    device: str,
    name: str,
    args: Mapping[str, Any] | None = None,
    *,
    now_s: int,
) -> int:
    """Sign an order for the session the device is in; it waits for the next uplink.

    Returns the number under which its result will come. Raises BadInput, NotFound.
    """
    row = devices.row_of(conn, ledger_id, device)
    if row.session is None:
        raise BadInput(f"{device} has not come online yet, so it cannot take orders.")
    down_id, expires_s = _next_id(conn, ledger_id, now_s), now_s + COMMAND_TTL_S
    body = {
        "v": contract.VERSION,
        "name": name,
        "id": str(down_id),
        "session": row.session,
        "expires_s": expires_s,
        "args": dict(args or {}),
    }
    jws = _signed(current_key(conn, vault, ledger_id, device), device, "command", body)
    _send(conn, ledger_id, down_id, device, "command", jws, now_s, expires_s)
    return down_id


def tune(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    device: str,
    values: Mapping[str, Any],
    *,
    now_s: int,
    key: DeviceKey | None = None,
) -> int:
    """Change settings of a device: `values` are laid over all that were sent before.

    None as a value goes back to what the device was provisioned with. They are signed under the
    device's current key, or `key`. Returns the settings' number, under which the result comes.
    Raises BadInput, NotFound.
    """
    devices.row_of(conn, ledger_id, device)
    unknown = sorted(set(values) - set(GIVEN))
    if unknown:
        raise BadInput(
            f"{', '.join(unknown)} cannot be changed from afar. What can: {', '.join(GIVEN)}."
        )
    laid = {**settings(conn, ledger_id, device)[1], **values}
    kept = {name: value for name, value in laid.items() if value is not None}
    number = _next_id(conn, ledger_id, now_s)
    body = {"v": contract.VERSION, "number": number, "values": kept}
    signer = key or current_key(conn, vault, ledger_id, device)
    jws = _signed(signer, device, "settings", body)
    # Older ones that no gateway has taken yet would only be replaced at the broker at once.
    conn.execute(
        update(t.down)
        .where(*_settings_of(ledger_id, device), t.down.c.delivered_s.is_(None))
        .values(expires_s=now_s)
    )
    _send(conn, ledger_id, number, device, "settings", jws, now_s, now_s + SETTINGS_TTL_S)
    return number


def hand_over(
    conn: Connection, vault: Vault, ledger_id: int, device: str, number: int, *, now_s: int
) -> dict[str, Any]:
    """Send what was changed from afar to a new board, under its key `number`; return the values.

    What the broker has retained is signed under the old board's key, and may bring its
    certificate: neither is the new one's.
    """
    if settings(conn, ledger_id, device)[0]:
        key = devices.keys(conn, vault, ledger_id, device)[number]
        tune(conn, vault, ledger_id, device, {"certificate": None}, now_s=now_s, key=key)
    return settings(conn, ledger_id, device)[1]


def settings(conn: Connection, ledger_id: int, device: str) -> tuple[int, dict[str, Any]]:
    """Return number and values of the settings sent last that the device has not refused."""
    row = t.down.c
    query = select(row.id, row.jws).where(
        *_settings_of(ledger_id, device), row.result_ok.is_not(False)
    )
    found = conn.execute(query.order_by(row.id.desc()).limit(1)).first()
    if found is None:
        return 0, {}
    values: dict[str, Any] = contract.read(contract.split(found.jws, "settings"))["values"]
    return found.id, values


def rotate(conn: Connection, vault: Vault, ledger_id: int, device: str, *, now_s: int) -> int:
    """Give a device its next key, sealed under the one it has; return the order's number.

    It signs with the new one from its next start on, and ends the old one by a record.
    """
    old = current_key(conn, vault, ledger_id, device)
    number = max(devices.keys(conn, vault, ledger_id, device)) + 1
    new = devices.add_key(conn, vault, ledger_id, device, number=number, now_s=now_s)
    sealed = contract.seal(old.answer16, secrets.token_bytes(16), {"key": new.hex()}, encrypt_cbc)
    args = {"number": number, "sealed": sealed}
    return send_command(conn, vault, ledger_id, device, "rotate", args, now_s=now_s)


def save_result(conn: Connection, ledger_id: int, device: str, body: Mapping[str, Any]) -> None:
    """Keep what became of an order; of a repeated one, the first answer that it was done.

    A result without its order is of no use to anybody.
    """
    if not body["id"].isdecimal() or len(body["id"]) > ID_DIGITS:
        return
    row = t.down.c
    conn.execute(
        update(t.down)
        .where(
            row.ledger_id == ledger_id,
            row.id == int(body["id"]),
            row.device == device,
            row.result_ok.is_not(True),
        )
        .values(result_ok=body["ok"], result_words=body["words"])
    )


def sent(conn: Connection, ledger_id: int, device: str) -> list[Sent]:
    """Return what was sent to a device, the newest SHOWN of it. Raises NotFound."""
    devices.row_of(conn, ledger_id, device)
    row = t.down.c
    query = select(t.down).where(row.ledger_id == ledger_id, row.device == device)
    return [
        Sent(
            found.id,
            found.channel,
            _name(found.channel, found.jws),
            found.created_s,
            found.expires_s,
            found.delivered_s,
            found.result_ok,
            found.result_words,
        )
        for found in conn.execute(query.order_by(row.id.desc()).limit(SHOWN))
    ]


def _name(channel: str, jws: str) -> str:
    body = contract.read(contract.split(jws, channel))
    return str(body["name"]) if channel == "command" else ", ".join(sorted(body["values"]))


def current_key(conn: Connection, vault: Vault, ledger_id: int, device: str) -> DeviceKey:
    """Return the key that the device signed its last birth with; before any, its first."""
    held = devices.keys(conn, vault, ledger_id, device)
    found = devices.device(conn, ledger_id, device)
    number = (found.birth or {}).get("key_number")
    return held[number] if number in held else held[min(held)]


def _next_id(conn: Connection, ledger_id: int, now_s: int) -> int:
    """Devices obey growing numbers: counted from the time, they grow over a restored backup too."""
    return max(rows.next_id(conn, ledger_id, t.down.c.id), now_s)


def _settings_of(ledger_id: int, device: str) -> tuple[Any, ...]:
    row = t.down.c
    return (row.ledger_id == ledger_id, row.device == device, row.channel == "settings")


def _signed(key: DeviceKey, device: str, channel: str, body: dict[str, Any]) -> str:
    try:
        contract.check(channel, body)
        jws: str = contract.sign(key.down, device, key.number, channel, body)
    except (contract.ContractError, RecursionError) as error:
        raise BadInput(str(error)) from error
    return jws


def _send(
    conn: Connection,
    ledger_id: int,
    down_id: int,
    device: str,
    channel: str,
    jws: str,
    now_s: int,
    expires_s: int,
) -> None:
    conn.execute(
        insert(t.down).values(
            ledger_id=ledger_id,
            id=down_id,
            device=device,
            channel=channel,
            jws=jws,
            created_s=now_s,
            expires_s=expires_s,
        )
    )
