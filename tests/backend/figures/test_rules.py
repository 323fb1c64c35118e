"""What may be shown of a month, and that nothing hidden can be told from the rest."""

from collections import Counter
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.figures.rules import ALL, Brought, Cell, K, publish, rounded, suppressed, together

FRACTIONS = ("glass", "metal", "organic", "plastic")


def brought(*households: int, g: int = 1_000) -> Brought:
    return Brought(Counter({str(each): g for each in households}), 0, len(households))


def shown(cells: list[Cell]) -> set[str]:
    return {cell.fraction for cell in cells if not cell.suppressed}


months = st.dictionaries(
    st.sampled_from(FRACTIONS),
    st.builds(
        Brought,
        st.dictionaries(
            st.integers(0, 14).map(str), st.integers(1, 60_000), min_size=1, max_size=15
        ).map(Counter),
        st.integers(0, 9_000),
        st.integers(1, 99),
    ),
)


def test_a_group_of_ten_is_shown_and_one_of_nine_is_not() -> None:
    assert K == 10
    assert brought(*range(10)).safe
    assert not brought(*range(9)).safe
    assert not Brought().safe


def test_one_household_that_brought_more_than_half_hides_nowhere() -> None:
    cell = brought(*range(20))
    cell.grams["1"] = 19_001

    assert not cell.safe


def test_what_nobody_is_known_for_hides_nobody() -> None:
    cell = brought(*range(K - 1))
    cell.unknown_g, cell.deposits = 50_000, 99

    assert not cell.safe
    cells = {"organic": brought(*range(20)), "metal": brought(*range(20))}
    cells["metal"].unknown_g = 19_000
    assert [each.kg for each in publish(cells)] == [60, 40, 20], "what nobody is known for weighs"


def test_a_single_small_cell_takes_another_with_it() -> None:
    cells = {"organic": brought(*range(40)), "glass": brought(*range(20)), "metal": brought(1, 2)}

    assert suppressed(cells) == {"metal", "glass"}
    assert shown(publish(cells)) == {ALL, "organic"}


def test_a_village_too_small_shows_nothing() -> None:
    assert shown(publish({"organic": brought(*range(K - 1))})) == set()
    assert shown(publish({})) == set()


def test_numbers_are_rounded_and_suppressed_ones_are_not_there() -> None:
    cells = {"organic": brought(*range(13), g=1_234), "metal": brought(1)}

    total, metal, organic = publish(cells)

    assert total == Cell(ALL, False, 20, 10, 15)
    assert metal == Cell("metal", True)
    assert organic == Cell("organic", True)
    assert [rounded(n, 10) for n in (0, 4, 5, 14, 15)] == [0, 0, 10, 10, 20]


@given(months)
def test_no_sum_or_difference_of_shown_cells_is_of_a_small_group(
    cells: dict[str, Brought],
) -> None:
    """Total less any of the shown fractions, and any of them together, hide everybody."""
    visible = shown(publish(cells))
    parts = sorted(visible - {ALL})
    subsets = chain.from_iterable(combinations(parts, n) for n in range(len(parts) + 1))
    for subset in subsets:
        told = [together(cells[name] for name in subset)]
        if ALL in visible:
            told.append(together(cells[name] for name in cells if name not in subset))
        for group in told:
            assert group.safe or group.net_g == 0


@given(months)
def test_a_safe_month_is_shown_and_nothing_more_is_hidden_than_must_be(
    cells: dict[str, Brought],
) -> None:
    visible = shown(publish(cells))

    assert (ALL in visible) == together(cells.values()).safe
    if all(cell.safe for cell in cells.values()) and cells:
        assert visible == {ALL, *cells}


def test_without_complementary_suppression_the_check_finds_the_leak() -> None:
    """The control: hiding only what is small itself lets the total less the rest tell it."""
    cells = {"organic": brought(*range(40)), "metal": brought(1, 2)}
    primary = {name for name, cell in cells.items() if not cell.safe}

    rest = together(cells[name] for name in cells if name in primary)

    assert primary == {"metal"}
    assert not rest.safe
    with pytest.raises(AssertionError):
        assert rest.safe or rest.net_g == 0
