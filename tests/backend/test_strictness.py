"""Numbers are sent as numbers, everywhere: text that looks like one is a fault of the sender's."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from backend.app import build_app
from backend.schemas import Strict


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
