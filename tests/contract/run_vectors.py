"""Judges firmware.contract by vectors.json; runs on CPython and on MicroPython alike.

`micropython tests/contract/run_vectors.py tests/contract/vectors.json` prints one line a failure
and, last, how many vectors were judged.
"""

import binascii
import json
import sys

from firmware import contract


def failures(vectors):
    """Return (number of vectors judged, list of sentences on those that went wrong)."""
    wrong = []
    judged = 0
    for judge, name in (
        (_envelope, "envelopes"),
        (_record, "records"),
        (_card, "cards"),
        (_topic, "topics"),
    ):
        for row in vectors[name]:
            judged += 1
            wrong += [row.get("name", str(row)) + ": " + e for e in judge(row, vectors)]
    return judged, wrong


def _reason(action, *args):
    """Return (result, None) or (None, the reason of the ContractError)."""
    try:
        return action(*args), None
    except contract.ContractError as e:
        return None, e.reason


def _open(jws, channel, device_key):
    parts = contract.split(jws.encode(), channel)
    direction = contract.CHANNELS[channel][0]
    contract.verify(parts, contract.derive(device_key, direction))
    return parts, contract.read(parts)


def _envelope(row, vectors):
    key = binascii.unhexlify(vectors["device_key"])
    result, reason = _reason(_open, row["jws"], row["channel"], key)
    if reason != row.get("reason"):
        return ["expected " + str(row.get("reason")) + ", came " + str(reason)]
    if result is None:
        return []
    parts, body = result
    wrong = []
    if binascii.hexlify(parts.hash).decode() != row["hash"]:
        wrong.append("another hash")
    if body != row["body"]:
        wrong.append("another body")
    direction = contract.CHANNELS[row["channel"]][0]
    again = contract.sign(contract.derive(key, direction), "bin-1", 1, row["channel"], body)
    if again != row["jws"]:
        wrong.append("signs differently")
    return wrong


def _record(row, vectors):
    reason = _reason(contract.check_record, row["body"])[1]
    return [] if reason == row["reason"] else ["came " + str(reason)]


def _card(row, vectors):
    key = contract.derive(binascii.unhexlify(vectors["device_key"]), contract.CARD)
    uid = binascii.unhexlify(row["uid"])
    token = contract.card_token(key, row["epoch"], row["seq"], uid)
    back = contract.open_card_token(key, row["epoch"], row["seq"], row["token"])
    return [] if token == row["token"] and back == uid else ["another token"]


def _topic(row, vectors):
    parts, reason = _reason(contract.parse_topic, row["topic"])
    if reason is None:
        good = list(parts) == row.get("parts") and contract.topic(*parts) == row["topic"]
        return [] if good else ["read as " + str(parts)]
    return [] if reason == row.get("reason") else ["came " + str(reason)]


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        count, sentences = failures(json.load(file))
    for sentence in sentences:
        print(sentence)
    print(count, "judged")
    sys.exit(1 if sentences else 0)
