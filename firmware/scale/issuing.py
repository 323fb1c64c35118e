"""How a record of calibration is signed for a bin. Never loaded on one: bins read them."""

from firmware import contract
from firmware.scale.envelope import TYPE, checked


def issue(key: bytes, device: str, key_number: int, body: dict) -> str:
    """Return the envelope of a record of calibration under a device's key.

    body: v, number, cells [[zero, counts, grams], ...], fit or null, passed, limits
    [e_g, min_g, max_g], from_s, until_s, seal, by. CalibrationRefused if no bin would take it.
    """
    return sign(contract.derive(key, contract.DOWN), device, key_number, body)


def sign(down_key: bytes, device: str, key_number: int, body: dict) -> str:
    """Issue with the key that signs what goes down, as the backend has it."""
    checked(body)
    return contract.sign(down_key, device, key_number, TYPE, body)


def arguments(jws: str) -> dict:
    """Return the arguments of the command that carries an envelope."""
    parts = contract.split(jws, TYPE)
    return {"body": contract.parse_json(parts.payload), "signature": contract.b64(parts.signature)}
