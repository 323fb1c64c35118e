"""The message contract between bin, gateway and backend, version 1. The one source for all rooms.

A message is a JWS (RFC 7515, compact, HS256) whose payload is canonical JSON (RFC 8785, narrowed
to integers and printable ASCII). Runs unchanged on CPython and MicroPython, so it imports nothing
but the three modules below; ciphers and random numbers are passed in by the caller.
"""

import binascii
import hashlib
import json

VERSION = 1
MAX_JWS = 1024  # bytes; one record must fit a small MQTT buffer on the bin
LONGER = {"settings": 1536}  # ... but a renewed certificate comes with all other settings at once
MAX_INT = 2**53  # RFC 7493: what every JSON reader holds exactly
ROWS_PER_RECEIPT = 2  # the longest two rows still fit MAX_JWS

# European List of Waste, Commission Decision 2000/532/EC, chapter 20.
FRACTIONS = {
    "organic": "20 01 08",
    "paper_cardboard": "20 01 01",
    "plastic": "20 01 39",
    "metal": "20 01 40",
    "glass": "20 01 02",
    "textile": "20 01 11",
    "residual": "20 03 01",
}
# channel: (direction, QoS, retained)
CHANNELS = {
    "birth": ("up", 1, True),
    "state": ("up", 1, True),
    "record": ("up", 1, False),
    "telemetry": ("up", 0, False),
    "ask": ("up", 1, False),
    "result": ("up", 1, False),
    "receipt": ("down", 1, False),
    "answer": ("down", 1, False),
    "command": ("down", 1, False),
    "settings": ("down", 1, True),
}
FLAGS = ("overload", "below_min", "unstable", "uncalibrated", "lid_forced")
FLAGS += ("low_battery", "journal_near_full")
CLOCKS = ("synced", "holdover", "unset")
# `noted` settles a record that moves no money: an emptying, a calibration, an opened epoch.
OUTCOMES = ("credited", "held", "suspended", "queued", "quarantined", "noted")
COMMANDS = ("unlock", "tare", "identify", "calibrate", "resend", "history", "rotate")
COMMANDS += ("update",)
UP, DOWN, CARD, ANSWER = "up", "down", "card", "answer"  # labels of the keys derived from one

WORDS = {
    "too_large": "The message is larger than its channel allows.",
    "bad_encoding": "The message is not three base64url parts in their only spelling.",
    "bad_header": "The message's header is not, byte for byte, the one this channel has.",
    "bad_json": "The message's body is not canonical JSON.",
    "bad_schema": "A field of the message is missing or out of its range.",
    "bad_arithmetic": "Net weight is not the weight after less the weight before.",
    "unknown_fraction": "This kind of waste is not in the contract.",
    "topic_mismatch": "The message does not belong to the topic that it came on.",
    "bad_signature": "The signature is not the device's.",
}


class ContractError(ValueError):
    """A message breaks the contract. `reason` is one of WORDS; str() says it to a person."""

    def __init__(self, reason, detail=""):
        super().__init__(WORDS[reason] + (" (" + detail + ")" if detail else ""))
        self.reason = reason


# --- topics


def topic(device, channel):
    """Return `farz/1/{device}/{channel}`."""
    return "farz/" + str(VERSION) + "/" + device + "/" + channel


def parse_topic(text):
    """Return (device, channel) of a topic; ContractError topic_mismatch if it is none of ours."""
    parts = text.split("/")
    known = len(parts) == 4 and parts[:2] == ["farz", str(VERSION)]
    if not known or not is_device(parts[2]) or parts[3] not in CHANNELS:
        raise ContractError("topic_mismatch", text[:80])
    return parts[2], parts[3]


def is_device(text):
    """A device id is 1 to 32 of a-z, 0-9 and the hyphen."""
    return 0 < len(text) <= 32 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in text)


# --- canonical JSON and base64url


