"""Forks: a child session refers to its parent up to a position, and copies only messages that are not final."""

from __future__ import annotations

import contextlib

from sessionls.domain import transitions
from sessionls.domain.errors import NotPermitted, SessionNotFound
from sessionls.domain.ids import new_id, now
from sessionls.domain.model import Message, ParentRef, Participant, Session, Usage
from sessionls.domain.state import State
from sessionls.domain.titles import fork_title
from sessionls.ports.store import ChangeSession, Store
from sessionls.sessions.first_people import first_people

__all__ = ["Forking"]


class Forking:
    """Forks sessions for one participant. `change` makes a change as `Replies.change` does."""

    def __init__(self, store: Store, change: ChangeSession, participant: Participant) -> None:
        self._store = store
        self._change = change
        self._participant = participant

    async def fork(self, session_id: str, *, at: str | None, title: str | None, agent: str | None) -> Session:
        """The child, in the log; see `Sessions.fork`."""
        if at is not None:
            await self._store.entry(session_id, at)  # before the state, so that the state knows the message
        state = await self._change(session_id, transitions.live_state)
        position: int = state.settled
        copies: list[Message] = []
        if at is not None:
            entry = await self._store.entry(session_id, at)
            if entry.place is not None and entry.place <= state.settled:
                position = entry.place
            else:
                copies = await self._unfinished(session_id, state, at)
        parent = ParentRef(session_id=session_id, seq=await self._store.seq_at(session_id, position), message_id=at)
        child = self._child(state.session, parent, position, title, agent)
        forked = await self._change(
            child.id, lambda change: transitions.fork(change, child, state.identities, position, copies, self._participant)
        )
        with contextlib.suppress(SessionNotFound, NotPermitted):
            await self._change(session_id, lambda change: transitions.record_fork(change, child.id, self._participant))
        return forked

    def _child(self, session: Session, parent: ParentRef, position: int, title: str | None, agent: str | None) -> Session:
        when = now()
        return session.model_copy(
            update={
                "id": new_id(),
                "title": title or fork_title(session.title),
                "state": "active",
                "pause_reason": None,
                "replying": False,
                "queued": 0,
                "stopped": None,
                "asking": None,
                "present": None,
                "needs": None,
                "agent": agent or session.agent,
                "model": session.model if agent is None else None,
                "parent": parent,
                "people": first_people(self._store, self._participant),
                "participants": [
                    *(other for other in session.participants if other.id != self._participant.id),
                    self._participant,
                ],
                "usage": Usage(),
                "message_count": position,
                "created_at": when,
                "updated_at": when,
            }
        )

    async def _unfinished(self, session_id: str, state: State, at: str) -> list[Message]:
        """The messages after the last final position, up to and including message `at`, as in the session's history now."""
        # The queue has its order.
        first = min(state.open.values(), key=lambda entry: (entry.place is None, entry.place or 0)).message.id
        limit = state.placed - state.settled + len(state.queue)
        while True:
            messages, more = await self._store.history(session_id, before=None, limit=limit)
            ids = [message.id for message in messages]
            if first in ids or not more:
                return messages[ids.index(first) : ids.index(at) + 1]
            limit *= 2  # more messages were sent meanwhile
