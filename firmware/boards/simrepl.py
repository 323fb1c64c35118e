"""A simulated bin at the end of a cable: `micropython -m firmware.boards.simrepl DIR`.

Real MicroPython speaks the raw REPL's protocol on its standard input and output, as the UART of a
real board does (docs.micropython.org, "Raw mode"), and what comes is executed here. The load and
the lid obey DIR/hands.json, {"grams", "shares", "lid_open", "card"}, which a person's hands are.
A friendly prompt runs one line at a time.
"""

import binascii
import json
import sys

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
RAW = b"raw REPL; CTRL-B to exit\r\n"
FRIENDLY = b"\r\nMicroPython on a simulated bin; CTRL-A for raw mode\r\n>>> "


class Hands:
    """What somebody does at the bin, read from a file whenever something looks."""

    def __init__(self, folder: str, board) -> None:
        self._path = folder + "/hands.json"
        self._does = {}
        self._world = board.world
        for load in board.world.loads:
            load.look = self._press
        board.lid_switch = self._lid

    def hold(self, reader) -> None:
        """Let a card that a hand holds be in the field when the reader looks."""
        from firmware.boards.simcard import SimCard

        plain = reader.uid

        def uid():
            card = self._now("card", "")
            self._world.field.cards = [SimCard(binascii.unhexlify(card))] if card else []
            return plain()

        reader.uid = uid

    def _press(self, load) -> None:
        loads = self._world.loads
        shares = self._now("shares", [1 / len(loads)] * len(loads))
        load.share, load.grams = shares[loads.index(load)], self._now("grams", 0)

    def _lid(self) -> int:
        return 1 if self._now("lid_open", False) else 0

    def _now(self, what: str, otherwise):
        try:
            with open(self._path) as file:
                self._does = json.load(file)
        except (OSError, ValueError):
            pass  # nobody is there, or the file is being written
        return self._does.get(what, otherwise)


class Port:
    """Standard input and output as bytes."""

    def read(self) -> bytes:
        return sys.stdin.buffer.read(1)

    def write(self, raw: bytes) -> None:
        sys.stdout.buffer.write(raw)
        if hasattr(sys.stdout.buffer, "flush"):
            sys.stdout.buffer.flush()

    def until_end(self) -> "str | None":
        """Return the code that comes before CTRL-D, or None if CTRL-B or the end came first."""
        code = b""
        while True:
            byte = self.read()
            if byte in (CTRL_B, b""):
                return None
            if code + byte == CTRL_E + b"A" + CTRL_A:
                self.write(b"R\x00")  # raw-paste is understood and not offered
                code = b""
            elif byte == CTRL_A:
                self.write(RAW + b">")
            elif byte == CTRL_C:
                code = b""
            elif byte == CTRL_D:
                return code.decode()
            else:
                code += byte


class Repl:
    """`forget()` makes a soft reset; each has names of its own."""

    def __init__(self, port: Port, forget) -> None:
        self._port = port
        self._forget = forget
        self._names = {"__name__": "__main__"}

    def run(self) -> None:
        """Serve until the cable is pulled."""
        self._port.write(FRIENDLY)
        line = b""
        while True:
            byte = self._port.read()
            if byte == b"":
                return
            if byte == CTRL_A:
                self._raw()
                line = b""
            elif byte == CTRL_D:
                self._reset()
                self._port.write(FRIENDLY)
            elif byte in (b"\r", b"\n"):
                self._port.write(b"\r\n")
                self._execute(line.decode(), sys.stdout)
                self._port.write(b">>> ")
                line = b""
            elif byte != CTRL_C:
                self._port.write(byte)
                line += byte

    def _raw(self) -> None:
        self._port.write(RAW + b">")
        while True:
            code = self._port.until_end()
            if code is None:
                self._port.write(FRIENDLY)
                return
            if code.strip() == "":
                self._port.write(b"OK\r\nMPY: soft reboot\r\n" + RAW + b">")
                self._reset()
            else:
                self._port.write(b"OK")
                error = self._execute(code, None)
                self._port.write(b"\x04" + error + b"\x04>")

    def _execute(self, code: str, show) -> bytes:
        """Run code; return the traceback, if any, or print it to `show`."""
        try:
            exec(code, self._names)
        except (Exception, KeyboardInterrupt) as error:
            if show is not None:
                sys.print_exception(error, show)
            return repr(error).encode()
        return b""

    def _reset(self) -> None:
        self._names = {"__name__": "__main__"}
        self._forget()


class Main:
    """What `firmware.main` is on the real board: the board, and the bin built on it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._hands: "Hands | None" = None

    def board(self):
        from firmware.boards.simulated import SimBoard
        from firmware.tuning import Tuning

        with open(self._folder + "/world.json") as file:
            plan = json.load(file)
        board = SimBoard(self._folder, plan, Tuning(self._folder).settings)
        self._hands = Hands(self._folder, board)
        return board

    def app(self, board):
        from firmware.app import App
        from firmware.tuning import Tuning

        board.app = App(board, Tuning(self._folder))
        if self._hands is not None:
            self._hands.hold(board.app.parts().reader)
        return board.app


def main(folder: str) -> None:
    def forget() -> None:
        for name in list(sys.modules):
            if name.startswith("firmware.") and name != "firmware.boards.simrepl":
                del sys.modules[name]
        sys.modules["firmware.main"] = Main(folder)  # type: ignore

    forget()
    Repl(Port(), forget).run()


if __name__ == "__main__":
    main(sys.argv[1])
