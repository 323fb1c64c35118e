"""The main journeys, as people walk them, in both languages and on a small screen."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.backend.village import AMAL, BASSAM, PIN
from tests.browser.conftest import Open, sign_in
from tests.browser.screens import KEY
from tests.browser.town import Site

WORDS = {
    "en": {"balance": "Balance", "explain": "How it was weighed", "receipt": "Receipt"},
    "ar": {"balance": "الرصيد", "explain": "كيف وُزن", "receipt": "إيصال"},
}
LANGUAGES = ("en", "ar")


def big_balance(page: Page) -> int:
    """Read the balance that a page shows, in minor units."""
    shown = page.locator(".balance .big bdi bdi").inner_text()
    return int(shown.replace(",", "").replace(".", ""))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_resident_sees_the_balance_and_has_a_deposit_explained(
    open_page: Open, site: Site, lang: str
) -> None:
    page = open_page("amal", lang, 360)

    expect(page.locator("html")).to_have_attribute("lang", lang)
    expect(page.locator("h2").first).to_have_text(WORDS[lang]["balance"])
    assert big_balance(page) == site.town.balance(site.town.amal)
    page.click(".deposits a >> nth=0")
    expect(page.get_by_role("heading", name=WORDS[lang]["explain"])).to_be_visible()


def test_a_resident_reads_the_words_of_a_held_deposit(open_page: Open) -> None:
    page = open_page("amal")
    page.locator(".deposits a", has_text="Held").first.click()

    expect(page.locator("main")).to_contain_text("The scale did not come to rest.")


def test_a_resident_walks_back_to_the_first_deposit(open_page: Open) -> None:
    page = open_page("amal")
    pages = 1
    while page.locator("a[rel=next]").count():
        page.click("a[rel=next]")
        pages += 1

    assert pages == 4
    expect(page.locator(".deposits li")).to_have_count(1)


def test_everything_of_a_resident_works_without_scripts(open_page: Open, site: Site) -> None:
    page = open_page("amal", "ar", 360, scripts=False)

    assert big_balance(page) == site.town.balance(site.town.amal)
    page.click(".deposits a >> nth=0")
    expect(page.locator(".sum .fact")).not_to_have_count(0)


def test_signing_out_closes_the_pages(open_page: Open, site: Site) -> None:
    page = open_page("", "ar", 360, scripts=False)
    sign_in(page, site, "bassam")
    page.click("text=خروج")
    page.goto("/me")

    expect(page).to_have_url(re.compile("/sign-in$"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_counter_takes_credit_and_prints_a_receipt(
    open_page: Open, site: Site, lang: str
) -> None:
    site.bring(AMAL, 8_000)
    before = site.town.balance(site.town.amal)
    page = open_page("clerk", lang)
    page.keyboard.type(AMAL.hex(), delay=2)
    page.keyboard.press("Enter")
    page.fill("#kg", "1.5")
    page.click("main button[type=submit]")
    page.click("main button[type=submit]")

    expect(page.locator("article h1")).to_contain_text(WORDS[lang]["receipt"])
    assert site.town.balance(site.town.amal) == before - 45


def test_a_double_click_a_reload_and_the_way_back_book_once(open_page: Open, site: Site) -> None:
    site.bring(BASSAM, 8_000)
    before = site.town.balance(site.town.bassam)
    page = open_page("clerk", scripts=False)
    page.goto(f"/counter/people/{site.town.bassam.id}")
    page.fill("#kg", "1")
    page.click("main button[type=submit]")
    page.locator("main button[type=submit]").dblclick()
    page.wait_for_url("**/counter/receipts/**")
    page.reload()
    page.go_back()
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/counter/receipts/**")

    assert site.town.balance(site.town.bassam) == before - 30


def test_too_little_balance_is_said_and_the_clerk_can_go_on(open_page: Open, site: Site) -> None:
    page = open_page("clerk")
    page.fill("#card", site.town.numbers["bassam"])
    page.click("main button[type=submit]")
    page.fill("#kg", "900")
    page.click("main button[type=submit]")

    expect(page.get_by_role("alert")).to_contain_text("Not enough balance")
    expect(page.locator("#kg")).to_have_value("900")
    expect(page.locator("#kg")).to_be_focused()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_deposit_reaches_the_open_streams_by_itself(
    open_page: Open, site: Site, lang: str
) -> None:
    page = open_page("officer", lang)
    page.goto("/municipality?period=all")
    count = page.locator("#figures .tiles dd").nth(1)
    before = int(count.inner_text())
    assert site.bring(AMAL, 2_000) == "credited"

    expect(count).to_have_text(str(before + 1), timeout=5_000)


def test_streams_that_lost_their_server_say_so(open_page: Open) -> None:
    page = open_page("officer")
    page.route("**/live*", lambda route: route.abort())
    page.goto("/municipality")

    expect(page.locator(".offline")).to_contain_text("connection is lost", timeout=9_000)


def test_the_language_is_switched_and_remembered(open_page: Open) -> None:
    page = open_page("amal", "en")
    page.click("text=العربية")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.goto("/me")

    expect(page.locator("html")).to_have_attribute("lang", "ar")


def test_a_wrong_pin_leaves_the_number_and_says_why(open_page: Open, site: Site) -> None:
    page = open_page("", "en")
    page.goto("/sign-in")
    page.fill("#number", site.town.numbers["bassam"])
    page.fill("#pin", "9999")
    page.click("main button[type=submit]")

    expect(page.get_by_role("alert")).to_contain_text("wrong")
    expect(page.locator("#number")).to_have_value(site.town.numbers["bassam"])
    page.fill("#pin", PIN)
    page.click("main button[type=submit]")
    expect(page).to_have_url(re.compile("/me$"))


def test_the_whole_way_at_the_counter_needs_no_mouse(open_page: Open, site: Site) -> None:
    site.bring(BASSAM, 8_000)
    page = open_page("")
    sign_in(page, site, "clerk")
    for typed in (site.town.numbers["bassam"], "0.5"):
        page.keyboard.type(typed)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    expect(page.locator("article h1")).to_contain_text("Receipt")


def test_a_stray_scan_at_the_confirmation_books_nothing(open_page: Open, site: Site) -> None:
    before = site.town.balance(site.town.amal)
    page = open_page("clerk")
    page.goto(f"/counter/people/{site.town.amal.id}/confirm?product=1&kg=1&key={KEY}")
    page.keyboard.type(BASSAM.hex(), delay=2)
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert "receipts" not in page.url
    assert site.town.balance(site.town.amal) == before
