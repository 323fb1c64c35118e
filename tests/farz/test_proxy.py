"""The drill's door to the broker fails in the ways it is told to, and in no other."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from farz.drills.proxy import Proxy

HOST = "127.0.0.1"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy before a server that says everything back."""
    server = socket.create_server((HOST, 0))

    def echo(sock: socket.socket) -> None:
        with sock:
            while piece := sock.recv(4096):
                sock.sendall(piece)

    def serve() -> None:
        while True:
            try:
                sock = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=echo, args=(sock,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with Proxy(HOST, lambda: server.getsockname()[1]) as made:
        yield made
    server.close()


def call(proxy: Proxy, limit_s: float = 5) -> socket.socket:
    sock = socket.create_connection((HOST, proxy.port))
    sock.settimeout(limit_s)
    return sock


def test_bytes_pass_both_ways(proxy: Proxy) -> None:
    with call(proxy) as sock:
        sock.sendall(b"hello")
        assert sock.recv(10) == b"hello"


def test_half_open_says_nothing_and_closes_nothing(proxy: Proxy) -> None:
    with call(proxy, 0.3) as sock:
        proxy.behave("silent")
        time.sleep(0.1)
        sock.sendall(b"hello")
        with pytest.raises(TimeoutError):
            sock.recv(10)
        proxy.behave("pass")
        sock.settimeout(5)
        assert sock.recv(10) == b"hello"


def test_slow_is_slow_and_whole(proxy: Proxy) -> None:
    proxy.behave("slow")
    with call(proxy) as sock:
        began_s = time.monotonic()
        sock.sendall(bytes(range(200)))
        got = b""
        while len(got) < 200:
            got += sock.recv(200)
        assert got == bytes(range(200))
        assert time.monotonic() - began_s > 0.3


def test_dropping_accepts_and_closes_and_cuts_what_stands(proxy: Proxy) -> None:
    with call(proxy) as standing:
        standing.sendall(b"x")
        assert standing.recv(1) == b"x"
        proxy.behave("drop")
        assert standing.recv(1) == b""
        with call(proxy) as sock:
            assert sock.recv(1) == b""
    assert proxy.accepted == 2
