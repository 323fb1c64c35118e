"""Signing in with a card number and PIN, or with a name and a password; and signing out."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Response

from backend.access import signing_in
from backend.access.dependencies import COOKIE, place_of
from backend.access.endpoints import set_cookie
from backend.access.service import Who
from backend.access.signing_in import SignIn
from backend.errors import LockedOut, NotSignedIn
from backend.recovery.guard import open_in_recovery
from dashboards.page import AnyPage, Page, page_router

router = page_router()
Name = Annotated[str, Form(max_length=64)]
Secret = Annotated[str, Form(max_length=200)]


@router.get("/sign-in")
def show_resident_form(page: AnyPage) -> Response:
    return page.html("access/resident.html", number="", refusal=None)


@router.get("/staff/sign-in")
def show_staff_form(page: AnyPage) -> Response:
    return page.html("access/staff.html", login="", refusal=None)


@router.post("/sign-in")
@open_in_recovery
def sign_in_resident(page: AnyPage, number: Name, pin: Secret) -> Response:
    place = place_of(page.request)
    return _enter(
        page,
        lambda: signing_in.resident(page.services, number, pin, place),
        template="access/resident.html",
        number=number,
    )


@router.post("/staff/sign-in")
@open_in_recovery
def sign_in_staff(
    page: AnyPage, login: Name, password: Secret, code: Annotated[str, Form(max_length=32)] = ""
) -> Response:
    place = place_of(page.request)
    return _enter(
        page,
        lambda: signing_in.staff(page.services, login, password, place, code),
        template="access/staff.html",
        login=login,
    )


@router.post("/sign-out")
@open_in_recovery
def sign_out(page: AnyPage) -> Response:
    token = page.request.cookies.get(COOKIE)
    if token:
        signing_in.out(page.services, token)
    response = page.go("/")
    response.delete_cookie(COOKIE)
    return response


def home_of(who: Who | None) -> str | None:
    """Return the first page of somebody's work; None if there is none for their role."""
    if who is None:
        return None
    if who.kind == "resident":
        return "/me"
    if who.may("reports:read"):
        return "/municipality"
    return "/counter" if who.may("redemptions:make") else None


def _enter(page: Page, sign_in: Callable[[], SignIn], template: str, **typed: str) -> Response:
    try:
        made = sign_in()
    except (NotSignedIn, LockedOut) as error:
        refusal = page.refusal(error)
        return page.html(template, status=error.status, refusal=refusal, **typed)
    response = page.go(home_of(made.who) or "/")
    set_cookie(response, page.services.settings, made)
    return response
