"""What a technician's computer asks over the cable: each question is answered by one line of JSON.

The computer interrupts the bin's program, imports this and calls ask(). Nothing here is loaded in
the street. A question that cannot be answered is answered {"error": words}.
"""

import asyncio
import json
import sys

from firmware.errors import FirmwareError
from firmware.slots import Slots

READINGS = 24  # of each cell for one weighing of a calibration
PATIENCE = 3  # times as many tries, then the cell is given up
UNLOCK_S, CARD_S, LIVE_S = 3, 20, 120
POLL_MS = 100


class Cable:
    """`app` is the whole bin, built but not running; `board` is what it was built on."""

    def __init__(self, board, app) -> None:
        self._board = board
        self._app = app
        self._parts = app.parts()

    def ask(self, name: str, **arguments) -> None:
        """Print the answer to one question."""
        try:
            answer = getattr(self, name)(**arguments)
            if not isinstance(answer, dict):
                answer = asyncio.run(answer)
        except (FirmwareError, OSError, ValueError, TypeError) as error:
            answer = {"error": str(error) or repr(error)}
        sys.stdout.write("\n" + json.dumps(answer) + "\n")

    def about(self) -> dict:
        """Who this is, and what is in force."""
        app, parts, slots = self._app, self._parts, Slots(self._board.folder)
        current, settings = parts.certificate.current, parts.settings
        return {
            "device": settings.device,
            "epoch": app.journal.epoch,
            "depth": app.journal.depth(),
            "fw": parts.fw,
            "version": slots.version,
            "cells": len(self._board.cells),
            "cal": 0 if current is None else current.number,
            "cal_refused": parts.certificate.refused,
            "limits": [settings.e_g, settings.min_g, settings.max_g],
            "temp_c10": self._board.temp_c10(),
        }

    async def counts(self) -> dict:
        """The converters' counts under what stands on the platform now: mean and spread of each
        cell, spikes aside."""
        cells: list = [[] for _ in self._board.cells]
        for _ in range(PATIENCE * READINGS):
            for cell, raw in zip(cells, await self._parts.scale.raws()):
                if raw is not None:
                    cell.append(raw)
            if min([len(cell) for cell in cells]) >= READINGS:
                break
        if min([len(cell) for cell in cells]) < READINGS:
            return {"error": "a cell does not answer, or is out of its range"}
        inner = [sorted(cell)[2:-2] for cell in cells]
        return {
            "counts": [(2 * sum(cell) + len(cell)) // (2 * len(cell)) for cell in inner],
            "spread": [cell[-1] - cell[0] for cell in inner],
            "temp_c10": self._board.temp_c10(),
        }

    async def weigh(self) -> dict:
        """One weighing as a visit's: grams, spread, whether it was at rest."""
        weight = await self._parts.scale.after()
        if weight is None:
            return {"error": "the scale does not answer or is not calibrated"}
        return {"grams": weight.grams, "p2p_g": weight.p2p_g, "stable": weight.stable}

    def calibrate(self, jws: str) -> dict:
        """Put a signed calibration in force."""
        return {"number": self._app.put_in_force(jws)}

    def update(self, **piece) -> dict:
        """Take a piece of an update as the command of that name does; without any, tell what is
        in force."""
        return {"words": self._app.renew(piece)}

    def show(self, word: str) -> dict:
        """Show a word on the display."""
        self._parts.display.show(word)
        return {"failures": self._parts.display.failures}

    async def unlock(self, seconds: int = UNLOCK_S) -> dict:
        """Open the lock for a moment; tell whether the lid was opened, and shut again."""
        lid = self._parts.lid
        seen = []
        lid.unlock()
        for _ in range(1000 * seconds // POLL_MS):
            if lid.is_open() != bool(len(seen) % 2):
                seen.append(lid.is_open())
            await asyncio.sleep_ms(POLL_MS)
        lid.lock()
        return {"opened": True in seen, "shut": len(seen) > 0 and not seen[-1]}

    async def card(self, seconds: int = CARD_S) -> dict:
        """Wait for a card at the reader; only the length of its number is told."""
        for _ in range(1000 * seconds // POLL_MS):
            uid = self._parts.reader.uid()
            if uid is not None:
                return {"bytes": len(uid)}
            await asyncio.sleep_ms(POLL_MS)
        return {"error": "no card was seen"}

    async def live(self, seconds: int = LIVE_S) -> dict:
        """Run the whole bin until it proves itself healthy, at most so long.

        A record of its own goes to the gateway and back, whether or not others wait.
        """
        checks = self._app.checks()
        self._parts.scale.disturbed()  # weights were put and taken by hand
        self._app.visits.note("calibration", "acceptance test", (), "cable")
        running = asyncio.create_task(self._app.run())
        for _ in range(seconds):
            if all([checks[name]() for name in checks]) or running.done():
                break
            await asyncio.sleep(1)
        found = {name: bool(checks[name]()) for name in checks}
        running.cancel()
        await asyncio.sleep_ms(0)
        return found
