"""Everything of a village on this machine: broker, backend, gateway and bins as processes.

A stage is entered and left: whatever happens in between, no process of it stays behind. Each
part can be killed and started again on its own, which is what the drills do.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

from edge_gateway import attest
from farz.broker import Broker, Kind
from farz.errors import NotInstalled, PartFailed
from farz.founding import Founded, daily_cap_g, found
from farz.processes import ROOT, Part, free_port, python
from farz.town import open_town
from farz.village import Bin, Village
from firmware import contract
from firmware.scale.issuing import issue
from firmware.twin import Twin

HEAP = "2M"
CELLS, E_G, MIN_G, MAX_G = [[84_213, 430, 10]], 5, 100, 60_000
RESTART_EXIT = 5  # of firmware/boards/simulated.py: it wants to be started anew
Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How a stage's bins run: `speed` 0 is as fast as they can, N is N times real time; `world`
    holds further fields of the bins' world.json."""

    start_s: int
    speed: int = 0
    until: str = "settled"
    give_up_s: int = 120
    reads_s: int = 10  # how long a person looks at the display
    world: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Door:
    """Where bins call instead of at the broker itself, and how little that queues.

    `meet` is given the stage before its bins start.
    """

    port: int
    queued: int
    meet: Callable[["Stage"], None]


