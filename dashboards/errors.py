"""What goes wrong on a page, and how every room's refusals are said in the visitor's language.

PageError
└── SignInNeeded     nobody, or somebody of another kind, is signed in
"""

from backend.errors import BackendError
from backend.ledger.errors import LedgerError
from dashboards.languages import Language


class PageError(Exception):
    """Base of the room."""


class SignInNeeded(PageError):
    """`path` is where to sign in for the page that was asked for."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def N_(words: str) -> str:
    """Mark words for the catalogue; they are translated where they are shown."""
    return words


# By the machine's word that the backend gives; whatever is not here is shown as it came.
WORDS = {
    "bad_login": N_("The name, the number or the secret is wrong. Please try again."),
    "code_needed": N_("Please write the code that your telephone shows, too."),
    "bad_code": N_("This is not the code of this moment. Please try again."),
    "bad_number": N_("This card number has a wrong digit in it. Please look again."),
    "bad_input": N_("This cannot be read. Please look again."),
    "bad_amount": N_("Please write a weight between 1 gram and the whole stock."),
    "not_found": N_("There is nothing here, or it is not yours to see."),
    "forbidden": N_("Your role does not allow this."),
    "cross_site": N_("This form came from another page. Please open it here and try again."),
    "insufficient_funds": N_("There is not enough on this account."),
    "key_reused": N_("This form was sent before with other numbers. Please start again."),
    "in_progress": N_("This is being booked right now. Please wait a moment and try again."),
    "books_busy": N_("The books are busy. Nothing was booked. Please try again in a moment."),
    "recovering": N_("These books are being restored. Please come back in a while."),
    "card_blocked": N_("This card is blocked."),
}


def words(error: BackendError | LedgerError, language: Language) -> str:
    """Return what a person needs to know about a refusal."""
    wait_s = getattr(error, "retry_after_s", None)
    if error.code == "locked_out" and wait_s:
        template = language.translations.ngettext(
            "Too many wrong tries. Please wait %(minutes)s minute.",
            "Too many wrong tries. Please wait %(minutes)s minutes.",
            -(-wait_s // 60),
        )
        return template % {"minutes": -(-wait_s // 60)}
    known = WORDS.get(error.code)
    return language.say(known) if known else str(error)
