"""`farz device salvage`: a dead bin's records out of its flash image, as a file for a gateway.

The flash holds what was signed, not the signatures: they are made again under the bin's own key,
and are byte for byte those that the bin made. Each line of the file is a message as the bin would
have published it; whoever takes it in twice takes nothing twice.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farz.errors import FarzError
from firmware import contract, salvage


def report(image: bytes, up_keys: Mapping[tuple[str, int], bytes], target: Path) -> dict[str, Any]:
    """Write the records of an image into a file and say what was found.

    up_keys: the signing key of (device, key number). Damaged records, and those whose key is not
    known, are counted and not written. FarzError if the image holds no journal.
    """
    found = salvage.found_in(image)
    if not found:
        raise FarzError(
            "There is no record of a bin in this image. Read the journal's partition, or the whole "
            "chip: esptool --port PORT read-flash 0x380000 0x80000 bin.img"
        )
    told: Counter[str] = Counter()
    lines = []
    for each in found:
        key = up_keys.get((each.device, each.record.key_number))
        told["damaged" if not each.intact else "records" if key else "without_key"] += 1
        if each.intact and key:
            told["unsettled"] += not each.record.settled
            told["interrupted"] += each.record.body["kind"] == "interrupted"
            lines.append(line(each, key))
    target.write_text("".join(f"{text}\n" for text in lines))
    counts = ("records", "unsettled", "interrupted", "damaged", "without_key")
    return {
        "devices": sorted({each.device for each in found}),
        "epochs": sorted({each.record.epoch for each in found}),
        **{name: told[name] for name in counts},
        "broken_sectors": salvage.broken_sectors(image),
        "file": str(target),
    }


def line(found: Any, up_key: bytes) -> str:
    """One message as JSON: topic and signed bytes."""
    record = found.record
    jws = contract.sign(up_key, found.device, record.key_number, "record", record.body)
    return json.dumps({"topic": contract.topic(found.device, "record"), "jws": jws})


def needed(image: bytes) -> list[tuple[str, int]]:
    """The (device, key number) whose keys an image asks for."""
    found = salvage.found_in(image)
    return sorted({(each.device, each.record.key_number) for each in found})


def image_of(path: Path) -> bytes:
    """The bytes of an image file. FarzError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FarzError(f"{path} cannot be read: {error.strerror}.") from None


def keys_of(path: Path, wanted: list[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    """The signing key of a file with 64 hex digits, for all that an image asks for."""
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise FarzError(f"{path} does not hold 64 hex digits, as `farz device provision` prints.")
    return dict.fromkeys(wanted, contract.derive(key, contract.UP))
