"""The languages of the pages, and which of them a visitor wants.

English is the source language: its sentences are the keys of the other catalogues, which are
read from their .po files at start, so that no compiled catalogue can be stale. Order of choice:
`?lang=`, the cookie that it set, the browser's Accept-Language, the town's first language.
"""

import gettext
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from markupsafe import Markup

CATALOGUES = Path(__file__).parent / "locale"
DOMAIN = "farz"
_LONGEST_HEADER = 200


@dataclass(frozen=True)
class Language:
    """`locale` also decides the names of months: a country's, not just a language's."""

    code: str
    name: str
    locale: Locale
    translations: gettext.NullTranslations

    @property
    def direction(self) -> str:
        return self.locale.text_direction

    def say(self, words: str, **values: object) -> str:
        """Return the words in this language, with the values put in as safe markup."""
        said = self.translations.gettext(words)
        return Markup.escape(said) % values if values else said


def catalogue_path(code: str) -> Path:
    return CATALOGUES / code / "LC_MESSAGES" / f"{DOMAIN}.po"


def _translations(code: str) -> gettext.NullTranslations:
    compiled = BytesIO()
    with catalogue_path(code).open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return Translations(compiled, DOMAIN)


ARABIC = Language("ar", "العربية", Locale("ar", "PS"), _translations("ar"))
ENGLISH = Language("en", "English", Locale("en", "GB"), gettext.NullTranslations())
LANGUAGES = {language.code: language for language in (ARABIC, ENGLISH)}


def choose(
    asked: str | None, remembered: str | None, accepted: str | None, town: Sequence[str]
) -> Language:
    """Pick the language of a page; `accepted` is the browser's header, `town` in its own order."""
    offered = [code for code in town if code in LANGUAGES] or list(LANGUAGES)
    for wanted in (asked, remembered, *_by_quality(accepted or "")):
        if wanted in offered:
            return LANGUAGES[wanted]
    return LANGUAGES[offered[0]]


def _by_quality(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the dearest first (RFC 9110, 12.5.4)."""
    ranked: list[tuple[float, str]] = []
    for part in header[:_LONGEST_HEADER].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            rank = float(quality or "1")
        except ValueError:
            continue
        if rank > 0:
            ranked.append((rank, tag.partition("-")[0].lower()))
    return [code for _, code in sorted(ranked, key=lambda pair: -pair[0])]
