"""Tools of MCP servers (Model Context Protocol): programs and addresses that offer tools, called `server/tool` here.

A server starts when an agent that may use it is about to reply, and not before. What a server says of its own tools is no
reason to trust them: one that is a program counts as executing, one at an address as using the network, and both ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TextIO, cast

from sessionls.agents.agent import Definition
from sessionls.programs import McpServer
from sessionls.sessions import uris
from sessionls.sessions.ports import ToolCall, ToolFailed
from sessionls.sessions.texts import sound
from sessionls.sessions.tooling import Risk, Tool, Wish
from sessionls.tools.base import RESULT_LIMIT, cut_middle
from sessionls.tools.mcp_config import Key, Named, read_folder, server_name, unique

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["McpServers", "McpTool", "Status"]

log = logging.getLogger(__name__)

State = Literal["up", "starting", "failed", "untrusted", "disabled"]

PATIENCE = 5.0  # seconds that a reply waits for its servers
_START = 60.0  # seconds until a server that does not come up is given up
_CALL = 300.0  # seconds of one call
_FIRST_WAIT, _LONGEST_WAIT = 4.0, 60.0  # seconds between two tries to start a server that fails
_TOOLS = 128
_DESCRIPTION = 4_000  # characters
_SCHEMA = 30_000
_NAME = 64  # characters of a tool's name as models are told it
_UNTRUSTED, _DISABLED, _READ_ONLY = "the workspace is not trusted", "it is disabled", "agents may only read here"
_GONE = "it was ended"
_LEFT_ALONE: Mapping[str, State] = {_UNTRUSTED: "untrusted", _DISABLED: "disabled", _READ_ONLY: "disabled"}


@dataclass(frozen=True, slots=True)
class Status:
    """How a server is: `tools` are its tools' names; `problem` is why it has none."""

    name: str
    source: str
    state: State
    tools: Sequence[str] = ()
    problem: str | None = None


