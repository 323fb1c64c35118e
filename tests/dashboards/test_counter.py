"""The counter books once, says no in words, and prints what was booked."""

import re

from fastapi.testclient import TestClient
from httpx import Response

from farz.founding import ripe_compost
from tests.backend.village import AMAL, Town

STOCK_G = 3_000


def stocked(town: Town) -> TestClient:
    """A clerk, compost in stock, and 8 kg of Amal's waste at 0.25 a kilogram: 2.00."""
    ripe_compost(town.services, town.product.id, STOCK_G, by="staff:2", key="first")
    town.outcome(town.bin.deposit(uid=AMAL, net_g=8_000, after_g=18_000))
    clerk = town.browser("clerk")
    clerk.cookies.set("farz_language", "en")
    return clerk


def confirm(clerk: TestClient, town: Town, kg: str) -> Response:
    path = f"/counter/people/{town.amal.id}"
    form = hidden(clerk.get(path).text) | {"kg": kg}
    answer: Response = clerk.get(f"{path}/confirm", params=form)
    return answer


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_a_card_number_leads_to_the_balance(town: Town) -> None:
    clerk = stocked(town)
    answer = clerk.post("/counter", data={"card": town.numbers["amal"]})

    assert answer.url.path == f"/counter/people/{town.amal.id}"
    assert "2.00" in answer.text


def test_pages_say_that_a_plain_cards_number_can_be_copied(town: Town) -> None:
    clerk, amal = stocked(town), town.browser("amal")
    amal.cookies.set("farz_language", "en")

    pages = [clerk.get(f"/counter/people/{town.amal.id}"), amal.get("/me")]

    for page in pages:
        assert town.numbers["amal"] in page.text
        assert "Plain card: its number can be copied" in page.text


def test_a_reader_types_the_chips_number(town: Town) -> None:
    clerk = stocked(town)
    answer = clerk.post("/counter", data={"card": AMAL.hex().upper()})

    assert answer.url.path == f"/counter/people/{town.amal.id}"


def test_a_wrong_digit_an_unknown_and_a_blocked_card_are_told_apart(town: Town) -> None:
    clerk, number = stocked(town), town.numbers["amal"]
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    clerk.post(f"/v1/cards/{number}/block")
    answers = [clerk.post("/counter", data={"card": typed}) for typed in (wrong, "0018", number)]

    assert [a.status_code for a in answers] == [422, 422, 409]
    assert "wrong digit" in answers[0].text
    assert "blocked" in answers[2].text


def test_confirming_twice_books_once_and_shows_one_receipt(town: Town) -> None:
    clerk = stocked(town)
    form = hidden(confirm(clerk, town, "2").text)
    path = f"/counter/people/{town.amal.id}/redeem"
    first, second = clerk.post(path, data=form), clerk.post(path, data=form)

    assert first.url == second.url
    assert "1.40" in first.text
    assert town.balance(town.amal) == 140
    assert town.stock() == STOCK_G - 2_000


def test_a_receipt_keeps_the_balance_of_its_moment(town: Town) -> None:
    clerk = stocked(town)
    path = f"/counter/people/{town.amal.id}/redeem"
    receipt = clerk.post(path, data=hidden(confirm(clerk, town, "1").text))
    clerk.post(path, data=hidden(confirm(clerk, town, "1").text))

    assert "1.70" in clerk.get(receipt.url.path).text


def test_more_than_the_balance_is_refused_with_both_numbers(town: Town) -> None:
    answer = confirm(stocked(town), town, "7")

    assert answer.status_code == 409
    assert "Not enough balance" in answer.text
    assert "2.10" in answer.text
    assert "&lt;bdi" not in answer.text


def test_an_empty_stock_is_told_before_anybody_types(town: Town) -> None:
    town.outcome(town.bin.deposit())
    path = f"/counter/people/{town.amal.id}"

    page = town.browser("clerk").get(path, headers={"Accept-Language": "en"}).text

    assert "Not enough in stock: there are" in page
    assert "enough for" not in page.replace("Not enough", "")


def test_more_than_the_stock_is_refused(town: Town) -> None:
    answer = confirm(stocked(town), town, "3.5")

    assert answer.status_code == 409
    assert "Not enough in stock" in answer.text


def test_a_balance_spent_in_between_is_refused_at_the_booking(town: Town) -> None:
    clerk = stocked(town)
    late = hidden(confirm(clerk, town, "1.5").text) | {"grams": "7000"}
    answer = clerk.post(f"/counter/people/{town.amal.id}/redeem", data=late)

    assert answer.status_code == 409
    assert "not enough" in answer.text.lower()
    assert town.balance(town.amal) == 200


def test_a_form_with_other_numbers_under_the_same_key_is_refused(town: Town) -> None:
    clerk = stocked(town)
    form = hidden(confirm(clerk, town, "1").text)
    path = f"/counter/people/{town.amal.id}/redeem"
    clerk.post(path, data=form)
    answer = clerk.post(path, data=form | {"grams": "2000"})

    assert answer.status_code == 422
    assert town.balance(town.amal) == 170


def test_a_weight_that_is_none_is_refused_in_words(town: Town) -> None:
    clerk = stocked(town)

    assert [confirm(clerk, town, kg).status_code for kg in ("five", "0", "")] == [422, 422, 422]


def test_a_receipt_that_is_none_is_not_found(town: Town) -> None:
    assert stocked(town).get("/counter/receipts/R1-00").status_code == 404
