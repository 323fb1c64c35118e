"""Which language a visitor gets."""

import pytest

from dashboards.languages import choose

TOWN = ("ar", "en")


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "chosen"),
    [
        ("en", "ar", "ar", "en"),
        (None, "en", "ar", "en"),
        (None, None, "en-GB,en;q=0.9", "en"),
        (None, None, "fr;q=0.9,ar-PS;q=0.8,en;q=0.1", "ar"),
        (None, None, "en;q=0,ar", "ar"),
        (None, None, "de", "ar"),
        (None, None, None, "ar"),
        ("xx", "yy", ";;q=,=;q=x", "ar"),
    ],
)
def test_asked_then_remembered_then_accepted_then_the_towns(
    asked: str | None, remembered: str | None, accepted: str | None, chosen: str
) -> None:
    assert choose(asked, remembered, accepted, TOWN).code == chosen


def test_a_language_that_the_town_does_not_offer_is_not_chosen() -> None:
    assert choose("en", None, None, ("ar",)).code == "ar"
