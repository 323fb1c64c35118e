"""Numbers are sent as numbers, everywhere: what only looks like one is a fault of the sender's."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import ValidationError

import dashboards.app
from backend.app import build_app
from backend.schemas import Strict
from tests.backend.village import Town

# Python's int() takes each of them but the last three, and pydantic some.
NO_NUMBERS = ("1.0", "1_0", "+1", " 1", "-1", "\u0661", "", "1e3", "nan", "true")
TOO_LARGE = ("99999999999999999999", "9" * 5_000)


def models(root: type[Strict] = Strict) -> Iterator[type[Strict]]:
    for each in root.__subclasses__():
        yield each
        yield from models(each)


def test_every_body_is_strict() -> None:
    document = build_app().openapi()
    bodies = {
        content["schema"]["$ref"].rpartition("/")[2].rpartition("__")[2]
        for operations in document["paths"].values()
        for operation in operations.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    }

    assert len(bodies) > 50
    assert bodies <= {model.__name__ for model in models()}


@pytest.mark.parametrize(("kind", "wrong"), [(int, ["7", 7.0, True, "7.0"]), (bool, ["yes", 1])])
def test_no_field_takes_what_only_looks_like_it(kind: type, wrong: list[Any]) -> None:
    build_app()
    fields = [
        (model, name, field)
        for model in models()
        for name, field in model.model_fields.items()
        if kind in (field.annotation, *get_args(field.annotation))
    ]

    assert len(fields) > 5
    for model, name, _ in fields:
        for value in wrong:
            with pytest.raises(ValidationError) as refused:
                model.model_validate({name: value})
            places = {each["loc"][0]: each["type"] for each in refused.value.errors()}
            assert places.get(name) == f"{kind.__name__}_type", (model, name, value)


def all_routes(router: FastAPI | APIRouter) -> Iterator[APIRoute]:
    for each in router.routes:
        if isinstance(each, APIRoute):
            yield each
        elif isinstance(inner := getattr(each, "original_router", None), APIRouter):
            yield from all_routes(inner)


def numbers_of_addresses() -> Iterator[tuple[str, Any]]:
    """(where, field) of every whole number that stands in an address, a query or a form."""
    app = build_app()
    dashboards.app.mount(app)
    for route in all_routes(app):
        body = route.dependant.body_params
        forms = [each for each in body if type(each.field_info).__name__ == "Form"]
        for field in (*get_flat_params(route.dependant), *forms):
            kind = field.field_info.annotation
            if int in (kind, *get_args(kind)):
                yield f"{route.path}?{field.name}", field


def test_no_address_takes_what_only_looks_like_a_number() -> None:
    found = list(numbers_of_addresses())

    assert len(found) > 60
    for where, field in found:
        for value in (*NO_NUMBERS, *TOO_LARGE):
            _, errors = field.validate(value, {}, loc=("query", field.name))
            assert errors, (where, value)


def test_a_wrong_number_in_a_query_is_told_in_words(small_town: Town) -> None:
    amal, officer = small_town.amal, small_town.browser("officer")
    asked = {
        f"/v1/people/{amal.id}/deposits": "limit",
        f"/v1/accounts/{amal.account_id}/statement": "limit",
        f"/v1/accounts/{amal.account_id}/balance": "at_recorded_s",
        "/v1/money": "at_recorded_s",
        "/v1/money/velocity": "days",
        "/v1/log/inclusion/1": "size",
    }

    for path, name in asked.items():
        for value in ("1e3", "-1", "nan", *TOO_LARGE, *(["0"] if name == "limit" else [])):
            answer = officer.get(path, params={name: value})
            assert answer.status_code == 422, (path, value, answer.text)
            assert name in answer.json()["detail"]
