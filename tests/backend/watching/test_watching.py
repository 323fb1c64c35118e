"""Those who watch learn how the backend is, part by part, and nothing about anybody."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from backend import migrations
from backend.access.dependencies import COOKIE
from backend.app import create_app
from backend.services import Services
from backend.settings import Settings
from backend.watching import logs, readiness
from backend.watching.logs import JsonLines, blotted
from tests.backend.telemetry.test_telemetry import VALUES, post
from tests.backend.village import AMAL, Clock, Town


@pytest.fixture
def inside(small_town: Town) -> TestClient:
    """A program on the backend's own machine."""
    return TestClient(small_town.client.app, client=("127.0.0.1", 50_000))


def figures(client: TestClient) -> dict[tuple[str, tuple[str, ...]], float]:
    """Prometheus's own parser reads them: (name, label values) -> value."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_figures_tell_of_requests_by_route_and_of_what_lags(
    small_town: Town, inside: TestClient
) -> None:
    town = small_town
    town.outcome(town.bin.deposit(uid=AMAL))
    assert post(town, VALUES) == 204
    assert town.services.telemetry.settle()
    inside.get(f"/v1/people/{town.amal.id}/balance")
    inside.get("/nothing/here")

    found = figures(inside)

    route = "/v1/people/{person_id}/balance"
    assert found["farz_requests_total", ("GET", route, "401")] == 1
    assert found["farz_requests_total", ("GET", "unmatched", "404")] == 1
    assert found["farz_request_seconds_count", (route,)] == 1
    assert found["farz_transfers", ()] == found["farz_log_unsigned", ()] == 1
    assert found["farz_answered_total", ("credited",)] == 1
    assert found["farz_poster_depth", ()] == 0
    assert found["farz_gateway_silent_seconds", ("gateway-1",)] == 0
    assert found["farz_recovering", ()] == 0
    assert found["farz_journal_missing", ()] == 1, "its `open` record never came"
    assert found["farz_file_bytes", ("sessions.sqlite",)] > 0
    assert found["farz_devices", ("never_seen",)] == 1
    assert found["farz_telemetry_total", ("written",)] == 1
    town.outcome(town.bin.deposit(uid=AMAL))
    assert figures(inside)["farz_transfers", ()] == 1, "kept: who asks often makes no work"


def test_figures_hold_no_card_name_or_number(small_town: Town, inside: TestClient) -> None:
    town = small_town
    for number in town.numbers.values():
        inside.get(f"/v1/cards/{number}")
        inside.get("/v1/people", params={"name": "Amal"})
    text = inside.get("/metrics").text

    assert not any(number in text for number in town.numbers.values())
    assert "Amal" not in text
    assert AMAL.hex() not in text


def test_figures_are_for_this_machine_or_for_who_has_the_token(
    small_town: Town, tmp_path: Path, inside: TestClient
) -> None:
    assert small_town.client.get("/metrics").status_code == 403
    passed_on = inside.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    assert passed_on.status_code == 403
    settings = Settings(data_dir=tmp_path / "other", metrics_token=SecretStr("a long token"))
    settings.create_secret()
    with TestClient(create_app(settings, Clock())) as other:
        assert other.get("/metrics").status_code == 403
        wrong = {"Authorization": "Bearer another token"}
        assert other.get("/metrics", headers=wrong).status_code == 403
        right = {"Authorization": "Bearer a long token"}
        assert other.get("/metrics", headers=right).status_code == 200


def test_ready_names_its_parts(town: Town) -> None:
    answer = town.client.get("/readyz")

    assert answer.status_code == 200
    assert {part["name"] for part in answer.json()["parts"]} == set(readiness.CHECKS)
    assert all(part["ok"] for part in answer.json()["parts"])
    assert answer.json()["recovering"] is False


def test_not_ready_names_the_part_and_its_cure(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "is_current", lambda _conn: False)
    small_town.services.poster.close()

    answer = small_town.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    wrong = {part["name"]: part["words"] for part in answer.json()["parts"] if not part["ok"]}
    assert set(wrong) == {"tables", "poster"}
    assert "farz migrate" in wrong["tables"]
    assert small_town.client.get("/healthz").json() == {"alive": True}


def test_each_part_that_fails_is_not_ready(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(services: Services) -> set[str]:
        return {part.name for part in readiness.parts(services) if not part.ok}

    @contextmanager
    def away(_services: Services) -> Iterator[None]:
        raise OperationalError("SELECT 1", {}, Exception("gone"))
        yield

    services = small_town.services
    assert wrong(replace(services, ledger_id=9)) == {"town"}
    monkeypatch.setattr(readiness, "FREE_BYTES", 2**62)
    assert wrong(services) == {"disk"}
    monkeypatch.undo()
    monkeypatch.setattr(Services, "read", away)
    assert wrong(services) == {"database", "tables", "town"}


def test_a_database_that_does_not_answer_is_told_without_its_address(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_services: Any) -> str:
        raise OperationalError("SELECT 1", {}, Exception("password=hunter2 host=db"))

    monkeypatch.setitem(readiness.CHECKS, "database", broken)

    answer = small_town.client.get("/readyz")

    assert answer.status_code == 503
    assert "hunter2" not in answer.text


@pytest.fixture
def written() -> Iterator[list[dict[str, Any]]]:
    """Every line of the log, as it would be written."""
    lines: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "httpx":  # the test's own client, which writes down what it asks
                lines.append(json.loads(JsonLines().format(record)))

    keep, root = Keep(), logging.getLogger()
    before = root.level
    root.addHandler(keep)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(keep)
    root.setLevel(before)


def test_the_log_names_routes_and_requests_and_nobody(
    small_town: Town, written: list[dict[str, Any]]
) -> None:
    town, clerk = small_town, small_town.browser("clerk")
    number = town.numbers["amal"]
    clerk.get(f"/v1/cards/{number}")
    clerk.post(f"/v1/people/{town.amal.id}/cards", json={"uid": AMAL.hex(), "pin": "2468"})
    clerk.post("/v1/sessions/resident", json={"number": number, "pin": "9999"})
    clerk.get("/v1/people", params={"name": "Bassam (synthetic)", "limit": "many"})
    asked = clerk.get(f"/v1/people/{town.amal.id}", headers={"X-Request-Id": "abcdef-123456"})

    told = [line for line in written if line["logger"] == "farz.request"]
    whole = json.dumps(written, ensure_ascii=False)

    assert asked.headers["X-Request-Id"] == "abcdef-123456"
    last = told[-1]
    assert (last["request"], last["route"], last["status"]) == (
        "abcdef-123456", "/v1/people/{person_id}", 200,
    )  # fmt: skip
    assert len({line["request"] for line in told}) == len(told)
    for secret in (number, AMAL.hex(), "2468", "9999", "Bassam", "Amal", clerk.cookies[COOKIE]):
        assert secret not in whole


def test_an_error_nobody_expected_keeps_its_place_and_not_its_words(
    small_town: Town, written: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(_services: Any) -> tuple[readiness.Part, ...]:
        raise KeyError("Amal (synthetic)")

    monkeypatch.setattr(readiness, "parts", fall)
    client = TestClient(small_town.client.app, raise_server_exceptions=False)

    assert client.get("/readyz").status_code == 500

    error = next(line for line in written if line.get("error"))
    assert error["error"] == "KeyError"
    assert any("test_watching.py" in place for place in error["trace"])
    assert "Amal" not in json.dumps(written)


def test_quiet_routes_and_odd_request_names_fill_no_log(
    small_town: Town, written: list[dict[str, Any]]
) -> None:
    small_town.client.get("/healthz")
    answer = small_town.client.get("/v1/town", headers={"X-Request-Id": 'x" onload="y'})

    assert [line["route"] for line in written if "route" in line] == ["/v1/town"]
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("card 1234 5674 was", "card [card] was"),
        ("card 12345674.", "card [card]."),
        ("at 1790000000 s", "at 1790000000 s"),
        ("chip 04010203040506 read", "chip [card] read"),
        ("12345670 g", "12345670 g"),
    ],
)
def test_what_looks_like_a_card_is_blotted_out(text: str, kept: str) -> None:
    assert blotted(text) == kept


def test_the_log_is_json_where_nobody_looks(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        logs.configure(Settings(log_format="json"))
        logging.getLogger("somewhere").warning("Card %s", "12345674", extra={"n": 3})
    finally:
        for handler in list(root.handlers):
            root.removeHandler(handler)
        for handler in before:
            root.addHandler(handler)
        root.setLevel(level)

    line = json.loads(capfd.readouterr().err.strip().splitlines()[-1])
    assert (line["level"], line["words"], line["n"]) == ("warning", "Card [card]", 3)
