"""Editors for the end-to-end tests: one for a whole module, or as many as a test starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from model_server import ModelServer
from server_client import Connect, SessionClient, start_server, stop
from shared_server import OpenEditor, SharedServer, environment, key_for, make_workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_workspace(tmp_path)


@pytest.fixture
def open_editor(connect: Connect, folder: Path, model_server: ModelServer) -> OpenEditor:
    """Starts an editor in the workspace, by default Ada's. The editors of one test share a database."""

    async def start(
        name: str = "Ada", *, events: bool = True, options: dict[str, Any] | None = None, **more: Any
    ) -> SessionClient:
        given = {"participant": {"name": name}, "workspaceTrusted": True, "model": "openai/test"} | (options or {})
        more.setdefault("env", {**key_for(model_server), "SESSIONLS_EMBEDDED": "false"})
        more.setdefault("folders", [folder])
        return await connect(events=events, options=given, **more)

    return start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedServer]:
    """One server process for the tests of a module that can share it: starting one takes seconds."""
    home = tmp_path_factory.mktemp("server")
    folder = make_workspace(home)
    models = ModelServer()
    models.start()
    client = await start_server(
        events=True,
        folders=[folder],
        options={"participant": {"name": "Ada"}, "workspaceTrusted": True, "model": "openai/test"},
        env=environment(home) | key_for(models),
    )
    yield SharedServer(client, models, folder)
    await stop(client)
    models.stop()


@pytest.fixture
def shared_server(module_server: SharedServer) -> SharedServer:
    """The module's server, reset after the previous test."""
    module_server.client.received.clear()
    module_server.models.requests.clear()
    return module_server
