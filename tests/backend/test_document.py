"""The OpenAPI document against the running backend: Schemathesis makes requests up from it.

No route falls over, and every answer has a status, a type and a shape that the document names.
Every route that the table of roles knows is asked as the administrator (or as a gateway), those
that move money, and those that residents use, more often and as a resident too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backend.access.dependencies import COOKIE
from tests.backend import village
from tests.backend.access.test_routes import GATEWAY, WHO_MAY
from tests.backend.village import AMAL, Town

EXAMPLES, FEW = 25, 5
ANSWER_S = 120  # a machine that is paused meanwhile is no fault of the route's
CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
READS = (
    "/v1/accounts/{account_id}",
    "/v1/accounts/{account_id}/balance",
    "/v1/accounts/{account_id}/statement",
    "/v1/money",
    "/v1/money/velocity",
    "/v1/transfers/{transfer_id}",
    "/v1/holds/{hold_id}",
    "/v1/transfers/groups/{group_id}",
    "/v1/devices/{device}/gaps",
    "/v1/quarantine",
    "/v1/compost",
    "/v1/redemptions/{receipt}",
)
POSTS = (
    "/v1/transfers",
    "/v1/holds/{hold_id}/settlement",
    "/v1/redemptions",
    "/v1/compost/heaps/{heap_id}/yield",
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One town for all made-up requests, with a little money in it."""
    folder: Path = tmp_path_factory.mktemp("document")
    with village.town(folder, "") as made:
        assert made.outcome(made.bin.deposit(uid=AMAL))[0] == "credited"
        yield made


@pytest.fixture(scope="module")
def schema(town: Town) -> Any:
    """The document, read once."""
    return schemathesis.openapi.from_asgi("/openapi.json", town.client.app)


@pytest.mark.parametrize("role", ["administrator", "amal"])
@pytest.mark.parametrize(
    ("method", "path"), [*(("GET", path) for path in READS), *(("POST", path) for path in POSTS)]
)
def test_every_answer_is_one_that_the_document_names(
    town: Town, schema: Any, method: str, path: str, role: str
) -> None:
    cookies = {COOKIE: town.browser(role).cookies[COOKIE]}
    _ask(schema[path][method], EXAMPLES, cookies=cookies)


@pytest.mark.parametrize(("method", "path"), sorted(WHO_MAY))
def test_every_route_answers_as_the_document_says(
    town: Town, schema: Any, method: str, path: str
) -> None:
    given: dict[str, Any] = {"cookies": {COOKIE: town.browser("administrator").cookies[COOKIE]}}
    if WHO_MAY[method, path] == GATEWAY:
        given = {"headers": {"Authorization": f"Bearer {town.gateway.key}"}}
    _ask(schema[path][method], FEW, **given)


def _ask(operation: Any, examples: int, **given_to: Any) -> None:
    answered = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        nonlocal answered
        answer = case.call(timeout=ANSWER_S, **given_to)
        case.validate_response(answer, checks=CHECKS)
        answered += 1

    ask()
    assert answered
