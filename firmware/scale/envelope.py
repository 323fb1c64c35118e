"""The envelope that a calibration comes in, and what it must say.

An envelope like all others (contract), of type `farz.calibration`, under the key that signs what
goes down to this one device: it fits no other bin. It has no topic: it travels over the cable as it
is, and in the command `calibrate` as {"body", "signature"}, from which it is put together again.
It is verified before it is kept.
"""

from firmware import contract
from firmware.errors import CalibrationRefused, SettingsFault
from firmware.scale import calibration

TYPE = "calibration"


def read(jws: str, key: bytes, device: str, key_number: int):
    """Return the Calibration of an envelope; CalibrationRefused says in words why it is none."""
    try:
        parts = contract.split(jws, TYPE)
        if (parts.device, parts.number) != (device, key_number):
            raise CalibrationRefused("it was made for another device or key")
        contract.verify(parts, contract.derive(key, contract.DOWN))
        return checked(contract.parse_json(parts.payload))
    except contract.ContractError as error:
        raise CalibrationRefused(str(error))


def assemble(args: dict, device: str, key_number: int) -> str:
    """Return the envelope that a command carries as {"body": {...}, "signature": "..."}."""
    try:
        payload = contract.canonical(args["body"]).encode()
        signed = contract.signing_input(device, key_number, TYPE, payload)
        return signed.decode() + "." + args["signature"]
    except (KeyError, TypeError, contract.ContractError):
        raise CalibrationRefused("body or signature is missing")


_TESTS = {
    "v": lambda v: v == contract.VERSION,
    "passed": lambda v: type(v) is bool,
    "limits": lambda v: type(v) is list and len(v) == 3 and all([type(i) is int for i in v]),
    "from_s": lambda v: type(v) is int and 0 <= v < 1 << 40,
    "until_s": lambda v: v is None or (type(v) is int and 0 <= v < 1 << 40),
    "seal": lambda v: type(v) is str and 0 < len(v) <= 32,
    "by": lambda v: type(v) is str and 0 < len(v) <= 64,
}


def checked(body: dict):
    """Return the Calibration of a body, or raise CalibrationRefused."""
    if type(body) is not dict:
        raise CalibrationRefused("it is no object")
    for name in _TESTS:
        if name not in body or not _TESTS[name](body[name]):
            raise CalibrationRefused(name + " is missing or out of its range")
    try:
        return calibration.calibration(**{name: body[name] for name in calibration.FIELDS.split()})
    except (KeyError, TypeError, ValueError, SettingsFault):
        raise CalibrationRefused("it could not weigh")
