"""Kilograms per fraction and point, and whether anything has changed since."""

from tests.backend.village import START_S, STRANGER, Town


def test_streams_add_up_by_fraction_and_point(town: Town) -> None:
    town.gateway.relay(
        ("bin-1", town.bin.deposit()),
        ("bin-1", town.bin.deposit(uid=STRANGER)),
        ("bin-1", town.bin.deposit(fraction="plastic", after_g=10_500, net_g=500)),
        ("bin-1", town.bin.deposit(flags=["unstable"])),
    )

    found = town.browser("officer").get("/v1/streams").json()

    assert (found["net_g"], found["amount"]) == (4_500, 120)
    organic, plastic = found["streams"]
    assert (organic["fraction"], organic["waste_code"]) == ("organic", "20 01 08")
    assert (organic["point"], organic["deposits"]) == ("School", 2)
    assert (organic["net_g"], organic["held_g"]) == (4_000, 2_000)
    assert (plastic["net_g"], plastic["amount"]) == (500, 20)


def test_the_change_counter_moves_with_every_booking_and_only_then(town: Town) -> None:
    officer = town.browser("officer")
    before = officer.get("/v1/streams").json()["change"]
    assert officer.get("/v1/streams").json()["change"] == before

    town.outcome(town.bin.deposit())

    assert officer.get("/v1/streams").json()["change"] > before


def test_streams_of_a_period_leave_the_rest_out(small_town: Town) -> None:
    small_town.gateway.relay(*[("bin-1", small_town.bin.deposit()) for _ in range(4)])

    officer = small_town.browser("officer")
    period = {"since_s": START_S + 2, "until_s": START_S + 4}
    found = officer.get("/v1/streams", params=period).json()

    assert found["streams"][0]["deposits"] == 2


def test_ready_says_what_is_missing(small_town: Town) -> None:
    told = small_town.client.get("/readyz").json()
    assert told["ready"]
    assert all(part["ok"] for part in told["parts"])
    assert small_town.client.get("/healthz").json() == {"alive": True}
