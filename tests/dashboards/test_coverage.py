"""The municipality's page shows what covers the credit and what waits; a resident, their own."""

from backend.budgets import coverage
from tests.backend.village import START_S, Town


def test_the_page_shows_coverage_and_what_waits(town: Town) -> None:
    town.outcome(town.bin.deposit())
    coverage.keep_today(town.services)
    officer = town.browser("officer")
    period = {"from_s": START_S - 500, "until_s": START_S + 10_000, "amount": 50}
    officer.put("/v1/budgets", json=period)
    assert town.outcome(town.bin.deposit())[0] == "queued"

    page = officer.get("/municipality?lang=en").text
    own = town.browser("amal").get("/me?lang=en").text

    assert "What covers the credit" in page
    assert "<svg" in page
    assert "Credit outstanding</title>" in page
    assert "Waits for budget" in page
    assert "Waits for the town's budget" in own or "Waits for the town&#39;s budget" in own
