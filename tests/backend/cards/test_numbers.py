"""The number printed on a card tells a slip of the finger."""

import pytest

from backend.cards import numbers
from backend.errors import BadNumber


def test_every_drawn_number_is_valid() -> None:
    for _ in range(500):
        assert numbers.check(numbers.draw())


def test_the_check_digit_is_luhns() -> None:
    # 7992739871 with the check digit 3 is the textbooks' example; 4242 4242 is a bank's.
    assert numbers.luhn("79927398713") % 10 == 0
    assert numbers.check("4242 4242") == "42424242"


@pytest.mark.parametrize("place", range(numbers.DIGITS))
def test_every_single_wrong_digit_is_told(place: int) -> None:
    number = numbers.draw()
    for wrong in set("0123456789") - {number[place]}:
        with pytest.raises(BadNumber, match="wrong digit"):
            numbers.check(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize("number", ["", "1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨"])
def test_what_has_not_eight_digits_is_told(number: str) -> None:
    with pytest.raises(BadNumber, match="8 digits"):
        numbers.check(number)
