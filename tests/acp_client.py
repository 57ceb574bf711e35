"""An editor that speaks the Agent Client Protocol, for tests: the SDK's own client, and `sessionls acp` as a real process.

async def test_x(start_editor: Editors, tmp_path: Path) -> None:
    zed = await start_editor()
    session = await zed.new(tmp_path)
    assert await zed.prompt(session, "say: hello") == "end_turn"
    assert zed.text(session) == "hello"
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from acp import schema
from acp.core import ClientSideConnection, RequestError, connect_to_agent

import preloaded
from model_server import ModelServer

__all__ = ["AcpEditor", "Editors", "mode", "start_editor", "texts"]

_PROGRAM = Path(__file__).with_name("guarded_acp.py")
GUARDED_ACP = [sys.executable, str(_PROGRAM)]
_PATIENCE = 60.0  # seconds; a loaded machine is slow, and a test that waits longer has failed

Answering = Callable[[dict[str, Any]], Awaitable[str | None]]


def texts(text: str) -> list[Any]:
    return [schema.TextContentBlock(type="text", text=text)]


class AcpEditor:
    """`updates` are the updates of all sessions, in order. `buffers` has the text of files with unsaved changes.

    `permit` answers permission requests with the id of an option; None dismisses them. Without it they wait for ever.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.agent: ClientSideConnection
        self.updates: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[dict[str, Any]] = []
        self.buffers: dict[str, str] = {}
        self.written: dict[str, str] = {}
        self.read: list[str] = []
        self.permit: str | None = "wait"
        self.answer = schema.InitializeResponse(protocol_version=1)
        self.withdrawn: list[Any] = []
        self._changed = asyncio.Event()

    # -- what the agent asks for -------------------------------------------------------------------------------------

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append((session_id, update.model_dump(mode="json", by_alias=True, exclude_none=True)))
        self._changed.set()

    async def request_permission(self, session_id: str, tool_call: Any, options: list[Any], **_: Any) -> Any:
        call = tool_call.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.asked.append({"session": session_id, "call": call, "options": {one.option_id: one for one in options}})
        self._changed.set()
        if self.permit == "wait":
            await asyncio.Event().wait()
        if self.permit is None:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        return schema.RequestPermissionResponse(outcome=schema.AllowedOutcome(outcome="selected", option_id=str(self.permit)))

    async def read_text_file(self, session_id: str, path: str, **_: Any) -> Any:
        self.read.append(path)
        if path in self.buffers:
            return schema.ReadTextFileResponse(content=self.buffers[path])
        try:
            return schema.ReadTextFileResponse(content=await asyncio.to_thread(Path(path).read_text, "utf-8"))
        except OSError:
            raise RequestError.resource_not_found(path) from None

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> None:
        self.written[path] = content
        await asyncio.to_thread(Path(path).write_text, content, "utf-8")

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        raise AssertionError(method)

    # -- what a person does ------------------------------------------------------------------------------------------

    async def start(self, *, reads: bool = True, writes: bool = True) -> None:
        fs = schema.FileSystemCapabilities(read_text_file=reads, write_text_file=writes)
        self.answer = await self.agent.initialize(1, schema.ClientCapabilities(fs=fs))

    async def new(self, folder: Path) -> str:
        return (await self.agent.new_session(str(folder))).session_id

    async def prompt(self, session_id: str, text: str | list[Any]) -> str:
        """Send a prompt and wait for its end. Returns the stop reason."""
        blocks = texts(text) if isinstance(text, str) else text
        async with asyncio.timeout(_PATIENCE):
            return (await self.agent.prompt(session_id, blocks)).stop_reason

    async def until(self, condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(_PATIENCE):
            while not (found := condition()):
                self._changed.clear()
                await self._changed.wait()
            return found

    def of(self, session_id: str, *kinds: str) -> list[dict[str, Any]]:
        """The updates of a session, of these kinds."""
        return [update for session, update in self.updates if session == session_id and update["sessionUpdate"] in kinds]

    def text(self, session_id: str, kind: str = "agent_message_chunk") -> str:
        return "".join(update["content"].get("text", "") for update in self.of(session_id, kind))

    def calls(self, session_id: str) -> dict[str, dict[str, Any]]:
        """The tool calls as the client has them after all updates."""
        found: dict[str, dict[str, Any]] = {}
        for update in self.of(session_id, "tool_call", "tool_call_update"):
            found.setdefault(update["toolCallId"], {}).update(update)
        return found

    async def raw(self, method: str, **params: Any) -> Any:
        """A request that the SDK has no method for."""
        return await self.agent._conn.send_request(method, params)

    async def leave(self) -> int:
        """Close the connection, and wait until the process has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(_PATIENCE):
            return await self.process.wait()


class Editors(Protocol):
    async def __call__(self, *words: str, reads: bool = True, writes: bool = True, **variables: str) -> AcpEditor: ...


@pytest.fixture
async def start_editor(fresh_home: Path) -> AsyncIterator[Editors]:
    """Starts editors, each with a process of its own. At the end each process ends by itself once its stdin has ended."""
    started: list[AcpEditor] = []

    async def start(*words: str, reads: bool = True, writes: bool = True, **variables: str) -> AcpEditor:
        process = await asyncio.create_subprocess_exec(
            *preloaded.command(_PROGRAM),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **variables},
            cwd=fresh_home,
            limit=1 << 26,
        )
        editor = AcpEditor(process)
        editor.agent = connect_to_agent(editor, process.stdin, process.stdout, use_unstable_protocol=True)  # type: ignore[arg-type]
        started.append(editor)
        await editor.start(reads=reads, writes=writes)
        return editor

    yield start
    for editor in started:
        if editor.process.returncode is None:
            await editor.leave()
        await editor.agent.close()


@pytest.fixture
def provider(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    """The model server, which the editors' processes use."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_API_BASE", model_server.openai)
    monkeypatch.setenv("SESSIONLS_MODEL", "openai/gpt-4o-mini")
    return model_server


def mode(editor: AcpEditor, session: str) -> str:
    """The mode that the client shows."""
    shown = [update["currentModeId"] for update in editor.of(session, "current_mode_update")]
    return shown[-1] if shown else "code"
