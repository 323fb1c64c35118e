"""How a record is stored: the fields that cannot be worked out again, as a CBOR list.

`v`, `epoch`, `seq`, `prev`, `fw` and `net_g` come from the sector's header, the chain and the
arithmetic. A code stands for one layout for ever: a changed layout gets a new code, and no code
is used twice. A code with the bit WARM is the layout without it, and temp_c10 at the end: bins
write their temperature into every record; what was written before is read as it is. Pure.
"""

from firmware import cbor, contract

BOOT, VISIT = 1, 2  # entries that are not records: a start of the device, an opened visit
_COMMON = "boot at_s clock up_ms cal flags "
LAYOUTS = {
    16: ("open", _COMMON + "old_epoch old_seq old_prev"),
    17: ("deposit", _COMMON + "card fraction before_g after_g e_g p2p_g n temp_c10"),
    18: ("interrupted", _COMMON + "card fraction before_g"),
    19: ("emptied", _COMMON + "who before_g after_g container"),
    20: ("calibration", _COMMON + "what by readings"),
    21: ("tare", _COMMON + "what by readings"),
    22: ("key", _COMMON + "what by readings"),
    23: ("tamper", _COMMON + "what by readings"),
    24: ("alarm", _COMMON + "what by readings"),
}
WARM = 0x20
CODES = {
    LAYOUTS[code][0]: code if "temp_c10" in LAYOUTS[code][1] else code | WARM for code in LAYOUTS
}


def is_record(code: int) -> bool:
    return code & ~WARM in LAYOUTS


def _layout(code: int) -> tuple:
    """Return (kind, names of the fields) of a code."""
    kind, fields = LAYOUTS[code & ~WARM]
    return kind, fields.split() + ["temp_c10"] * bool(code & WARM)


def pack(kind: str, body: dict) -> bytes:
    """Return the stored form of a record's own fields."""
    return cbor.dumps([body[name] for name in _layout(CODES[kind])[1]])


def unpack(code: int, raw: bytes, name: dict) -> dict:
    """Return the whole body of a stored record; `name` holds epoch, seq, prev and fw."""
    kind, fields = _layout(code)
    values = cbor.loads(raw)
    if type(values) is not list:
        raise ValueError("not a record")
    body = dict(zip(fields, values))
    body.update(name)
    body["v"] = contract.VERSION
    body["kind"] = kind
    if kind == "deposit":
        body["net_g"] = body["after_g"] - body["before_g"]
    return body
