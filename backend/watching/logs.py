"""The log: one JSON object a line, with the request it belongs to, and with nobody in it.

What is logged of a request is its route's template, never its path, query or body. Of an error
that nobody expected the places are kept and not its message, since that may quote what was sent;
card numbers and chips that get into a line in spite of it are blotted out.
"""

import json
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from backend.cards.numbers import DIGITS, luhn
from backend.settings import Settings

REQUEST: ContextVar[str] = ContextVar("request", default="")
BLOT = "[card]"
_NUMBER = re.compile(rf"(?<!\d)\d{{4}} ?\d{{{DIGITS - 4}}}(?!\d)")
_CHIP = re.compile(r"(?<![0-9A-Fa-f])04[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")
# What logging itself puts on a record; everything else was given with `extra`.
_USUAL = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "words": record.getMessage(),
        }
        if request := REQUEST.get():
            line["request"] = request
        line |= {name: value for name, value in vars(record).items() if name not in _USUAL}
        if record.exc_info and record.exc_info[1] is not None:
            line |= _error(record.exc_info[1])
        return blotted(json.dumps(line, ensure_ascii=False, default=str))


class Words(logging.Formatter):
    """For a person at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return blotted(super().format(record))


def configure(settings: Settings) -> None:
    """Send everything that is logged to standard error, as JSON unless a person is looking."""
    handler = logging.StreamHandler(sys.stderr)
    people = settings.log_format == "text" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    handler.setFormatter(Words() if people else JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in ("httpx", "uvicorn.access", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def blotted(text: str) -> str:
    """Return a text without what looks like a card's number or chip."""
    return _CHIP.sub(BLOT, _NUMBER.sub(_blot_card, text))


def _blot_card(found: re.Match[str]) -> str:
    return found[0] if luhn(found[0].replace(" ", "")) % 10 else BLOT


def _error(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "trace": [f"{each.filename}:{each.lineno} {each.name}" for each in frames],
    }
