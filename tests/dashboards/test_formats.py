"""Numbers and names keep their shape in both directions of writing."""

from dashboards.formats import Formats
from dashboards.languages import ARABIC, ENGLISH

ENGLISH_TOWN = Formats(ENGLISH, "Asia/Hebron", "QMM", 2)
ARABIC_TOWN = Formats(ARABIC, "Asia/Hebron", "QMM", 2)


def plain(markup: str) -> str:
    return str(markup).replace("\u00a0", " ")


def test_a_negative_amount_keeps_its_minus_before_the_digits() -> None:
    assert '<bdi dir="ltr">\u22125.20</bdi>' in plain(ARABIC_TOWN.credit(-520))


def test_kilograms_are_rounded_from_whole_grams() -> None:
    assert '<bdi dir="ltr">1,234.57</bdi>' in plain(ENGLISH_TOWN.kg(1_234_567))
    assert '<bdi dir="ltr">0.00</bdi>' in plain(ENGLISH_TOWN.kg(0))


def test_grams_are_shown_to_the_last_one() -> None:
    assert "12,345" in ARABIC_TOWN.grams(12_345)
    assert "غ" in ARABIC_TOWN.grams(12_345)


def test_credit_is_exact_also_where_floats_are_not() -> None:
    shown = ENGLISH_TOWN.credit(9_007_199_254_740_993)

    assert "90,071,992,547,409.93" in shown


def test_somebodys_name_cannot_bring_markup_along() -> None:
    assert "<script>" not in ENGLISH_TOWN.words("<script>")
    assert "<script>" not in ENGLISH_TOWN.name("<script>")


def test_a_moment_is_said_in_the_towns_time_and_month_names() -> None:
    assert "21 Sept 2026 · 17:13" in ENGLISH_TOWN.when(1_790_000_000)
    assert "أيلول" in ARABIC_TOWN.when(1_790_000_000)


def test_kilograms_of_a_form_come_back_as_they_were_typed() -> None:
    assert [ENGLISH_TOWN.plain_kg(g) for g in (5000, 2500, 50_000, 1)] == [
        "5",
        "2.5",
        "50",
        "0.001",
    ]
