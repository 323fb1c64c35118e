"""Safe mode: what a bin does when a technician has pulled its rescue pin low at power-up.

No visits, the lock in its safe state, the journal untouched. A small page on an access point of
the bin's own, behind the password on its label, sets the network and the clock, shows why the last
start ended, and gives out the journal's image (`farz device salvage`). It works without settings
that are whole, for they may be what is broken. One request at a time, each with limits.
"""

import asyncio
import binascii
import json

from firmware import clock, contract, pictures
from firmware.display import SSD1306, Display
from firmware.supervisor import LastWords
from firmware.twin import Twin

LONGEST = 1024  # bytes of a request's head, and of a form
REQUEST_S = 10
SHOW_S, TURNS = 5, 120  # the words alternate; ten minutes, then a bin that was not asked restarts
SSID_LONGEST, PASSWORD_SHORTEST, PASSWORD_LONGEST = 32, 8, 63  # IEEE 802.11, WPA2 passphrase
PAGE = """<!doctype html><meta name=viewport content="width=device-width">
<title>Farz</title><h1>Farz: safe mode</h1><p>Last start ended: %s<p>Clock: %s
<form method=post action=/network><h2>Network</h2><p><label>Name <input name=ssid required
maxlength=32></label><p><label>Password <input name=password minlength=8 maxlength=63></label>
<p><button>Save</button></form>
<form method=post action=/clock onsubmit="s.value=Math.floor(Date.now()/1000)"><h2>Clock</h2>
<input type=hidden name=unix_s id=s><p><button>Set from this phone</button></form>
<p><a href=/journal.bin>Journal image</a><p>Take the jumper off and switch off and on to leave.
"""


def door(key: bytes) -> str:
    """Return the access point's password for a device key: what stands on the bin's label."""
    return binascii.hexlify(contract.derive(key, "door")[:6]).decode()


async def stay(board, asked: bool) -> None:
    """Stay in safe mode: for ever if a person asked for it, else for ten minutes."""
    board.lid_lock(0)
    words = pictures.Pictures(pictures.path("en"))
    display = Display(SSD1306(board.i2c), words, 0, lambda word, values, lines: None)
    page = Rescue(board.folder, board.flash, board.ticks_ms, board.set_time, board.note)
    await page.serve(*board.open_door(_password(board.folder)))
    board.note("safe_mode", {"asked": asked})
    turn = 0
    while asked or turn < TURNS:
        display.show(("safe_mode", "set_up")[turn % 2])
        turn += 1
        await asyncio.sleep(SHOW_S)


