"""The programme's bench measures what it says, and tells when it falls short."""

import pytest

from bench import programme
from bench.programme import exponent, figures_of


def test_a_small_run_has_every_figure_and_counts_the_same_deposits() -> None:
    made = programme.run(upto=300_000, rounds=1, scale=0.01)
    figures = made["figures"]

    for size in (1_000, 3_000):
        assert figures[f"sqlite_{size}_simulation_over_select"]["value"] > 0
        assert figures[f"sqlite_{size}_scan_over_month"]["value"] > 0
        assert figures[f"sqlite_{size}_peak_rss"]["value"] > 20
    assert figures["sqlite_simulation_exponent"]["value"] < 1.5
    assert made["bench"] == "programme"


def _at(size: int, simulation_s: float, rss_mib: float) -> dict[str, object]:
    return {
        "simulation_s": [simulation_s],
        "select_s": [size / 1_000_000],
        "scan_s": [size / 2_000_000],
        "month_s": [size / 4_000_000],
        "year_s": [size / 1_000_000],
        "replayed": size,
        "rss_mib": rss_mib,
        "summed_per_s": 1.0,
    }


def test_what_is_slow_crooked_or_fat_is_short() -> None:
    good = {n: _at(n, n / 1_000_000, 100) for n in (1_000, 10_000)}
    slow = {n: _at(n, n / 100_000, 100) for n in (1_000, 10_000)}
    crooked = {n: _at(n, (n / 10_000) ** 2 / 100, 100) for n in (1_000, 10_000)}
    fat = {n: _at(n, n / 1_000_000, n) for n in (1_000, 10_000)}

    def short(measured: dict[int, dict[str, object]]) -> set[str]:
        made = programme.report("programme", figures_of("sqlite", measured))
        return {name.removeprefix("sqlite_") for name in made["short"]}

    assert short(good) == set()
    assert short(slow) == {
        "1000_simulation_over_select", "10000_simulation_over_select",
    }  # fmt: skip
    assert "simulation_linear" in short(crooked)
    assert short(fat) == {"memory_of_first_over_last"}


def test_the_exponent_is_the_slope_of_the_logarithms() -> None:
    sizes = [100, 1_000, 10_000]

    assert exponent(sizes, [n * 3e-6 for n in sizes]) == pytest.approx(1)
    assert exponent(sizes, [n**1.5 for n in sizes]) == pytest.approx(1.5)
