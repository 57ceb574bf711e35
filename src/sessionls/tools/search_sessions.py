"""The tool that finds and reads other sessions of the same folders: what was decided before, without a question."""

from __future__ import annotations

from pydantic import Field

from sessionls.domain import uris
from sessionls.domain.model import Session
from sessionls.ports.store import Store
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.context.other_sessions import OtherSessions
from sessionls.tools.base import Arguments, BaseTool

__all__ = ["SearchSessions"]

_FOUND = 20


class SearchSessionsArguments(Arguments):
    query: str | None = Field(default=None, max_length=1000, description="Words to find in messages and titles of sessions.")
    session: str | None = Field(default=None, max_length=200, description="The id of a session to read.")
    message: str | None = Field(default=None, max_length=200, description="With `session`: the id of the one message to read.")


class SearchSessions(BaseTool[SearchSessionsArguments]):
    name = "search_sessions"
    description = (
        "Find other sessions of this workspace, and read what was said and decided in them. With `query`, it returns "
        "the messages that contain these words; with `session`, the messages of that session; with neither, the newest sessions."
    )
    risk = "read"
    arguments = SearchSessionsArguments

    def __init__(self, store: Store, others: OtherSessions) -> None:
        self._store = store
        self._others = others

    async def perform(self, arguments: SearchSessionsArguments, call: ToolCall) -> str:
        if arguments.session is not None:
            session = await self._others.find(arguments.session, field="session")
            text, notice = await self._others.read(session, arguments.message, limit=50_000, field="message")
            result = f"{_named(session)}\n\n{text or '(It has no messages.)'}"
            return f"{result}\n\n[{notice}]" if notice else result
        if arguments.message is not None:
            raise ToolFailed("search_sessions was not run: with `message`, also give the `session` that contains it.")
        scope = await self._others.scope()
        if arguments.query is None or not arguments.query.strip():
            listed, _ = await self._store.sessions(scope=scope, state=None, query=None, limit=_FOUND + 1, cursor=None)
            lines = [f"- {_named(session)}" for session in listed if session.id != call.session_id][:_FOUND]
            return "\n".join(lines) or "There are no other sessions in this workspace."
        hits = await self._store.search(arguments.query, scope=scope, limit=2 * _FOUND)
        lines = [
            f"- {_named(hit.session)}, message {hit.message_id}\n  {uris.printable(' '.join(hit.snippet.split()))}"
            for hit in hits
            if hit.session.id != call.session_id
        ][:_FOUND]
        return "\n".join(lines) or "No other session of this workspace contains these words."


def _named(session: Session) -> str:
    return f"{session.title} (session {session.id}, {session.updated_at[:10]}, {session.message_count} messages)"