class Stage:
    """The parts of one village under `base`; use it as a context manager."""

    def __init__(
        self,
        base: Path,
        village: Village,
        pace: Pace,
        say: Say,
        *,
        port: int = 0,
        database_url: str = "",
        broker: Kind | None = None,
        door: Door | None = None,
    ) -> None:
        self.base = base
        self.village = village
        self.pace = pace
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._health_port = free_port()
        self._say = say
        self._broker_kind = broker
        self._door = door
        self._env = {"FARZ_DATA_DIR": str(base / "town"), "FARZ_DATABASE_URL": database_url}
        self._env["FARZ_SYNTHETIC"] = "1"
        self._exit = ExitStack()
        self.founded: Founded
        self.broker: Broker
        self.backend: Part
        self.gateway: Part
        self.bins: dict[str, Part] = {}

    def __enter__(self) -> Self:
        try:
            self._raise_curtain()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _raise_curtain(self) -> None:
        (self.base / "log").mkdir(parents=True, exist_ok=True)
        os.environ.update(self._env)
        public_key = contract.unb64(attest.init(self.base / "gateway"))
        self._say(f"founding a village of {len(self.village.people)} synthetic households")
        with open_town(create=True) as services:
            self.founded = found(
                services,
                self.village,
                public_key,
                self.pace.start_s,
                plain_daily_g=daily_cap_g(self.village),
            )
        passwords = {bin_.device: self.password(bin_.device) for bin_ in self.village.bins}
        secret = self.founded.gateway_key
        self.broker = Broker(
            self.base / "broker",
            {**passwords, "gateway": secret},
            kind=self._broker_kind,
            queued=self._door.queued if self._door else None,
        )
        if self._door:
            self._door.meet(self)
        self._exit.callback(self.broker.stop)
        self.broker.start()
        self._say(f"broker: {self.broker.kind}. {self.broker.note}")
        self.backend = self._backend_part()
        self.start_backend()
        self.gateway = self._gateway_part(secret)
        self.start_gateway()
        for bin_ in self.village.bins:
            self._prepare_bin(bin_, passwords[bin_.device])
            command = [micropython(), "-X", f"heapsize={HEAP}", "-m", "firmware.boards.simboot"]
            path = {"MICROPYPATH": f"{ROOT}:.frozen"}
            part = self._part(bin_.device, [*command, str(self.bin_dir(bin_.device))], path)
            self.bins[bin_.device] = part
            part.start()
        self._say(f"{len(self.bins)} bins run, each in a MicroPython of its own")

    def password(self, device: str) -> str:
        """What a bin shows the broker of its village."""
        bin_ = next(each for each in self.village.bins if each.device == device)
        return bin_.key.hex()[:24]

    def start_backend(self) -> None:
        self.backend.start()
        self.backend.await_ready(lambda: self._answers(f"{self.url}/readyz"))

    def start_gateway(self) -> None:
        self.gateway.start()
        self.gateway.await_ready(lambda: bool(self.gateway_health().get("connected")))

    def gateway_health(self) -> dict[str, Any]:
        """What the gateway says of itself; empty if it does not answer."""
        return fetch(f"http://127.0.0.1:{self._health_port}/healthz")

    def bin_dir(self, device: str) -> Path:
        return self.base / "bins" / device

    def images(self) -> list[tuple[Bin, Path]]:
        return [(bin_, self.bin_dir(bin_.device) / "flash.bin") for bin_ in self.village.bins]

    def close_bins(self) -> None:
        """Let nobody come any more: who is at a bin is served, and it ends when all is settled."""
        for device in self.bins:
            (self.bin_dir(device) / "closed").touch()

    def start_anew(self) -> list[str]:
        """Start every bin again that ended because it wants to be started anew; their names."""
        wanting = [part for part in self.bins.values() if part.exit_code == RESTART_EXIT]
        for part in wanting:
            part.start()
        return [part.name for part in wanting]

    def fallen(self) -> list[Part]:
        """Parts that ended although they should not have."""
        parts = [self.backend, self.gateway, *self.bins.values()]
        return [part for part in parts if part.exit_code not in (None, 0)]

    def _backend_part(self) -> Part:
        return self._part("backend", python("-m", "farz", "serve", "--port", str(self.port)))

    def _gateway_part(self, key: str) -> Part:
        return self._part("gateway", python("-m", "edge_gateway"), self._gateway_env(key))

    def _part(self, name: str, command: list[str], env: dict[str, str] | None = None) -> Part:
        part = Part(name, command, self.base / "log" / f"{name}.log", {**self._env, **(env or {})})
        self._exit.callback(part.stop)
        return part

    def _gateway_env(self, key: str) -> dict[str, str]:
        values = {
            "data_dir": self.base / "gateway",
            "broker_port": self.broker.port,
            "broker_password": key,
            "backend_url": self.url,
            "backend_key": key,
            "health_port": self._health_port,
            "poll_s": 0.3,
            "backoff_max_s": 2,
        }
        return {f"FARZ_GATEWAY_{name.upper()}": str(value) for name, value in values.items()}

    def _prepare_bin(self, bin_: Bin, password: str) -> None:
        folder = self.bin_dir(bin_.device)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "device": bin_.device,
            "key": bin_.key.hex(),
            "key_number": 1,
            "fractions": [bin_.fraction],
            "host": self.broker.host,
            "port": self._door.port if self._door else self.broker.port,
            "user": bin_.device,
            "password": password,
            "e_g": E_G,
            "min_g": MIN_G,
            "max_g": MAX_G,
            "language": "en",
        }
        visits = [
            {"at_s": v.at_s, "uid": v.uid.hex(), "grams": v.grams, "restless_after": v.restless}
            for v in bin_.visits
        ]
        world = {
            "seed": self.village.seed + sum(bin_.device.encode()),
            "speed": self.pace.speed,
            "start_s": self.pace.start_s,
            "until": self.pace.until,
            "give_up_s": self.pace.give_up_s,
            "reads_s": self.pace.reads_s,
            "visits": visits,
            **self.pace.world,
            "cells": CELLS,
        }
        calibration = {
            "v": contract.VERSION,
            "number": 1,
            "cells": CELLS,
            "fit": None,
            "passed": True,
            "limits": [E_G, MIN_G, MAX_G],
            "from_s": self.pace.start_s,
            "until_s": None,
            "seal": "synthetic",
            "by": "synthetic",
        }
        Twin(f"{folder}/calibration").write(issue(bin_.key, bin_.device, 1, calibration))
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "world.json").write_text(json.dumps(world))

    @staticmethod
    def _answers(url: str) -> bool:
        with suppress(URLError, OSError), urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
        return False


def fetch(url: str) -> dict[str, Any]:
    """GET a JSON object; {} if nobody answers."""
    with suppress(URLError, OSError), urlopen(url, timeout=5) as answer:
        body: dict[str, Any] = json.load(answer)
        return body
    return {}


def micropython() -> str:
    """The MicroPython beside this Python, or the one on the path."""
    beside = Path(sys.executable).parent
    program = shutil.which("micropython", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        raise NotInstalled("MicroPython is missing. Mend it: make setup")
    return program


def raise_for(parts: list[Part]) -> None:
    """PartFailed with the last words of the first part that fell."""
    for part in parts:
        raise PartFailed(f"{part.name} ended with code {part.exit_code}:\n{part.last_words()}")