class McpServers:
    """The servers of one editor: the participant's own, and those of its folders where the workspace is trusted.

    `folders`, `trusted` and `read_only` are asked each time; where agents may only read, no server runs. Each runs once, and what
    one folder's server knows no other folder's does.
    """

    def __init__(
        self,
        own: Mapping[str, McpServer] | None = None,
        *,
        folders: Callable[[], Sequence[Path]] = tuple,
        trusted: Callable[[], bool] = lambda: False,
        read_only: Callable[[], bool] = lambda: False,
        patience: float = PATIENCE,
    ) -> None:
        self._own = [Named(server_name(name), server, "the settings") for name, server in (own or {}).items()]
        self._folders = folders
        self._trusted = trusted
        self._read_only = read_only
        self._patience = patience
        self._running: dict[Key, _Server] = {}
        self._closed = False

    @property
    def tools(self) -> list[Tool]:
        """The tools of the servers that are up."""
        return [tool for server in self._running.values() for tool in server.tools]

    async def prepare(self, definition: Definition) -> None:
        """Start the servers whose tools that agent may use, and wait for them a while. Never raises.

        One that is not up in time has no tools this time; it goes on starting.
        """
        if self._closed:
            return
        wanted = [one for one in await self._current() if one.problem is None and _may_use(definition, one.name)]
        starting = {one.name: asyncio.ensure_future(self._server(one).up()) for one in wanted}
        if not starting:
            return
        try:
            _, late = await asyncio.wait(starting.values(), timeout=self._patience)
        finally:
            for job in starting.values():
                job.cancel()
        for name, job in starting.items():
            if job in late:
                log.warning("the MCP server %s is not up after %.0f s: its tools are missing this time", name, self._patience)

    async def check(self) -> list[Status]:
        """Every server there is, each one tried: for who wants to know what is wrong."""
        found = await self._current()
        trials = [one for one in found if one.problem is None]
        if trials:
            await asyncio.to_thread(_library)  # a slow import is no server's fault
        jobs = [asyncio.ensure_future(self._server(one).up()) for one in trials]
        if jobs:
            await asyncio.wait(jobs, timeout=self._patience)
            for job in jobs:
                job.cancel()
        return [self._status(one) for one in found]

    async def follow(self) -> None:
        """The folders, the trust or what agents may do are others now: servers that may run no more are ended.

        (One that is about to be started asks for itself.)
        """
        if self._running and not self._closed:
            await self._current()

    async def close(self) -> None:
        """End all servers, and what they started."""
        self._closed = True
        await asyncio.gather(*(server.close() for server in self._running.values()))
        self._running.clear()

    def _status(self, one: Named) -> Status:
        server = self._running.get(one.key)
        if one.problem is not None:
            return Status(one.name, one.source, _LEFT_ALONE.get(one.problem, "failed"), problem=one.problem)
        if server is None or not (server.ready or server.problem):
            return Status(one.name, one.source, "starting", problem="it is not up yet")
        if not server.ready:
            return Status(one.name, one.source, "failed", problem=server.problem)
        return Status(one.name, one.source, "up", [tool.name for tool in server.tools])

    def _server(self, one: Named) -> _Server:
        if one.key not in self._running:
            self._running[one.key] = _Server(one, self._forbidden)
        return self._running[one.key]

    async def _current(self) -> list[Named]:
        """The servers as they are named now; those that are named no more, or otherwise, are ended."""
        # What may run no more does not run while files are read, however long that takes.
        await self._end([key for key, server in self._running.items() if self._forbidden(server.named) is not None])
        while True:
            folders = tuple(self._folders())
            read = await asyncio.gather(*(asyncio.to_thread(read_folder, path) for path in folders))
            if folders == tuple(self._folders()):
                break
        # All is asked after the last wait: what was true before it may not be any more.
        current = [
            _left_alone(one, why) if (why := self._forbidden(one)) is not None else one
            for one in unique([*self._own, *(one for found in read for one in found)])
        ]
        known = {one.key for one in current if one.problem is None}
        await self._end([key for key in self._running if key not in known])
        return current

    async def _end(self, keys: Sequence[Key]) -> None:
        ending = [self._running.pop(key) for key in keys]
        await asyncio.gather(*(server.close() for server in ending))

    def _forbidden(self, one: Named) -> str | None:
        """Why that server may not run now; None where it may."""
        if self._closed:
            return _GONE
        if one.folder is not None and (one.folder not in self._folders() or not self._trusted()):
            return _UNTRUSTED
        if one.server is not None and one.server.disabled:
            return _DISABLED
        return _READ_ONLY if one.problem is None and self._read_only() else None


def _left_alone(one: Named, why: str) -> Named:
    return Named(one.name, None, one.source, one.folder, why)


def _may_use(definition: Definition, server: str) -> bool:
    """Whether an agent may use any tool of that server."""
    if any(rule == "deny" and fnmatchcase(f"{server}/*", key) for key, rule in definition.permissions.items()):
        return False
    patterns = definition.tools
    return patterns is None or any(fnmatchcase(server, one.partition("/")[0]) for one in patterns if "/" in one or one == "*")


