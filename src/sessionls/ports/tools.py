"""The port of the tools: what an agent may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sessionls.domain.agent import Definition
from sessionls.domain.model import Finding
from sessionls.domain.permission import PermissionRequest, Risk

__all__ = ["Tool", "ToolCall", "ToolFailed", "Tools"]


class ToolCall(Protocol):
    """In which session, reply and call a tool runs, and what it may leave in the log beside its result."""

    @property
    def session_id(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def call_id(self) -> str: ...
    @property
    def agent(self) -> str: ...

    async def report(self, finding: Finding) -> Finding:
        """Record a finding of the reply. Where the same one is known already (same rule, same code) that one is the answer."""
        ...

    async def edited(self, uri: str, summary: str, *, applied: bool, patch: str | None = None, kept: str | None = None) -> None:
        """Record an edit, applied or only proposed, and its unified diff where that can be kept.

        `kept` is what takes it back exactly (see `sessions/changes/kept.py`).
        """
        ...

    async def confirm(self, summary: str, detail: str) -> bool:
        """Ask the people in the session something that only they can decide, in the middle of the call. No yes is kept."""
        ...


class Tool(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of the arguments."""
        ...

    @property
    def risk(self) -> Risk: ...

    @property
    def runs_programs(self) -> bool:
        """Whether it starts programs in whose work the workspace has a say, be it only to read."""
        ...

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        """What a call with these arguments wants; asked before permission is. Raises `ToolFailed` for bad arguments."""
        ...

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        """What the agent is told. Raises `ToolFailed` with words the agent can act on."""
        ...


class ToolFailed(Exception):
    """A tool could not do what it was asked; the message goes to the agent."""


class Tools(Protocol):
    @property
    def names(self) -> Sequence[str]:
        """Every tool there is; those of a server only while it is up."""
        ...

    async def prepare(self, definition: Definition) -> Sequence[str]:
        """Get ready, in bounded time, what an agent that is about to reply may use. What is not ready then is not there.

        Gives what is missing, in words for a person.
        """
        ...

    def knows(self, session_id: str, uri: str, sha256: str) -> None:
        """The agents of that session were given the whole text of a document, so that they may edit it. `sha256`: its hash."""
        ...

    def offer(self, names: Sequence[str]) -> Sequence[Tool]:
        """The tools with those names, unknown names left out; `server/*` stands for all of a server's."""
        ...
