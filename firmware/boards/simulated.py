"""A bin without hardware: `micropython -m firmware.boards.simulated DIR`.

DIR holds settings.json and world.json; the board keeps flash.bin, progress.json and out.jsonl
there. Above the board runs the code that ships. Exit codes: 0 all visits made and all records
settled, 3 given up waiting for that, 4 the power was cut as the world asked, 5 it wants to be
started anew, 6 the watchdog bit.
"""

import asyncio
import json
import os
import sys
import time

from firmware.boards.simchips import Pin, SimHX711, SimMFRC522, SimSSD1306
from firmware.boards.simflash import CUT_EXIT, PowerCut, SimFlash
from firmware.boards.simtime import SimClock, SimWatchdog, WatchdogBite
from firmware.boards.world import World
from firmware.thermometer import MCP9808

SECTORS = 128  # the journal partition of hardware/partitions.csv
# Words that are no end of a visit.
ON_THE_WAY = ("wait", "open_lid", "open_balance", "close_lid", "welcome", "unknown_card")
GIVE_UP_EXIT, RESTART_EXIT, BITTEN_EXIT = 3, 5, 6
GIVE_UP_S, PATIENCE_S = 60, 5  # real seconds; world.json may say otherwise
LATE_RATE = 10  # after the last visit, until the receipts are there


