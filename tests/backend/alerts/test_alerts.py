"""A device's condition and its alerts: opened by a value, ended by a later value alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from backend import tables as t
from backend.alerts import service
from backend.alerts.conditions import OFFLINE_S, RULES, STALE_S, Open, condition
from backend.devices import service as devices
from backend.telemetry import Sample
from tests.backend.telemetry.test_telemetry import post
from tests.backend.village import START_S, Town

TELEMETRY_S = 900  # how often firmware/app.py reports
LOW, FINE = {"battery_mv": 3_300}, {"battery_mv": 3_700}
BATTERY = Open("battery_low", 5, 3_300)


@pytest.mark.parametrize(
    ("age_s", "session", "alerts", "state", "rules"),
    [
        (0, "online", [], "ok", []),
        (STALE_S - 1, None, [], "ok", []),
        (0, "online", [BATTERY], "attention", ["battery_low"]),
        (STALE_S, "online", [], "stale", ["silent"]),
        (STALE_S, "online", [BATTERY], "stale", ["silent", "battery_low"]),
        (STALE_S, "sleeping", [], "ok", ["asleep"]),
        (OFFLINE_S, "sleeping", [], "offline", ["silent"]),
        (OFFLINE_S, "online", [BATTERY], "offline", ["silent", "battery_low"]),
        (0, "lost", [], "offline", ["lost"]),
        (-60, "online", [], "ok", []),
        (None, None, [], "never_seen", ["never_seen"]),
    ],
)
def test_a_condition_and_its_reasons(
    age_s: int | None, session: str | None, alerts: list[Open], state: str, rules: list[str]
) -> None:
    now_s = 10**6
    judged = condition(None if age_s is None else now_s - age_s, session, alerts, now_s)

    assert judged.state == state
    assert [reason.rule for reason in judged.reasons] == rules
    assert all(reason.words for reason in judged.reasons)


def told(town: Town) -> tuple[str, list[str]]:
    """The condition of bin-1 as a technician is told, and why."""
    answer = town.browser("technician").get("/v1/devices/bin-1").json()
    return answer["condition"], [reason["rule"] for reason in answer["reasons"]]


def open_rules(town: Town) -> list[str]:
    return [each["rule"] for each in town.browser("technician").get("/v1/alerts").json()]


def test_a_bin_goes_through_all_its_conditions(town: Town) -> None:
    assert (STALE_S, OFFLINE_S) == (3 * TELEMETRY_S, 86_400), "three reports are missing; a day"
    assert told(town) == ("never_seen", ["never_seen"])
    post(town, FINE)
    assert told(town) == ("ok", [])
    post(town, LOW)
    assert told(town) == ("attention", ["battery_low"])
    town.clock.now_s += STALE_S
    assert told(town) == ("stale", ["silent", "battery_low"])
    town.clock.now_s += OFFLINE_S
    assert told(town) == ("offline", ["silent", "battery_low"])
    post(town, FINE)
    assert told(town) == ("ok", [])


def test_silence_ends_no_alert(town: Town) -> None:
    post(town, LOW)
    for _ in range(3):
        town.clock.now_s += OFFLINE_S
        service.watch(town.services)
    assert open_rules(town) == ["battery_low", "silent"]

    post(town, {"battery_mv": None, "fill_pct": 3})  # it is back, and does not say
    service.watch(town.services)

    assert open_rules(town) == ["battery_low"]
    town.clock.now_s += 60
    post(town, {"battery_mv": 3_599})  # better, but not well
    assert open_rules(town) == ["battery_low"]
    town.clock.now_s += 60
    post(town, FINE)
    assert open_rules(town) == []
    every = town.browser("technician").get("/v1/alerts", params={"resolved": True}).json()
    assert {each["rule"]: each["resolved_value"] for each in every}["battery_low"] == 3_700


def test_a_silent_device_is_not_well_because_the_broker_says_that_it_sleeps(
    small_town: Town,
) -> None:
    """Its last state is said again at each start of a gateway, however old it is."""
    post(small_town, FINE)
    small_town.clock.now_s += STALE_S
    service.watch(small_town.services)
    with small_town.services.begin() as conn:
        conn.execute(update(t.device).values(state="sleeping"))

    service.watch(small_town.services)

    assert open_rules(small_town) == ["silent"]
    assert STALE_S == 3 * TELEMETRY_S, "three reports are missing"


def test_an_alert_is_opened_once_and_costs_the_books_nothing_more(small_town: Town) -> None:
    for _ in range(3):
        post(small_town, LOW)
        small_town.clock.now_s += 900

    answer = small_town.browser("technician").get("/v1/alerts", params={"device": "bin-1"}).json()

    assert [(each["rule"], each["opened_s"]) for each in answer] == [("battery_low", START_S)]
    assert (answer[0]["opened_value"], answer[0]["unit"]) == (3_300, "mV")
    assert small_town.browser("technician").get("/v1/alerts?device=bin-2").json() == []


def test_a_deaf_backend_blames_no_device(small_town: Town) -> None:
    post(small_town, FINE)
    with small_town.services.read() as conn:
        assert devices.device(conn, 1, "bin-1").seen_s is None
    small_town.services.telemetry.store.close()
    small_town.clock.now_s += OFFLINE_S

    service.watch(small_town.services)

    assert open_rules(small_town) == []


def test_a_device_that_was_never_seen_has_no_silent_alert(small_town: Town) -> None:
    small_town.clock.now_s += 10 * OFFLINE_S

    service.watch(small_town.services)

    assert open_rules(small_town) == []


def says(town: Town, kind: str, what: str) -> str:
    said = town.bin.next(kind, what=what, by="bin", readings=[])
    jws = town.bin.sign(said)
    assert town.outcome(jws) == ("noted", "")
    return jws


def test_what_a_bin_signs_as_an_alarm_opens_an_alert_until_somebody_saw_to_it(town: Town) -> None:
    post(town, FINE)
    forced = says(town, "tamper", "lid forced")
    says(town, "alarm", "scale restless")
    town.clock.now_s += 30
    post(town, FINE)

    technician = town.browser("technician")
    found = technician.get("/v1/alerts").json()

    words = {each["rule"]: each["words"] for each in found}
    assert words == {
        "tamper:lid forced": "Somebody was at the bin: lid forced.",
        "alarm:scale restless": "The bin says: scale restless.",
    }
    assert told(town) == ("attention", ["alarm:scale restless", "tamper:lid forced"])
    body = {"device": "bin-1", "rule": "tamper:lid forced"}
    assert town.browser("clerk").post("/v1/alerts/end", json=body).status_code == 403
    assert technician.post("/v1/alerts/end", json=body).status_code == 204
    assert technician.post("/v1/alerts/end", json=body).status_code == 404
    assert town.outcome(forced)[0] == "noted"  # the same record again
    assert open_rules(town) == ["alarm:scale restless"]
    post(town, LOW)
    own = technician.post("/v1/alerts/end", json={"device": "bin-1", "rule": "battery_low"})
    assert (own.status_code, "ends by itself" in own.json()["detail"]) == (422, True)


def test_a_calibration_in_force_again_ends_what_was_said_of_it(small_town: Town) -> None:
    says(small_town, "alarm", "calibration ended")
    says(small_town, "alarm", "calibration in force")

    assert open_rules(small_town) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.none() | st.integers(3_000, 4_000)), min_size=1, max_size=9
    )
)
def test_what_ends_an_alert_is_a_good_value_that_came_after_it(
    reports: list[tuple[int, int | None]],
) -> None:
    _, limit = RULES["battery_low"]
    open_: dict[tuple[str, str], int] = {}
    for at_s, value in reports:
        before = dict(open_)
        for change in service.judge(before, [Sample("bin-1", at_s, {"battery_mv": value})]):
            key = (change.device, change.rule)
            if change.resolves:
                assert value is not None
                assert limit.is_good(value)
                assert at_s > before[key]
                del open_[key]
            else:
                open_[key] = change.at_s
        if value is None:
            assert open_ == before
