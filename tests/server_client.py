"""The client for all server tests: a real server process over stdio, with custom messages as plain JSON.

async def test_x(connect: Connect) -> None:
    client = await connect(events=True)
    session = await client.ask("session/create", title="A title")
    with refused(-32041, "sessionNotFound"):
        await client.ask("session/get", sessionId="nope")
    await client.until(lambda: client.events_of("renamed"))
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.protocol import JsonRPCNotification, JsonRPCRequestMessage, JsonRPCResponseMessage, default_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import DEFAULT_CLIENT_FEATURES, register_lsp_features
from pytest_lsp.protocol import LanguageClientProtocol

import preloaded

__all__ = [
    "GUARDED_SERVER",
    "Connect",
    "Refusal",
    "SessionClient",
    "connect",
    "connect_raw",
    "refused",
    "server_command",
    "start_server",
    "stop",
    "uri_of",
]

_PROGRAM = Path(__file__).with_name("guarded_server.py")
GUARDED_SERVER = [sys.executable, str(_PROGRAM)]
_READING = 0.7  # seconds that a person takes to read a question
_PATIENCE = 60.0  # seconds; a test that waits longer has failed, even on a busy machine


def server_command() -> list[str]:
    """The command line of a server that starts at once."""
    return preloaded.command(_PROGRAM)


def uri_of(path: Path) -> str:
    return path.as_uri()


class _Protocol(LanguageClientProtocol):
    def _handle_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        if (future := self._request_futures.get(msg_id)) is not None and future.cancelled():
            self._request_futures.pop(msg_id)  # pygls raises over an answer that nobody waits for
            return
        super()._handle_response(msg_id, result, error)


def _converter() -> Any:
    """Leaves custom messages unchanged."""
    converter = default_converter()  # type: ignore[no-untyped-call]
    converter.register_structure_hook(
        JsonRPCRequestMessage, lambda raw, cls: cls(id=raw["id"], method=raw["method"], jsonrpc="2.0", params=raw.get("params"))
    )
    converter.register_structure_hook(
        JsonRPCNotification, lambda raw, cls: cls(method=raw["method"], jsonrpc="2.0", params=raw.get("params"))
    )
    converter.register_structure_hook(
        JsonRPCResponseMessage, lambda raw, cls: cls(id=raw["id"], jsonrpc="2.0", result=raw.get("result"))
    )
    return converter


class SessionClient(LanguageClient):
    """A language client that records every notification. `capabilities` are those of the server."""

    def __init__(self) -> None:
        super().__init__(protocol_cls=_Protocol, converter_factory=_converter)
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.shown: list[lsp.ShowDocumentParams] = []
        self.refreshed: list[str] = []
        self.server: lsp.InitializeResult | None = None
        self.questions: list[dict[str, Any]] = []
        self.decisions: asyncio.Queue[Any] = asyncio.Queue()
        self.hasty = False
        """Whether message boxes are answered at once, as keys typed ahead do; else as by a person, who reads first."""
        self.withdrawn: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        own = {lsp.PROGRESS, lsp.WINDOW_SHOW_DOCUMENT, lsp.WINDOW_SHOW_MESSAGE, lsp.WINDOW_SHOW_MESSAGE_REQUEST}
        own |= {lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS}
        register_lsp_features(self, {name: f for name, f in DEFAULT_CLIENT_FEATURES.items() if name not in own})
        for method in ("session/event", "session/delta", "session/changed", "agent/changed"):
            self.feature(method)(self._keeper(method))
        self.feature(lsp.PROGRESS)(self._on_progress())
        self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(self._on_diagnostics())
        self.feature(lsp.WINDOW_SHOW_DOCUMENT)(self._on_show())
        self.feature(lsp.WINDOW_SHOW_MESSAGE)(self._on_message())
        for method in (lsp.WINDOW_SHOW_MESSAGE_REQUEST, "session/requestPermission"):
            self.feature(method)(self._asked())
        self.feature(lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH)(self._on_refresh())

    # -- asking ----------------------------------------------------------------------------------------------------------

    async def ask(self, method: str, msg_id: str | None = None, **params: Any) -> Any:
        """Send a custom request with these params (camelCase), and return the plain result."""
        async with asyncio.timeout(_PATIENCE):
            return await self.protocol.send_request_async(method, params, msg_id=msg_id)  # type: ignore[no-untyped-call]

    async def raw(self, method: str, params: Any = None) -> Any:
        """Send a standard request with unchanged params, and return the plain result."""
        for name in ("get_message_type", "get_result_type"):
            setattr(self.protocol, name, lambda _: None)
        try:
            sent = self.protocol.send_request_async(method, params)  # type: ignore[no-untyped-call]
            future = asyncio.ensure_future(sent)
            await asyncio.sleep(0)  # it is on its way, with the types of now
        finally:
            for name in ("get_message_type", "get_result_type"):
                delattr(self.protocol, name)
        async with asyncio.timeout(_PATIENCE):
            return await future

    async def command(self, name: str, *arguments: Any) -> Any:
        async with asyncio.timeout(_PATIENCE):
            return await self.workspace_execute_command_async(
                lsp.ExecuteCommandParams(command=name, arguments=list(arguments) if arguments else None)
            )

    def cancel(self, msg_id: str) -> None:
        self.cancel_request(lsp.CancelParams(id=msg_id))

    # -- what came -------------------------------------------------------------------------------------------------------

    def all_of(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.received if name == method]

    def events_of(self, kind: str | None = None, session_id: str | None = None) -> list[dict[str, Any]]:
        return [
            event
            for event in self.all_of("session/event")
            if kind in (None, event["kind"]) and session_id in (None, event["sessionId"])
        ]

    def text_of(self, message_id: str, part: int = 0) -> str:
        """The text of a part: its joined deltas."""
        text = ""
        for delta in self.all_of("session/delta"):
            if delta["messageId"] == message_id and delta["part"] == part:
                assert delta["offset"] == len(text), "a hole or an overlap"
                text += delta["text"]
        return text

    async def written(self, text: str) -> None:
        """Wait until the joined deltas of the open sessions end with this text.

        (When a `Hold` is reached, the model has sent its text, but the server may not have received it yet.)
        """
        await self.until(lambda: "".join(delta["text"] for delta in self.all_of("session/delta")).endswith(text))

    def progress_of(self, token: str | int) -> list[dict[str, Any]]:
        return [params["value"] for params in self.all_of("$/progress") if params["token"] == token]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until the condition is true. It is checked after each message."""
        async with asyncio.timeout(_PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    # -- documents -------------------------------------------------------------------------------------------------------

    def open_document(self, uri: str, text: str, language: str = "python", version: int = 1) -> None:
        item = lsp.TextDocumentItem(uri=uri, language_id=language, version=version, text=text)
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))

    def change_document(self, uri: str, version: int, *changes: lsp.TextDocumentContentChangeEvent) -> None:
        self.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                text_document=lsp.VersionedTextDocumentIdentifier(uri=uri, version=version), content_changes=list(changes)
            )
        )

    # -- inside ----------------------------------------------------------------------------------------------------------

    def keep(self, method: str, params: dict[str, Any]) -> None:
        self.received.append((method, params))
        self._news.set()

    def _keeper(self, method: str) -> Callable[[Any], None]:
        def keep(params: Any) -> None:
            self.keep(method, params)

        return keep

    def _on_progress(self) -> Callable[[Any], None]:
        def on_progress(params: lsp.ProgressParams) -> None:
            self.keep(lsp.PROGRESS, {"token": params.token, "value": params.value})

        return on_progress

    def _asked(self) -> Callable[[Any], Awaitable[Any]]:
        """Answer a question to the person with the next of `decisions`."""

        async def asked(params: Any) -> Any:
            plain = params if isinstance(params, dict) else {"message": params.message, "actions": params.actions}
            self.questions.append(plain)
            self._news.set()
            try:
                reads = 0 if self.hasty or isinstance(params, dict) else _READING
                _, decision = await asyncio.gather(asyncio.sleep(reads), self.decisions.get())
            except asyncio.CancelledError:
                self.withdrawn.append(plain)
                self._news.set()
                raise
            if isinstance(decision, Exception):
                raise decision
            return decision

        return asked

    def _on_message(self) -> Callable[[Any], None]:
        def on_message(params: lsp.ShowMessageParams) -> None:
            self.messages.append(params)
            self.keep(lsp.WINDOW_SHOW_MESSAGE, {"message": params.message, "type": int(params.type)})

        return on_message

    def _on_diagnostics(self) -> Callable[[Any], None]:
        def on_diagnostics(params: lsp.PublishDiagnosticsParams) -> None:
            self.diagnostics[params.uri] = list(params.diagnostics)
            self.keep(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, {"uri": params.uri, "count": len(params.diagnostics)})

        return on_diagnostics

    def _on_show(self) -> Callable[[Any], lsp.ShowDocumentResult]:
        def on_show(params: lsp.ShowDocumentParams) -> lsp.ShowDocumentResult:
            self.shown.append(params)
            self._news.set()
            return lsp.ShowDocumentResult(success=True)

        return on_show

    def _on_refresh(self) -> Callable[[Any], None]:
        def on_refresh(params: lsp.TextDocumentContentRefreshParams) -> None:
            self.refreshed.append(params.uri)
            self._news.set()

        return on_refresh


