"""Recovers from ended processes: marks their replies as interrupted, so that they can be resumed, and removes their
participants.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionlsError, SessionNotFound, SessionUnreadable
from sessionls.ports.store import Store
from sessionls.sessions.replies.timing import Timing

__all__ = ["Recovery"]

log = logging.getLogger(__name__)
T = TypeVar("T")


class Recovery:
    """Changes sessions, and recovers interrupted replies first. After the first change it also searches for them periodically.

    `wake` is called for a session with waiting messages and no reply in progress, and `on_deleted` for a deleted one.
    `sessions_with_waiters` returns the sessions with clients of this process that wait for a reply.
    """

    def __init__(
        self,
        store: Store,
        *,
        wake: Callable[[str], None],
        on_deleted: Callable[[str], None],
        sessions_with_waiters: Callable[[], Iterable[str]],
        timing: Timing,
    ) -> None:
        self._store = store
        self._wake = wake
        self._on_deleted = on_deleted
        self._sessions_with_waiters = sessions_with_waiters
        self._timing = timing
        self._queues: set[str] = set()  # sessions in which messages may wait
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    async def change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        """Like the store's `change`, but first marks a reply of an ended process as interrupted."""
        return await self._retry_after_recovery(session_id, lambda: self._store.change(session_id, decide))

    async def delete(self, session_id: str) -> None:
        """Like the store's `delete`, but refused while a reply is being written."""
        await self._retry_after_recovery(session_id, lambda: self._store.delete(session_id, transitions.delete_check))

    async def _retry_after_recovery(self, session_id: str, change: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._start_sweeping()
        while True:
            try:
                return await change()
            except transitions.WriterGone:
                await self._interrupt(session_id)

    async def _interrupt(self, session_id: str) -> None:
        """Mark the reply of a dead process as interrupted, with everything that it had written."""
        reply_id = await self._store.change(session_id, lambda change: change.state.reply if change.state else None)
        if reply_id is not None:
            drafted = await self._store.drafted(session_id, reply_id)
            await self._store.change(session_id, lambda change: transitions.interrupt(change, drafted))

    async def sweep(self) -> None:
        """Find the replies and the participants of ended processes, now and periodically."""
        self._start_sweeping()
        for session_id in await self._store.lapsed_claims():
            await self._recover_one(session_id, self._interrupt(session_id))
        for session_id in await self._store.lapsed_presence():
            await self._recover_one(session_id, self.change(session_id, transitions.lapse))

    @staticmethod
    async def _recover_one(session_id: str, recovery: Coroutine[Any, Any, object]) -> None:
        """Recover one session. If it fails (it is damaged, or the role was just lost), log that and continue with the others."""
        try:
            await recovery
        except SessionNotFound:
            pass
        except SessionlsError as problem:
            log.info("session %s was not recovered: %s", session_id, problem)

    def watch_queue(self, session_id: str) -> None:
        """Check that session periodically until no messages wait in it."""
        self._queues.add(session_id)

    def forget(self, session_id: str) -> None:
        self._queues.discard(session_id)

    async def close(self) -> None:
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    def _start_sweeping(self) -> None:
        if self._sweeper is None and not self._closed:
            self._sweeper = asyncio.create_task(self._sweep_repeatedly())

    async def _sweep_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(self._timing.sweep)
            try:
                await self.sweep()
                await self._check_queues()
            except SessionlsError as problem:
                log.warning("could not look for interrupted replies: %s", problem)
            except Exception:
                log.exception("could not look for interrupted replies")

    async def _check_queues(self) -> None:
        """Messages that wait while no reply is being written may belong to an ended process."""
        for session_id in {*self._queues, *self._sessions_with_waiters()}:
            try:
                session = await self._store.session(session_id)
            except SessionNotFound:
                self._on_deleted(session_id)
                continue
            except SessionUnreadable:
                continue
            if not session.queued:
                self._queues.discard(session_id)
            elif session.state == "active" and not session.replying:
                self._wake(session_id)
