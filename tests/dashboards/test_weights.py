"""What a clerk types becomes whole grams, or is refused."""

import pytest

from backend.errors import BadInput
from dashboards.counter import weights


@pytest.mark.parametrize(
    ("typed", "grams"),
    [
        ("2.5", 2500),
        ("2,5", 2500),
        ("٢٫٥", 2500),
        ("۲٫۵", 2500),
        (" 10 ", 10_000),
        ("0.001", 1),
        (".5", 500),
        ("3.", 3000),
    ],
)
def test_kilograms_are_read_in_all_digits_and_separators(typed: str, grams: int) -> None:
    assert weights.grams(typed) == grams


@pytest.mark.parametrize("typed", ["", ".", "-1", "1e3", "1.2.3", "five", "1 000", "½", "²", "nan"])
def test_what_is_not_a_weight_is_refused(typed: str) -> None:
    with pytest.raises(BadInput):
        weights.grams(typed)


@pytest.mark.parametrize("typed", ["0.0001", "1234567890123"])
def test_weights_finer_or_larger_than_any_scale_are_refused(typed: str) -> None:
    with pytest.raises(BadInput):
        weights.grams(typed)