def canonical(value):
    """Return the one JSON text of a value: sorted keys, no blanks, integers, printable ASCII."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is int:
        if -MAX_INT < value < MAX_INT:
            return str(value)
        raise ContractError("bad_json", "integer too large")
    if kind is dict:
        return "{" + ",".join([_quoted(k) + ":" + canonical(value[k]) for k in sorted(value)]) + "}"
    if kind is list or kind is tuple:
        return "[" + ",".join([canonical(item) for item in value]) + "]"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    raise ContractError("bad_json", "not a JSON type of the contract")


def _quoted(text):
    try:
        raw = text.encode()
    except ValueError:  # half of a surrogate pair is no character
        raise ContractError("bad_json", "text beyond printable ASCII")
    if raw and (min(raw) < 0x20 or max(raw) > 0x7E or b'"' in raw or b"\\" in raw):
        raise ContractError("bad_json", "text beyond printable ASCII")
    return '"' + text + '"'


def parse_json(raw):
    """Return the value of canonical JSON bytes.

    The readers of CPython and MicroPython are lenient in different ways (`01`, `NaN`, missing
    colons, repeated keys), so what was read is written again and must give the same bytes.
    """
    try:
        value = json.loads(raw)
        if canonical(value).encode() == raw:
            return value
    except ContractError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RuntimeError):
        pass  # every reader's own way of saying no ends in the one error below
    raise ContractError("bad_json")


def b64(raw):
    """Return base64url text without padding (RFC 7515 §2)."""
    text = binascii.b2a_base64(raw).decode().strip()
    return text.replace("+", "-").replace("/", "_").replace("=", "")


def unb64(text):
    """Return the bytes of base64url text, refusing every spelling but the one b64() gives."""
    try:
        padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
        raw = binascii.a2b_base64(padded)
    except ValueError:
        raise ContractError("bad_encoding")
    if b64(raw) != text:
        raise ContractError("bad_encoding")
    return raw


# --- keys


def hmac_sha256(key, message):
    """HMAC-SHA256 (RFC 2104) for keys of at most 64 bytes: 32 bytes."""
    pad = key + bytes(64 - len(key))
    inner = hashlib.sha256(bytes([b ^ 0x36 for b in pad]) + message).digest()
    return hashlib.sha256(bytes([b ^ 0x5C for b in pad]) + inner).digest()


def derive(device_key, label):
    """Return the 32-byte key of one purpose (UP, DOWN, CARD, ANSWER) under a device key."""
    return hmac_sha256(device_key, b"farz/1/" + label.encode())


def same(left, right):
    """Compare two byte strings in a time that does not tell where they differ."""
    difference = len(left) ^ len(right)
    for a, b in zip(left, right):
        difference |= a ^ b
    return difference == 0


# --- the signed envelope


class Parts:
    """A split envelope: device, key number, channel, payload, signing_input, signature, hash."""

    def __init__(self, device, number, channel, payload, signing_input, signature):
        self.device = device
        self.number = number
        self.channel = channel
        self.payload = payload
        self.signing_input = signing_input
        self.signature = signature
        self.hash = hashlib.sha256(signing_input).digest()


def header(device, number, channel):
    """Return the protected header, the only bytes that are accepted."""
    kid = device + "." + str(number)
    return ('{"alg":"HS256","kid":"' + kid + '","typ":"farz.' + channel + '"}').encode()


def signing_input(device, number, channel, payload):
    """Return header.payload, whose SHA-256 names a record for ever."""
    return (b64(header(device, number, channel)) + "." + b64(payload)).encode()


def sign(signing_key, device, number, channel, body):
    """Return the JWS text of a body (a dict) under derive(device_key, UP or DOWN)."""
    signed = signing_input(device, number, channel, canonical(body).encode())
    text = signed.decode() + "." + b64(hmac_sha256(signing_key, signed))
    if len(text) > LONGER.get(channel, MAX_JWS):
        raise ContractError("too_large")
    return text


def split(jws, channel):
    """Return the Parts of an envelope for a channel; checks everything but the signature.

    Raises ContractError: too_large, bad_encoding, bad_header.
    """
    if len(jws) > LONGER.get(channel, MAX_JWS):
        raise ContractError("too_large")
    text = jws if type(jws) is str else _ascii(jws)
    pieces = text.split(".")
    if len(pieces) != 3:
        raise ContractError("bad_encoding")
    head, payload, signature = [unb64(piece) for piece in pieces]
    device, number = _signer(head, channel)
    if len(signature) != 32:
        raise ContractError("bad_signature", "not 32 bytes")
    signed = text[: len(pieces[0]) + 1 + len(pieces[1])].encode()
    return Parts(device, number, channel, payload, signed, signature)


def _ascii(raw):
    if raw and max(raw) > 0x7E:
        raise ContractError("bad_encoding")
    return raw.decode()


def _signer(head, channel):
    """Read device and key number out of a header and insist on its every other byte."""
    start, end = len(b'{"alg":"HS256","kid":"'), head.find(b'","typ"')
    try:
        device, number_text = head[start:end].decode().split(".")
        number = int(number_text)
    except ValueError:
        raise ContractError("bad_header")
    if not is_device(device) or not 0 <= number < 2**31:
        raise ContractError("bad_header")
    if head != header(device, number, channel):
        raise ContractError("bad_header")
    return device, number


def number_of(jws, channel):
    """Return the number of the key that an envelope says it was signed under."""
    return split(jws, channel).number


def verify(parts, signing_key):
    """Raise ContractError bad_signature unless the envelope was signed with this key."""
    if not same(hmac_sha256(signing_key, parts.signing_input), parts.signature):
        raise ContractError("bad_signature")


def hash8(full_hash):
    """Return the short name of a hash: its first 8 bytes in hex."""
    return binascii.hexlify(full_hash[:8]).decode()


def read(parts):
    """Return the body of a split envelope, checked against its channel's fields."""
    body = parse_json(parts.payload)
    check(parts.channel, body)
    return body


