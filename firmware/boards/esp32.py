"""The real board: an ESP32 with PSRAM, wired as hardware/pinout.csv says. Never run on silicon yet.

Gives app.py pins, buses, the journal's flash partition, ticks and randomness. The only file that
imports machine, network and esp32.
"""

import asyncio
import json
import os
import sys
import time

import esp32
import machine
import network
import ntptime

from firmware import clock
from firmware.thermometer import MCP9808

# Signal: GPIO. A test holds this against hardware/pinout.csv.
PINS = {
    "scale_dout": 34,
    "scale_sck": 25,
    "spi_sck": 18,
    "spi_mosi": 23,
    "spi_miso": 19,
    "reader_cs": 27,
    "reader_rst": 26,
    "i2c_scl": 22,
    "i2c_sda": 21,
    "lid_lock": 32,
    "lid_switch": 33,
    "buzzer": 13,
    "fill_trigger": 14,
    "fill_echo": 35,
    "battery": 36,
    "solar": 39,
    "rescue": 4,
}
NAMESPACE = "farz"  # of the NVS
JOURNAL = "journal"  # the partition's label in hardware/partitions.csv
SPI_BAUD, I2C_BAUD = 1000000, 100000  # slow enough for a cable to the thermometer
JOIN_S = 30
CAUSES = {
    machine.PWRON_RESET: "power",
    machine.HARD_RESET: "reset",
    machine.WDT_RESET: "watchdog: a loop without end",
    machine.DEEPSLEEP_RESET: "sleep",
    machine.SOFT_RESET: "soft reset",
}


class Esp32Board:
    FEED_S, BITE_S = 10, 60
    LONGEST_DOZE_S = 10
    folder = ""  # of settings and calibration

    def __init__(self) -> None:
        pin, out = machine.Pin, machine.Pin.OUT
        self.lid_lock = pin(PINS["lid_lock"], out, value=0)  # locked before anything else
        self.lid_switch = pin(PINS["lid_switch"], machine.Pin.IN, machine.Pin.PULL_UP)
        dout = pin(PINS["scale_dout"], machine.Pin.IN)
        self.cells = [(dout, pin(PINS["scale_sck"], out, value=0))]
        self.reader_cs = pin(PINS["reader_cs"], out, value=1)
        self.reader_rst = pin(PINS["reader_rst"], out, value=1)
        self.spi = machine.SPI(
            2,
            baudrate=SPI_BAUD,
            sck=pin(PINS["spi_sck"]),
            mosi=pin(PINS["spi_mosi"]),
            miso=pin(PINS["spi_miso"]),
        )
        self.i2c = machine.I2C(0, scl=pin(PINS["i2c_scl"]), sda=pin(PINS["i2c_sda"]), freq=I2C_BAUD)
        self._thermometer = MCP9808(self.i2c)
        self.buzzer = pin(PINS["buzzer"], out, value=0)
        self.fill_trigger = pin(PINS["fill_trigger"], out, value=0)
        self.fill_echo = pin(PINS["fill_echo"], machine.Pin.IN)
        self.pulse_us = machine.time_pulse_us
        self.battery, self.solar = [
            machine.ADC(pin(PINS[name]), atten=machine.ADC.ATTN_11DB)
            for name in ("battery", "solar")
        ]
        self.flash = _journal_partition()
        self.lock, self.unlock = machine.disable_irq, machine.enable_irq
        self.ticks_ms, self.ticks_us = time.ticks_ms, time.ticks_us
        self.ticks_diff = time.ticks_diff
        self.random = os.urandom
        self.turns = 0
        self.watched = [("radio", lambda: self.turns, 120)]
        self._wifi: dict = {}
        self._rescue = pin(PINS["rescue"], machine.Pin.IN, machine.Pin.PULL_UP)
        self._station = network.WLAN(network.STA_IF)

    def rescue(self) -> bool:
        """Tell whether the jumper for safe mode is on."""
        return not self._rescue()

    def open_door(self, password: "str | None") -> tuple:
        """Open an access point for a technician; without a password nobody is let in by radio."""
        if password is not None:
            point = network.WLAN(network.AP_IF)
            point.config(ssid="farz-setup", key=password, security=network.WLAN.SEC_WPA2)
            point.active(True)
        return "0.0.0.0", 80

    def join(self, wifi: dict) -> None:
        """Choose the network that run() joins."""
        self._wifi = wifi

    async def run(self) -> None:
        """Keep the radio joined to its network for ever."""
        self._station.active(True)
        while True:
            self.turns += 1
            if not self._station.isconnected():
                await self._join()
            await asyncio.sleep(5)

    async def _join(self) -> None:
        try:
            self._station.connect(self._wifi["ssid"], self._wifi["password"])
        except OSError:
            pass  # it is busy with itself: it starts afresh below
        for _ in range(JOIN_S):
            await asyncio.sleep(1)
            if self._station.isconnected():
                return
        self._station.disconnect()  # a radio that hangs in a state of its own starts afresh

    async def unix_s(self) -> "int | None":
        """Return the network's time in Unix seconds, or None if nobody answers."""
        if not self._station.isconnected():
            return None
        try:
            told_s = clock.unix_s(ntptime.time(), time.gmtime(0)[0])
        except (OSError, ValueError):
            return None  # nobody answers, or with fewer bytes than an answer has
        return None if told_s == clock.NTP_ZERO_S else told_s

    def temp_c10(self) -> "int | None":
        """Return tenths of a degree at the cells, or None if no thermometer answers."""
        return self._thermometer.temp_c10()

    def watchdog(self):
        """Start the watchdog, which nothing can stop, and return it."""
        return machine.WDT(timeout=1000 * self.BITE_S)

    def reset_cause(self) -> str:
        return CAUSES.get(machine.reset_cause(), "unknown")

    def set_time(self, unix_s: int) -> None:
        """Set the clock that TLS judges certificates by."""
        year, month, day, hour, minute, second, weekday, _ = time.gmtime(
            unix_s - clock.unix_s(0, time.gmtime(0)[0])
        )
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    def rssi_dbm(self) -> "int | None":
        """Return how strongly the access point is heard, or None without one."""
        try:
            return self._station.status("rssi") if self._station.isconnected() else None
        except OSError:
            return None  # it went away between the two questions

    def save_power(self, saving: bool) -> None:
        """Let the radio nap between beacons, or keep it awake."""
        pm = network.WLAN.PM_POWERSAVE if saving else network.WLAN.PM_PERFORMANCE
        self._station.config(pm=pm)

    def floor(self) -> int:
        """Return the lowest version of the firmware that may come, kept apart from the files."""
        try:
            return esp32.NVS(NAMESPACE).get_i32("floor")
        except OSError:
            return 0  # never raised yet

    def raise_floor(self, version: int) -> None:
        kept = esp32.NVS(NAMESPACE)
        kept.set_i32("floor", max(version, self.floor()))
        kept.commit()

    def restart(self) -> None:
        """Lock the lid and start anew; what matters is in the journal."""
        self.lid_lock(0)
        machine.reset()

    async def doze(self, ms: int) -> None:
        await asyncio.sleep_ms(ms)

    def note(self, event: str, facts: dict) -> None:
        """Write a line for the technician's console."""
        sys.stdout.write(event + " " + json.dumps(facts) + "\n")


def _journal_partition():
    """Return the journal's partition, or None: safe mode needs a board without one."""
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=JOURNAL)
    return found[0] if found else None
