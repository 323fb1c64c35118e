"""The scripted world around a simulated bin: who comes when, with what card, with how many grams.

It acts only through things: a card in the field, a lid, a load on the cell. Its progress is kept
in a file, so that after a power cut or a kill the day goes on where it was.
"""

import asyncio
import json
import os
import random

from firmware.boards.simcard import Field, SimCard
from firmware.boards.simload import HIGHEST, Load
from firmware.scale.calibration import calibration

DAWN_S = 20  # what a start takes before the first visit after it
AT_LID_S, READS_S, LEAVES_S = 15, 10, 30  # patience at a locked lid; reading; at most
CELLS = [[8000, 20, 1]]  # what the cells do, whatever the calibration says of them
RESTLESS_G = 300  # swing of a platform that never comes to rest


class World:
    """`empties_at_g`: from this load on the truck comes before the next visit."""

    def __init__(self, clock, folder: str, plan: dict, empties_at_g: int, note):
        self._clock = clock
        self._path = folder + "/progress.json"
        self._closed = folder + "/closed"
        self._plan = plan
        self._visits = folder + "/visits.jsonl"
        self._count = _put_aside(self._visits, plan.pop("visits"))
        self._empties_at_g = empties_at_g
        self._note = note
        self._progress: dict = _read(self._path) or {
            "visits": 0,
            "cuts": 0,
            "load_g": 0,
            "now_ms": 0,
        }
        self._dice = random
        self._dice.seed(plan.get("seed", 0) * 65537 + self._progress["visits"])
        cells = calibration(1, plan.get("cells", CELLS)).cells
        self.loads: list = [Load(clock, cell, 1 / len(cells)) for cell in cells]
        for load in self.loads:
            load.noise = plan.get("noise_counts", load.noise)
            load.temp_c = plan.get("temp_c", load.temp_c)
            load.span_ppm_c = plan.get("span_ppm_c", load.span_ppm_c)
            load.grams = self._progress["load_g"]
            if "unplugged" in plan:
                load.look = self._plug
        self._base_ms = self._progress["now_ms"] + DAWN_S * 1000 * (self._progress["now_ms"] > 0)
        self.field = Field()
        self._secure = _secure(plan.get("secure", {}), self._progress.get("counters", {}))
        self.lid_open = False
        self.shown = ""  # the word on the display
        self.unlocked = asyncio.Event()
        self.told = asyncio.Event()  # set when the display says that the visit is over
        self.next_ms = None  # when the world acts next, if that is known
        self.finished = False

    @property
    def cuts(self) -> list:
        """The power cuts still to come: the first of them is for this start."""
        return self._plan.get("cuts", [])[self._progress["cuts"] :][:1]

    def cut(self) -> None:
        """Take note that the power was cut."""
        self._progress["cuts"] += 1
        self._save()

    def now_ms(self) -> int:
        return self._base_ms + self._clock.now_us // 1000

    def unix_s(self) -> int:
        return self._plan["start_s"] + self.now_ms() // 1000

    def now(self, name: str, usual):
        """Return what the plan's [[at_s, value], ...] of a name says of this moment."""
        passed = [row[1] for row in self._plan.get(name, []) if 1000 * row[0] <= self.now_ms()]
        return passed[-1] if passed else usual

    def _plug(self, load) -> None:
        """Let a converter whose cell is unplugged say what it says then: its end of range."""
        load.fixed = HIGHEST if self.now("unplugged", False) else None

    async def live(self) -> None:
        """Let everybody come who has not been here yet, unless a file says that it is closed."""
        while self._progress["visits"] < self._count and not _there(self._closed):
            visit = _line(self._visits, self._progress["visits"])
            await self._pass(1000 * visit["at_s"] - self.now_ms())
            await self._visit(visit)
        self.finished = True

    async def _visit(self, visit: dict) -> None:
        if self._progress["load_g"] + visit.get("grams", 0) > self._empties_at_g:
            self._note("truck", {"load_g": self._progress["load_g"]})
            self.lid_open = True
            await self._pass(2000)
            self._load(-self._progress["load_g"])
            self.lid_open = False
            await self._pass(2000)
        self._progress["visits"] += 1
        self._save()
        self._note("came", {"number": self._progress["visits"]})
        if visit.get("lid") == "forced":
            await self._force()
        if "service" in visit:
            await self._serve(visit)
            return
        self.told.clear()
        self.field.cards = [self._card(uid, visit) for uid in visit["uid"].split("+")]
        if await self._happens(self.unlocked, AT_LID_S):
            self.field.cards = []
            if "reads" in visit:
                await self._until_shown(visit["reads"])
            await self._drop(visit)
            await self._happens(self.told, LEAVES_S)
            self._wobble(0)
            await self._pass(1000 * self._plan.get("reads_s", READS_S))
        else:
            self._note("turned_away", {"uid": visit["uid"]})
        self.field.cards = []
        await self._pass(1000)

    async def _serve(self, visit: dict) -> None:
        """A technician shows a card, waits for a word of the menu and shows the card again."""
        for word in ("", visit["service"]):
            if word and not await self._until_shown(word):
                self._note("turned_away", {"uid": visit["uid"]})
                return
            self.told.clear()
            self.field.cards = [self._card(visit["uid"], visit)]
            await self._pass(500)
            self.field.cards = []
            await self._pass(500)
        if visit["service"] == "menu_empty" and await self._happens(self.unlocked, AT_LID_S):
            self.told.clear()
            await self._pass(1500)
            self.lid_open = True
            await self._pass(5000)
            self._load(-self._progress["load_g"])
            self.lid_open = False
        await self._happens(self.told, LEAVES_S)
        await self._pass(1000 * READS_S)

    async def _until_shown(self, word: str) -> bool:
        for _ in range(200):
            if self.shown == word:
                return True
            await self._pass(100)
        return False

    def _card(self, uid: str, visit: dict):
        """Return the card of a visit: it may be torn away, or say again what it said before."""
        card = self._secure.get(uid)
        if card is None:
            return SimCard(bytes.fromhex(uid))
        card.leaves_after = visit.get("leaves_after")
        card.says = card.said if visit.get("replays") else None
        return card

    async def _drop(self, visit: dict) -> None:
        await self._pass(1500)
        if visit.get("lid") == "untouched":
            return
        self.lid_open = True
        await self._pass(1500)
        self._wobble(RESTLESS_G if visit.get("restless_after") else 0)
        self._load(visit["grams"])
        self._note("dropped", {"uid": visit["uid"], "grams": visit["grams"]})
        self._save()
        await self._pass(150000 if visit.get("lid") == "left_open" else 1000)
        self.lid_open = False
        if visit.get("lid") == "reopened":
            await self._pass(300)
            await self._force()

    async def _force(self) -> None:
        """Open the lid although nobody unlocked it, and shut it again."""
        self.lid_open = True
        await self._pass(2000)
        self.lid_open = False
        await self._pass(2000)

    def _load(self, grams: int) -> None:
        self._progress["load_g"] += grams
        for load in self.loads:
            load.put(grams)

    def _wobble(self, grams: int) -> None:
        for load in self.loads:
            load.wobble_g = grams

    async def _happens(self, event, limit_s: int) -> bool:
        self.next_ms = None
        try:
            await asyncio.wait_for(event.wait(), limit_s)
            return True
        except asyncio.TimeoutError:
            return False

    async def _pass(self, ms: int) -> None:
        self.next_ms = self.now_ms() + ms
        await asyncio.sleep_ms(ms)

    def _save(self) -> None:
        self._progress["now_ms"] = self.now_ms()
        self._progress["counters"] = {uid: self._secure[uid].counter for uid in self._secure}
        with open(self._path + ".new", "w") as file:
            json.dump(self._progress, file)
        os.rename(self._path + ".new", self._path)


def _secure(keys: dict, counters: dict) -> dict:
    """Return the secure cards of a plan, {number: [meta key, file key]} in hex."""
    if not keys:
        return {}
    from firmware.boards.simntag import SimNtag424

    cards = {}
    for uid in keys:
        pair = [bytes.fromhex(key) for key in keys[uid]]
        cards[uid] = SimNtag424(bytes.fromhex(uid), pair[0], pair[1], counters.get(uid, 0))
    return cards


def _put_aside(path: str, rows: list) -> int:
    """Write rows into a file and return how many: the heap is a bin's, not its world's."""
    with open(path, "w") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    return len(rows)


def _line(path: str, number: int) -> dict:
    with open(path) as file:
        for _ in range(number):
            file.readline()
        return json.loads(file.readline())


def _there(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def _read(path: str):
    try:
        with open(path) as file:
            return json.load(file)
    except OSError:
        return None
