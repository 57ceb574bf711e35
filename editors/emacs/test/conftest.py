"""The tests' model server and a team's database, for tests with real editors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logins import TeamDatabase
from model_server import ModelServer
from postgres_server import PostgresServer


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TeamDatabase]:
    """With the logins of Ann and Ben."""
    yield TeamDatabase.make(tmp_path, "ann", "ben")
    PostgresServer.stop_shared()
