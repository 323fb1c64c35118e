"""A device's keys at rest: sealed under the town's secret, bound to device and number."""

from dataclasses import dataclass

from backend.vault import Vault
from firmware import contract

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The four keys that a device key stands for, drawn once."""

    number: int
    up: bytes
    down: bytes
    card: bytes
    answer16: bytes


def bound_to(ledger_id: int, device: str, number: int) -> str:
    return f"{ledger_id}|{device}|{number}"


def opened(vault: Vault, ledger_id: int, device: str, number: int, sealed: bytes) -> DeviceKey:
    """Unseal a key and derive what it is used for."""
    key = vault.unseal(sealed, bound_to(ledger_id, device, number))
    return DeviceKey(
        number,
        contract.derive(key, contract.UP),
        contract.derive(key, contract.DOWN),
        contract.derive(key, contract.CARD),
        contract.derive(key, contract.ANSWER)[:16],
    )
