"""Every page, in both languages, narrow and wide: accessible, whole, and the right way round."""

from collections.abc import Iterator
from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.browser.screens import all_screens
from tests.browser.town import Site

LANGUAGES, WIDTHS = ("ar", "en"), (360, 1280)
ROLES = ("", "amal", "clerk", "officer")
BOTH = [*product(ROLES, LANGUAGES)]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {
    "runOnly": {"type": "tag", "values": TAGS},
    # Contrast of 7:1, which the house asks beyond level AA.
    "rules": {"color-contrast-enhanced": {"enabled": True}},
    "resultTypes": ["violations"],  # what is right need not be listed element by element
}
# What stands outside the window, whatever its width.
OUTSIDE = """() => [...document.querySelectorAll("main *, header *")]
    .filter(e => e.getClientRects().length && !e.closest("thead, svg"))
    .map(e => [e.tagName, e.className, e.getBoundingClientRect()])
    .filter(([, , box]) => box.left < -0.5 || box.right > innerWidth + 0.5)
    .map(([tag, name]) => tag + "." + name)"""
RESIDENT_BYTES = 60 * 1024
TALL_ENOUGH_PX = 48


def walk(page: Page, site: Site, role: str) -> Iterator[str]:
    for screen in all_screens(site):
        if screen.role == role:
            page.goto(screen.path)
            yield screen.name


@pytest.mark.parametrize(("role", "lang"), BOTH)
def test_pages_are_accessible_and_whole(open_page: Open, site: Site, role: str, lang: str) -> None:
    """... and say that the town is made up."""
    page = open_page(role, lang)
    for name, width in product(walk(page, site, role), WIDTHS):
        page.set_viewport_size({"width": width, "height": 800})
        found = Axe().run(page, options=OPTIONS)
        assert found.violations_count == 0, f"{name} {width}\n{found.generate_report()}"
        assert page.evaluate(OUTSIDE) == [], f"{name} {width}: cut off"
        assert page.locator(".synthetic").is_visible(), name


@pytest.mark.parametrize(("lang", "starts_left"), [("en", True), ("ar", False)])
def test_lines_start_at_the_languages_own_side(
    open_page: Open, lang: str, starts_left: bool
) -> None:
    page = open_page("amal", lang)
    box = {
        name: page.locator(selector).first.bounding_box()
        for name, selector in {
            "brand": ".brand",
            "nav": ".top nav",
            "what": ".deposits .what",
            "worth": ".deposits .worth",
            "name": ".bars tbody th",
            "figure": ".bars .figure >> nth=1",
        }.items()
    }
    x = {name: each["x"] for name, each in box.items() if each is not None}

    assert (x["brand"] < x["nav"]) is starts_left
    assert (x["what"] < x["worth"]) is starts_left
    assert (x["name"] < x["figure"]) is starts_left


@pytest.mark.parametrize(("lang", "starts_left"), [("en", True), ("ar", False)])
def test_bars_grow_from_the_start_of_the_line(
    open_page: Open, lang: str, starts_left: bool
) -> None:
    page = open_page("amal", lang)
    rail = page.locator(".bars tr:nth-child(2) rect.rail").bounding_box()
    bar = page.locator(".bars tr:nth-child(2) rect:not(.rail)").bounding_box()
    assert rail is not None
    assert bar is not None

    assert bar["width"] < rail["width"] / 2
    assert (abs(bar["x"] - rail["x"]) < 1) is starts_left


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_pressed_at_the_counter_is_large_enough(
    open_page: Open, site: Site, lang: str
) -> None:
    page = open_page("clerk", lang, 360)
    for name in walk(page, site, "clerk"):
        small = page.evaluate(
            """(least) => [...document.querySelectorAll("a, button, input:not([type=hidden])")]
                .filter(e => e.getClientRects().length && !e.matches(".skip"))
                .filter(e => e.getBoundingClientRect().height < least)
                .map(e => e.outerHTML)""",
            TALL_ENOUGH_PX,
        )
        assert small == [], name


def test_text_is_large(open_page: Open, site: Site) -> None:
    page = open_page("amal", "ar")
    for name in walk(page, site, "amal"):
        sizes = page.evaluate(
            """() => [...document.querySelectorAll("main *")]
                .filter(e => e.innerText && e.getClientRects().length)
                .map(e => parseFloat(getComputedStyle(e).fontSize))"""
        )
        assert min(sizes) >= 18, name


def test_a_residents_page_is_light_to_load(open_page: Open) -> None:
    page = open_page("amal", "ar", 360)
    transferred = page.evaluate(
        """() => performance.getEntriesByType("navigation")
            .concat(performance.getEntriesByType("resource"))
            .reduce((sum, entry) => sum + entry.encodedBodySize + 300, 0)"""
    )

    assert 10_000 < transferred <= RESIDENT_BYTES


def test_arabic_is_set_in_the_fonts_that_come_along(open_page: Open) -> None:
    page = open_page("", "ar")
    page.goto("/")
    loaded = page.evaluate(
        """async () => { await document.fonts.ready;
            return [...document.fonts].filter(f => f.status === "loaded").map(f => f.weight) }"""
    )

    assert sorted(loaded) == ["400", "700"]