class _Server:
    """One server. A task of its own holds the connection: it begins and ends there, as the protocol's library wants it."""

    def __init__(self, named: Named, forbidden: Callable[[Named], str | None]) -> None:
        assert named.server is not None
        self.named = named
        self._bound = forbidden
        self._ended = False
        self.server = named.server
        self.tools: list[Tool] = []
        self.problem: str | None = None
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._dead = asyncio.Event()
        self._stale = False
        self._failures = 0
        self._not_before = 0.0

    @property
    def ready(self) -> bool:
        return self._client is not None and not self._dead.is_set()

    @property
    def _forbidden(self) -> str | None:
        """Why it may not run now: who still holds one of its tools may be late."""
        return _GONE if self._ended else self._bound(self.named)

    async def up(self) -> None:
        """Wait until it is up, or has failed to start. Starts it where it is not running, unless it failed just now, or may not
        run any more.
        """
        if self._task is not None and self._dead.is_set():
            await asyncio.wait({self._task})  # what is left of it is being ended
        if self._task is None or self._task.done():
            if self._forbidden is not None or asyncio.get_running_loop().time() < self._not_before:
                return
            self._up, self._dead = asyncio.Event(), asyncio.Event()
            self._task = asyncio.create_task(self._keep(), name=f"MCP server {self.named.name}")
        await self._up.wait()
        if self.ready and self._stale and self._client is not None:
            self._stale = False
            with contextlib.suppress(Exception):
                self.tools = await self._list(self._client)

    async def close(self) -> None:
        """End it, for good."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            # A task that had not begun says nothing at its end.
            self._dead.set()
            self._up.set()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool. Raises `ToolFailed`. Cancelling tells the server."""
        client = self._client
        if client is None or self._dead.is_set():
            await self.up()  # it died since it was offered
            client = self._client
        if (why := self._forbidden) is not None:
            raise ToolFailed(f"The MCP server {self.named.name} does not run here any more: {why}.")
        if client is None or self._dead.is_set():
            raise ToolFailed(f"The MCP server {self.named.name} is not running: {self.problem or 'it is starting'}.")
        # A server that dies answers nothing any more.
        calling = asyncio.ensure_future(client.call_tool(tool, dict(arguments), read_timeout_seconds=_CALL))
        dying = asyncio.ensure_future(self._dead.wait())
        try:
            await asyncio.wait({calling, dying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in (calling, dying):
                job.cancel()
            result, _ = await asyncio.gather(calling, dying, return_exceptions=True)
        if dying.done() and not dying.cancelled():
            raise ToolFailed(f"The MCP server {self.named.name} ended during the call. Whether it took effect is not known.")
        if isinstance(result, BaseException):
            raise ToolFailed(f"The MCP server {self.named.name} refused: {_short(str(result))}")
        text = _told(result)
        if result.is_error:
            raise ToolFailed(text or "The tool failed and did not say why.")
        return text or "(done, no output)"

    async def _keep(self) -> None:
        """Connect, and hold the connection until it ends."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_START) as starting, contextlib.AsyncExitStack() as closing:
                client = await self._connect(closing)
                self.tools = await self._list(client)
                starting.reschedule(None)
                self._client, self.problem, self._failures = client, None, 0
                self._up.set()
                await self._dead.wait()
                self.problem, self.tools = "it ended", []
        except TimeoutError:
            self.problem = f"it did not answer within {_START:.0f} s"
        except Exception as error:  # noqa: BLE001 (whatever a transport raises, in groups or not)
            self.problem = f"it does not start: {_reason(error)}"
        finally:
            was_up = self._client is not None
            self._client, self.tools = None, []
            self._dead.set()
            self._failures = 1 if was_up else self._failures + 1
            self._not_before = loop.time() + (0.0 if was_up else min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (self._failures - 1)))
            self._up.set()
            if self.problem:
                log.warning("the MCP server %s: %s", self.named.name, self.problem)

    async def _connect(self, closing: contextlib.AsyncExitStack) -> Client:
        await asyncio.to_thread(_library)
        if (why := self._forbidden) is not None:
            raise ToolFailed(why)
        from mcp import Client

        transport = _watched(self._transport(), self._dead)
        return await closing.enter_async_context(
            # What a server says would go to a log: it may hold anything.
            Client(cast("Any", transport), message_handler=self._notified, cache=None, client_info=_ourselves())
        )

    def _transport(self) -> Any:
        if self.server.url is None:
            from mcp.client.stdio import StdioServerParameters, stdio_client

            assert self.server.command is not None
            parameters = StdioServerParameters(
                command=self.server.command,
                args=self.server.args,
                env=self.server.env,
                cwd=self.server.cwd or self.named.folder,
                encoding_error_handler="replace",
            )
            return stdio_client(parameters, errlog=cast("TextIO", subprocess.DEVNULL))
        if self.server.type == "sse":
            from mcp.client.sse import sse_client

            return sse_client(self.server.url, headers=self.server.headers)
        return _http(self.server.url, self.server.headers)

    async def _notified(self, message: Any) -> None:
        if "ToolListChanged" in type(message).__name__:
            self._stale = True

    async def _list(self, client: Client) -> list[Tool]:
        tools: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(_TOOLS):  # pages
            page = await client.list_tools(cursor=cursor)
            for one in page.tools:
                tool = self._tool(one)
                if tool is not None and len(tools) < _TOOLS:
                    tools.setdefault(tool.name, tool)
            cursor = page.next_cursor
            if cursor is None or len(tools) >= _TOOLS:
                break
        return list(tools.values())

    def _tool(self, one: Any) -> Tool | None:
        schema = one.input_schema
        if not isinstance(schema, dict) or len(json.dumps(schema)) > _SCHEMA:
            log.warning("the MCP server %s has a tool whose schema is too large", self.named.name)
            return None
        described = sound(one.description or one.title or one.name)
        return McpTool(
            name=f"{self.named.name}/{_tool_name(self.named.name, one.name)}",
            description=described[:_DESCRIPTION],
            schema={"type": "object", "properties": {}, **schema},
            risk="network" if self.server.remote else "execute",
            own_name=one.name,
            call=self.call,
        )


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of a server (`tooling.Tool`)."""

    name: str
    description: str
    schema: Mapping[str, Any]
    risk: Risk
    own_name: str
    call: Callable[[str, Mapping[str, Any]], Any] = field(repr=False, compare=False)
    runs_programs: bool = True

    async def wish(self, arguments: Mapping[str, Any]) -> Wish:
        shown = uris.printable(json.dumps(arguments, ensure_ascii=False))
        detail = json.dumps(arguments, ensure_ascii=False, indent=2)
        return Wish(f"{self.name} with {shown[:200]}", detail=detail if len(shown) > 200 else None)

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:  # noqa: ARG002
        return cut_middle(sound(await self.call(self.own_name, arguments)), RESULT_LIMIT)


def _tool_name(server: str, name: str) -> str:
    """The tool's name in letters that model APIs take, and no longer than they take it with the server's."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "tool"
    room = _NAME - len(server) - 2
    if len(plain) <= room:
        return plain
    return f"{plain[: room - 7]}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


def _told(result: Any) -> str:
    """A result as text. What is no text is named: models here read text."""
    words: list[str] = []
    for block in result.content:
        match block.type:
            case "text":
                words.append(block.text)
            case "image" | "audio":
                words.append(f"[{block.type}, {block.mime_type}, about {len(block.data) * 3 // 4:,} bytes: not shown]")
            case "resource_link":
                words.append(f"[resource {block.name}: {block.uri}]")
            case "resource":
                words.append(f"[resource {block.resource.uri}: not shown]")
    if not words and result.structured_content is not None:
        words.append(json.dumps(result.structured_content, ensure_ascii=False, indent=1))
    return "\n".join(words)


def _reason(error: BaseException) -> str:
    """The first that went wrong, without what a server or a path on this machine would say."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FileNotFoundError):
        return "its program is not installed, or its folder does not exist"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return _short(str(error)) or type(error).__name__


def _short(text: str) -> str:
    # An address may hold a key in any of its parts.
    return uris.printable(uris.public_text(" ".join(sound(text).split()), path=False))[:500]


def _library() -> None:
    """Import the protocol's library, which takes its time, and keep what servers say out of our log."""
    import mcp  # noqa: F401

    logging.getLogger("mcp").setLevel(logging.CRITICAL)


def _ourselves() -> Any:
    from mcp_types import Implementation

    from sessionls import __version__

    return Implementation(name="sessionls", version=__version__)


@contextlib.asynccontextmanager
async def _http(url: str, headers: Mapping[str, str]) -> AsyncIterator[Any]:
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    # It reads certificates.
    client = await asyncio.to_thread(create_mcp_http_client, headers=dict(headers))
    async with client as http, streamable_http_client(url, http_client=http) as streams:
        yield streams


@contextlib.asynccontextmanager
async def _watched(transport: Any, dead: asyncio.Event) -> AsyncIterator[Any]:
    """The transport, whose end is told."""
    async with transport as (read, write):
        yield _Read(read, dead), write


class _Read:
    """A read stream that tells when it has ended; all else is the stream's own."""

    def __init__(self, stream: Any, dead: asyncio.Event) -> None:
        self._stream = stream
        self._dead = dead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def receive(self) -> Any:
        import anyio

        try:
            return await self._stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._dead.set()
            raise

    def __aiter__(self) -> _Read:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._dead.set()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *problem: object) -> Any:
        return await self._stream.__aexit__(*problem)
