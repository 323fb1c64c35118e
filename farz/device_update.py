"""A signed bundle on its way to a bin: over the air as orders of the town, or by cable.

The bin takes pieces in order and says how far it came; so whoever lost the way asks, and goes on
from there. After the last piece it starts anew and tries the update; what it says is in force then
is the end of it. Nothing here is trusted by the bin: it checks the bundle's signature itself.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from farz.device_cable import Cable
from farz.errors import FarzError
from firmware import contract

PIECE, CABLE_PIECE = 400, 1024  # bytes: what fits a command; what one question at the cable takes
WINDOW = 6  # orders that may be under way; a bin queues eight
POLL_S = 0.5
SAID = 50  # times at most that an update says how far it is
ANSWER_S = 60.0  # an order that is not answered by then is asked for again
STATE = re.compile(r"version (\d+) in force(?:, (\d+) on trial)?(?:, next (\d+) of (\w+))?$")
MISSING, OTHER_SESSION = "a piece is missing at ", "another session"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Bundle:
    raw: bytes
    version: int
    name: str  # what sender and bin call it: the start of its hash


@dataclass(frozen=True)
class State:
    """What a bin says: in force, on trial (0: none), and how many bytes of which bundle it has."""

    version: int
    trial: int = 0
    taken: int = 0
    name: str = ""


class Way(Protocol):
    """How pieces reach a bin. `answer` waits for the words; FarzError if it refused."""

    piece: int
    window: int

    def send(self, args: dict[str, Any]) -> Any: ...
    def answer(self, sent: Any) -> str: ...


class Refused(FarzError):
    """The bin does not take it; its own words."""


class Silent(FarzError):
    """No answer came in time: the bin is away, or its session ended."""


def read(raw: bytes) -> Bundle:
    """Read what `farz device bundle` wrote. FarzError if it is none."""
    try:
        version = json.loads(raw.split(b"\n", 2)[1])["version"]
        return Bundle(raw, int(version), hashlib.sha256(raw).hexdigest()[:16])
    except (IndexError, KeyError, TypeError, ValueError):
        raise FarzError("This is no bundle. Make one: farz device bundle --help") from None


def state(way: Way) -> State:
    """Ask a bin what is in force."""
    try:
        words = way.answer(way.send({}))
    except Refused as refusal:
        if OTHER_SESSION in str(refusal):
            raise Silent("the bin has begun a new session") from None
        raise
    found = STATE.match(words)
    if found is None:
        raise FarzError(f"The bin does not say what is in force: {words}")
    version, trial, taken, name = found.groups()
    return State(int(version), int(trial or 0), int(taken or 0), name or "")


def send(way: Way, bundle: Bundle, say: Say, patience_s: float) -> State:
    """Bring a bundle to a bin until it is complete there; return the state it found first.

    Raises Refused with the bin's words, Silent after `patience_s` without any progress.
    """
    began = _patiently(lambda: state(way), patience_s, say)
    if began.version == bundle.version:
        return began
    if began.version > bundle.version:
        raise Refused(f"version {began.version} is in force; the bundle is {bundle.version}")
    if began.trial == bundle.version:
        return began
    at = began.taken if began.name == bundle.name else 0
    if at:
        say(f"goes on at byte {at}")
    heard_s = time.monotonic()
    while True:
        try:
            if _run(way, bundle, at, say):
                return began
        except Silent as silent:
            say(str(silent))
        now = _patiently(lambda: state(way), patience_s, say)
        if now.trial == bundle.version or now.version == bundle.version:
            return began  # the last answer was lost, the update was not
        fresh = now.taken if now.name == bundle.name else 0
        if fresh > at:
            heard_s = time.monotonic()
        elif time.monotonic() - heard_s > patience_s:
            raise Silent(f"no progress for {patience_s:.0f} s. The same command goes on from there")
        at = fresh


def _run(way: Way, bundle: Bundle, at: int, say: Say) -> bool:
    """Send from an offset, a few pieces ahead of the answers; True once it is complete.

    False: the bin misses a piece, and must be asked where to go on.
    """
    under_way: list[Any] = []
    while True:
        while at < len(bundle.raw) and len(under_way) < way.window:
            data = contract.b64(bundle.raw[at : at + way.piece])
            under_way.append(way.send({"at": at, "data": data, "of": bundle.name}))
            at += way.piece
        if not under_way:
            return False
        try:
            words = way.answer(under_way.pop(0))
        except Refused as refusal:
            if MISSING in str(refusal) or OTHER_SESSION in str(refusal):
                return False
            raise
        if words == "complete":
            return True
        if at * SAID // len(bundle.raw) > (at - way.piece) * SAID // len(bundle.raw):
            say(f"{words.removeprefix('next ')} of {len(bundle.raw)} bytes")


def await_in_force(way: Way, bundle: Bundle, before: State, say: Say, patience_s: float) -> None:
    """Wait until a bin that has all of a bundle says that it is in force. Refused if it is not."""
    end_s = time.monotonic() + patience_s
    tried = False
    while time.monotonic() < end_s:
        with suppress(Silent):
            now = state(way)
            if now.version == bundle.version:
                return
            if now.trial:
                if not tried:
                    say("the bin tries it")
                tried = True
            elif tried:
                raise Refused(
                    f"version {now.version} is in force again; the bin's journal says why"
                )
        time.sleep(POLL_S)
    raise Silent(f"the bin has not said within {patience_s:.0f} s that it is in force")


def _patiently(ask: Callable[[], State], patience_s: float, say: Say) -> State:
    end_s = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except Silent as silent:
            if time.monotonic() > end_s:
                raise
            say(str(silent))
            time.sleep(POLL_S)


class ByCable:
    """The bin's own program stands still meanwhile; it tries the update when the cable is gone."""

    piece, window = CABLE_PIECE, 1

    def __init__(self, cable: Cable) -> None:
        self._cable = cable

    def send(self, args: dict[str, Any]) -> Any:
        return args

    def answer(self, sent: Any) -> str:
        try:
            return str(self._cable.ask("update", **sent)["words"])
        except FarzError as error:
            raise Refused(str(error).removeprefix("The bin says: ")) from None


