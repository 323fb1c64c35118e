"""The backend's side: HTTP and JSON, translated once into this room's errors. Keeps nothing.

Bytes go up as they came. What comes back is checked before anything is believed of it.
"""

import email.utils
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, ValidationError

from edge_gateway import attest
from edge_gateway.errors import (
    BackendBusy,
    BackendFault,
    BackendRefused,
    BackendUnreachable,
    BadAnswer,
    BatchRefused,
)
from edge_gateway.receipts import Down
from edge_gateway.settings import Settings
from edge_gateway.store import Item, Result

CALLED = "Farz-Gateway"  # the header with this gateway's name
# What a person does about a refusal, by the backend's code for it.
CURES = {
    "bad_gateway_key": (
        " Put the key that `farz device gateway {name} …` printed into FARZ_GATEWAY_BACKEND_KEY."
    ),
    "other_gateway": (
        " Put the key's name into FARZ_GATEWAY_GATEWAY (it is {name} now), or {name}'s own key "
        "into FARZ_GATEWAY_BACKEND_KEY."
    ),
    "bad_attestation": (
        " It was signed as {name}. Is that the name the backend knows it by "
        "(FARZ_GATEWAY_GATEWAY), and did it register what `farz gateway init` prints here?"
    ),
}
RETRY_AFTER_S = 5.0
RETRY_AFTER_MAX_S = 600.0


class Row(BaseModel):
    """The backend's word on one record."""

    model_config = ConfigDict(frozen=True)

    device: str
    epoch: str
    seq: int
    hash8: str
    outcome: str
    reason: str | None = None


class Again(BaseModel):
    """A restored backend asks for what came or was answered at `since_s` or later."""

    model_config = ConfigDict(frozen=True)

    id: int
    since_s: int


class Answer(BaseModel):
    """What POST /v1/uplink answers: one row per record in order, and messages to devices."""

    model_config = ConfigDict(frozen=True)

    results: list[Row]
    down: list[Down] = []
    again: Again | None = None


class Relayed(NamedTuple):
    """The outcome of each item, what goes down, and what the backend asks for."""

    results: list[Result]
    down: list[Down]
    again: Again | None


class Backend:
    def __init__(self, settings: Settings, key: Ed25519PrivateKey) -> None:
        self._gateway = settings.gateway
        self._key = key
        self._http = httpx.Client(
            base_url=settings.backend_url,
            timeout=settings.timeout_s,
            headers={
                "Authorization": f"Bearer {settings.backend_key.get_secret_value()}",
                CALLED: settings.gateway,
            },
        )

    def close(self) -> None:
        self._http.close()

    def uplink(
        self,
        items: Sequence[Item],
        delivered: Sequence[int],
        again: dict[str, int] | None = None,
    ) -> Relayed:
        """Relay a batch; `again` tells how far relaying again has come.

        Raises each UplinkError; nothing of a batch that raised may be taken for relayed.
        """
        records = [item for item in items if item.channel == "record"]
        messages = [item for item in items if item.channel != "record"]
        body = self._body(records, messages, delivered)
        if again is not None:
            body["again"] = again
        answer = self._answer(self._post("/v1/uplink", body))
        if len(answer.results) != len(records):
            raise BadAnswer(f"{len(records)} records went up, {len(answer.results)} came back")
        results = [_match(item, row) for item, row in zip(records, answer.results, strict=True)]
        results += [Result(item, "posted", "") for item in messages]
        return Relayed(results, answer.down, answer.again)

    def telemetry(self, reports: dict[str, list[dict[str, Any]]]) -> None:
        self._post("/v1/telemetry", reports)

    def _body(
        self, records: Sequence[Item], messages: Sequence[Item], delivered: Sequence[int]
    ) -> dict[str, Any]:
        rows = [(r.device, r.epoch, r.seq, r.hash8, r.received_s) for r in records]
        return {
            "attestation": attest.sign(self._key, self._gateway, rows),
            "records": [
                {"device": r.device, "received_s": r.received_s, "jws": r.jws} for r in records
            ],
            "messages": [
                {"device": m.device, "channel": m.channel, "received_s": m.received_s, "jws": m.jws}
                for m in messages
            ],
            "delivered": list(delivered),
        }

    def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        try:
            response = self._http.post(path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BackendUnreachable(f"The backend does not answer: {error}") from error
        if response.is_success:
            return response
        words, status = f"The backend answers {_words(response)}", response.status_code
        if status in (429, 503):
            raise BackendBusy(words, retry_after_s(response.headers.get("Retry-After")))
        if status in (413, 422):
            raise BatchRefused(words, status)
        if response.is_client_error:
            raise BackendRefused(words + _cure(response, self._gateway))
        if status == BackendFault.status:
            raise BackendFault(words)
        raise BackendUnreachable(words)

    def _answer(self, response: httpx.Response) -> Answer:
        try:
            return Answer.model_validate_json(response.content)
        except ValidationError as error:
            raise BadAnswer(f"The backend's answer is not understood: {error}") from error


def _match(item: Item, row: Row) -> Result:
    if (row.device, row.epoch, row.seq, row.hash8) != item[1:2] + item[3:6]:
        raise BadAnswer(f"Asked about {item.device} {item.seq}, told about {row.device} {row.seq}")
    return Result(item, row.outcome, row.reason or "")


def _words(response: httpx.Response) -> str:
    """Status and, where it is problem+json, the code and a person's words."""
    try:
        problem = response.json()
        said = f"{problem.get('code', '')} {problem.get('detail', '')}"
    except (ValueError, AttributeError):
        said = response.reason_phrase
    return f"{response.status_code} {said[:200]}".strip()


def _cure(response: httpx.Response, name: str) -> str:
    try:
        code = response.json().get("code", "")
    except (ValueError, AttributeError):
        return ""
    return CURES.get(code, "").format(name=name)


def retry_after_s(header: str | None) -> float:
    """Seconds to wait by a Retry-After header (RFC 9110 §10.2.3): a number or a date."""
    if not header:
        return RETRY_AFTER_S
    try:
        wait_s = float(header)
    except ValueError:
        try:
            wait_s = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            return RETRY_AFTER_S
    return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S)
