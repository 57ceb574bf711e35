"""The running external agents of this process: one for each agent and workspace folder. Idle ones are ended."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionls.domain.agent import Definition
from sessionls.domain.errors import StoreUnavailable
from sessionls.runtimes.acp.connection import AgentConnection, Timeouts, connect
from sessionls.runtimes.acp.modes import Configuration
from sessionls.runtimes.acp.updates import Cost, ModeChanged, OptionsChanged, PersonText, Update

__all__ = ["Open", "Pool", "Running"]

log = logging.getLogger(__name__)


@dataclass
class Open:
    """An open session in the agent's process. `cost` is its cost so far, as far as the agent reported it here. `late` is the
    number of updates with content that it sent after the end of its last reply.
    """

    id: str
    configuration: Configuration
    cost: float | None = None
    tokens: tuple[int, int, int] | None = None
    late: int = 0


@dataclass
class Running:
    """A running agent. `opened` has its open sessions by the id of our session, `given` the ids of all that it opened."""

    connection: AgentConnection
    opened: dict[str, Open] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    users: int = 0
    idle: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.connection.between = self._between

    def _between(self, session: str, update: Update) -> None:
        for one in self.opened.values():
            if one.id == session:
                if isinstance(update, ModeChanged | OptionsChanged):
                    one.configuration.changed(update)
                elif not isinstance(update, Cost | PersonText):
                    one.late += 1


@dataclass
class Pool:
    """Ends an agent's program `idle` seconds after its last message. `started` is called for each that starts."""

    logs: Path
    timeouts: Timeouts = field(default_factory=Timeouts)
    idle: float = 600.0
    started: Callable[[AgentConnection], Awaitable[None]] | None = None
    _running: dict[tuple[str, str, Path], Running] = field(default_factory=dict, init=False)
    _starting: dict[tuple[str, str, Path], asyncio.Lock] = field(default_factory=dict, init=False)
    _ending: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _closed: bool = field(default=False, init=False)

    @asynccontextmanager
    async def running(self, definition: Definition, folder: Path) -> AsyncIterator[Running]:
        """The agent's process for that folder, started if it does not run. Raises `AgentUnavailable`."""
        key = definition.name, _digest(definition), folder
        async with self._starting.setdefault(key, asyncio.Lock()):
            if self._closed:
                raise StoreUnavailable("sessionls is closing.", hint="Resume the session later.")
            found = self._running.get(key)
            if found is not None and found.connection.gone.is_set():
                await self._end(key)
                found = None
            if found is None:
                found = self._running[key] = Running(await connect(definition, folder, self.logs, self.timeouts))
                if self.started is not None:
                    await self.started(found.connection)
            found.users += 1
            if found.idle is not None:
                found.idle.cancel()
                found.idle = None
        try:
            yield found
        finally:
            found.users -= 1
            if found.connection.gone.is_set():
                if self._running.get(key) is found:
                    await asyncio.shield(self._end(key))
            elif found.users == 0 and not self._closed:
                found.idle = asyncio.get_running_loop().call_later(self.idle, lambda: self._soon(self._end_idle(key)))

    def takes_images(self, definition: Definition, folder: Path) -> bool | None:
        """Whether the agent accepts images; None if it is not running in that folder."""
        running = self._running.get((definition.name, _digest(definition), folder))
        return None if running is None or running.connection.gone.is_set() else running.connection.takes_images

    async def keep(self, wanted: Callable[[Definition], bool]) -> None:
        """End the agents for which `wanted` is false, for example when a workspace is no longer trusted."""
        for key, running in list(self._running.items()):
            if not wanted(running.connection.definition):
                await self._end(key)

    async def close(self) -> None:
        """End all agents."""
        self._closed = True
        await asyncio.gather(*(self._end(key) for key in list(self._running)), return_exceptions=True)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_idle(self, key: tuple[str, str, Path]) -> None:
        running = self._running.get(key)
        if running is not None and running.users == 0:
            await self._end(key)

    async def _end(self, key: tuple[str, str, Path]) -> None:
        running = self._running.pop(key, None)
        if running is None:
            return
        if running.idle is not None:
            running.idle.cancel()
        with contextlib.suppress(OSError):
            await running.connection.close()


def _digest(definition: Definition) -> str:
    """A hash of everything that requires a new process if it changes."""
    fields = definition.model_dump_json(include={"command", "args", "env", "cwd", "origin"})
    return hashlib.sha256(fields.encode()).hexdigest()
