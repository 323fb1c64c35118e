"""Commands are obeyed once, in their session, before they expire; everything else is answered."""

import asyncio

from firmware.errors import OrderRefused
from firmware.orders import WAITING, Orders

NOW_S = 1795000000


def order(**changes):
    body = {"v": 1, "name": "identify", "id": "7", "session": 5, "expires_s": NOW_S + 60}
    body["args"] = {}
    body.update(changes)
    return body


def finish(waiting):
    """Run it to its end, also where a browser's event loop runs in this thread."""
    try:
        from concurrent.futures import ThreadPoolExecutor
    except ImportError:  # MicroPython has one loop
        return asyncio.run(waiting)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, waiting).result()


class Bin:
    """What was done and answered."""

    def __init__(self, at_s=NOW_S):
        self.done, self.answers, self.alarms, self.at_s = [], [], [], at_s
        obeys = {"identify": self._identify, "tare": self._tare, "unlock": self._unlock}
        self.called = 0
        says = (self._answer, self._alarm, self._call)
        self.orders = Orders(obeys, lambda: self.at_s, *says)

    def _call(self):
        self.called += 1

    def _answer(self, order_id, ok, words):
        self.answers.append((order_id, ok, words))

    def _alarm(self, channel, why):
        self.alarms.append((channel, why))

    def _identify(self, args):
        self.done.append(args)
        return "shown"

    async def _tare(self, args):
        await asyncio.sleep(0)
        return "zero"

    def _unlock(self, args):
        if not args:
            raise OrderRefused("somebody is at the bin")
        return args["missing"]

    def take(self, *bodies, session=5):
        async def all_of_them():
            for body in bodies:
                self.orders.take(body, session)
            await self.orders.obey()

        finish(all_of_them())
        return self.answers


def test_order_is_obeyed_and_answered():
    bin_ = Bin()
    assert bin_.take(order(args={"x": 1})) == [("7", True, "shown")]
    assert bin_.done == [{"x": 1}]
    assert bin_.called == 1
    assert Bin().take(order(name="tare")) == [("7", True, "zero")]


def test_replayed_order_is_refused_in_words_and_not_obeyed():
    bin_ = Bin()
    answers = bin_.take(order(), order(), order(id="6"), order(id="8"))
    # Refusals are answered at once, what is obeyed when its turn comes.
    assert [(i, ok) for i, ok, _ in answers] == [
        ("7", False),
        ("6", False),
        ("7", True),
        ("8", True),
    ]
    assert answers[0][2] == "it was obeyed before: an order counts once"
    assert len(bin_.done) == 2


def test_order_of_another_session_after_expiry_or_without_a_clock_is_refused():
    for body, at_s, why in (
        (order(session=4), NOW_S, "another session"),
        (order(expires_s=NOW_S), NOW_S, "expired"),
        (order(), None, "clock"),
        (order(id="x"), NOW_S, "once"),
        (order(name="calibrate"), NOW_S, "cannot"),
    ):
        bin_ = Bin(at_s)
        (answer,) = bin_.take(body)
        assert answer[1] is False
        assert why in answer[2], answer
        assert bin_.alarms == [("command", answer[2])]
        assert bin_.done == []


def test_refusals_and_wrong_arguments_are_answered_and_stop_nobody():
    bin_ = Bin()
    answers = bin_.take(
        order(name="unlock"), order(name="unlock", id="8", args={"x": 1}), order(id="9")
    )
    assert answers[0] == ("7", False, "somebody is at the bin")
    assert answers[1][:2] == ("8", False)
    assert answers[2] == ("9", True, "shown")
    assert bin_.alarms == []


def test_an_order_that_fails_in_whatever_way_is_answered_and_stops_nobody():
    for error, why in (
        (OSError(28), "OSError(28"),  # a full flash
        (AttributeError("replace"), "AttributeError"),  # a number where text is read
        (MemoryError(), "no memory for it now: ask again"),
        (RuntimeError("maximum recursion depth exceeded"), "recursion"),
    ):

        def fail(args, error=error):
            raise error

        bin_ = Bin()
        bin_.orders._obeys["unlock"] = fail
        answers = bin_.take(order(name="unlock"), order(id="8"))
        assert [(i, ok) for i, ok, _ in answers] == [("7", False), ("8", True)]
        assert why in answers[0][2]


def test_more_orders_than_can_wait_are_refused():
    bin_ = Bin()
    for number in range(WAITING + 3):
        bin_.orders.take(order(id=str(number + 1)), 5)
    assert [ok for _, ok, _ in bin_.answers] == [False] * 3


def test_a_new_session_counts_orders_anew():
    bin_ = Bin()
    bin_.take(order())
    assert bin_.take(order(session=6, id="3"), session=6)[-1] == ("3", True, "shown")
    bin_.orders.take(order(session=6, id="4", args={"old": 1}), 6)
    bin_.take(order(session=7, id="1"), session=7)
    assert {"old": 1} not in bin_.done  # what waited in a session that is over is not obeyed
