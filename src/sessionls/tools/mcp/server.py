"""One MCP server: started, kept, asked and ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sessionls.sessions.ports import ToolFailed
from sessionls.sessions.tooling import Tool
from sessionls.tools.mcp.config import Named
from sessionls.tools.mcp.connection import connected, library, reason, short
from sessionls.tools.mcp.tool import told, tool_of

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["GONE", "Server"]

log = logging.getLogger(__name__)

GONE = "it was ended"
_START = 60.0  # seconds until a server that does not come up is given up
_CALL = 300.0  # seconds of one call
_FIRST_WAIT, _LONGEST_WAIT = 4.0, 60.0  # seconds between two tries to start a server that fails
_TOOLS = 128


class Server:
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
        return GONE if self._ended else self._bound(self.named)

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
            raise ToolFailed(f"The MCP server {self.named.name} refused: {short(str(result))}")
        text = told(result)
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
            self.problem = f"it does not start: {reason(error)}"
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
        await asyncio.to_thread(library)
        if (why := self._forbidden) is not None:
            raise ToolFailed(why)
        return await closing.enter_async_context(
            connected(self.server, self.named.folder, dead=self._dead, notified=self._notified)
        )

    async def _notified(self, message: Any) -> None:
        if "ToolListChanged" in type(message).__name__:
            self._stale = True

    async def _list(self, client: Client) -> list[Tool]:
        tools: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(_TOOLS):  # pages
            page = await client.list_tools(cursor=cursor)
            for one in page.tools:
                tool = tool_of(self.named.name, self.server, one, self.call)
                if tool is not None and len(tools) < _TOOLS:
                    tools.setdefault(tool.name, tool)
            cursor = page.next_cursor
            if cursor is None or len(tools) >= _TOOLS:
                break
        return list(tools.values())
