"""A running synthetic town with its pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

import dashboards.app
from tests.backend import village


@pytest.fixture
def town(tmp_path: Path) -> Iterator[village.Town]:
    with village.town(tmp_path, "") as made:
        app = made.client.app
        assert isinstance(app, FastAPI)
        dashboards.app.mount(app)
        yield made
