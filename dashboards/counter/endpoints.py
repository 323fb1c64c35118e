"""The counter: whose card, how much compost, confirm, receipt. One question a screen.

The form for the weight carries a key that was drawn with it, in the address of the next page
too, so that a double click, a reload, the way back, or a second try after a broken connection
books once and shows the same receipt.
"""

import secrets
from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Form, Path, Query, Response

from backend.cards import service as cards
from backend.cards.service import Card
from backend.compost import redeeming
from backend.compost import service as compost
from backend.compost.service import Product
from backend.errors import BackendError, BadInput, BadNumber, NotFound
from backend.ledger import balances
from backend.ledger.errors import LedgerError
from backend.people import service as people
from backend.people.service import Person
from backend.schemas import Digits
from dashboards.counter import weights
from dashboards.page import Page, page_router, staff_page
from dashboards.printed import Month, month_sheet

router = page_router("/counter")
Printer = Annotated[Page, Depends(staff_page("statements:print"))]
Desk = Annotated[Page, Depends(staff_page("redemptions:make"))]
PersonId = Annotated[int, Digits, Path(ge=1, lt=2**53)]
ProductId = Annotated[int, Digits, Query(ge=1, lt=2**53)]
KEY_BYTES = 16
UID_HEX = (8, 14, 20)


@router.get("")
def ask_card(page: Desk) -> Response:
    return page.html("counter/card.html", typed="", refusal=None)


@router.post("")
def find_card(page: Desk, card: Annotated[str, Form(max_length=40)]) -> Response:
    """Take a card's printed number, or its UID as a reader types it."""
    try:
        found = _find(page, card.strip())
    except BackendError as error:
        return _ask_again(page, card, page.refusal(error), error.status)
    if found.state != cards.ACTIVE:
        refusal = page.language.say("This card is blocked. Nothing can be paid with it.")
        return _ask_again(page, card, refusal, 409)
    return page.go(f"/counter/people/{found.person_id}")


@router.get("/people/{person_id}")
def show_person(page: Desk, person_id: PersonId) -> Response:
    """Show the balance, big, and ask for kilograms."""
    return _ask_weight(page, person_id)


@router.get("/people/{person_id}/statement")
def print_statement(page: Printer, person_id: PersonId, month: Month = "") -> Response:
    """A month's statement for somebody who has no telephone."""
    assert page.who is not None
    page.who.saw("statements:print", person_id)
    return month_sheet(page, person_id, month)


@router.get("/people/{person_id}/confirm")
def ask_confirmation(
    page: Desk,
    person_id: PersonId,
    product: ProductId,
    kg: Annotated[str, Query(max_length=40)],
    key: Annotated[str, Query(min_length=8, max_length=64)],
) -> Response:
    """Show what it costs and what would be left; refuse in words what cannot be paid."""
    try:
        grams = weights.grams(kg)
    except BadInput as error:
        return _ask_weight(page, person_id, kg, page.refusal(error), 422)
    person, balance, products = _desk(page, person_id)
    chosen = _chosen(products, product)
    price = chosen.amount_per_kg
    if price is None or grams == 0:
        words = page.language.say("Please write a weight above zero.")
        return _ask_weight(page, person_id, kg, words, 422)
    amount = compost.cost(grams, price)
    refusal = _shortage(page, chosen, balance, grams, amount)
    if refusal:
        return _ask_weight(page, person_id, kg, refusal, 409)
    return page.html(
        "counter/confirm.html",
        person=person,
        product=chosen,
        grams=grams,
        amount=amount,
        balance=balance,
        key=key,
    )


