"""The port of the tools that agents use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sessionls.domain.agent import Definition
from sessionls.domain.model import Finding
from sessionls.domain.permission import PermissionRequest, Risk

__all__ = ["Tool", "ToolCall", "ToolFailed", "Tools"]


class ToolCall(Protocol):
    """The session, reply and call that a tool runs for, and what it may add to the log besides its result."""

    @property
    def session_id(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def call_id(self) -> str: ...
    @property
    def agent(self) -> str: ...

    async def report(self, finding: Finding) -> Finding:
        """Record a finding of the reply. If the same finding (rule and code) is known already, returns that one instead."""
        ...

    async def edited(self, uri: str, summary: str, *, applied: bool, patch: str | None = None, kept: str | None = None) -> None:
        """Record an edit, applied or only proposed, with its unified diff, unless that is too large.

        `kept` is the data to revert it exactly (see `sessions/changes/kept.py`).
        """
        ...

    async def confirm(self, summary: str, detail: str) -> bool:
        """Ask the people in the session to confirm something during the call. They are asked each time."""
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
        """Whether it starts programs that the workspace can influence, even if they only read."""
        ...

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        """The permission that a call with these arguments needs. Raises `ToolFailed` for bad arguments."""
        ...

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        """Returns the result for the agent. Raises `ToolFailed` with a message that the agent can act on."""
        ...


class ToolFailed(Exception):
    """A tool failed. The message is for the agent."""


class Tools(Protocol):
    @property
    def names(self) -> Sequence[str]:
        """All available tools; those of a server only while it runs."""
        ...

    async def prepare(self, definition: Definition) -> Sequence[str]:
        """Prepare the tools of an agent that is about to reply, within a time limit. Tools that are not ready then are missing.

        Returns notices for a person about what is missing.
        """
        ...

    def knows(self, session_id: str, uri: str, sha256: str) -> None:
        """Record that the agents of that session have read the whole document and so may edit it. `sha256`: the text's hash."""
        ...

    def offer(self, names: Sequence[str]) -> Sequence[Tool]:
        """The tools with these names, without unknown names. `server/*` means all tools of a server."""
        ...