class OverAir:
    """Orders through the API of a running backend, which signs each for the bin's session."""

    piece, window = PIECE, WINDOW

    def __init__(self, client: httpx.Client, device: str, answer_s: float = ANSWER_S) -> None:
        self._client = client
        self._device = device
        self._answer_s = answer_s
        self._answers: dict[int, tuple[bool | None, str]] = {}

    def send(self, args: dict[str, Any]) -> Any:
        return self.order("commands", {"name": "update", "args": args})

    def answer(self, sent: Any) -> str:
        end_s = time.monotonic() + self._answer_s
        while time.monotonic() < end_s:
            ok, words = self._answers.get(sent, (None, ""))
            if ok is None:
                rows = self._asked("GET", "orders")
                self._answers.update({row["id"]: (row["ok"], row["words"] or "") for row in rows})
                ok, words = self._answers.get(sent, (None, ""))
            if ok:
                return words
            if ok is False:
                raise Refused(words)
            time.sleep(POLL_S)
        raise Silent(f"{self._device} does not answer")

    def order(self, what: str, body: dict[str, Any] | None = None) -> int:
        """Ask for a command, settings or rotation; return the number its answer comes under."""
        return int(self._asked("POST", what, json=body)["id"])

    def _asked(self, method: str, what: str, **more: Any) -> Any:
        try:
            answer = self._client.request(method, f"/v1/devices/{self._device}/{what}", **more)
        except httpx.TransportError as error:
            raise Silent(f"the backend cannot be reached ({error})") from None
        if answer.status_code == 503:
            raise Silent("the backend is busy")
        if answer.is_error:
            raise FarzError(f"The backend says: {_detail(answer)}")
        return answer.json()


@contextmanager
def signed_in(url: str, login: str, password: str, code: str) -> Iterator[httpx.Client]:
    """Sign in at a backend as a technician. FarzError says why not."""
    body = {"login": login, "password": password, **({"code": code} if code else {})}
    with httpx.Client(base_url=url, timeout=30) as client:
        try:
            answer = client.post("/v1/sessions/staff", json=body)
        except httpx.TransportError as error:
            raise FarzError(
                f"No backend answers at {url} ({error}). Is `farz serve` running?"
            ) from None
        if answer.is_error:
            raise FarzError(f"The backend says: {_detail(answer)}")
        yield client


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text[:200]}"
