"""Other sessions as text for agents: their messages, within a limit.

Only sessions of the open folders (or of their repositories) can be read, so that other work stays private.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sessionls.domain.errors import InvalidParams, MessageNotFound, NotPermitted, SessionNotFound
from sessionls.domain.model import AgentAuthor, Message, Session, ToolPart
from sessionls.domain.scope import Scope
from sessionls.ports.store import Store
from sessionls.sessions.prompt.transcript import plain

__all__ = ["SESSION_LIMIT", "OtherSessions", "message_text"]

SESSION_LIMIT = 60_000
"""The limit for the text of a session, in characters."""
_MESSAGE_LIMIT = 20_000  # characters of a message among others
_NEWEST = 400  # messages
_END = 2**31 - 1


class OtherSessions:
    """`scope` returns the scope whose sessions can be read: the one of the open folders."""

    def __init__(self, store: Store, scope: Callable[[], Awaitable[Scope]]) -> None:
        self._store = store
        self._scope = scope

    async def scope(self) -> Scope:
        return await self._scope()

    async def find(self, session_id: str, *, field: str = "sessionId") -> Session:
        """The session. Raises `InvalidParams` if it does not exist, `NotPermitted` if it belongs to other folders."""
        try:
            session = await self._store.session(session_id)
            scope = await self._store.scope_of(session_id)
        except SessionNotFound:
            raise InvalidParams(
                f"There is no session {session_id[:60]}.", fields=[field], hint="Name a session of the open folders."
            ) from None
        if not scope.overlaps(await self._scope()):
            raise NotPermitted(
                "That session belongs to other folders.",
                hint="Name a session of the open folders, or open the folder of that session.",
                fields=[field],
            )
        return session

    async def read(
        self, session: Session, message_id: str | None = None, *, limit: int = SESSION_LIMIT, field: str = "messageId"
    ) -> tuple[str, str | None]:
        """The text of the session, at most `limit` characters, and a notice about omissions.

        The newest summary comes first, then the messages after it; older ones are omitted first. With `message_id`, only
        that message. Raises `InvalidParams` if the session has no such message.
        """
        limit = min(limit, SESSION_LIMIT)
        if message_id is not None:
            try:
                message = (await self._store.entry(session.id, message_id)).message
            except MessageNotFound:
                raise InvalidParams(
                    f"The session has no message {message_id[:60]}.",
                    fields=[field],
                    hint="Omit messageId to get the whole session.",
                ) from None
            return _cut(message_text(message), limit)
        transcript = await self._store.transcript(session.id, through=_END, after=max(0, session.message_count - _NEWEST))
        summary = _cut(transcript.summary or "", limit // 3)[0]
        remaining = limit - len(summary)
        kept: list[str] = []
        pieces = [message_text(entry.message) for entry in transcript.entries]
        pieces = [_cut(piece, _MESSAGE_LIMIT, mark=True)[0] for piece in pieces if piece]
        for piece in reversed(pieces):
            if len(piece) + 2 > remaining:
                break
            kept.insert(0, piece)
            remaining -= len(piece) + 2
        left_out = len(pieces) - len(kept) + max(0, session.message_count - _NEWEST - transcript.begin)
        if summary:
            kept.insert(0, f"Summary of the earlier messages:\n\n{summary}")
        notice = f"The {left_out:,} oldest messages{' after its summary' if summary else ''} are left out." if left_out else None
        return "\n\n".join(kept), notice


def message_text(message: Message) -> str:
    """A message's text and its author, without reasoning and tool calls; empty if it has no text."""
    text = plain([part for part in message.parts if not isinstance(part, ToolPart)])
    if not text.strip():
        return ""
    author = f"agent {message.author.agent}" if isinstance(message.author, AgentAuthor) else message.author.name
    unfinished = "" if message.status in ("complete", "queued") else f", {message.status}"
    return f"[{author}{unfinished}] {text}"


def _cut(text: str, limit: int, *, mark: bool = False) -> tuple[str, str | None]:
    if len(text) <= limit:
        return text, None
    notice = f"Only the first {limit:,} of {len(text):,} characters are shown."
    return text[:limit] + (f" [… {notice}]" if mark else ""), notice
