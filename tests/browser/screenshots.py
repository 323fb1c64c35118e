"""Pictures of every page, in both languages, narrow and wide, with synthetic data.

Run: python -m tests.browser.screenshots FOLDER
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import sign_in
from tests.browser.screens import ARGUMENTS, CHROMIUM, KEY, all_screens
from tests.browser.town import Site, served

WIDTHS = (360, 1280)
LANGUAGES = ("ar", "en")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        served(Path(temporary)) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for role in dict.fromkeys(screen.role for screen in all_screens(site)):
            for language in LANGUAGES:
                _pictures(browser, site, role, language, folder)
        browser.close()


def _pictures(browser: Browser, site: Site, role: str, language: str, folder: Path) -> None:
    context = browser.new_context(base_url=site.url, locale=language, reduced_motion="reduce")
    page = context.new_page()
    if role:
        sign_in(page, site, role)
    screens = [screen for screen in all_screens(site) if screen.role == role]
    for screen in screens:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740})
            page.goto(screen.path)
            _save(page, folder / f"{screen.name}-{language}-{width}.png")
    if role == "clerk":
        page.goto(f"/counter/people/{site.town.amal.id}/confirm?product=1&kg=5&key={KEY}")
        page.click("main button[type=submit]")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740})
            _save(page, folder / f"counter-receipt-{language}-{width}.png")
    context.close()


def _save(page: Page, path: Path) -> None:
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path, full_page=True)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var/screenshots"))
