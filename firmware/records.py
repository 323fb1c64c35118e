"""How a record is stored: the fields that cannot be worked out again, as a CBOR list.

`v`, `epoch`, `seq`, `prev`, `fw` and `net_g` come from the sector's header, the chain and the
arithmetic. A code stands for one layout for ever: a changed layout gets a new code, and no code
is used twice. A code with the bit WARM is the layout without it, and temp_c10 at the end: bins
write their temperature into every record; what was written before is read as it is. In one with
the bit SHORT, words that come again and again are numbers. Pure.
"""

from firmware import cbor, contract

BOOT, VISIT = 1, 3  # entries that are not records: a start of the device, an opened visit
VISITS = (2, VISIT)  # 2: with its words written out
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
WARM, SHORT = 0x20, 0x40
CODES = {
    LAYOUTS[code][0]: SHORT | (code if "temp_c10" in LAYOUTS[code][1] else code | WARM)
    for code in LAYOUTS
}
_FRACTIONS = ("organic", "paper_cardboard", "plastic", "metal", "glass", "textile", "residual")
# A word is its place in its row. Rows only grow at their end; what is in none is written out.
WORDS = {"clock": contract.CLOCKS, "flags": contract.FLAGS}
WORDS.update({"fraction": _FRACTIONS, "container": _FRACTIONS})


def is_record(code: int) -> bool:
    return code & ~WARM & ~SHORT in LAYOUTS


def _layout(code: int) -> tuple:
    """Return (kind, names of the fields) of a code."""
    kind, fields = LAYOUTS[code & ~WARM & ~SHORT]
    return kind, fields.split() + ["temp_c10"] * bool(code & WARM)


def pack(kind: str, body: dict) -> bytes:
    """Return the stored form of a record's own fields."""
    return cbor.dumps([_short(name, body[name]) for name in _layout(CODES[kind])[1]])


def visit(code: int, raw: bytes) -> bytes:
    """Return the stored form of an opened visit as it is stored today, whatever its code."""
    if code == VISIT:
        return raw
    return pack("interrupted", unpack(CODES["interrupted"], raw, {"temp_c10": None}))


def unpack(code: int, raw: bytes, name: dict) -> dict:
    """Return the whole body of a stored record; `name` holds epoch, seq, prev and fw."""
    kind, fields = _layout(code)
    values = cbor.loads(raw)
    if type(values) is not list:
        raise ValueError("not a record")
    body: dict = {field: _long(field, value) for field, value in zip(fields, values)}
    body.update(name)
    body["v"] = contract.VERSION
    body["kind"] = kind
    if kind == "deposit":
        body["net_g"] = body["after_g"] - body["before_g"]
    return body


def _short(field: str, value):
    """Return a word's place in its row, or the value as it is; a list's one by one."""
    if type(value) is list:
        return [_short(field, item) for item in value]
    row = WORDS.get(field, ())
    return row.index(value) if value in row else value


def _long(field: str, value):
    """Undo _short(); what was written out stays. IndexError for a place that no row has."""
    if type(value) is list:
        return [_long(field, item) for item in value]
    return WORDS[field][value] if field in WORDS and type(value) is int else value
