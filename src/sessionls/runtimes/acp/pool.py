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

__all__ = ["AgentSession", "Pool", "RunningAgent"]

log = logging.getLogger(__name__)


@dataclass
class AgentSession:
    """An open session in the agent's process. `cost` is its cost so far, as far as the agent reported it here. `late` is the
    number of updates with content that it sent after the end of its last reply.
    """

    id: str
    configuration: Configuration
    cost: float | None = None
    tokens: tuple[int, int, int] | None = None
    late: int = 0


@dataclass
class RunningAgent:
    """A running agent. `sessions` are its open sessions by the id of ours, `session_ids` all ids that it gave to sessions."""

    connection: AgentConnection
    sessions: dict[str, AgentSession] = field(default_factory=dict)
    session_ids: set[str] = field(default_factory=set)
    users: int = 0
    idle: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.connection.on_idle_update = self._update_idle_session

    def _update_idle_session(self, session_id: str, update: Update) -> None:
        for session in self.sessions.values():
            if session.id == session_id:
                if isinstance(update, ModeChanged | OptionsChanged):
                    session.configuration.update(update)
                elif not isinstance(update, Cost | PersonText):
                    session.late += 1


@dataclass
class Pool:
    """Ends an agent's program `idle` seconds after its last message. `on_start` is called for each that starts."""

    logs: Path
    timeouts: Timeouts = field(default_factory=Timeouts)
    idle: float = 600.0
    on_start: Callable[[AgentConnection], Awaitable[None]] | None = None
    _running: dict[tuple[str, str, Path], RunningAgent] = field(default_factory=dict, init=False)
    _starting: dict[tuple[str, str, Path], asyncio.Lock] = field(default_factory=dict, init=False)
    _ending: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _closed: bool = field(default=False, init=False)

    @asynccontextmanager
    async def running(self, definition: Definition, folder: Path) -> AsyncIterator[RunningAgent]:
        """The agent's process for that folder, started if it does not run. Raises `AgentUnavailable`."""
        key = definition.name, _digest(definition), folder
        async with self._starting.setdefault(key, asyncio.Lock()):
            if self._closed:
                raise StoreUnavailable("sessionls is closing.", hint="Resume the session later.")
            agent = self._running.get(key)
            if agent is not None and agent.connection.gone.is_set():
                await self._end(key)
                agent = None
            if agent is None:
                agent = self._running[key] = RunningAgent(await connect(definition, folder, self.logs, self.timeouts))
                if self.on_start is not None:
                    await self.on_start(agent.connection)
            agent.users += 1
            if agent.idle is not None:
                agent.idle.cancel()
                agent.idle = None
        try:
            yield agent
        finally:
            agent.users -= 1
            if agent.connection.gone.is_set():
                if self._running.get(key) is agent:
                    await asyncio.shield(self._end(key))
            elif agent.users == 0 and not self._closed:
                agent.idle = asyncio.get_running_loop().call_later(self.idle, lambda: self._start_ending(self._end_idle(key)))

    def takes_images(self, definition: Definition, folder: Path) -> bool | None:
        """Whether the agent accepts images; None if it is not running in that folder."""
        running = self._running.get((definition.name, _digest(definition), folder))
        return None if running is None or running.connection.gone.is_set() else running.connection.takes_images

    async def keep_only(self, allowed: Callable[[Definition], bool]) -> None:
        """End the agents for which `allowed` is false, for example when a workspace is no longer trusted."""
        for key, running in list(self._running.items()):
            if not allowed(running.connection.definition):
                await self._end(key)

    async def close(self) -> None:
        """End all agents."""
        self._closed = True
        await asyncio.gather(*(self._end(key) for key in list(self._running)), return_exceptions=True)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _start_ending(self, work: Coroutine[Any, Any, None]) -> None:
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
