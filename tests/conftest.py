"""Shared by all tests: a fresh home for each, no access to real providers, and no blocked event loop."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

import preloaded
import stores
from sessionls.store import SqlStore
from sessionls.store.options import StoreOptions

pytest_plugins = [
    "model_server",
    "model_calls",
    "in_process_app",
    "server_client",
    "nvim_session",
    "tool_workspace",
    "acp_client",
]

# Property tests try the same examples on every machine: what passes here passes in continuous integration.
# `pytest --hypothesis-profile=random` tries new ones.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("random")
settings.load_profile("fixed")

# All variables through which a model provider, a setting or a home from outside could affect a test.
_KEYS = ("_API_KEY", "_API_BASE", "_BASE_URL", "_API_TOKEN", "_ACCESS_KEY_ID", "_SECRET_ACCESS_KEY")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that use the fixture `engine` on each database, or on those in their marker."""
    if "engine" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("engines")
        metafunc.parametrize("engine", marker.args if marker is not None else stores.ENGINES, indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database engine of the test, which `stores.url` uses."""
    name: str = request.param
    monkeypatch.setattr(stores, "current_engine", name)
    return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty workspace folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def store_options(request: pytest.FixtureRequest) -> StoreOptions:
    """The options of the test's stores, from its marker."""
    marker = request.node.get_closest_marker("store_options")
    return StoreOptions() if marker is None else StoreOptions(**marker.kwargs)


@pytest.fixture
async def store(tmp_path: Path, store_options: StoreOptions) -> AsyncIterator[SqlStore]:
    """The store of the test's folder, on the engine of the test."""
    async with SqlStore(stores.url(tmp_path), options=store_options) as store:
        yield store


@pytest.fixture
async def other(tmp_path: Path, store_options: StoreOptions) -> AsyncIterator[SqlStore]:
    """The same store as another process has it, from the database's point of view."""
    async with SqlStore(stores.url(tmp_path), options=store_options) as store:
        yield store


@pytest.fixture(scope="session", autouse=True)
def no_server_left() -> Iterator[None]:
    yield
    preloaded.stop()
    if "postgres_server" in sys.modules:
        sys.modules["postgres_server"].PostgresServer.stop_shared()


@pytest.fixture(autouse=True)
def fresh_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate home, data and configuration directory for each test, and no settings or keys from outside."""
    import os

    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        # (litellm looks for the files that the last two name with every new client, which blocks.)
        if name.startswith("SESSIONLS_") or name.endswith(_KEYS) or name in ("SSL_CERT_FILE", "SSL_VERIFY"):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("SESSIONLS_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    monkeypatch.setenv("LITELLM_OFFLINE_MODE", "true")
    monkeypatch.setenv("OLLAMA_API_BASE", "http://127.0.0.1:9")  # tests must not use a developer's own Ollama
    return home


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevent connections to real providers: any connection to another machine fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def blocked_loop() -> Iterator[BlockBuster]:
    """Fail tests in which sessionls blocks the event loop."""
    with blockbuster_ctx("sessionls") as guard:
        yield guard
