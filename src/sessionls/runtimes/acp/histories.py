"""Lists and reads the sessions that an external agent has stored itself, to import them.

The agent's program runs only while they are read. Nothing is sent to its model, and all its requests are refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable
from sessionls.domain.model import Part, ReasoningPart, TextPart, ToolPart
from sessionls.runtimes.acp.connection import AgentConnection, AgentEnded, AgentRefused, Timeouts, connect
from sessionls.runtimes.acp.updates import CallUpdate, PersonText, TextChunk, Update
from sessionls.sessions.imports import ForeignMessage, ForeignSession

__all__ = ["Histories", "ListedSession", "histories"]

_LISTED = 1_000  # sessions
_PAGES = 200
_UPDATES = 200_000  # updates of one session
_LENGTH = 32_000_000  # characters of one session
_STATUS = {"completed": "done", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class ListedSession:
    id: str
    title: str | None
    updated_at: str | None


class Histories:
    """The sessions of one agent in one folder. `more`: it has more sessions than were listed."""

    more = False

    def __init__(self, connection: AgentConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    async def list(self) -> list[ListedSession]:
        """The sessions of the folder, in the agent's order. Raises `AgentUnavailable` if it cannot list them."""
        listed: dict[str, ListedSession] = {}
        cursor: str | None = None
        for _ in range(_PAGES):
            params: dict[str, Any] = {"cwd": str(self._folder), **({"cursor": cursor} if cursor else {})}
            answer = await self._request("session/list", params)
            sessions = answer.get("sessions")
            for data in sessions if isinstance(sessions, list) else ():
                if (session := _parse_session(data)) is not None:
                    listed.setdefault(session.id, session)
                if len(listed) > _LISTED:
                    break
            next_cursor = answer.get("nextCursor")
            if not isinstance(next_cursor, str) or next_cursor in ("", cursor) or len(listed) > _LISTED:
                break
            cursor = next_cursor
        else:
            self.more = True
        self.more = self.more or len(listed) > _LISTED
        return list(listed.values())[:_LISTED]

    async def read(self, listed: ListedSession) -> ForeignSession:
        """Read a session. If it is too long, its end is left out. Raises `AgentUnavailable` if the agent cannot load it."""
        listener = _Listener()
        self._connection.listeners[listed.id] = listener
        try:
            await self._request("session/load", {"sessionId": listed.id, "cwd": str(self._folder), "mcpServers": []})
        finally:
            del self._connection.listeners[listed.id]
        return ForeignSession(self._connection.definition.name, listed.id, listed.title, listener.messages(), cut=listener.cut)

    async def _request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return await self._connection.request(method, params, seconds=self._connection.timeouts.session)
        except AgentEnded:
            raise await self._connection.ended_early() from None
        except AgentRefused as refused:
            raise self._connection.unavailable(
                f"it refused {method}: {refused.message}.", "Update it: this version may not support it."
            ) from None


@contextlib.asynccontextmanager
async def histories(definition: Definition, folder: Path, logs: Path) -> AsyncIterator[Histories]:
    """Start the agent's program for this context. Raises `AgentUnavailable`, also if it does not support loading sessions."""
    connection = await connect(definition, folder, logs, Timeouts())
    try:
        if not connection.loads:
            raise AgentUnavailable(
                definition.name, "it cannot load its earlier sessions.", hint="Update it, or continue the sessions in the agent."
            )
        yield Histories(connection, folder)
    finally:
        await connection.close()


@dataclass
class _Listener:
    """Collects a replayed session. `cut`: it is too long, and its end is left out."""

    cut: bool = False
    _messages: list[tuple[str, list[Part]]] = field(default_factory=list)
    _calls: dict[str, tuple[list[Part], int]] = field(default_factory=dict)
    _count: int = 0
    _length: int = 0
    _text_pieces: list[str] = field(default_factory=list)  # of the last part, which may continue

    async def handle_update(self, update: Update) -> None:
        self._count += 1
        self._length += _length(update)
        if self._count > _UPDATES or self._length > _LENGTH:
            self.cut = True
            return
        match update:
            case PersonText():
                self._add_text("participant", TextPart, update.text)
            case TextChunk():
                self._add_text("agent", TextPart if update.kind == "text" else ReasoningPart, update.text)
            case CallUpdate():
                self._update_call(update)
            case _:
                pass

    async def handle_request(self, method: str, params: Mapping[str, Any]) -> Any:  # noqa: ARG002
        from acp.exceptions import RequestError

        raise RequestError(-32601, f"Not available while a session is only read: {method}.")

    def messages(self) -> list[ForeignMessage]:
        self._end_text()
        return [ForeignMessage("participant" if role == "participant" else "agent", parts) for role, parts in self._messages]

    def _parts(self, role: str) -> list[Part]:
        if not self._messages or self._messages[-1][0] != role:
            self._end_text()
            self._messages.append((role, []))
        return self._messages[-1][1]

    def _add_text(self, role: str, kind: type[TextPart | ReasoningPart], text: str) -> None:
        parts = self._parts(role)
        if not parts or not self._text_pieces or type(parts[-1]) is not kind:
            self._end_text()
            parts.append(kind(text=""))
        self._text_pieces.append(text)

    def _end_text(self) -> None:
        if self._text_pieces:
            parts = self._messages[-1][1]
            parts[-1] = parts[-1].model_copy(update={"text": "".join(self._text_pieces)})
            self._text_pieces = []

    def _update_call(self, update: CallUpdate) -> None:
        if update.call_id not in self._calls:
            parts = self._parts("agent")
            self._end_text()
            parts.append(ToolPart(call_id=update.call_id, name=update.kind or "other", arguments={}, status="done"))
            self._calls[update.call_id] = parts, len(parts) - 1
        parts, index = self._calls[update.call_id]
        part = parts[index]
        assert isinstance(part, ToolPart)
        changes: dict[str, Any] = {}
        if update.title is not None:
            changes["title"] = update.title
        if update.kind is not None:
            changes["name"] = update.kind
        if update.arguments is not None:
            changes["arguments"] = update.arguments
        if update.text is not None:
            changes["result"] = update.text
        if update.status in _STATUS:
            changes["status"] = _STATUS[update.status]
        parts[index] = part.model_copy(update=changes)


def _length(update: Update) -> int:
    match update:
        case PersonText() | TextChunk():
            return len(update.text)
        case CallUpdate():
            return len(update.text or "") + len(str(update.arguments or ""))
        case _:
            return 0


def _parse_session(data: Any) -> ListedSession | None:
    if not isinstance(data, dict) or not isinstance(data.get("sessionId"), str) or not data["sessionId"]:
        return None
    title, updated_at = data.get("title"), data.get("updatedAt")
    return ListedSession(
        data["sessionId"],
        title if isinstance(title, str) else None,
        updated_at if isinstance(updated_at, str) else None,
    )
