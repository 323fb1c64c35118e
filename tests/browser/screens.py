"""Which browser is used and how, and the list of all pages with who may see them."""

import shutil
from dataclasses import dataclass

from tests.browser.town import Site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
KEY = "a-key-of-the-pictures"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Screen:
    """A page, and who looks at it (nobody: no sign-in)."""

    name: str
    role: str
    path: str


def all_screens(site: Site) -> list[Screen]:
    """Every page there is, in the order of a walk through the town."""
    town, bin_ = site.town, site.town.bin
    amal, held = town.amal.id, bin_.seq - 2
    return [
        Screen("start", "", "/"),
        Screen("sign-in", "", "/sign-in"),
        Screen("staff-sign-in", "", "/staff/sign-in"),
        Screen("resident", "amal", "/me"),
        Screen("deposit", "amal", f"/me/deposits/{bin_.device}/{bin_.epoch}/{bin_.seq - 1}"),
        Screen("deposit-held", "amal", f"/me/deposits/{bin_.device}/{bin_.epoch}/{held}"),
        Screen("not-found", "amal", f"/me/deposits/{bin_.device}/{bin_.epoch}/2"),
        Screen("counter-card", "clerk", "/counter"),
        Screen("counter-person", "clerk", f"/counter/people/{amal}"),
        Screen(
            "counter-confirm", "clerk", f"/counter/people/{amal}/confirm?product=1&kg=5&key={KEY}"
        ),
        Screen(
            "counter-refused", "clerk", f"/counter/people/{amal}/confirm?product=1&kg=900&key={KEY}"
        ),
        Screen("streams", "officer", "/municipality?period=all"),
        Screen("streams-empty", "officer", "/municipality?period=today"),
    ]