# --- fields

# What a field may hold: whole numbers from .. to, texts of at most so many characters, one of a
# choice, lists of at most so many items; an item of several types is a row. `hexN` is N digits.
RANGES = {
    "one": (VERSION, VERSION),
    "count": (0, MAX_INT - 1),
    "time": (0, 2**40),
    "grams": (-2_000_000, 2_000_000),
    "scale": (1, 100_000),
    "temp": (-1000, 2000),
    "reading": (1 - MAX_INT, MAX_INT - 1),
    "ttl": (1, 120),
}
LENGTHS = {"name": 32, "words": 120, "holder": 260, "sealed": 300}
CHOICES = {
    "clock": CLOCKS,
    "state": ("online", "sleeping", "lost"),
    "command": COMMANDS,
    "outcome": OUTCOMES,
}
LISTS = {
    "names": (16, "name"),
    "readings": (24, "reading"),
    "out": (ROWS_PER_RECEIPT, "hex16 count hex16 outcome sealed"),
    "got": (1000, "hex16 count hex16"),
}
# The fields of all records, of each kind, and of the other channels' bodies: `name:type`, and a
# question mark allows null. `state` and `telemetry` travel unsigned, and so does `got`.
RECORD = (
    "v:one kind:name epoch:hex16 seq:count boot:count prev:hex16 at_s:time? clock:clock"
    " up_ms:count cal:count fw:hex16 flags:names"
)
_DONE = "what:name by:words readings:readings"
KINDS = {
    "deposit": "card:card fraction:name before_g:grams after_g:grams net_g:grams e_g:scale"
    " p2p_g:count n:count temp_c10:temp?",
    "interrupted": "card:card fraction:name before_g:grams",
    "emptied": "who:holder before_g:grams after_g:grams container:name",
    "open": "old_epoch:hex16? old_seq:count? old_prev:hex16?",
    "calibration": _DONE,
    "tare": _DONE,
    "key": _DONE,
    "tamper": _DONE,
    "alarm": _DONE,
}
UP_BODIES = {
    "birth": "v:one epoch:hex16 next_seq:count oldest_seq:count session:count boot:count fw:hex16"
    " cal:count e_g:scale min_g:count max_g:count fractions:names at_s:time? clock:clock",
    "state": "state:state session:count",
    "telemetry": "fill_pct:reading? temp_c10:temp? battery_mv:count? rssi_dbm:reading?"
    " heap_free:count? journal_depth:count? raw_zero:reading?",
    "ask": "v:one nonce:hex32 card:card session:count ttl_s:ttl",
    "result": "v:one id:name ok:bool words:words",
}
DOWN_BODIES = {
    "receipt": "out:out",
    "answer": "v:one nonce:hex32 body:sealed",
    "command": "v:one name:command id:name session:count expires_s:time args:object",
    "settings": "v:one number:count values:object",
}
_TESTS = {}  # by type: made when a field of that type is first checked, for a bin checks few
_FIELDS = {}  # by text: {name: test}


