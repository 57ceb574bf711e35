"""The sessions that the participant has open in this process: opening a session joins it, and closing it leaves.

A participant who has a session open in two editors stays present when one of them closes it or ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakValueDictionary

from sessionls.domain import transitions
from sessionls.domain.errors import SessionlsError
from sessionls.domain.events import ParticipantLeft, Shared
from sessionls.domain.model import Participant, Session
from sessionls.domain.roles import TEAM
from sessionls.domain.scope import scope_of
from sessionls.ports.editor import Editor
from sessionls.ports.store import EventNotice, Notice, SessionNotice, Snapshot, Store
from sessionls.sessions.replies.scheduler import Replies
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["Membership"]

_EVENTS = 4 << 20  # largest size in bytes of the events for a client that reopens a session


class Membership:
    """`in_background` finishes work that nobody waits for."""

    def __init__(
        self,
        *,
        store: Store,
        replies: Replies,
        editor: Editor,
        workspace: Workspace,
        participant: Participant,
        in_background: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
    ) -> None:
        self._store = store
        self._replies = replies
        self._editor = editor
        self._workspace = workspace
        self._participant = participant
        self._in_background = in_background
        self._open: dict[str, asyncio.Task[Any]] = {}  # session → the task that joins it
        # Opening and closing happen in their order.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._end_subscription = store.subscribe(self._on_notice)

    async def open(self, session_id: str, *, limit: int, after: int | None) -> Snapshot:
        """Join the session: its notices arrive from exactly here on."""
        async with self._lock(session_id):
            await self._replies.sweep()
            snapshot = await self._store.follow(session_id, limit=limit, after=after, events_bytes=_EVENTS)
            if session_id in self._open:  # reopened: it is followed already
                self._store.unfollow(session_id)
            else:
                self._join(session_id)
                self._in_background(self._mark_repositories(snapshot.session))
        if snapshot.session.queued:
            self._replies.attend(session_id)  # the process that should answer may have ended
        return snapshot

    async def close(self, session_id: str) -> None:
        """Leave the session. One that is not open here must at least exist."""
        async with self._lock(session_id):
            if (joining := self._open.pop(session_id, None)) is not None:
                self._store.unfollow(session_id)
                await asyncio.wait([joining])
                await self._replies.change(session_id, lambda change: transitions.leave(change, self._participant))
            else:
                await self._store.session(session_id)

    def deleted(self, session_id: str) -> None:
        """Forget a deleted session."""
        if self._open.pop(session_id, None) is not None:
            self._store.unfollow(session_id)

    async def close_all(self) -> None:
        self._end_subscription()
        for session_id in list(self._open):
            with contextlib.suppress(SessionlsError):
                await self.close(session_id)

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._locks.setdefault(session_id, asyncio.Lock())

    def _join(self, session_id: str) -> None:
        joining = self._replies.change(session_id, lambda change: transitions.join(change, self._participant))
        self._open[session_id] = self._in_background(joining)

    async def _mark_repositories(self, session: Session) -> None:
        """Mark a repository that was created after its session began, so that the session is found when the folder moves."""
        folders = self._editor.folders
        if scope_of(session.workspace_folders).overlaps(scope_of(folders)):
            await self._workspace.identities(folders)

    def _on_notice(self, notice: Notice) -> None:
        """Forget a deleted session. Join again if this participant got a role, or lapsed because the process was suspended for
        longer than its lease.
        """
        if isinstance(notice, SessionNotice) and notice.session is None:
            self.deleted(notice.session_id)  # so that it is followed again if it is shared and reopened
        if not isinstance(notice, EventNotice) or notice.event.session_id not in self._open:
            return
        event, own = notice.event, self._participant.id
        lapsed = isinstance(event, ParticipantLeft) and event.participant_id == own
        if lapsed or (isinstance(event, Shared) and event.person.id in (own, TEAM)):
            self._join(event.session_id)
