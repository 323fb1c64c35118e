"""What it takes to believe a record: its envelope is split, its HMAC checked, its body read."""

import time

from bench.town import BINS, deposits
from firmware import contract

RECORDS = 2_000
ROUNDS = 5


def seconds_per_record() -> float:
    """The median of five rounds, in one thread, for envelopes of the size of a deposit's."""
    key = bytes(32)
    bodies = [
        contract.parse_json(contract.unb64(entry.jws.split(b".")[1].decode()))
        for entry in deposits([1], BINS * 8, RECORDS)
    ]
    signed = [contract.sign(key, "bin-001", 1, "record", body) for body in bodies]
    taken = []
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        for jws in signed:
            parts = contract.split(jws, "record")
            contract.verify(parts, key)
            contract.read(parts)
        taken.append((time.perf_counter() - start_s) / RECORDS)
    return sorted(taken)[ROUNDS // 2]
