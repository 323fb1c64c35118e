"""Writes vectors.json: valid and invalid messages, made without firmware.contract.

Envelopes come from joserfc and the standard library, so the contract is judged by somebody else's
code. Run `python tests/contract/make_vectors.py` after a change of the contract and read the diff.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import OctKey

DEVICE_KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
EPOCH = "00112233445566ff"

DEPOSIT: dict[str, Any] = {
    "v": 1,
    "kind": "deposit",
    "epoch": EPOCH,
    "seq": 7,
    "boot": 2,
    "prev": "8899aabbccddeeff",
    "at_s": 1790000000,
    "clock": "synced",
    "up_ms": 123456,
    "cal": 3,
    "fw": "0123456789abcdef",
    "flags": [],
    "card": "u.AAAAAAAAAAAAAAAAAAAAAA",
    "fraction": "organic",
    "before_g": 1200,
    "after_g": 4750,
    "net_g": 3550,
    "e_g": 5,
    "p2p_g": 1,
    "n": 10,
    "temp_c10": 214,
}
COMMON = {k: DEPOSIT[k] for k in list(DEPOSIT)[:12]}
OPEN = COMMON | {"kind": "open", "seq": 0, "prev": "0" * 16}
OPEN |= {"old_epoch": None, "old_seq": None, "old_prev": None}
INTERRUPTED = COMMON | {"kind": "interrupted"}
INTERRUPTED |= {k: DEPOSIT[k] for k in ("card", "fraction", "before_g")}
EMPTIED = COMMON | {"kind": "emptied", "who": "u.AAAAAAAAAAAAAAAAAAAAAA"}
EMPTIED |= {"before_g": 40000, "after_g": 900, "container": "c-12"}
DONE = {"what": "zero", "by": "technician", "readings": [8388607, -12]}
BIRTH = {
    "v": 1,
    "epoch": EPOCH,
    "next_seq": 8,
    "oldest_seq": 5,
    "session": 4,
    "boot": 2,
    "fw": "0123456789abcdef",
    "cal": 3,
    "e_g": 5,
    "min_g": 100,
    "max_g": 60000,
    "fractions": ["organic"],
    "at_s": None,
    "clock": "unset",
}
OTHERS: dict[str, dict[str, Any]] = {
    "birth": BIRTH,
    "ask": {"v": 1, "nonce": "ab" * 16, "card": DEPOSIT["card"], "session": 4, "ttl_s": 30},
    "result": {"v": 1, "id": "c-9", "ok": True, "words": "tared"},
    "receipt": {"out": [[EPOCH, 7, "8899aabbccddeeff", "credited", "AAAA"]]},
    "answer": {"v": 1, "nonce": "ab" * 16, "body": "AAAA"},
    "command": {
        "v": 1,
        "name": "unlock",
        "id": "c-9",
        "session": 4,
        "expires_s": 1790000060,
        "args": {},
    },
    "settings": {"v": 1, "number": 2, "values": {"language": "ar"}},
}


def canonical(value: Any) -> str:
    """RFC 8785 for ASCII text and integers is what the standard library writes like this."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def derive(label: str, key: bytes = DEVICE_KEY) -> bytes:
    return hmac.digest(key, b"farz/1/" + label.encode(), "sha256")


def header(channel: str, device: str = "bin-1", number: int = 1) -> dict[str, str]:
    return {"alg": "HS256", "kid": f"{device}.{number}", "typ": f"farz.{channel}"}


def sign(head: dict[str, Any], payload: str, key: bytes) -> str:
    """Any JOSE library makes the envelope; this one is joserfc."""
    return jws.serialize_compact(
        head, payload.encode(), OctKey.import_key(key), algorithms=["HS256"]
    )


def raw_sign(head: str, payload: bytes, key: bytes) -> str:
    """An envelope whose header no library would write."""
    signed = f"{b64(head.encode())}.{b64(payload)}".encode()
    return f"{signed.decode()}.{b64(hmac.digest(key, signed, 'sha256'))}"


