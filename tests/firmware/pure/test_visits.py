"""What a bin writes down by itself, and how seldom: its journal must last for weeks offline."""

import asyncio

from firmware import contract, visits
from firmware.visits import AJAR, DAY, Visits


class Lid:
    open = False

    def is_open(self):
        return self.open

    def lock(self):
        pass


class Scale:
    """Every second time that it rests it has found no rest before, like one in the wind."""

    calibration = doubt = None
    silent, zero_g, rested = False, 0, 0

    @property
    def restless(self):
        return self.rested % 2 == 1

    async def rest(self, alone):
        self.rested += 1

    def disturbed(self):
        pass


class Display:
    def show(self, word, values=()):
        pass


class Journal:
    def __init__(self):
        self.kept, self.readings = [], []

    def append(self, kind, fields):
        self.readings.append(fields["readings"])
        self.kept.append((kind, fields["what"]))


class Settings:
    key, min_g, max_g, dark = bytes(32), 200, 60000, False


class Bin:
    def __init__(self):
        self.lid, self.journal = Lid(), Journal()
        parts = (Scale(), self.journal, self.lid, Display())
        self.visits = Visits(*parts, Settings, lambda record: None)

    def live(self, rests, happens=lambda turn: None):
        """Let it rest so often; `happens(turn)` before each. Return what was written down."""

        async def day():
            visiting = asyncio.create_task(self.visits.run())
            resting = asyncio.create_task(self.visits.rest())
            turn = self.visits.rests
            while self.visits.rests < rests:
                if self.visits.rests == turn:
                    happens(turn)
                    turn += 1
                await asyncio.sleep(0)
            resting.cancel()
            for _ in range(9):
                await asyncio.sleep(0)
            visiting.cancel()

        usual, visits.RESTS_S = visits.RESTS_S, (0,)
        try:
            asyncio.run(day())
        finally:
            visits.RESTS_S = usual
        return self.journal.kept


def test_loose_wire_of_the_lid_fills_no_flash():
    bin_ = Bin()

    def flap(turn):
        for _ in range(10):
            for event in (("lid", True), ("forced",), ("lid", False)):
                bin_.visits.put(event)

    kept = bin_.live(5, flap)

    forced = [row for row in kept if row[0] == "tamper"]
    assert forced == [("tamper", "lid forced")] * len(forced)
    assert 4 <= len(forced) <= 6


def test_scale_in_the_wind_is_told_once_a_day():
    assert Bin().live(DAY - 1) == [("alarm", "scale restless")]
    assert Bin().live(2 * DAY + 2).count(("alarm", "scale restless")) == 2 + 1


def test_lid_that_stays_open_is_told_once_and_so_is_its_end():
    for shut_at, told in ((AJAR - 1, []), (3 * AJAR, ["lid open", "lid shut"])):
        bin_, left = Bin(), []
        bin_.lid.open = True

        def shut(turn, bin_=bin_, left=left, shut_at=shut_at):
            left.append(bin_.visits.left_open)
            bin_.lid.open = turn < shut_at

        kept = bin_.live(4 * AJAR, shut)
        assert [what for _, what in kept if what != "scale restless"] == told
        assert (left[AJAR + 1], left[-1]) == (shut_at > AJAR, False)


def test_alarm_of_many_worn_sectors_names_as_many_as_a_record_may():
    bin_ = Bin()
    bin_.visits.alarm("bad sector", tuple(range(128)))
    bin_.live(1)
    most = contract.LISTS["readings"][0]
    assert bin_.journal.readings[0] == list(range(most))
