"""Simulated time: a discrete-event clock under MicroPython's own asyncio.

The built-in task queue takes its ticks from the machine in C, so queue and task are replaced by
ones in Python that ask this clock. Between events the clock jumps, or runs at `rate()` times real
time: sockets are real, and while one of them owes a reply the rate must not be 0.
"""

import time
from asyncio import core

PERIOD = 1 << 30  # ticks wrap here, as on the ESP32
LONGEST_WAIT_MS = 50  # real; then the rate is asked again


class WatchdogBite(BaseException):
    """Nothing on the board may catch this."""


class SimWatchdog:
    """Restarts the board unless it is fed within `limit_s`; it cannot be stopped."""

    def __init__(self, clock, limit_s: int) -> None:
        self._clock = clock
        self._limit_us = 1000000 * limit_s
        self.feed()

    def feed(self) -> None:
        self._clock.bites_us = self._clock.now_us + self._limit_us


class SimClock:
    def __init__(self, rate) -> None:
        self.now_us = 0
        self.ticks_start_ms = 0  # what the ticks were at the start
        self.bites_us = None  # when the watchdog bites, once it was started
        self._rate = rate

    def ticks_ms(self) -> int:
        return (self.now_us // 1000 + self.ticks_start_ms) % PERIOD

    def ticks_us(self) -> int:
        return self.now_us % PERIOD

    def ticks_add(self, ticks: int, delta: int) -> int:
        return (ticks + delta) % PERIOD

    def ticks_diff(self, later: int, earlier: int) -> int:
        return (later - earlier + PERIOD // 2) % PERIOD - PERIOD // 2

    def spend(self, us: int) -> None:
        """Let time pass because an operation takes it."""
        self.now_us += us
        if self.bites_us is not None and self.now_us > self.bites_us:
            self.bites_us = None
            raise WatchdogBite()

    def install(self) -> None:
        """Put asyncio onto this clock; to be called before any task exists."""
        global _clock
        _clock = self
        core.ticks, core.ticks_add, core.ticks_diff = self.ticks_ms, self.ticks_add, self.ticks_diff
        core.Task, core.TaskQueue, core.IOQueue = Task, TaskQueue, IOQueue
        core.new_event_loop()

    def wait(self, poll, dt_ms: int) -> None:
        """Poll the sockets until the next event, which is dt_ms away (negative: none is known)."""
        rate = self._rate()
        if rate == 0 and dt_ms >= 0:
            poll(0)
            task = core._task_queue.peek()
            if task is not None:
                self.spend(1000 * max(0, self.ticks_diff(task.ph_key, self.ticks_ms())))
            return
        rate = max(1, rate)
        wait_ms = LONGEST_WAIT_MS if dt_ms < 0 else min(LONGEST_WAIT_MS, -(-dt_ms // rate))
        started_us = time.ticks_us()
        poll(wait_ms)
        self.spend(rate * time.ticks_diff(time.ticks_us(), started_us))


_clock = SimClock(int)


class IOQueue(core.IOQueue):
    def wait_io_event(self, dt: int) -> None:
        _clock.wait(super().wait_io_event, dt)


class TaskQueue:
    """Tasks in the order of their time; equal times in the order of arrival."""

    def __init__(self) -> None:
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key: "int | None" = None) -> None:
        task.data = None
        task.ph_key = _clock.ticks_ms() if key is None else key
        at = len(self._tasks)
        while at and _clock.ticks_diff(self._tasks[at - 1].ph_key, task.ph_key) > 0:
            at -= 1
        self._tasks.insert(at, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task) -> None:
        self._tasks.remove(task)


class Task:
    """What asyncio.core expects of a task: coro, data, state and ph_key.

    state: True while running, a TaskQueue once somebody waits for it, None when it ended unheard,
    False when it ended and was heard. data: the queue or task it waits on, then its result.
    """

    def __init__(self, coro, globals=None) -> None:
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        self.state.push(core.cur_task)
        core.cur_task.data = self

    def done(self) -> bool:
        return not self.state

    def cancel(self) -> bool:
        if not self.state:
            return False
        if self is core.cur_task:
            raise RuntimeError("a task cannot cancel itself")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            core._task_queue.push(task)
        elif _clock.ticks_diff(task.ph_key, _clock.ticks_ms()) > 0:
            core._task_queue.remove(task)
            core._task_queue.push(task)
        task.data = core.CancelledError
        return True
