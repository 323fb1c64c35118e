"""A bin at the end of a cable: MicroPython's raw REPL over a serial port, by mpremote.

Every question of `firmware/cable.py` is one JSON answer. The bin's own program stops meanwhile and
starts again when the cable is let go.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from farz.errors import FarzError, NotInstalled

if TYPE_CHECKING:
    from mpremote.transport_serial import SerialTransport

BAUD = 115_200
CHARACTER_S = 1.0  # how long one read of the port may wait
ANSWER_S = 30.0
# Puts the firmware in force on the path without counting as a start of it.
ENTER = """
import os, sys
try:
    os.stat("/loader")
    sys.path.insert(0, "/loader")
    from firmware.slots import Slots, forget
    sys.path[0] = "/" + Slots("").slot
    forget()
except OSError:
    pass
"""
BEGIN = """
from firmware import main
from firmware.cable import Cable
board = main.board()
cable = Cable(board, main.app(board))
"""
Progress = Callable[[str], None]


class CableFault(FarzError):
    """The board at the cable does not answer, or answers with an error."""


class Cable:
    """One open cable. Use `connected()`."""

    def __init__(self, transport: "SerialTransport") -> None:
        self._transport = transport
        self._begun = False
        self._folders: set[str] = set()  # that are there

    def ask(self, question: str, *, patience_s: float = ANSWER_S, **arguments: Any) -> Any:
        """Return the answer to a question of firmware/cable.py. CableFault with its words."""
        if not self._begun:
            self.run(ENTER + BEGIN, patience_s=patience_s)
            self._begun = True
        said = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        call = f"cable.ask({question!r}{', ' if said else ''}{said})"
        answer = json.loads(self.run(call, patience_s=patience_s).strip().rsplit("\n", 1)[-1])
        if isinstance(answer, dict) and "error" in answer:
            raise CableFault(f"The bin says: {answer['error']}")
        return answer

    def run(self, code: str, *, patience_s: float = ANSWER_S) -> str:
        """Execute code on the board and return what it printed."""
        from mpremote.transport import TransportError

        try:
            out, error = self._transport.exec_raw(code, timeout=patience_s)
        except (TransportError, OSError) as fault:
            raise CableFault(f"The board went silent ({fault}). Check cable and power.") from None
        if error:
            raise CableFault(f"The board refused: {error.decode(errors='replace').strip()}")
        return str(out.decode(errors="replace")).replace("\r", "")

    def put(self, path: str, data: bytes) -> None:
        """Write a file on the board, its folders too, and compare its hash."""
        parts = path.strip("/").split("/")[:-1]
        for length in range(1, len(parts) + 1):
            folder = "/" + "/".join(parts[:length])
            if folder not in self._folders:
                self.run(f"import os\ntry: os.mkdir({folder!r})\nexcept OSError: pass")
                self._folders.add(folder)
        self._transport.fs_writefile(path, data)
        if self._transport.fs_hashfile(path, "sha256") != hashlib.sha256(data).digest():
            raise CableFault(f"{path} did not arrive whole. Try again.")

    def put_all(self, folder: str, files: Mapping[str, bytes], say: Progress) -> None:
        for number, (name, raw) in enumerate(files.items(), 1):
            say(f"{number} of {len(files)}: {folder}/{name} ({len(raw)} bytes)")
            self.put(f"{folder}/{name}", raw)


def lines(port: str, seconds: float = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a running bin says, as (event, facts), until so many seconds have passed; 0: for ever.

    Lines that are no event, such as a traceback, come as ("says", {"text"}).
    """
    require_tool("serial")
    import serial

    require_port(port)
    end_s = time.monotonic() + seconds
    try:
        with serial.Serial(port, BAUD, timeout=CHARACTER_S) as opened:
            while not seconds or time.monotonic() < end_s:
                line = opened.readline().decode(errors="replace").strip()
                if line:
                    yield event_of(line)
    except serial.SerialException as error:
        raise _unopened(port, error) from None


def require_tool(name: str) -> None:
    """NotInstalled, with the cure, where one of a technician's tools is missing."""
    if find_spec(name) is None:
        raise NotInstalled(f"{name} is missing. Mend it: pip install 'farz[station]'")


def require_port(port: str) -> None:
    """CableFault if there is no such port."""
    if "/" in port and not os.path.exists(port):
        raise CableFault(
            f"There is no port {port}. Is the board plugged in? "
            "`mpremote connect list` shows the ports there are."
        )


def _unopened(port: str, error: Exception) -> CableFault:
    """Why a port that is there cannot be used, and what to do."""
    if "/" in port and not os.access(port, os.R_OK | os.W_OK):
        return CableFault(
            f"This user may not use {port}. Mend it: sudo usermod -aG dialout $USER, log in again."
        )
    return CableFault(
        f"{port} cannot be used. Does another program have it open, did the cable come off? "
        f"It says: {error}"
    )


def event_of(line: str) -> tuple[str, dict[str, Any]]:
    """Read one line of a bin's console: a word and a JSON object."""
    event, _, rest = line.partition(" ")
    try:
        facts = json.loads(rest)
    except ValueError:
        facts = None
    return (event, facts) if isinstance(facts, dict) else ("says", {"text": line})


def words_of(event: str, facts: Mapping[str, Any]) -> str:
    """An event for a person: what the display shows as it reads there, else names and values."""
    if event == "shown":
        return " / ".join(facts.get("lines") or [str(facts.get("word", ""))])
    return " ".join(f"{name}={_plain(value)}" for name, value in facts.items() if value != "")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_plain(each)}" for name, each in value.items()) + ")"
    return "-" if value is None or value == "" else str(value)


@contextmanager
def connected(port: str) -> Iterator[Cable]:
    """Interrupt the bin at a serial port and talk to it; afterwards its program starts again.

    CableFault if nobody answers there.
    """
    require_port(port)
    require_tool("mpremote")
    from mpremote.transport import TransportError
    from mpremote.transport_serial import SerialTransport

    try:
        transport = SerialTransport(port, baudrate=BAUD, timeout=CHARACTER_S)
    except (TransportError, OSError) as error:
        raise _unopened(port, error) from None
    try:
        try:
            transport.enter_raw_repl()
        except (TransportError, OSError):
            raise CableFault(
                f"No MicroPython answers at {port}. Is it flashed? See: farz device flash --help"
            ) from None
        yield Cable(transport)
        transport.exit_raw_repl()
        transport.serial.write(b"\x04")  # a soft reset: its own program runs again
    finally:
        transport.close()
