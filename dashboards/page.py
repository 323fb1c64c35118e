"""One request for a page: who asks, in which language, about which town; and the answer.

Routes take a `Page` as a dependency and return `page.html(...)` or `page.go(...)`. Nothing of a
page may be loaded from elsewhere, run inline, be framed, or be kept by a cache.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backend.access.dependencies import maybe_who, services_of
from backend.access.service import Who
from backend.errors import BackendError, BadInput, Forbidden
from backend.ledger.errors import LedgerError
from backend.services import Services
from backend.towns import service as towns
from backend.towns.service import Town
from dashboards import errors
from dashboards.formats import Formats
from dashboards.labels import label
from dashboards.languages import LANGUAGES, Language, choose

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "farz_language"
A_YEAR_S = 365 * 24 * 3600
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "Cache-Control": "no-store",
    # Without the origin in the request a form could not be told from another site's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Cookie, Accept-Language",
}


def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]  # by the extension
        language.translations, newstyle=True
    )
    return environment


ENVIRONMENTS = {code: _environment(language) for code, language in LANGUAGES.items()}


@dataclass(frozen=True)
class Page:
    request: Request
    services: Services
    town: Town
    language: Language
    who: Who | None

    @property
    def show(self) -> Formats:
        return Formats(self.language, self.town.timezone, self.town.currency, self.town.scale)

    @property
    def synthetic(self) -> bool:
        return self.services.settings.synthetic

    def label(self, kind: str, word: str) -> str:
        return label(self.language, kind, word)

    @property
    def person_id(self) -> int:
        """The resident who is signed in. Raises SignInNeeded."""
        if self.who is None or self.who.kind != "resident":
            raise errors.SignInNeeded("/sign-in")
        return self.who.id

    def text(self, template: str, **values: object) -> str:
        return (
            ENVIRONMENTS[self.language.code]
            .get_template(template)
            .render(page=self, show=self.show, languages=LANGUAGES, **values)
        )

    def html(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        response = HTMLResponse(self.text(template, **values), status, headers=HEADERS)
        self._remember_language(response)
        return response

    def go(self, path: str) -> RedirectResponse:
        """Answer a form: the browser gets the next page, and reloading repeats nothing."""
        return RedirectResponse(path, 303, headers=HEADERS)

    def refusal(self, error: BackendError | LedgerError) -> str:
        return errors.words(error, self.language)

    def in_language(self, code: str) -> str:
        """Return the address of this page in another language."""
        asked = self.request.url.include_query_params(lang=code)
        return f"{asked.path}?{asked.query}"

    def _remember_language(self, response: Response) -> None:
        if self.request.query_params.get("lang") == self.language.code:
            response.set_cookie(
                LANGUAGE_COOKIE,
                self.language.code,
                max_age=A_YEAR_S,
                samesite="lax",
                httponly=True,
                secure=self.services.settings.cookie_secure,
            )


def open_page(request: Request) -> Page:
    """The page of whoever asks, signed in or not. Raises NotFounded."""
    services = services_of(request)
    with services.read() as conn:
        town = towns.town(conn, services.ledger_id)
    language = choose(
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        request.headers.get("accept-language"),
        town.languages,
    )
    return Page(request, services, town, language, maybe_who(request, services))


AnyPage = Annotated[Page, Depends(open_page)]


def resident_page(page: AnyPage) -> Page:
    if page.who is not None and page.who.kind != "resident":
        raise Forbidden("Your role does not allow this.")
    _ = page.person_id
    return page


def staff_page(scope: str) -> Callable[[Page], Page]:
    """Make the dependency of pages for staff whose role has this scope."""

    def check(page: AnyPage) -> Page:
        if page.who is None:
            raise errors.SignInNeeded("/staff/sign-in")
        page.who.require(scope)
        return page

    return check


class PageRoute(APIRoute):
    """A route that answers refusals with a page, where the interface answers with a problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except errors.SignInNeeded as needed:
                return RedirectResponse(needed.path, 303, headers=HEADERS)
            except RequestValidationError:
                return await run_in_threadpool(_refuse, request, BadInput("This cannot be read."))
            except (BackendError, LedgerError) as error:
                return await run_in_threadpool(_refuse, request, error)

        return answer


def _refuse(request: Request, error: BackendError | LedgerError) -> Response:
    try:
        page = open_page(request)
    except BackendError as deeper:  # without a town there is no page to put the words on
        return PlainTextResponse(str(deeper), deeper.status, headers=HEADERS)
    return page.html("error.html", status=error.status, refusal=page.refusal(error))


def page_router(prefix: str = "") -> APIRouter:
    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False)