def fields(text):
    """Turn `name:type name:type?` into {name: test}, once for each text."""
    if text not in _FIELDS:
        pairs = [item.split(":") for item in text.split()]
        _FIELDS[text] = {name: fits(kind) for name, kind in pairs}
    return _FIELDS[text]


def fits(kind):
    """Return the function that tells whether a value is of a type."""
    if kind not in _TESTS:
        _TESTS[kind] = _test(kind)
    return _TESTS[kind]


def _test(kind):
    if kind[-1] == "?":
        given = fits(kind[:-1])
        return lambda v: v is None or given(v)
    if kind in RANGES:
        low, high = RANGES[kind]
        return lambda v: type(v) is int and low <= v <= high
    if kind in LENGTHS:
        longest = LENGTHS[kind]
        return lambda v: type(v) is str and 0 < len(v) <= longest
    if kind in CHOICES:
        choices = CHOICES[kind]
        return lambda v: v in choices
    if kind in LISTS:
        most, item = LISTS[kind]
        fit = _row(item.split()) if " " in item else fits(item)
        return lambda v: type(v) is list and len(v) <= most and all([fit(i) for i in v])
    if kind == "card":
        return lambda v: type(v) is str and 2 < len(v) <= 260 and v[:2] in ("u.", "s.")
    if kind[:3] == "hex":
        digits = int(kind[3:])
        return lambda v: type(v) is str and len(v) == digits and not v.strip("0123456789abcdef")
    plain = {"bool": bool, "object": dict}[kind]
    return lambda v: type(v) is plain


def _row(kinds):
    tests = [fits(kind) for kind in kinds]
    return lambda v: (
        type(v) is list and len(v) == len(tests) and all([t(i) for t, i in zip(tests, v)])
    )


def check(channel, body):
    """Raise ContractError unless a body has its channel's fields; unknown extra ones are kept."""
    if channel == "record":
        check_record(body)
    elif channel in DOWN_BODIES:
        _check_fields(DOWN_BODIES[channel], body)
    else:
        _check_fields(UP_BODIES[channel], body)


def check_record(body):
    """Raise ContractError bad_schema, bad_arithmetic or unknown_fraction for a bad record."""
    _check_fields(RECORD, body)
    if body["kind"] not in KINDS:
        raise ContractError("bad_schema", "kind")
    _check_fields(KINDS[body["kind"]], body)
    if (body["at_s"] is None) != (body["clock"] == "unset"):
        raise ContractError("bad_schema", "at_s and clock")
    first = body["seq"] == 0
    if first != (body["kind"] == "open") or first != (body["prev"] == "0" * 16):
        raise ContractError("bad_schema", "an epoch starts with one open record")
    if "fraction" in fields(KINDS[body["kind"]]) and body["fraction"] not in FRACTIONS:
        raise ContractError("unknown_fraction", body["fraction"])
    if body["kind"] == "deposit" and body["net_g"] != body["after_g"] - body["before_g"]:
        raise ContractError("bad_arithmetic")


