"""What the backend does to a bin from afar: orders, settings, keys, answers. All parts real but the
town, which is a client with the device's key."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farz.broker import Broker
from farz.processes import await_until, free_port
from firmware import contract
from firmware.journal import read_image
from tests.firmware.test_simulated_bin import UIDS, WORD, assert_weighed, visits
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, START_S, Bin

LIMIT_S = 60.0
RESTART = 5
BIN = "bin-01"
MakeBin = Callable[..., Bin]


@pytest.fixture
def town(mosquitto: Broker) -> Iterator[Town]:
    made = Town(mosquitto.port, KEY, word_of("gateway"))
    yield made
    made.close()


@pytest.fixture
def bin_(make_bin: MakeBin, mosquitto: Broker, town: Town, shipped: Path) -> Bin:
    """A bin that has had two visits and stays; nothing of it is unsettled."""
    made = make_bin(BIN)
    made.shrink(shipped)
    made.set_up(mosquitto.port, visits(500, 600), WORD, until="stopped")
    made.start()
    await_until(lambda: len(made.lines("settled")) >= 3, LIMIT_S, "settling")
    await_until(lambda: made.shown()[-1] == "welcome", LIMIT_S, "being alone")
    return made


def result(town: Town, order_id: int) -> tuple[bool, str]:
    """Wait for the result of an order and return it."""

    def found() -> list[tuple[bool, str]]:
        return [(ok, words) for number, ok, words in town.results if number == str(order_id)]

    await_until(lambda: bool(found()), LIMIT_S, f"the result of {order_id}")
    return found()[-1]


def kinds(bin_: Bin) -> list[str]:
    return [body["kind"] for body, _, _ in read_image(bin_.image())]


def alarms(bin_: Bin, what: str) -> list[str]:
    """Why: what the bin wrote down of a kind of trouble, in order."""
    bodies = [body for body, _, _ in read_image(bin_.image()) if body["kind"] == "alarm"]
    return [body["by"] for body in bodies if body["what"] == what]


def test_orders_are_obeyed_and_answered(bin_: Bin, town: Town) -> None:
    town.command(BIN, "identify", 1)
    assert result(town, 1) == (True, "shown and sounded")
    town.command(BIN, "tare", 2)
    ok, words = result(town, 2)
    assert (ok, words.endswith("g are zero now")) == (True, True), words
    town.command(BIN, "unlock", 3)
    assert result(town, 3) == (True, "unlocked")
    town.command(BIN, "unlock", 4)
    assert result(town, 4) == (False, "somebody is at the bin")

    assert [word for word in bin_.shown() if word in ("identify", "serviced")] == [
        "identify",
        "serviced",
    ]
    assert "tare" in kinds(bin_)
    assert not town.faults


def test_tare_outlives_a_restart_and_ends_with_the_next_calibration(bin_: Bin, town: Town) -> None:
    town.command(BIN, "tare", 1)
    assert result(town, 1)[0]

    def zero_again(order_id: int) -> int:
        """Start anew, set the tare again, and return what the scale said until then."""
        births = len(town.births)
        bin_.stop()
        bin_.start()
        await_until(lambda: len(town.births) > births, LIMIT_S, "a start")
        await_until(lambda: bin_.shown()[-1] == "welcome", LIMIT_S, "being alone")
        town.command(BIN, "tare", order_id)
        ok, words = result(town, order_id)
        assert ok, words
        return int(words.split()[0])

    assert abs(zero_again(2)) <= 1
    bin_.calibrate(2)
    assert abs(zero_again(3) - 1100) <= 1


def test_replayed_expired_and_foreign_orders_are_refused_with_the_reason(
    bin_: Bin, town: Town
) -> None:
    town.command(BIN, "identify", 7)
    assert result(town, 7)[0]
    shown = bin_.shown().count("identify")
    for order_id, changes, why in (
        (7, {}, "it was obeyed before: an order counts once"),
        (8, {"session": 1}, "it was given for another session"),
        (9, {"expires_s": START_S}, "it has expired"),
        (10, {"name": "calibrate"}, ""),
    ):
        before = len(town.results)
        town.command(BIN, changes.pop("name", "identify"), order_id, **changes)
        await_until(lambda n=before: len(town.results) > n, LIMIT_S, "a result")  # type: ignore[misc]
        assert town.results[-1][:2] == (str(order_id), False)
        assert why in town.results[-1][2]

    town.down(BIN, "command", {"v": 1, "name": "unlock", "id": "11"}, 1, bytes(32))
    town.command(BIN, "identify", 12)
    assert result(town, 12)[0]
    assert "11" not in {row[0] for row in town.results}
    assert "serviced" not in bin_.shown()
    assert bin_.shown().count("identify") == shown + 1
    assert "order_refused" in bin_.shown()
    assert alarms(bin_, "command refused") == [
        "it was obeyed before: an order counts once",
        "it was given for another session",
        "it has expired",
        "The signature is not the device's.",
    ]


def test_same_refusal_is_written_down_once_a_day(bin_: Bin, town: Town) -> None:
    for order_id in (3, 4, 5):
        town.command(BIN, "unlock", order_id, expires_s=START_S)
        assert result(town, order_id) == (False, "it has expired")

    assert alarms(bin_, "command refused") == ["it has expired"]


def test_records_are_sent_again_and_history_is_served(bin_: Bin, town: Town) -> None:
    received, epoch = town.received, town.births[-1]["epoch"]
    town.command(BIN, "history", 1, args={"epoch": epoch, "first": 0, "last": 2})

    assert result(town, 1)[0]
    await_until(lambda: town.received == received + 3, LIMIT_S, "the history")
    assert all(len(hashes) == 1 for hashes in town.hashes.values())
    town.command(BIN, "history", 2, args={"epoch": "f" * 16, "first": 0, "last": 2})
    assert result(town, 2) == (False, "none of them is kept any more")

    town.settles = False
    town.command(BIN, "tare", 3)
    assert result(town, 3)[0]
    await_until(lambda: town.received == received + 4, LIMIT_S, "the tare")
    town.command(BIN, "resend", 4)
    assert result(town, 4) == (True, "1 records are sent again")
    await_until(lambda: town.received == received + 5, LIMIT_S, "the tare again")


def test_settings_are_applied_whole_and_stay(bin_: Bin, town: Town) -> None:
    town.tune(BIN, 3, fractions=["glass"], language="fr")
    assert bin_.wait() == RESTART

    bin_.start()
    assert result(town, 3) == (True, "in force")
    assert town.births[-1]["fractions"] == ["glass"]
    bin_.stop()


@pytest.mark.parametrize(
    ("number", "values", "why"),
    [
        (2, {"language": "ar"}, "number 3 is in force"),
        (4, {"language": "xx", "fractions": ["metal"]}, "language"),
        (4, {"private_key": "00"}, "not changed from afar"),
    ],
)
def test_old_wrong_and_forbidden_settings_change_nothing_and_say_why(
    bin_: Bin, town: Town, number: int, values: dict[str, object], why: str
) -> None:
    town.tune(BIN, 3, fractions=["glass"])
    assert bin_.wait() == RESTART
    bin_.start()
    assert result(town, 3)[0]

    town.tune(BIN, number, **values)

    ok, words = result(town, number)
    assert (ok, why in words) == (False, True), words
    town.tune(BIN, 9, key=os.urandom(32), language="ar")  # signed by a stranger
    town.command(BIN, "identify", 20)
    assert result(town, 20)[0]
    assert "9" not in {row[0] for row in town.results}
    assert "settings_refused" in bin_.shown()
    told = alarms(bin_, "settings refused")
    assert len(told) == 2
    assert why in told[0]
    assert told[1] == "The signature is not the device's."
    bin_.stop()
    bin_.start()
    await_until(lambda: len(town.births) == 3, LIMIT_S, "a start")
    assert town.births[-1]["fractions"] == ["glass"]


def test_network_settings_that_never_come_online_are_rolled_back(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin(BIN)
    bin_.set_up(mosquitto.port, [], WORD, until="stopped", speed=15)
    bin_.start()
    await_until(lambda: bool(town.births), LIMIT_S, "a birth")
    births = len(town.births)
    town.tune(BIN, 3, port=free_port(), fractions=["glass"])

    assert result(town, 3) == (False, "given up: the bin did not come online with them")
    assert len(town.births) > births
    assert "settings_refused" in bin_.shown()
    assert alarms(bin_, "settings refused") == ["given up: the bin did not come online with them"]
    assert town.births[-1]["fractions"] == ["organic"]
    assert bin_.running
    town.command(BIN, "identify", 4)
    assert result(town, 4)[0]


def test_power_cut_while_network_settings_are_tried_keeps_the_old_ones(
    bin_: Bin, town: Town
) -> None:
    town.tune(BIN, 3, port=free_port())
    await_until(
        lambda: any("are tried" in row.get("why", "") for row in bin_.lines("link")), LIMIT_S, "it"
    )
    bin_.stop()

    bin_.start()

    assert result(town, 3) == (False, "given up: the bin did not come online with them")


def test_network_settings_that_come_online_are_kept(
    bin_: Bin, town: Town, mosquitto: Broker
) -> None:
    town.tune(BIN, 3, host="localhost")
    assert bin_.wait() == RESTART

    bin_.start()

    assert result(town, 3) == (True, "in force")


def test_new_key_signs_after_a_record_has_ended_the_old_one(bin_: Bin, town: Town) -> None:
    new_key = os.urandom(32)
    sealed = town.sealed({"key": new_key.hex()}, 1)
    town.command(BIN, "rotate", 1, args={"number": 2, "sealed": sealed})
    assert result(town, 1) == (True, "key 2 signs from the next start on")
    assert bin_.wait() == RESTART
    town.keys[2] = new_key

    bin_.start()

    await_until(lambda: len(town.births) == 2, LIMIT_S, "a birth under the new key")
    await_until(lambda: "key" in {b["kind"] for b in town.records.values()}, LIMIT_S, "it")
    ended = next(body for body in town.records.values() if body["kind"] == "key")
    assert ended["readings"] == [1, 2]
    assert ended["seq"] == max(seq for _, seq in town.records)
    town.command(BIN, "tare", 2)
    assert result(town, 2)[0]
    await_until(lambda: len(town.records) == ended["seq"] + 2, LIMIT_S, "the tare")
    await_until(lambda: kinds(bin_)[-1] == "tare", LIMIT_S, "the record")
    assert not town.faults


def test_balance_is_asked_for_at_the_tap_and_shown(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    made = make_bin(BIN)
    for visit in (plan := visits(500, 600)):
        visit.update(at_s=10 + 40 * plan.index(visit), reads="open_balance")
    made.set_up(mosquitto.port, plan, WORD, speed=3)

    assert made.run() == 0, made.console()

    assert town.asks == [UIDS[0], UIDS[1]]
    told = [row["values"] for row in made.lines("shown") if row["word"] == "open_balance"]
    assert told == [[None, None, 4200]] * 2
    assert_weighed(town, [500, 600])


def test_holder_of_an_unknown_card_is_told_before_the_waste_is_in(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    town.answers = {"balance": None, "why": "unknown_card"}
    made = make_bin(BIN)
    visit = {"at_s": 20, "uid": UIDS[0], "grams": 500, "reads": "unknown_card"}
    made.set_up(mosquitto.port, [visit], WORD, speed=3)

    assert made.run() == 0, made.console()

    shown = made.shown()
    assert "open_lid" in shown, shown
    assert shown.index("open_lid") < shown.index("unknown_card") < shown.index("saved")
    assert_weighed(town, [500])


def test_answer_to_somebody_elses_question_is_not_shown(bin_: Bin, town: Town) -> None:
    sealed = town.sealed({"balance": 1, "why": ""}, 1)
    town.down(BIN, "answer", {"v": 1, "nonce": "0" * 32, "body": sealed}, 1)
    town.command(BIN, "identify", 1)

    assert result(town, 1)[0]
    assert not [row for row in bin_.lines("shown") if (row["values"] or [0])[-1] == 1]
    assert contract.CHANNELS["answer"][0] == "down"
