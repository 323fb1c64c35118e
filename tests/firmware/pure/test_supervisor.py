"""The watchdog starves when one task hangs, whichever it is."""

from firmware.supervisor import LONGEST, Supervisor, plain, reason

PACE_S = 10


class Dog:
    fed = 0

    def feed(self):
        self.fed += 1


class Tasks:
    """Three tasks: one that works, one that works when stirred, one that may be idle for long."""

    def __init__(self):
        self.now_ms = 0
        self.dog = Dog()
        self.blamed = []
        self.counts = {"busy": 0, "asked": 0, "slow": 0}
        self.hung = ()
        self.guard = Supervisor(self.dog, PACE_S, lambda: self.now_ms, self.blamed.append)
        self.guard.watch("busy", lambda: self.counts["busy"], 30)
        self.guard.watch("asked", lambda: self.counts["asked"], 30, lambda: self.work("asked"))
        self.guard.watch("slow", lambda: self.counts["slow"], 600)

    def work(self, name):
        if name not in self.hung:
            self.counts[name] += 1

    def live(self, seconds):
        """Let time pass; return how often the watchdog was fed."""
        fed = self.dog.fed
        for second in range(0, seconds, PACE_S):
            self.now_ms += 1000 * PACE_S
            self.work("busy")
            if second % 300 == 0:
                self.work("slow")
            self.guard._look()
            if not self.guard.starved:
                self.dog.feed()
        return self.dog.fed - fed


def test_watchdog_is_fed_while_all_work():
    assert Tasks().live(3000) == 300


def test_one_hanging_task_starves_it_and_is_blamed_once():
    for name, within_s in (("busy", 60), ("asked", 60), ("slow", 920)):
        tasks = Tasks()
        tasks.live(100)
        tasks.hung = (name,)
        tasks.live(within_s)
        assert tasks.live(100) == 0
        assert tasks.blamed == ["watchdog: no progress of " + name]


def test_watchdog_once_starved_is_not_fed_again_by_a_task_that_comes_back():
    tasks = Tasks()
    tasks.hung = ("busy",)
    tasks.live(100)
    tasks.hung = ()
    assert tasks.live(100) == 0


def test_reason_fits_into_a_birth():
    try:
        raise ValueError('say "no" \\ \u0641')
    except ValueError as error:
        text = plain(reason(error))
    assert text.startswith("ValueError(")
    assert len(text) <= LONGEST
    assert '"' not in text
    assert "\\" not in text
    assert not [c for c in text if not " " <= c <= "~"]
