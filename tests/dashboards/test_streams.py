"""The municipality's figures are those of the books, and silence is never shown as health."""

import csv
import datetime
import io
from zoneinfo import ZoneInfo

import pytest

from backend.devices import service as devices
from backend.towns import service as towns
from dashboards.municipality import streams
from tests.backend.village import AMAL, START_S, STRANGER, Town

HEBRON = "Asia/Hebron"


@pytest.mark.parametrize(("period", "days"), [("today", 0), ("week", 6), ("month", 29)])
def test_a_period_begins_at_a_midnight_of_the_town(period: str, days: int) -> None:
    start = datetime.datetime.fromtimestamp(
        streams.start_of(period, START_S, HEBRON), ZoneInfo(HEBRON)
    )
    today = datetime.datetime.fromtimestamp(START_S, ZoneInfo(HEBRON)).date()

    assert start.time() == datetime.time(0, 0)
    assert (today - start.date()).days == days


def test_money_outcomes_and_weights_are_those_of_the_books(town: Town) -> None:
    town.outcome(town.bin.deposit(uid=AMAL, net_g=4_000, after_g=14_000))
    town.outcome(town.bin.deposit(uid=STRANGER, net_g=2_000))
    town.outcome(town.bin.deposit(uid=AMAL, fraction="glass"))
    shown = streams.overview(town.services, "all", HEBRON)

    assert shown.total.net_g == 6_000
    assert {bar.name: (bar.net_g, bar.held_g) for bar in shown.fractions} == {
        "organic": (6_000, 0),
        "glass": (0, 2_000),
    }
    assert (shown.money.issued, shown.money.suspended, shown.money.outstanding) == (150, 50, 150)
    assert shown.outcomes == {"credited": 1, "suspended": 1, "held": 1}


def test_a_device_that_fell_silent_is_not_shown_online(town: Town) -> None:
    town.gateway.message("bin-1", "birth", town.bin.birth())
    before = streams.overview(town.services, "all", HEBRON).devices
    town.clock.now_s += streams.SILENT_AFTER_S + 1
    after = streams.overview(town.services, "all", HEBRON).devices

    assert [each.state for each in (*before, *after)] == ["online", "silent"]


def test_the_table_opens_in_arabic_and_runs_nothing(town: Town) -> None:
    with town.services.begin() as conn:
        evil = towns.add_point(conn, 1, "=1+1", now_s=START_S)
        devices.assign(conn, 1, "bin-1", evil.id, from_s=START_S - 10)
    town.outcome(town.bin.deposit(uid=AMAL, net_g=4_000, after_g=14_000))
    office = town.browser("officer")

    answer = office.get("/municipality/streams.csv", params={"period": "all", "lang": "ar"})
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))

    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-type"].startswith("text/csv")
    assert rows[0][:2] == ["نوع النفايات", "نقطة الجمع"]
    assert rows[1] == ["نفايات عضوية", "'=1+1", "1", "4000", "0", "100"]
    assert town.client.get("/municipality/streams.csv").history  # strangers are sent to sign in