class Refusal:
    """The expected error, for further checks."""

    error: JsonRpcException

    @property
    def data(self) -> dict[str, Any]:
        data = self.error.data
        assert isinstance(data, dict)
        return data


@contextlib.contextmanager
def refused(code: int, kind: str) -> Iterator[Refusal]:
    """Expect this error, with a message and a hint, and without internals of the server."""
    refusal = Refusal()
    with pytest.raises(JsonRpcException) as caught:
        yield refusal
    refusal.error = error = caught.value
    assert (error.code, refusal.data["kind"]) == (code, kind), (error.code, error.message, error.data)
    assert error.message and refusal.data["hint"]
    for word in ("Traceback", 'File "', "site-packages", os.path.sep + "src" + os.path.sep):
        assert word not in f"{error.message} {error.data}"


async def start_server(
    *,
    events: bool = False,
    permissions: bool = False,
    saves: bool = False,
    folders: Sequence[Path] = (),
    options: Mapping[str, Any] | None = None,
    capabilities: lsp.ClientCapabilities | None = None,
    env: Mapping[str, str] | None = None,
) -> SessionClient:
    """A server process with its client, initialized. `env` is the whole environment; without it, this process's."""
    client = SessionClient()
    await client.start_io(*server_command(), env=dict(os.environ if env is None else env))
    able = capabilities or lsp.ClientCapabilities()
    able.experimental = {"sessionls": {"events": events, "permissions": permissions, "saves": saves}}
    client.server = await client.initialize_session(
        lsp.InitializeParams(
            capabilities=able,
            workspace_folders=[lsp.WorkspaceFolder(uri=uri_of(path), name=path.name) for path in folders],
            initialization_options=dict(options or {}),
        )
    )
    return client


async def stop(client: SessionClient) -> None:
    """Shut the server down. It must exit with 0. May be called again."""
    process = client._server
    if client.stopped or process is None:
        return
    async with asyncio.timeout(_PATIENCE):
        await client.shutdown_session()
        await client.stop()  # type: ignore[no-untyped-call]
    assert client.error is None
    assert process.returncode == 0


Connect = Callable[..., Awaitable[SessionClient]]
"""`start_server`, whose `env` is added to this process's."""


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Starts server processes, each with its client. At the end each is shut down and must exit with 0."""
    clients: list[SessionClient] = []

    async def start(*, env: Mapping[str, str] | None = None, **given: Any) -> SessionClient:
        clients.append(await start_server(env={**os.environ, **(env or {})}, **given))
        return clients[-1]

    yield start
    for client in clients:
        await stop(client)


@pytest.fixture
async def connect_raw() -> AsyncIterator[SessionClient]:
    """A client whose server, which imports its modules itself, is not initialized. It is killed at the end."""
    client = SessionClient()
    client.capabilities = lsp.ClientCapabilities()
    await client.start_io(*GUARDED_SERVER)
    yield client
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]
