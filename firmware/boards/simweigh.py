"""Visits to a faulty platform: `micropython -m firmware.boards.simweigh SEED FIRST RUNS [FAULT]`.

The code that ships, from the converter's pins to the journal, with a simulated load and chip. Each
run is a bin of its own with one fault; a line of JSON says what became of its visits. A weight is
wrong if it differs from what was put in by more than the error permissible in service, and no
flag says that a person must look at it.
"""

import asyncio
import json
import random
import sys

from firmware.boards.simchips import Pin, SimHX711, SimSSD1306
from firmware.boards.simload import Load
from firmware.boards.simram import RamFlash
from firmware.boards.simtime import SimClock
from firmware.display import SSD1306, Display
from firmware.journal import Identity, Journal
from firmware.lid import Lid
from firmware.pictures import Pictures, path
from firmware.reader.card import Card
from firmware.scale import platform
from firmware.scale.calibration import calibration
from firmware.scale.limits import permissible_mg
from firmware.settings import checked
from firmware.visits import Visits

VISITS, E_G = 3, 10
CALIBRATION = calibration(1, [[8000, 20, 1]])
SETTINGS = {
    "device": "bin-01",
    "key": "00" * 32,
    "key_number": 1,
    "fractions": ["organic"],
    "host": "nobody",
    "port": 1883,
    "e_g": E_G,
    "min_g": 200,
    "max_g": 60000,
}
BEFORE_ALL = (-1, 0)


# --- what may be wrong


def _pulses(extra: int):
    """Make the chip see some edges more or fewer, at one pulse in a reading or wherever."""

    def strike(bench, dice):
        odds, at, seen = dice.choice((0.002, 0.04, 1)), 1 + dice.randrange(24), []

        def edges():
            seen.append(1)
            place = len(seen) % 25
            hit = place == at if odds == 1 else dice.random() < odds
            return 1 + extra if hit else 1

        bench.chip.edges = edges

    return strike


def _stretched(us: int):
    def strike(bench, dice):
        odds = dice.choice((0.001, 0.02, 0.2))

        def lag():
            if dice.random() < odds:
                bench.clock.spend(us)

        bench.lag = lag

    return strike


def _stuck(level: int):
    def strike(bench, dice):
        from_us = dice.randrange(900) * 1000000
        honest = bench.chip.dout

        def dout():
            late = bench.clock.now_us > from_us
            return level if late else honest()

        bench.dout = dout

    return strike


def _load(**values):
    """Set the load's own properties; a pair is a range in thousandths."""

    def strike(bench, dice):
        for name in values:
            low, high = values[name]
            setattr(bench.load, name, (low + dice.random() * (high - low)) / 1000)

    return strike


def _saturated(bench, dice):
    bench.load.fixed = dice.choice((0x7FFFFF, -0x800000))


def _unplugged(bench, dice):
    """The open input of the converter wanders until it is out of range."""
    bench.load.drift_g_s = dice.choice((-1, 1)) * (500 + 3000 * dice.random())


def _leaning(bench, dice):
    """Somebody leans on the bin, now and then."""
    bench.load.wobble_g, bench.load.wobble_hz = 20 + 400 * dice.random(), 0.05 + dice.random()


def _unsettled(bench, dice):
    """Extra pulses choose another channel, and the chip does not wait until it has settled."""
    bench.chip.settles_silently = False
    _pulses(1)(bench, dice)


def ordinary(bench, dice):
    """What a sound scale lives with: noise, up to a gram of drift a minute, creep, weather."""
    bench.load.noise = 10
    _load(drift_g_s=(-17, 17), creep=(-0.3, 0.3), temp_c=(-10000, 40000), zero_g_c=(-2000, 2000))(
        bench, dice
    )


FAULTS = {
    "none": lambda bench, dice: None,
    "ordinary day": ordinary,
    "noise": lambda bench, dice: setattr(bench.load, "noise", 1 + dice.randrange(400)),
    "spikes": _load(spikes=(1, 400)),
    "drift": _load(drift_g_s=(-3000, 3000)),
    "slow drift": _load(drift_g_s=(-100, 100)),
    "creep": _load(creep=(-5, 5), creep_s=(20000, 900000)),
    "never stable": _load(wobble_g=(10000, 900000), wobble_hz=(100, 9000)),
    "leaning": _leaning,
    "stuck low": _stuck(0),
    "stuck high": _stuck(1),
    "24 pulses": _pulses(-1),
    "26 pulses": _pulses(1),
    "26 pulses, unsettled": _unsettled,
    "28 pulses": _pulses(3),
    "stretched clock": _stretched(45),
    "power down": _stretched(130),
    "saturation": _saturated,
    "unplugged": _unplugged,
}


# --- a bin and its visitors


