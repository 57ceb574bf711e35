"""Runs the MCP servers that are defined, allowed to run, and that an agent may use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Literal

from sessionls.domain import uris
from sessionls.domain.agent import Definition
from sessionls.ports.tools import Tool
from sessionls.programs import McpServer
from sessionls.tools.mcp.config import Key, Named, own_server, read_folder, unique
from sessionls.tools.mcp.connection import library
from sessionls.tools.mcp.server import GONE, RETRY_SECONDS, Server

__all__ = ["McpServers", "Status"]

log = logging.getLogger(__name__)

State = Literal["up", "starting", "failed", "untrusted", "disabled"]

PATIENCE = 5.0  # seconds that a reply waits for its servers
_UNTRUSTED, _DISABLED, _READ_ONLY = "the workspace is not trusted", "it is disabled", "agents may only read here"
_LEFT_ALONE: Mapping[str, State] = {_UNTRUSTED: "untrusted", _DISABLED: "disabled", _READ_ONLY: "disabled"}


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a server: `tools` are the names of its tools; `problem` is why it has none; `notes` describe differences from
    its definition.
    """

    name: str
    source: str
    state: State
    tools: Sequence[str] = ()
    problem: str | None = None
    notes: Sequence[str] = ()


class McpServers:
    """The servers of one editor: the participant's own and, if the workspace is trusted, those of its folders.

    `folders`, `trusted` and `read_only` are checked each time. No server runs while agents may only read. Each server runs once;
    servers of different folders are separate processes.
    """

    def __init__(
        self,
        own: Mapping[str, McpServer] | None = None,
        *,
        folders: Callable[[], Sequence[Path]] = tuple,
        trusted: Callable[[], bool] = lambda: False,
        read_only: Callable[[], bool] = lambda: False,
        patience: float = PATIENCE,
        retry_seconds: tuple[float, float] = RETRY_SECONDS,
    ) -> None:
        self._own = [own_server(name, server) for name, server in (own or {}).items()]
        self._folders = folders
        self._trusted = trusted
        self._read_only = read_only
        self._patience = patience
        self._retry_seconds = retry_seconds
        self._running: dict[Key, Server] = {}
        self._closed = False

    @property
    def tools(self) -> list[Tool]:
        """The tools of all running servers."""
        return [tool for server in self._running.values() for tool in server.tools]

    async def prepare(self, definition: Definition) -> list[str]:
        """Start the servers whose tools the agent may use, and wait for them for a limited time. Never raises.

        A server that is not ready in time has no tools for this reply, but continues to start. Returns notices for a person about
        what is missing.
        """
        if self._closed:
            return []
        wanted = [
            named for named in await self._current() if _may_use(definition, named.name) and named.problem not in _LEFT_ALONE
        ]
        starting = {named.key: asyncio.ensure_future(self._server(named).up()) for named in wanted if named.problem is None}
        if starting:
            try:
                await asyncio.wait(starting.values(), timeout=self._patience)
            finally:
                for job in starting.values():
                    job.cancel()
        return [words for named in wanted if (words := self._missing(named)) is not None]

    def _missing(self, named: Named) -> str | None:
        """A notice about what of that server is missing for a reply."""
        server = self._running.get(named.key)
        if named.problem is not None:
            why = f"its configuration in {named.source} is wrong: {named.problem}"
        elif server is None or (not server.ready and server.problem is None):
            if server is None:  # ended meanwhile
                return None
            why = f"it was not ready after {self._patience:.0f} s; it continues to start"
        elif not server.ready:
            why = server.problem or "it ended"
        else:
            return f"MCP server {named.name}: {'; '.join(server.left_out)}." if server.left_out else None
        log.warning("the MCP server %s has no tools for a reply: %s", named.name, why)
        return f"The tools of the MCP server {named.name} are missing: {why}."

    async def check(self) -> list[Status]:
        """Try to start every server, and return the status of each."""
        found = await self._current()
        trials = [named for named in found if named.problem is None]
        if trials:
            await asyncio.to_thread(library)  # so that a slow import does not count as a slow server
        jobs = [asyncio.ensure_future(self._server(named).up()) for named in trials]
        if jobs:
            await asyncio.wait(jobs, timeout=self._patience)
            for job in jobs:
                job.cancel()
        return [self._status(named) for named in found]

    async def follow(self) -> None:
        """Call this after a change of the folders, the trust or the bounds: ends servers that may not run any more.

        (A server that is about to start checks this itself.)
        """
        if self._running and not self._closed:
            await self._current()

    async def close(self) -> None:
        """End all servers and their child processes."""
        self._closed = True
        await asyncio.gather(*(server.close() for server in self._running.values()))
        self._running.clear()

    def _status(self, named: Named) -> Status:
        server = self._running.get(named.key)
        renamed = [] if named.own_name in (None, named.name) else [f"its name there is {uris.printable(named.own_name or '')}"]
        status = partial(Status, named.name, named.source, notes=renamed)
        if named.problem is not None:
            return status(_LEFT_ALONE.get(named.problem, "failed"), problem=named.problem)
        if server is None or not (server.ready or server.problem):
            return status("starting", problem="it is still starting")
        if not server.ready:
            return status("failed", problem=server.problem)
        return status("up", [tool.name for tool in server.tools], notes=[*renamed, *server.left_out])

    def _server(self, named: Named) -> Server:
        if named.key not in self._running:
            self._running[named.key] = Server(named, self._forbidden, self._retry_seconds)
        return self._running[named.key]

    async def _current(self) -> list[Named]:
        """The current server definitions. Servers whose definition was removed or changed are ended."""
        # First end servers that may not run any more: reading the files may take long.
        await self._end([key for key, server in self._running.items() if self._forbidden(server.named) is not None])
        while True:
            folders = tuple(self._folders())
            read = await asyncio.gather(*(asyncio.to_thread(read_folder, path) for path in folders))
            if folders == tuple(self._folders()):
                break
        # Check everything after the last wait, because it may have changed meanwhile.
        current = [
            _left_alone(named, why) if (why := self._forbidden(named)) is not None else named
            for named in unique([*self._own, *(named for found in read for named in found)])
        ]
        known = {named.key for named in current if named.problem is None}
        await self._end([key for key in self._running if key not in known])
        return current

    async def _end(self, keys: Sequence[Key]) -> None:
        ending = [self._running.pop(key) for key in keys]
        await asyncio.gather(*(server.close() for server in ending))

    def _forbidden(self, named: Named) -> str | None:
        """Why that server may not run now; None if it may."""
        if self._closed:
            return GONE
        if named.folder is not None and (named.folder not in self._folders() or not self._trusted()):
            return _UNTRUSTED
        if named.server is not None and named.server.disabled:
            return _DISABLED
        return _READ_ONLY if named.problem is None and self._read_only() else None


def _left_alone(named: Named, why: str) -> Named:
    return replace(named, server=None, problem=why)


def _may_use(definition: Definition, server: str) -> bool:
    """Whether the agent may use any tool of that server."""
    if any(rule == "deny" and fnmatchcase(f"{server}/*", key) for key, rule in definition.permissions.items()):
        return False
    patterns = definition.tools
    return patterns is None or any(
        fnmatchcase(server, pattern.partition("/")[0]) for pattern in patterns if "/" in pattern or pattern == "*"
    )
