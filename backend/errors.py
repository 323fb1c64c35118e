"""What the programme refuses, in a person's words. The HTTP status lives on the class.

BackendError
├── BadInput 422            BadNumber · BadPin · BadTownFile · BadList · UnknownFraction
│                           UnknownRole · WeakPassword
├── MissingKey 400          an Idempotency-Key is required; BadKey: it cannot be read
├── NotSignedIn 401         BadLogin · BadGatewayKey · BadCounterKey · CodeNeeded · BadCode
├── Forbidden 403           BadAttestation · OtherGateway · CrossSite
├── NotFound 404
├── Conflict 409            Taken · SameApprover · Backdated · Overlap · AlreadyFounded
│                           AlreadyDecided · StillMissing · NotErasable · DayClosed
│                           NotRipe · NotReserved · WindowOver
├── TooLarge 413
├── LockedOut 429
└── NotReady 503            SecretMissing · WrongSecret · NotFounded · Recovering
"""

from typing import ClassVar


class BackendError(Exception):
    """Base of the room: `code` for programs, `str(error)` for people, `title` for its class."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    retry_after_s: int | None = None


class BadInput(BackendError):
    status, code, title = 422, "bad_input", "This cannot be read"


class BadNumber(BadInput):
    code = "bad_number"


class BadPin(BadInput):
    code = "bad_pin"


class BadTownFile(BadInput):
    code = "bad_town_file"


class BadList(BadInput):
    code = "bad_list"


class UnknownFraction(BadInput):
    code = "unknown_fraction"


class UnknownRole(BadInput):
    code = "unknown_role"


class WeakPassword(BadInput):
    code = "weak_password"


class MissingKey(BackendError):
    status, code, title = 400, "idempotency_key_missing", "An Idempotency-Key is required"


class BadKey(MissingKey):
    code, title = "idempotency_key_malformed", "This Idempotency-Key cannot be read"


class NotSignedIn(BackendError):
    status, code, title = 401, "not_signed_in", "Please sign in"


class BadLogin(NotSignedIn):
    code = "bad_login"


class BadGatewayKey(NotSignedIn):
    code = "bad_gateway_key"


class BadCounterKey(NotSignedIn):
    code = "bad_counter_key"


class CodeNeeded(NotSignedIn):
    code = "code_needed"


class BadCode(NotSignedIn):
    code = "bad_code"


class Forbidden(BackendError):
    status, code, title = 403, "forbidden", "Not allowed"


class BadAttestation(Forbidden):
    code = "bad_attestation"


class OtherGateway(Forbidden):
    code = "other_gateway"


class CrossSite(Forbidden):
    code = "cross_site"


class NotFound(BackendError):
    status, code, title = 404, "not_found", "Not found"


class Conflict(BackendError):
    status, code, title = 409, "conflict", "This does not fit what is there"


class Taken(Conflict):
    code = "taken"


class SameApprover(Conflict):
    code = "same_approver"


class Backdated(Conflict):
    code = "backdated"


class Overlap(Conflict):
    code = "overlap"


class NotErasable(Conflict):
    code, title = "not_erasable", "This person cannot be erased yet"


class AlreadyFounded(Conflict):
    code = "already_founded"


class AlreadyDecided(Conflict):
    code = "already_decided"


class StillMissing(Conflict):
    code = "still_missing"


class DayClosed(Conflict):
    code = "day_closed"


class NotRipe(Conflict):
    code = "not_ripe"


class NotReserved(Conflict):
    code = "not_reserved"


class WindowOver(Conflict):
    code = "window_over"


class TooLarge(BackendError):
    status, code, title = 413, "too_large", "Too large"


class LockedOut(BackendError):
    status, code, title = 429, "locked_out", "Too many wrong tries"

    def __init__(self, words: str, retry_after_s: int) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


class NotReady(BackendError):
    status, code, title = 503, "not_ready", "Not ready"


class SecretMissing(NotReady):
    code = "secret_missing"


class WrongSecret(NotReady):
    code = "wrong_secret"


class NotFounded(NotReady):
    code = "not_founded"


class Recovering(NotReady):
    code, title = "recovering", "The town is being restored"
    retry_after_s = 60