class Bench:
    """One bin with one fault."""

    def __init__(self, fault: str, seed: int) -> None:
        random.seed(seed)
        self.clock = SimClock(lambda: 0)
        self.clock.install()
        settings = checked(SETTINGS)
        self.load = Load(self.clock, CALIBRATION.cells[0])
        self.chip = SimHX711(self.clock, self.load.raw)
        self.dout, self.lag = self.chip.dout, None
        self.cells = [(lambda: self.dout(), self._sck)]
        self.ticks_us, self.ticks_diff = self.clock.ticks_us, self.clock.ticks_diff
        self.load.grams = random.randrange(20000)
        FAULTS[fault](self, random)
        self.scale = platform.of_board(self, settings, CALIBRATION, self._up_ms, lambda: None)
        identity = Identity("bin-01", 1, "0123456789abcdef")
        self.journal = Journal(RamFlash(4), identity, _numbers, self._common)
        self.lid_open, self.unlocked = False, Pin(0)
        lid = Lid(self.unlocked, lambda: self.lid_open)
        words = Pictures(path("en"))
        display = Display(SSD1306(SimSSD1306()), words, 2, self._say)
        self.said = []
        self.visits = Visits(self.scale, self.journal, lid, display, settings, self._saved)
        self.result = {"fault": fault, "visits": 0, "refused": 0, "flagged": 0, "interrupted": 0}
        self.result.update(right=0, wrong=0, lost=0, doubled=0, errors_mg=[], samples=[])

    def lock(self) -> int:
        return 0

    def temp_c10(self) -> int:
        return 200

    def unlock(self, state: int) -> None:
        pass

    async def live(self) -> dict:
        """Let everybody come, and return what became of their visits."""
        tasks = [asyncio.create_task(self.visits.run()), asyncio.create_task(self.visits.rest())]
        for _ in range(VISITS):
            await asyncio.sleep(90 + random.randrange(700))
            await self._visit(200 + random.randrange(9000))
        for task in tasks:
            task.cancel()
        await asyncio.sleep_ms(0)
        return self.result

    async def _visit(self, grams: int) -> None:
        place = self._last_place()
        self.result["visits"] += 1
        self.said = []
        self.visits.put(("card", Card(b"\x04\xa1\xb2\xc3", None)))
        while not self.unlocked() and not self._over():
            await asyncio.sleep_ms(100)
        dropped = self.unlocked()
        if dropped:
            await self._drop(grams)
        while not self._over():
            await asyncio.sleep_ms(100)
        self._judge(place, grams if dropped else None)
        await asyncio.sleep(30)  # until the display is the next one's

    async def _drop(self, grams: int) -> None:
        await asyncio.sleep_ms(1000 + random.randrange(9000))
        self._move_lid(True)
        await asyncio.sleep_ms(1000 + random.randrange(5000))
        self.load.put(grams)
        await asyncio.sleep_ms(500 + random.randrange(9000))
        self._move_lid(False)

    def _over(self) -> bool:
        words = [word for word in self.said if word not in ("wait", "open_lid", "welcome")]
        return self.visits.takes_cards and bool(words)

    def _move_lid(self, is_open: bool) -> None:
        self.lid_open = is_open
        self.visits.put(("lid", is_open))

    def _judge(self, place, grams) -> None:
        bodies, result = self._bodies_after(place), self.result
        if grams is None:
            result["refused"] += 1
            result["doubled"] += len(bodies)
            return
        result["lost"] += not bodies
        result["doubled"] += max(0, len(bodies) - 1)
        for body in bodies:
            if body["kind"] == "interrupted":
                result["interrupted"] += 1
            elif body["flags"]:
                result["flagged"] += 1
            else:
                self._judge_weight(1000 * (body["net_g"] - grams), grams)

    def _judge_weight(self, error_mg: int, grams: int) -> None:
        allowed_mg = permissible_mg(1000 * grams, E_G, True)
        self.result["right" if abs(error_mg) <= allowed_mg else "wrong"] += 1
        self.result["errors_mg"].append([error_mg, allowed_mg // 2])
        self.result["samples"].append(self.scale.taken)

    def _last_place(self):
        place, record = BEFORE_ALL, self.journal.unsettled_after(BEFORE_ALL)
        while record is not None:
            place = record.place
            record = self.journal.unsettled_after(place)
        return place

    def _bodies_after(self, place) -> list:
        bodies, record = [], self.journal.unsettled_after(place)
        while record is not None:
            if record.body["kind"] in ("deposit", "interrupted"):
                bodies.append(record.body)
            record = self.journal.unsettled_after(record.place)
        return bodies

    def _sck(self, level: int) -> None:
        self.chip.sck(level)
        if level and self.lag is not None:
            self.lag()

    def _up_ms(self) -> int:
        return self.clock.now_us // 1000

    def _common(self) -> dict:
        common = {"at_s": None, "clock": "unset", "up_ms": self._up_ms(), "cal": 1, "flags": []}
        common["temp_c10"] = self.temp_c10()
        return common

    def _say(self, word: str, values: tuple, lines: list) -> None:
        self.said.append(word)

    def _saved(self, record) -> None:
        pass


def _numbers(n: int) -> bytes:
    return bytes(range(n))


def main(seed: int, first: int, runs: int, fault: str = "") -> None:
    names = [fault] if fault else sorted(FAULTS)
    for number in range(first, first + runs):
        bench = Bench(names[number % len(names)], seed * 1000003 + number)
        sys.stdout.write(json.dumps(asyncio.run(bench.live())) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
