"""What bins, trucks and the facility weighed agrees, or the difference is told."""

from typing import Any

from tests.backend.village import START_S, Town


def ticket(town: Town, site: str, name: str, net_g: int, **changes: Any) -> Any:
    body = {
        "site": site,
        "ticket": name,
        "fraction": "organic",
        "point_id": 1,
        "vehicle": "7-1234-99",
        "gross_g": 3_000_000 + net_g,
        "tare_g": 3_000_000,
        "weighed_s": START_S - 10,
    } | changes
    return town.browser("collector").post("/v1/load-tickets", json=body)


def balance(town: Town, **asked: Any) -> Any:
    return town.browser("officer").get("/v1/mass-balance", params=asked).json()


def test_the_stages_are_compared_by_fraction_and_point(town: Town) -> None:
    for _ in range(5):
        town.outcome(town.bin.deposit())  # 2 kg each
    town.gateway.message("bin-1", "birth", town.bin.birth())  # it takes organic alone
    emptied = town.bin.next("emptied", who="s.x", before_g=10_000, after_g=100, container="c1")
    town.outcome(town.bin.sign(emptied))
    ticket(town, "truck", "T-1", 9_900)
    ticket(town, "facility", "F-1", 9_000, point_id=None)

    found = balance(town)
    whole, point = found["town"][0], found["points"][0]

    assert [whole[f"{stage}_g"] for stage in ("deposited", "emptied", "truck", "facility")] == [
        10_000,
        9_900,
        9_900,
        9_000,
    ]
    assert whole["differences"] == [
        ["deposited to emptied", 100, 10],
        ["emptied to truck", 0, 0],
        ["truck to facility", 900, 90],
    ]
    assert whole["alarms"] == ["truck to facility"]
    assert (point["point"], point["facility_g"], point["alarms"]) == ("School", 0, [])
    assert found["unplaced"] == 1
    assert balance(town, tolerance_permille=100)["town"][0]["alarms"] == []


def test_a_ticket_is_entered_once(small_town: Town) -> None:
    first, again = (ticket(small_town, "truck", "T-1", 500) for _ in range(2))
    other = ticket(small_town, "truck", "T-1", 600)

    assert (first.status_code, again.json()["replayed"]) == (201, True)
    assert (other.status_code, other.json()["code"]) == (409, "taken")
    assert ticket(small_town, "facility", "T-1", 500).status_code == 201
    assert balance(small_town)["town"][0]["truck_g"] == 500
    ticket(small_town, "facility", "F-2", 100)
    assert balance(small_town)["town"][0]["alarms"] == ["truck to facility"], "it became more"


def test_a_ticket_that_cannot_be_is_refused(small_town: Town) -> None:
    for changes in (
        {"gross_g": 3_000_000},
        {"weighed_s": START_S + 900},
        {"fraction": "gold"},
        {"point_id": 99},
    ):
        answer = ticket(small_town, "truck", "T-2", 5, **changes)
        assert answer.status_code in (404, 422), changes


def test_a_period_holds_what_happened_in_it(small_town: Town) -> None:
    ticket(small_town, "truck", "T-1", 500)

    assert balance(small_town, since_s=START_S)["town"] == []
    assert len(balance(small_town, until_s=START_S)["town"]) == 1


def test_the_balance_opens_in_a_spreadsheet(small_town: Town) -> None:
    ticket(small_town, "truck", "T-1", 1_000)
    ticket(small_town, "facility", "F-1", 500)

    answer = small_town.browser("officer").get("/v1/mass-balance.csv")

    assert answer.content.startswith(b"\xef\xbb\xbffraction,point,")
    assert "organic,,0,0,1000,500,truck to facility" in answer.text
