"""Our tools for external agents, as an MCP server. The agent starts `sessionls mcp`, which connects to the server here.

A reported finding is added to the reply that the agent is writing. The tools work only while it writes a reply.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sessionls import __version__
from sessionls.domain.errors import SessionlsError
from sessionls.ports.tools import Tool, ToolCall, ToolFailed
from sessionls.runtimes.acp import MCP_ADDRESS
from sessionls.runtimes.acp.permissions import DENIED, Permissions
from sessionls.runtimes.asking import ASK_AGENT, AskAgent

__all__ = ["NAMES", "OurTools"]

log = logging.getLogger(__name__)

NAMES = ("report_finding", "diagnostics", "symbols", "search_sessions")
"""The tools that are offered to external agents, if they exist here. All of them only read or report."""
_LINE = 1 << 20  # bytes of one message
_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
_MOST = 64  # connections at the same time
_CALLS_PER_REPLY = 2_000


Ask = Callable[[Mapping[str, Any]], Awaitable[str]]


@dataclass
class _Turn:
    """`ask` asks another agent; None if that is not permitted at this depth."""

    permissions: Permissions
    call: Callable[[], ToolCall]
    ask: Ask | None
    calls: set[asyncio.Task[Any]] = field(default_factory=set)
    count: int = 0


@dataclass
class OurTools:
    """`offer` returns the tools with these names. One listener serves all sessions of this process; each has its own token."""

    offer: Callable[[Sequence[str]], Sequence[Tool]]
    calls_per_reply: int = _CALLS_PER_REPLY
    _tokens: dict[str, str] = field(default_factory=dict, init=False)  # token → key of an agent
    _turns: dict[str, _Turn] = field(default_factory=dict, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _connections: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def server_entry(self, session_id: str, key: str | None = None) -> list[dict[str, Any]]:
        """The entry for ACP's `mcpServers`, with which an agent starts our server for that session. Empty if we cannot listen.

        An agent that another agent asks in the session has a `key` different from that of the agent that writes the reply.
        """
        key = key or session_id
        async with self._starting:
            if self._server is None:
                try:
                    self._server = await asyncio.start_server(self._handle_connection, "127.0.0.1", 0, limit=_LINE)
                except OSError:
                    log.warning("external agents get no tools of sessionls: cannot listen on a local port")
                    return []
        token = next((token for token, owner in self._tokens.items() if owner == key), None)
        if token is None:
            token = secrets.token_urlsafe(32)
            self._tokens[token] = key
        port = self._server.sockets[0].getsockname()[1]
        return [
            {
                "name": "sessionls",
                "command": sys.executable,
                "args": ["-m", "sessionls", "mcp", "--session", session_id],
                "env": [{"name": MCP_ADDRESS, "value": f"{port} {token}"}],
            }
        ]

    @asynccontextmanager
    async def accept_calls(
        self, key: str, permissions: Permissions, call: Callable[[], ToolCall], ask: Ask | None
    ) -> AsyncIterator[None]:
        """In this context, the calls of that session (or `key`) belong to this reply. Those that have not ended are cancelled."""
        turn = self._turns[key] = _Turn(permissions, call, ask)
        try:
            yield
        finally:
            del self._turns[key]
            for task in turn.calls:
                task.cancel()
            await asyncio.gather(*turn.calls, return_exceptions=True)

    def forget(self, key: str) -> None:
        """Remove the token of that key, when its agent makes no more calls."""
        self._tokens = {token: owner for token, owner in self._tokens.items() if owner != key}

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    # -- one connection ----------------------------------------------------------------------------------------------

    async def _handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            async with asyncio.timeout(10):
                token = (await reader.readline()).decode("utf-8", "replace").strip()
            session_id = next((key for known, key in self._tokens.items() if secrets.compare_digest(known, token)), None)
            if session_id is not None and len(self._connections) <= _MOST:
                await self._serve(session_id, reader, writer)
        except (TimeoutError, ValueError, OSError, asyncio.CancelledError):
            pass  # timeout, a message that is too long, or a closed connection: asyncio would log these
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, session_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if not isinstance(message, dict) or "id" not in message or not isinstance(message.get("method"), str):
                continue
            params = message.get("params")
            answer = await self._answer(session_id, message["method"], params if isinstance(params, dict) else {})
            writer.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}).encode() + b"\n")
            await writer.drain()

    async def _answer(self, session_id: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                version = params.get("protocolVersion")
                return {
                    "result": {
                        "protocolVersion": version if version in _VERSIONS else _VERSIONS[0],
                        "capabilities": {"tools": {}},
                        "serverInfo": {"name": "sessionls", "version": __version__},
                        "instructions": "Report what a review finds with report_finding. The person sees it in the editor.",
                    }
                }
            case "ping":
                return {"result": {}}
            case "tools/list":
                ask = _tool_entry(AskAgent.name, AskAgent.description, AskAgent.schema)
                offered = [_tool_entry(tool.name, tool.description, tool.schema) for tool in self.offer(NAMES)]
                return {"result": {"tools": [*offered, ask]}}
            case "tools/call":
                return {"result": await self._call(session_id, params.get("name"), params.get("arguments"))}
            case _:
                return {"error": {"code": -32601, "message": "Method not found"}}

    async def _call(self, session_id: str, name: Any, arguments: Any) -> dict[str, Any]:
        turn = self._turns.get(session_id)
        tool_arguments = arguments if isinstance(arguments, dict) else {}
        if turn is not None:
            turn.count += 1
            if turn.count > self.calls_per_reply:
                return _result(
                    f"You have called these tools more than {self.calls_per_reply:,} times. End your reply.", failed=True
                )
        if name == ASK_AGENT and turn is not None:
            if turn.ask is None or turn.permissions.is_denied(ASK_AGENT, "read"):
                return _result(DENIED, failed=True)
            return await self._run(turn, ASK_AGENT, turn.ask(tool_arguments))
        tool = next((tool for tool in self.offer(NAMES) if tool.name == name), None)
        if tool is None and name != ASK_AGENT:
            return _result(f"There is no tool {str(name)[:60]}.", failed=True)
        if turn is None:
            return _result("The tools of this session work only while you answer a message in it.", failed=True)
        assert tool is not None
        if turn.permissions.is_denied(tool.name, tool.risk):
            return _result(DENIED, failed=True)
        return await self._run(turn, tool.name, tool.run(tool_arguments, turn.call()))

    @staticmethod
    async def _run(turn: _Turn, name: str, work: Awaitable[str]) -> dict[str, Any]:
        task = asyncio.ensure_future(work)
        turn.calls.add(task)
        task.add_done_callback(turn.calls.discard)
        try:
            await asyncio.wait([task])
            if task.cancelled():
                return _result("The message that this belongs to has ended.", failed=True)
            return _result(task.result())
        except asyncio.CancelledError:
            task.cancel()
            raise
        except ToolFailed as problem:
            return _result(str(problem), failed=True)
        except SessionlsError as problem:
            return _result(f"{problem.message} {problem.hint}", failed=True)
        except Exception:
            log.exception("the tool %s failed for an external agent", name)
            return _result("The tool failed unexpectedly. Try another way.", failed=True)


def _tool_entry(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": dict(schema)}


def _result(text: str, *, failed: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": failed}