def known(channel, body):
    """Return a checked body's own fields alone: a stranger's field has no type and no meaning."""
    if channel == "record":
        texts = (RECORD, KINDS[body["kind"]])
    else:
        texts = ((UP_BODIES if channel in UP_BODIES else DOWN_BODIES)[channel],)
    return {name: body[name] for text in texts for name in fields(text)}


def _check_fields(text, body):
    if type(body) is not dict:
        raise ContractError("bad_schema", "not an object")
    tests = fields(text)
    for name in tests:
        if name not in body or not tests[name](body[name]):
            raise ContractError("bad_schema", name)


# --- receipts


def got(rows):
    """Return the bytes of a *recorded* receipt for rows (epoch, seq, hash8)."""
    return canonical({"got": [list(row) for row in rows]}).encode()


def read_got(raw):
    """Return the rows [epoch, seq, hash8] of a *recorded* receipt."""
    body = parse_json(raw)
    _check_fields("got:got", body)
    return body["got"]


# --- what only device and backend may read


def card_token(card_key, epoch, seq, uid):
    """Hide a card's UID (4 to 10 bytes) for one record: `u.` + 16 bytes in base64url.

    HMAC(card key, label | epoch | seq)[:16] xor (length | uid | zeros); a record's name is used
    once, so two tokens of one card have nothing in common. An ask uses its nonce as the epoch.
    """
    if not 0 < len(uid) <= 15:
        raise ContractError("bad_schema", "uid")
    plain = bytes([len(uid)]) + uid + bytes(15 - len(uid))
    return "u." + b64(_masked(card_key, epoch, seq, plain))


def open_card_token(card_key, epoch, seq, token):
    """Return the UID that card_token() hid."""
    hidden = unb64(token[2:])
    if token[:2] != "u." or len(hidden) != 16:
        raise ContractError("bad_schema", "card")
    plain = _masked(card_key, epoch, seq, hidden)
    length = plain[0]
    if not 0 < length <= 15 or plain[1 + length :] != bytes(15 - length):
        raise ContractError("bad_schema", "card")
    return plain[1 : 1 + length]


def secure_token(message):
    """Return `s.` and a secure card's message (PICCData 16 bytes, SDMMAC 8), which is its own
    cipher and is said once: two of one card have nothing in common."""
    if len(message) != 24:
        raise ContractError("bad_schema", "card")
    return "s." + b64(message)


def open_secure_token(token):
    """Return the 24 bytes of secure_token()."""
    if token[:2] != "s." or len(token) != 34:
        raise ContractError("bad_schema", "card")
    return unb64(token[2:])


def _masked(card_key, epoch, seq, block):
    mask = hmac_sha256(card_key, ("uid|" + epoch + "|" + str(seq)).encode())
    return bytes([a ^ b for a, b in zip(mask, block)])


def seal(key16, iv16, body, encrypt):
    """Encrypt a small dict: base64url(iv | AES-128-CBC, PKCS#7). `encrypt(key, iv, padded)`."""
    plain = canonical(body).encode()
    fill = 16 - len(plain) % 16
    return b64(iv16 + encrypt(key16, iv16, plain + bytes([fill] * fill)))


def unseal(key16, text, decrypt):
    """Return the dict that seal() hid. Only ever called inside a verified signature."""
    raw = unb64(text)
    if len(raw) < 32 or len(raw) % 16:
        raise ContractError("bad_schema", "sealed body")
    plain = decrypt(key16, raw[:16], raw[16:])
    fill = plain[-1]
    if not 1 <= fill <= 16 or plain[-fill:] != bytes([fill] * fill):
        raise ContractError("bad_schema", "sealed body")
    return parse_json(plain[:-fill])


# --- gateways attest


def attestation_input(gateway, rows):
    """Return the bytes a gateway signs with Ed25519.

    rows: (device, epoch, seq, hash8, received_s) of each record it relays, in order.
    """
    body = {"gateway": gateway, "rows": [list(row) for row in rows]}
    return b"farz/1/attestation\n" + canonical(body).encode()