class SimBoard:
    """The same attributes as boards/esp32.py, answered by simulated chips."""

    FEED_S, BITE_S = 300, 900  # long, or simulated months would take hours
    LONGEST_DOZE_S = 3600
    watched = ()

    def __init__(self, folder: str, plan: dict, settings) -> None:
        self._plan = plan
        self.folder = folder
        self._out_path = folder + "/out.jsonl"
        self.clock = SimClock(self._rate)
        self.clock.ticks_start_ms = plan.get("ticks_start_ms", 0)
        self.clock.install()
        load_g = settings.max_g * 9 // 10
        self.world = World(self.clock, folder, plan, load_g, self.note)
        sectors = plan.get("flash_sectors", SECTORS)
        bad = tuple(plan.get("bad_sectors", ()))
        self.flash = SimFlash(folder + "/flash.bin", sectors, self.world.cuts, bad)
        chips = [SimHX711(self.clock, load.raw) for load in self.world.loads]
        self.cells = [(chip.dout, chip.sck) for chip in chips]
        self._wire_reader(settings.reader)
        self.i2c = SimSSD1306()
        self._thermometer = MCP9808(self.i2c)
        self.buzzer = Pin(0)
        self._powered_opens = settings.lid_safe == "locked"
        self.lid_lock = Pin(0, self._lock_moved)
        self._wire_yard(settings)
        self.ticks_ms, self.ticks_us = self.clock.ticks_ms, self.clock.ticks_us
        self.ticks_diff = self.clock.ticks_diff
        self.random = os.urandom
        self.app = None
        self._left = False
        self._pace_ms = 0  # between two looks at the card
        limit_s = plan.get("patience_s", PATIENCE_S)
        self._for_recorded, self._for_settled = Patience(limit_s), Patience(limit_s)

    def _wire_reader(self, name: str) -> None:
        if name == "pn532":
            from firmware.boards.simpn532 import SimPN532

            self.spi = SimPN532(self.clock, self.world.field)
            self.spi.hung = self._plan.get("reader_hangs", False)
            self.reader_cs = Pin(1, self.spi.select)
        else:
            self.spi = SimMFRC522(self.clock, self.world.field)
            self.reader_cs = Pin(1)
        self.reader_rst = Pin(1, self.spi.power)

    def _wire_yard(self, settings) -> None:
        if settings.battery or settings.fill:
            from firmware.boards.simyard import SimConverter, SimUltrasonic

            ratio_x1000 = settings.battery["ratio_x1000"] if settings.battery else 1000
            world = self.world
            self.battery, self.solar = [
                SimConverter(lambda name=name: world.now(name, 12600), ratio_x1000)
                for name in ("battery_mv", "solar_mv")
            ]
            sensor = SimUltrasonic(
                self.clock, lambda: world.now("surface_mm", 900), lambda: world.loads[0].temp_c
            )
            sensor.strays = self._plan.get("strays", 0.0)
            self.fill_trigger, self.fill_echo = sensor.trigger, sensor.echo
            self.pulse_us = sensor.pulse_us

    def lid_switch(self) -> int:
        return 1 if self.world.lid_open else 0

    def temp_c10(self) -> "int | None":
        out = self.world.now("thermometer_out", False)
        self.i2c.temp_c = None if out else self.world.loads[0].temp_c
        return self._thermometer.temp_c10()

    def lock(self) -> int:
        return 0

    def unlock(self, state: int) -> None:
        pass

    async def unix_s(self) -> int:
        return self.world.unix_s() + self.world.now("clock_wrong_s", 0)

    def watchdog(self) -> SimWatchdog:
        return SimWatchdog(self.clock, self.BITE_S)

    def reset_cause(self) -> str:
        return "power"

    def rescue(self) -> bool:
        return "rescue_port" in self._plan

    def open_door(self, password: "str | None") -> tuple:
        return "127.0.0.1", self._plan["rescue_port"]

    def set_time(self, unix_s: int) -> None:
        """Do nothing: TLS asks the machine that simulates."""

    def rssi_dbm(self) -> None:
        """Return None: there is no radio here."""

    def save_power(self, saving: bool) -> None:
        self.note("radio", {"naps": saving})

    async def doze(self, ms: int) -> None:
        """Sleep; nobody being near, until the world does something next."""
        if ms != self._pace_ms:
            self._pace_ms = ms
            self.note("looks", {"every_ms": ms})
        if self.world.finished:
            ms = 1000
        elif self.world.next_ms is not None:
            ms = max(ms, self.world.next_ms - self.world.now_ms())
        await asyncio.sleep_ms(min(ms, 1000 * self.LONGEST_DOZE_S))

    def note(self, event: str, facts: dict) -> None:
        """Write one line of what happened."""
        line = {"event": event, "at_s": self.world.unix_s(), "wall_ms": time.time_ns() // 1000000}
        line.update(facts)
        with open(self._out_path, "a") as out:
            out.write(json.dumps(line) + "\n")
        if event == "shown":
            self.world.shown = facts["word"]
            if facts["word"] not in ON_THE_WAY and facts["word"][:5] != "menu_":
                self.world.told.set()

    def floor(self) -> int:
        """Return what the NVS of a real board keeps."""
        try:
            with open(self.folder + "/nvs.json") as file:
                return json.load(file)["floor"]
        except OSError:
            return 0

    def raise_floor(self, version: int) -> None:
        with open(self.folder + "/nvs.json", "w") as file:
            json.dump({"floor": version}, file)

    def restart(self) -> None:
        """End this start; whoever runs the process begins the next one."""
        self.note("restart", {})
        sys.exit(RESTART_EXIT)

    async def run(self) -> None:
        """Let the world happen, and end the process when it is over."""
        await self.world.live()
        if self._plan.get("until", "settled") == "settled":
            code = await self._settle()
            await self.app.link.leave()
            self.note("end", {"code": code, "unsettled": self.app.journal.depth()})
            sys.exit(code)

    async def _settle(self) -> int:
        deadline = time.time() + self._plan.get("give_up_s", GIVE_UP_S)
        while not self.app.visits.takes_cards or self.app.journal.depth():
            if time.time() > deadline:
                return GIVE_UP_EXIT
            await asyncio.sleep_ms(100)
        return 0

    def _lock_moved(self, level: int) -> None:
        opens = bool(level) == self._powered_opens
        (self.world.unlocked.set if opens else self.world.unlocked.clear)()

    def _rate(self) -> int:
        """Return how many times real time the clock runs now; 0 lets it jump."""
        rate = self._plan.get("speed", 0) or self.rescue()
        if rate or self.app is None:
            return rate
        awaiting = self.app.link.awaiting()
        if awaiting < 0 or self._for_recorded.left(awaiting):
            return 1
        if self.app.link.online and self._for_settled.left(self.app.journal.depth()):
            return 1
        if not self.world.finished:
            return 0
        # Who runs it until it is stopped wants it in real time, once the last visitor has gone.
        self._left = self._left or self.world.shown == "welcome"
        stays = self._plan.get("until", "settled") == "stopped"
        return 1 if stays and self._left else LATE_RATE


class Patience:
    """How long the clock waits for something owed: some real seconds, and again after each."""

    def __init__(self, limit_s: int) -> None:
        self._limit_ms = 1000 * limit_s
        self._owed = 0
        self._since_ms = time.ticks_ms()

    def left(self, owed: int) -> bool:
        """Tell whether to wait on, `owed` things being due."""
        spent = time.ticks_diff(time.ticks_ms(), self._since_ms) >= self._limit_ms
        if owed < self._owed or (owed > self._owed and (not spent or self._owed == 0)):
            self._since_ms, spent = time.ticks_ms(), False
        self._owed = owed
        return owed > 0 and not spent


def main(folder: str) -> None:
    from firmware.passing import tidy
    from firmware.supervisor import LastWords, reason

    tidy()
    with open(folder + "/world.json") as file:
        plan = json.load(file)
    board = SimBoard(folder, plan, _tuning(folder).settings)
    if board.rescue():
        from firmware.rescue import stay

        asyncio.run(stay(board, True))
    try:
        from firmware.app import App  # after the clock is in place

        board.app = App(board, _tuning(folder))
        asyncio.run(board.app.run())
    except PowerCut as cut:
        board.world.cut()
        board.note("cut", {"operation": cut.args[0]})
        sys.exit(CUT_EXIT)
    except WatchdogBite:
        board.note("bitten", {})
        sys.exit(BITTEN_EXIT)
    except Exception as error:
        LastWords(folder).write(reason(error))
        raise


def _tuning(folder: str):
    """Return the settings in force and the keys; kept nowhere, so that the app can drop them."""
    from firmware.tuning import Tuning

    return Tuning(folder)


if __name__ == "__main__":
    main(sys.argv[1])
