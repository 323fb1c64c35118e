"""A browser that may reach this town's server and nothing else, and one furnished town."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, StorageState

from tests.backend.village import PASSWORD, PIN
from tests.browser.screens import ARGUMENTS, CHROMIUM
from tests.browser.town import Site, served

Open = Callable[..., Page]
HOMES = {"amal": "/me", "bassam": "/me", "clerk": "/counter", "officer": "/municipality"}


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture(scope="session")
def signed_in(browser: Browser, site: Site) -> Callable[[str], StorageState | None]:
    """The cookies of each role; each signs in once, as hashing a secret takes its time."""
    states: dict[str, StorageState] = {}

    def state(role: str) -> StorageState | None:
        if role and role not in states:
            context = browser.new_context(base_url=site.url)
            sign_in(context.new_page(), site, role)
            states[role] = context.storage_state()
            context.close()
        return states.get(role)

    return state


@pytest.fixture
def open_page(
    browser: Browser, site: Site, signed_in: Callable[[str], StorageState | None]
) -> Iterator[Open]:
    """Open pages as somebody: `open_page("clerk", lang="ar", width=360)`."""
    contexts: list[BrowserContext] = []
    strangers: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith(site.url):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    def open_as(role: str = "", lang: str = "en", width: int = 1280, scripts: bool = True) -> Page:
        context = browser.new_context(
            base_url=site.url,
            locale=lang,
            viewport={"width": width, "height": 800},
            java_script_enabled=scripts,
            reduced_motion="reduce",
            storage_state=signed_in(role),
        )
        contexts.append(context)
        context.route("**/*", guard)
        page = context.new_page()
        if role:
            page.goto(HOMES[role])
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert not strangers, f"a page may load nothing from elsewhere: {strangers}"


def sign_in(page: Page, site: Site, role: str) -> None:
    """Fill in the form of staff, or of a resident."""
    if role in site.town.numbers:
        page.goto("/sign-in")
        page.fill("#number", site.town.numbers[role])
        page.fill("#pin", PIN)
    else:
        page.goto("/staff/sign-in")
        page.fill("#login", role)
        page.fill("#password", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(lambda url: "sign-in" not in url)