def envelopes() -> list[dict[str, Any]]:
    up, down = derive("up"), derive("down")
    rows: list[dict[str, Any]] = []

    def good(name: str, channel: str, body: dict[str, Any]) -> str:
        key = down if channel in ("receipt", "answer", "command", "settings") else up
        text = sign(header(channel), canonical(body), key)
        signed = text.rsplit(".", 1)[0].encode()
        digest = hashlib.sha256(signed).hexdigest()
        rows.append({"name": name, "channel": channel, "jws": text, "hash": digest, "body": body})
        return text

    def bad(name: str, reason: str, text: str, channel: str = "record") -> None:
        rows.append({"name": name, "channel": channel, "jws": text, "reason": reason})

    text = good("a deposit", "record", DEPOSIT)
    good("the first record of an epoch", "record", OPEN)
    good("an interrupted visit", "record", INTERRUPTED)
    good("an emptying", "record", EMPTIED)
    for kind in ("calibration", "tare", "key", "tamper", "alarm"):
        good(f"a record of kind {kind}", "record", COMMON | DONE | {"kind": kind})
    good("unknown extra fields are kept", "record", DEPOSIT | {"moisture": 12})
    for channel, body in OTHERS.items():
        good(f"a message on {channel}", channel, body)

    head, payload, signature = text.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelt = signature[:-1] + alphabet[alphabet.index(signature[-1]) ^ 1]
    plain = canonical(DEPOSIT)
    bad("signature missing", "bad_encoding", f"{head}.{payload}")
    bad("signature empty", "bad_signature", f"{head}.{payload}.")
    bad("signature re-spelt in its last character", "bad_encoding", f"{head}.{payload}.{respelt}")
    bad(
        "signature with a line break",
        "bad_encoding",
        f"{head}.{payload}.{signature[:9]}\n{signature[9:]}",
    )
    bad("signature padded", "bad_encoding", f"{text}=")
    bad("signature cut short", "bad_signature", f"{head}.{payload}.{b64(bytes(31))}")
    bad(
        "signature of another key",
        "bad_signature",
        sign(header("record"), plain, derive("up", OTHER_KEY)),
    )
    bad("signature of the down key", "bad_signature", sign(header("record"), plain, down))
    bad(
        "payload changed after signing",
        "bad_signature",
        f"{head}.{b64(plain.replace('3550', '3551').encode())}.{signature}",
    )
    bad(
        "alg none",
        "bad_header",
        raw_sign('{"alg":"none","kid":"bin-1.1","typ":"farz.record"}', plain.encode(), up),
    )
    bad(
        "alg HS512",
        "bad_header",
        raw_sign('{"alg":"HS512","kid":"bin-1.1","typ":"farz.record"}', plain.encode(), up),
    )
    bad(
        "header with a blank",
        "bad_header",
        raw_sign('{"alg": "HS256","kid":"bin-1.1","typ":"farz.record"}', plain.encode(), up),
    )
    bad(
        "header in another order",
        "bad_header",
        raw_sign('{"kid":"bin-1.1","alg":"HS256","typ":"farz.record"}', plain.encode(), up),
    )
    bad(
        "header with one more field",
        "bad_header",
        raw_sign(
            '{"alg":"HS256","crit":[],"kid":"bin-1.1","typ":"farz.record"}', plain.encode(), up
        ),
    )
    bad(
        "key number with a leading zero",
        "bad_header",
        raw_sign('{"alg":"HS256","kid":"bin-1.01","typ":"farz.record"}', plain.encode(), up),
    )
    bad(
        "key number with an underscore",
        "bad_header",
        raw_sign('{"alg":"HS256","kid":"bin-1.1_0","typ":"farz.record"}', plain.encode(), up),
    )
    bad(
        "device id in capitals",
        "bad_header",
        raw_sign('{"alg":"HS256","kid":"BIN.1","typ":"farz.record"}', plain.encode(), up),
    )
    bad("header of another channel", "bad_header", sign(header("birth"), plain, up))
    bad("not an envelope", "bad_encoding", "hello")
    bad("nothing", "bad_encoding", "")
    bad("four parts", "bad_encoding", text + ".AAAA")
    bad("beyond ASCII", "bad_encoding", f"{head}.{payload}é.{signature}")
    bad(
        "larger than 1,024 bytes",
        "too_large",
        sign(header("record"), canonical(DEPOSIT | {"note": "x" * 400}), up),
    )
    odd = {
        "a leading zero": plain.replace('"seq":7', '"seq":07'),
        "a float": plain.replace('"seq":7', '"seq":7.0'),
        "an exponent": plain.replace('"seq":7', '"seq":7e0'),
        "NaN": plain.replace('"seq":7', '"seq":NaN'),
        "a missing colon": plain.replace('"seq":7', '"seq" 7'),
        "a repeated key": plain[:-1] + ',"v":1}',
        "a blank": plain.replace(":7", ": 7"),
        "keys out of order": json.dumps(DEPOSIT, separators=(",", ":")),
        "an escape": plain.replace("organic", "org\\u0061nic"),
        "a trailing comma": plain[:-1] + ",}",
        "an integer beyond 2^53": plain.replace('"seq":7', '"seq":9007199254740992'),
        "text beyond ASCII": plain.replace("organic", "عضوي"),
        "cut in the middle": plain[:-20],
        "a second value": plain + "{}",
    }
    for name, body_text in odd.items():
        bad(
            f"JSON with {name}",
            "bad_json",
            raw_sign(canonical(header("record")), body_text.encode(), up),
        )
    return rows


