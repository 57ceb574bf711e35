"""The tests' model server, for tests with real editors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model_server import ModelServer


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    server.start()
    yield server
    server.stop()
