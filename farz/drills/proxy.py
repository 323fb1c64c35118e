"""A door between bins and broker that can be made to fail in the ways that networks do.

TCP only: it looks into nothing. Every connection has two threads that carry bytes one way each;
how they do it is asked anew for each piece.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Literal, Self

Manner = Literal["pass", "silent", "slow", "drop"]
PIECE, SLOW_BYTES, SLOW_S = 4096, 32, 0.05  # slow: 640 bytes a second
LOOK_S = 0.05


class Proxy:
    """Listens on `port`; `behind` tells the broker's port at the moment of each connection.

    pass: as it comes. silent: half open, nothing moves and nothing is closed. slow: a trickle.
    drop: connections are accepted and closed at once.
    """

    def __init__(self, host: str, behind: Callable[[], int]) -> None:
        self._host = host
        self._behind = behind
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._manner: Manner = "pass"
        self._open: set[socket.socket] = set()
        self._over = threading.Event()
        self.accepted = 0
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def behave(self, manner: Manner) -> None:
        """Treat every connection like this from now on."""
        self._manner = manner
        if manner == "drop":
            self.cut()

    def cut(self) -> None:
        """Close every connection that there is."""
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over.set()
        self._listener.close()
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._manner == "drop":
                near.close()
                continue
            try:
                far = socket.create_connection((self._host, self._behind()), 5)
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                one.settimeout(LOOK_S)
                self._open.add(one)
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        """Carry bytes from one end to the other until either is closed."""
        try:
            while not self._over.is_set():
                if self._manner == "silent":
                    time.sleep(LOOK_S)
                    continue
                with contextlib.suppress(TimeoutError):
                    piece = one.recv(SLOW_BYTES if self._manner == "slow" else PIECE)
                    if not piece:
                        return
                    other.sendall(piece)
                    if self._manner == "slow":
                        time.sleep(SLOW_S)
        except OSError:
            return  # the other end is closed
        finally:
            self._open.discard(one)
            for sock in (one, other):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            one.close()