def records() -> list[dict[str, Any]]:
    def row(name: str, reason: str, body: Any) -> dict[str, Any]:
        return {"name": name, "reason": reason, "body": body}

    rows = [
        row("wrong arithmetic", "bad_arithmetic", DEPOSIT | {"net_g": 3551}),
        row("unknown fraction", "unknown_fraction", DEPOSIT | {"fraction": "gold"}),
        row("another version", "bad_schema", DEPOSIT | {"v": 2}),
        row("a kind nobody knows", "bad_schema", DEPOSIT | {"kind": "gift"}),
        row("true instead of a number", "bad_schema", DEPOSIT | {"net_g": True}),
        row("an epoch in capitals", "bad_schema", DEPOSIT | {"epoch": "00112233445566FF"}),
        row("a negative seq", "bad_schema", DEPOSIT | {"seq": -1}),
        row("a time without a clock", "bad_schema", DEPOSIT | {"clock": "unset"}),
        row("a clock without a time", "bad_schema", DEPOSIT | {"at_s": None}),
        row("a clock of another kind", "bad_schema", DEPOSIT | {"clock": "sundial"}),
        row("a plain card number", "bad_schema", DEPOSIT | {"card": "04A2B3C4"}),
        row("flags that are no list", "bad_schema", DEPOSIT | {"flags": "unstable"}),
        row("more flags than fit", "bad_schema", DEPOSIT | {"flags": ["a"] * 17}),
        row("tons", "bad_schema", DEPOSIT | {"before_g": 2000001, "net_g": -1995251}),
        row("a deposit as the first record", "bad_schema", DEPOSIT | {"seq": 0, "prev": "0" * 16}),
        row("an epoch opened in the middle", "bad_schema", OPEN | {"seq": 4}),
        row("a chain that starts in the middle", "bad_schema", DEPOSIT | {"prev": "0" * 16}),
        row("not an object", "bad_schema", [1, 2]),
    ]
    for name in DEPOSIT:
        body = {k: v for k, v in DEPOSIT.items() if k != name}
        rows.append(row(f"{name} missing", "bad_schema", body))
    return rows


def main() -> None:
    uid = bytes.fromhex("04de5f1eacc040")
    mask = hmac.digest(derive("card"), f"uid|{EPOCH}|7".encode(), "sha256")
    hidden = bytes(a ^ b for a, b in zip(mask, bytes([7]) + uid + bytes(8), strict=False))
    vectors = {
        "device_key": DEVICE_KEY.hex(),
        "envelopes": envelopes(),
        "records": records(),
        "cards": [{"epoch": EPOCH, "seq": 7, "uid": uid.hex(), "token": "u." + b64(hidden)}],
        "topics": [
            {"topic": "farz/1/bin-1/record", "parts": ["bin-1", "record"]},
            *(
                {"topic": topic, "reason": "topic_mismatch"}
                for topic in (
                    "farz/2/bin-1/record",
                    "farz/1/BIN/record",
                    "farz/1//record",
                    "farz/1/bin-1/gift",
                    "farz/1/bin-1/record/x",
                    "other/1/bin-1/record",
                    "farz/1/" + "b" * 33 + "/record",
                )
            ),
        ],
    }
    path = Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps(vectors, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
