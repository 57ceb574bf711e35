"""From `initialize` to `exit`: the server's capabilities, and its errors for invalid requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.workspace import Workspace

from server_client import Connect, SessionClient, refused, stop
from sessionls import __version__
from sessionls.domain.errors import StoreUnavailable
from sessionls.server.schema.methods import COMMANDS, EVENTS, REQUESTS
from sessionls.server.server import SessionServer


async def test_initialize_returns_name_version_methods_and_events(connect: Connect) -> None:
    server = (await connect()).server
    assert server is not None and server.server_info is not None
    assert (server.server_info.name, server.server_info.version) == ("sessionls", __version__)
    experimental: Any = server.capabilities.experimental
    assert experimental == {"sessionls": {"version": 1, "methods": list(REQUESTS), "events": list(EVENTS)}}


async def test_initialize_announces_features_for_editors_without_a_plugin(connect: Connect) -> None:
    client = await connect()
    assert client.server is not None
    able = client.server.capabilities
    assert able.execute_command_provider is not None
    own = {"sessionls.askAbout", "sessionls.compose", "sessionls.show", "sessionls.openFile", "sessionls.fix", "sessionls.review"}
    own |= {"sessionls.sendDraft", "sessionls.forkHere", "sessionls.answerHere", "sessionls.earlier", "sessionls.openFinding"}
    assert set(able.execute_command_provider.commands) == {*COMMANDS, *own}
    assert isinstance(able.code_action_provider, lsp.CodeActionOptions)
    assert list(able.code_action_provider.code_action_kinds or ()) == [
        "sessionls.ask",
        "sessionls.answer",
        "sessionls.session",
        "quickfix",
        "source.sessionls",
    ]
    sync = able.text_document_sync
    assert isinstance(sync, lsp.TextDocumentSyncOptions)
    assert (sync.open_close, sync.change, sync.save) == (True, lsp.TextDocumentSyncKind.Incremental, True)
    assert able.workspace is not None and able.workspace.workspace_folders is not None
    assert able.workspace.workspace_folders.supported and able.workspace.workspace_folders.change_notifications
    content = able.workspace.text_document_content
    assert isinstance(content, lsp.TextDocumentContentOptions) and list(content.schemes) == ["sessionls"]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, "utf-16"),
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-16", "utf-8"], "utf-16"),
        (["utf-32"], "utf-32"),
        (["utf-7", "utf-32", "utf-16"], "utf-32"),
    ],
)
async def test_the_first_common_encoding_is_chosen(connect: Connect, offered: list[str] | None, chosen: str) -> None:
    general = lsp.GeneralClientCapabilities(position_encodings=offered)
    client = await connect(capabilities=lsp.ClientCapabilities(general=general))
    assert client.server is not None and client.server.capabilities.position_encoding == chosen


async def test_a_request_before_initialize_is_refused(connect_raw: SessionClient) -> None:
    with refused(-32002, "notInitialized"):
        await connect_raw.ask("session/list")
    with refused(-32002, "notInitialized"):
        await connect_raw.ask("no/such")


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"participant": {"email": "ada@example.org"}}, ["participant.name"]),
        ({"participant": "Ada"}, ["participant"]),
        ({"workspaceTrusted": "perhaps"}, ["workspaceTrusted"]),
        ({"readOnly": 5}, ["readOnly"]),
        ({"databaseUrl": 5, "model": ["x"]}, ["model", "databaseUrl"]),
    ],
)
async def test_wrong_initialization_options_are_named(connect_raw: SessionClient, options: Any, fields: list[str]) -> None:
    params = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": options}
    with refused(-32602, "invalidParams") as refusal:
        await connect_raw.raw("initialize", params)
    assert refusal.data["fields"] == fields
    await connect_raw.raw("initialize", {**params, "initializationOptions": {"unknown": 1}})  # and may be sent again


async def test_initialize_twice_is_refused(connect: Connect) -> None:
    client = await connect()
    with refused(-32600, "invalidRequest"):
        await client.raw("initialize", {"processId": None, "rootUri": None, "capabilities": {}})


async def test_a_request_after_shutdown_is_refused(connect: Connect) -> None:
    client = await connect()
    await client.shutdown_async(None)
    with refused(-32600, "invalidRequest"):
        await client.ask("session/list")
    with refused(-32600, "invalidRequest"):
        await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]
    assert client._server is not None and client._server.returncode == 0


async def test_an_unknown_request_is_refused_and_an_unknown_notification_ignored(connect: Connect) -> None:
    client = await connect()
    client.protocol.notify("session/nothing", {})
    client.protocol.notify("$/whatever", {})
    for method in ("session/nothing", "$/whatever", "textDocument/rename", "initialized", "finding/nothing"):
        with refused(-32601, "methodNotFound"):
            await client.raw(method, {})


async def test_wrong_params_of_a_custom_method_are_answered_with_the_fields(connect: Connect) -> None:
    client = await connect()
    with refused(-32602, "invalidParams") as refusal:
        await client.ask("session/list", limit=0, state="open")
    assert refusal.data["fields"] == ["state", "limit"]
    with refused(-32602, "invalidParams") as refusal:
        await client.raw("session/get", None)
    assert refusal.data["fields"] == ["sessionId"]


async def test_wrong_params_of_a_standard_method_are_answered_with_the_fields(connect: Connect) -> None:
    client = await connect()
    with refused(-32602, "invalidParams") as refusal:
        await client.raw("textDocument/codeAction", {"textDocument": 5})
    assert refusal.data["fields"] == ["textDocument", "range"]
    with refused(-32602, "invalidParams"):
        await client.raw("workspace/executeCommand", None)


async def test_an_id_that_is_in_use_is_refused(connect: Connect) -> None:
    client = await connect()
    client.protocol.send_request("session/list", {}, msg_id="same")  # waits for the database
    with refused(-32600, "invalidRequest"):
        await client.ask("session/list", msg_id="same")


async def test_a_key_named_jsonrpc_inside_the_params_loses_nothing(connect: Connect) -> None:
    client = await connect()
    with refused(-32602, "invalidParams"):
        await client.ask("session/list", limit=0, later={"jsonrpc": "2.0", "id": 3, "method": "session/list"})


async def test_the_servers_process_ends_with_the_client(connect: Connect) -> None:
    client = await connect()
    await stop(client)
    assert client._server is not None and client._server.returncode == 0


async def test_changes_while_the_server_closes_start_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    async def compose(*given: object) -> Any:
        opened.append(given)
        raise StoreUnavailable("gone", hint="gone")

    monkeypatch.setattr("sessionls.server.server.compose_for", compose)
    server = SessionServer()
    server.protocol._workspace = server.make_workspace(Workspace(None))
    await server.close_down()
    server.folders_changed()
    await asyncio.gather(*server._jobs)
    assert opened == []
