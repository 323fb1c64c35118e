"""Numbers, units, moments and names as a page shows them, each isolated with <bdi>.

In a right-to-left line an unwrapped minus sign or identifier moves to the wrong side, so every
one of them passes through here. Digits are Latin in all languages, as on the bins' displays.
"""

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal
from markupsafe import Markup

from dashboards.languages import Language

NO_BREAK = "\u00a0"
MINUS = "\u2212"


class Formats:
    """How one visitor sees this town's numbers; `currency` and `scale` are the town's."""

    def __init__(self, language: Language, timezone: str, currency: str, scale: int) -> None:
        self._language = language
        self._timezone = ZoneInfo(timezone)
        self._currency = currency
        self._scale = scale

    def number(self, value: int) -> Markup:
        return _left_to_right(self._decimal(value))

    def kg(self, grams: int, decimals: int = 2) -> Markup:
        """Grams as kilograms, for reading."""
        return self._with_unit(self._decimal(grams, 3, decimals), self._language.say("kg"))

    def grams(self, grams: int) -> Markup:
        """Grams to the last one, for checking."""
        return self._with_unit(self._decimal(grams), self._language.say("g"))

    def credit(self, amount: int) -> Markup:
        """Minor units as the town's currency."""
        return self._with_unit(self.credit_number(amount), self._language.say(self._currency))

    def credit_number(self, amount: int) -> str:
        return self._decimal(amount, self._scale, self._scale)

    def plain_kg(self, grams: int) -> str:
        """Kilograms without a unit or grouping, as a form sends them."""
        return f"{Decimal(grams).scaleb(-3):f}".rstrip("0").rstrip(".")

    def name(self, value: object) -> Markup:
        """An identifier or a number that is read out digit by digit."""
        return Markup('<bdi dir="ltr" class="id">{}</bdi>').format(value)

    def words(self, value: object) -> Markup:
        """Somebody's own words: a person's or a place's name, in whatever script."""
        return Markup("<bdi>{}</bdi>").format(value)

    def day(self, at_s: int) -> Markup:
        return self._moment(at_s, "d MMMM y")

    def when(self, at_s: int) -> Markup:
        return self._moment(at_s, "d MMM y · HH:mm")

    def clock(self, at_s: int) -> Markup:
        return self._moment(at_s, "HH:mm:ss")

    def _decimal(self, value: int, scale: int = 0, decimals: int = 0) -> str:
        """Write value / 10**scale, rounded to `decimals` places, in whole-number arithmetic."""
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        exact = abs(Decimal(value).scaleb(-scale))
        shown = format_decimal(exact, pattern, locale=self._language.locale)
        return (MINUS if value < 0 else "") + shown

    def _with_unit(self, number: str, unit: str) -> Markup:
        return Markup('<bdi><bdi dir="ltr">{}</bdi>{}<span class="unit">{}</span></bdi>').format(
            number, NO_BREAK, unit
        )

    def _moment(self, at_s: int, pattern: str) -> Markup:
        at = datetime.datetime.fromtimestamp(at_s, tz=self._timezone)
        shown = format_datetime(at, pattern, locale=self._language.locale)
        return Markup('<time datetime="{}"><bdi>{}</bdi></time>').format(at.isoformat(), shown)


def _left_to_right(shown: str) -> Markup:
    return Markup('<bdi dir="ltr">{}</bdi>').format(shown)