def _password(folder: str) -> "str | None":
    """Return the door's password, or None if not even the key can be read."""
    try:
        with open(folder + "/settings.json") as file:
            return door(binascii.unhexlify(json.load(file)["key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Refused(Exception):
    """A request that is not obeyed: status line, words."""


class Rescue:
    """`flash` is the journal's block device, or None if it is missing; `folder` is where
    settings lie."""

    def __init__(self, folder: str, flash, ticks_ms, set_time, note) -> None:
        self._folder = folder
        self._flash = flash
        self._clock = clock.Clock(ticks_ms, Twin(folder + "/clock"))
        self._set_time = set_time
        self._note = note

    async def serve(self, host: str, port: int):
        """Open the page; return the server."""
        return await asyncio.start_server(self._answer, host, port)

    async def _answer(self, reader, writer) -> None:
        try:
            await asyncio.wait_for(self._talk(reader, writer), REQUEST_S)
        except Refused as refusal:
            status, words = refusal.args
            writer.write(_head(status, "text/plain", len(words)) + words.encode())
            await writer.drain()
        except (OSError, EOFError, ValueError, MemoryError, asyncio.TimeoutError):
            pass  # a phone that went away, or what no browser says
        writer.close()
        await writer.wait_closed()

    async def _talk(self, reader, writer) -> None:
        method, path, form = await _request(reader)
        if (method, path) == ("GET", "/journal.bin"):
            await self._image(writer)
            return
        if (method, path) == ("GET", "/"):
            text = self._page()
        elif (method, path) == ("POST", "/network"):
            text = self._network(form)
        elif (method, path) == ("POST", "/clock"):
            text = self._time(form)
        else:
            raise Refused("404 Not Found", "There is no such page.")
        raw = text.encode()
        writer.write(_head("200 OK", "text/html; charset=utf-8", len(raw)) + raw)
        await writer.drain()

    def _page(self) -> str:
        why = LastWords(self._folder).read() or "not told"
        safe = why.replace("&", "&amp;").replace("<", "&lt;")
        return PAGE % (safe, self._clock.surely_s())

    def _network(self, form: dict) -> str:
        ssid, password = form.get("ssid", ""), form.get("password", "")
        length = len(password.encode())
        if not 0 < len(ssid.encode()) <= SSID_LONGEST:
            raise Refused("400 Bad Request", "A network's name has 1 to 32 bytes.")
        if password and not PASSWORD_SHORTEST <= length <= PASSWORD_LONGEST:
            raise Refused("400 Bad Request", "A network's password has 8 to 63 characters.")
        Twin(self._folder + "/wifi").write(json.dumps({"ssid": ssid, "password": password}))
        self._note("network", {"ssid": ssid})
        return "Saved. The bin joins this network at its next start."

    def _time(self, form: dict) -> str:
        try:
            unix_s = int(form.get("unix_s", ""))
            self._clock.repair(unix_s)
        except ValueError:
            raise Refused("400 Bad Request", "That is no time that a bin can have.")
        self._set_time(unix_s)
        self._note("clock", {"unix_s": unix_s})
        return "The clock is set."

    async def _image(self, writer) -> None:
        if self._flash is None:
            raise Refused("404 Not Found", "This board has no partition for a journal.")
        sectors, size = self._flash.ioctl(4, 0), self._flash.ioctl(5, 0)
        writer.write(_head("200 OK", "application/octet-stream", sectors * size))
        buffer = bytearray(size)
        for sector in range(sectors):
            self._flash.readblocks(sector, buffer, 0)
            writer.write(bytes(buffer))
            await writer.drain()


async def _request(reader) -> tuple:
    """Return (method, path, form) of a request; Refused if it is too long or none."""
    line, length, taken = (await reader.readline()).decode(), 0, 0
    while True:
        header = await reader.readline()
        taken += len(header)
        if header in (b"\r\n", b"\n", b""):
            break
        if taken > LONGEST:
            raise Refused("431 Request Header Fields Too Large", "Too long.")
        name, _, value = header.decode().partition(":")
        if name.lower() == "content-length" and value.strip().isdigit():
            length = int(value)
    if length > LONGEST:
        raise Refused("413 Content Too Large", "Too long.")
    parts = line.split(" ")
    if len(parts) != 3:
        raise Refused("400 Bad Request", "That is no request.")
    body = (await reader.readexactly(length)).decode() if length else ""
    return parts[0], parts[1], form_of(body)


def form_of(text: str) -> dict:
    """Return the fields of application/x-www-form-urlencoded text."""
    pairs = [pair.split("=", 1) for pair in text.split("&") if "=" in pair]
    return {_unquoted(name): _unquoted(value) for name, value in pairs}


def _unquoted(text: str) -> str:
    pieces = text.replace("+", " ").split("%")
    out = pieces[0].encode()
    for piece in pieces[1:]:
        try:
            out += bytes([int(piece[:2], 16)]) + piece[2:].encode()
        except ValueError:
            raise Refused("400 Bad Request", "That is no form.")
    return out.decode()


def _head(status: str, kind: str, length: int) -> bytes:
    lines = ("HTTP/1.0 " + status, "Content-Type: " + kind, "Content-Length: " + str(length))
    return ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode()