@router.post("/people/{person_id}/redeem")
def redeem(
    page: Desk,
    person_id: PersonId,
    product: Annotated[int, Digits, Form(ge=1, lt=2**53)],
    grams: Annotated[int, Digits, Form(ge=1, lt=2**53)],
    key: Annotated[str, Form(min_length=8, max_length=64)],
) -> Response:
    """Book it, once for each key, and show the receipt."""
    clerk = page.who.signature if page.who else ""
    try:
        made = redeeming.redeem(
            page.services,
            product_id=product,
            person_id=person_id,
            grams=grams,
            served_by=clerk,
            key=key,
        )
    except (BackendError, LedgerError) as error:
        kg = page.show.plain_kg(grams)
        return _ask_weight(page, person_id, kg, page.refusal(error), error.status)
    return page.go(f"/counter/receipts/{made.receipt}")


@router.get("/receipts/{number}")
def show_receipt(page: Desk, number: Annotated[str, Path(max_length=32)]) -> Response:
    ledger_id = page.services.ledger_id
    with page.services.read() as conn:
        made = compost.redemption(conn, ledger_id, number)
        person = people.person(conn, ledger_id, made.person_id)
        if page.who is not None:
            page.who.saw("redemptions:make", person.id)
        lines = balances.statement(
            conn, ledger_id, person.account_id, before_id=made.group_id + 1, limit=1
        )
    return page.html(
        "counter/receipt.html", made=made, person=person, balance_after=lines[0].balance_after
    )


def _find(page: Page, typed: str) -> Card:
    """Find a card by its printed number, else by its UID; the number's error is what is said."""
    services = page.services
    with services.read() as conn:
        try:
            return cards.by_number(conn, services.ledger_id, typed)
        except (BadNumber, NotFound):
            uid = _uid(typed)
            if uid is not None:
                with suppress(NotFound):
                    return cards.by_uid(conn, services.vault, services.ledger_id, uid)
            raise


def _uid(typed: str) -> bytes | None:
    plain = typed.replace(":", "")
    try:
        return bytes.fromhex(plain) if len(plain) in UID_HEX else None
    except ValueError:
        return None


def _ask_again(page: Page, typed: str, refusal: str, status: int) -> Response:
    return page.html("counter/card.html", status=status, typed=typed, refusal=refusal)


def _desk(page: Page, person_id: int) -> tuple[Person, int, list[Product]]:
    """Return the person, what they can spend, and what can be had."""
    services = page.services
    if page.who is not None:
        page.who.saw("redemptions:make", person_id)
    with services.read() as conn:
        person = people.person(conn, services.ledger_id, person_id)
        balance = balances.balance(conn, services.ledger_id, person.account_id).available
        products = compost.products(conn, services.ledger_id, at_s=services.now_s())
    return person, balance, [each for each in products if each.amount_per_kg]


def _ask_weight(
    page: Page, person_id: int, kg: str = "", refusal: str | None = None, status: int = 200
) -> Response:
    person, balance, products = _desk(page, person_id)
    return page.html(
        "counter/person.html",
        status=status,
        person=person,
        balance=balance,
        offers=[(each, _most(each, balance)) for each in products],
        cards=_cards(page, person_id),
        kg=kg,
        key=secrets.token_urlsafe(KEY_BYTES),
        refusal=refusal,
    )


def _cards(page: Page, person_id: int) -> list[Card]:
    with page.services.read() as conn:
        return cards.of_person(conn, page.services.ledger_id, person_id)


def _most(product: Product, balance: int) -> int:
    """Return the most grams that the balance and the stock allow."""
    price = product.amount_per_kg or 1
    return max(0, min(product.stock_g, balance * 1000 // price))


def _chosen(products: list[Product], product_id: int) -> Product:
    for each in products:
        if each.id == product_id:
            return each
    raise NotFound("There is no such product.")


def _shortage(page: Page, product: Product, balance: int, grams: int, amount: int) -> str | None:
    """Say which of the two is short: the balance or the stock."""
    show, say = page.show, page.language.say
    if amount > balance:
        return say(
            "Not enough balance: this costs %(cost)s, the balance is %(balance)s.",
            cost=show.credit(amount),
            balance=show.credit(balance),
        )
    if grams > product.stock_g:
        return say("Not enough in stock: there are %(stock)s left.", stock=show.kg(product.stock_g))
    return None
