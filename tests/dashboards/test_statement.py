"""A month's statement on paper, in both languages, for oneself and at the counter."""

import pytest

from backend.deposits.resolving import pay_provisional
from backend.housekeeping import melt_credit
from backend.ledger.accounts import CREDIT
from backend.ledger.melt_terms import Melting
from backend.ledger.rules import DecideMelting
from tests.backend.village import Town


def test_a_statement_prints_what_moved_and_what_is_left(town: Town) -> None:
    for _ in range(2):
        town.outcome(town.bin.deposit())

    own = town.browser("amal").get("/me/statement?lang=en").text
    printed = town.browser("clerk").get(f"/counter/people/{town.amal.id}/statement?lang=ar").text

    assert own.count("Waste brought") == 2
    assert "Balance at the end" in own
    assert "1.00" in own
    assert 'dir="rtl"' in printed
    assert printed.count("نفايات مفروزة") == 2


def test_another_month_is_empty_and_a_wrong_one_is_refused(town: Town) -> None:
    town.outcome(town.bin.deposit())
    amal = town.browser("amal")

    empty = amal.get("/me/statement?lang=en&month=2020-01")
    wrong = amal.get("/me/statement?lang=en&month=2020-13")

    assert "Nothing moved in this month." in empty.text
    assert wrong.status_code == 422


def test_what_is_of_a_month_ends_with_it(town: Town) -> None:
    town.outcome(town.bin.deposit())
    town.clock.now_s += 40 * 86_400

    page = town.browser("amal").get("/me/statement?lang=en").text

    assert "Nothing moved in this month." in page
    assert page.count("0.50") == 2  # before, and at the end


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Expired: not spent in time"), ("ar", "انتهت صلاحيته")]
)
def test_what_melted_is_told_in_words(town: Town, language: str, words: str) -> None:
    rule = DecideMelting(CREDIT, Melting("expiry", days=1), "two:staff:1,staff:2")
    town.services.poster.submit(rule).result()
    town.outcome(town.bin.deposit())
    before = town.browser("amal").get(f"/me?lang={language}").text
    assert {"en": "Expires unless", "ar": "تنتهي صلاحيته"}[language] in before
    town.clock.now_s += 3 * 86_400
    melt_credit(town.services)

    assert words in town.browser("amal").get(f"/me/statement?lang={language}").text


@pytest.mark.parametrize(
    ("language", "words", "late"),
    [("en", "unless somebody decides", "Its time is over"), ("ar", "ما لم يُقرَّر", "انتهت مدته")],
)
def test_a_resident_reads_until_when_a_deposit_is_held(
    town: Town, language: str, words: str, late: str
) -> None:
    town.outcome(town.bin.deposit(flags=["lid_forced"]))
    town.outcome(town.bin.deposit(flags=["unstable"]))
    amal, name = town.browser("amal"), f"{town.bin.device}/{town.bin.epoch}/{town.bin.seq - 1}"
    pages = ("/me", f"/me/deposits/{name}", "/me/statement")

    for path in pages:
        page = amal.get(f"{path}?lang={language}").text
        assert page.count(words) == 1, path
        assert page.count('<time datetime="2026-10-21') == 1, path
    town.clock.now_s += 31 * 86_400
    amal = town.browser("amal")

    assert late in amal.get(f"{pages[1]}?lang={language}").text
    pay_provisional(town.services)
    for path in pages:
        page = amal.get(f"{path}?lang={language}").text
        assert words not in page
        assert late not in page
