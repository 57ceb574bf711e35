"""Ends of replies that could not be written, because the disk was full or the database failed in another way.

Without its end, a reply seems to be in progress for as long as this process lives. So writing it is retried until it succeeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionNotFound, StoreUnavailable
from sessionls.ports.store import Store
from sessionls.sessions.replies.timing import Timing

__all__ = ["LateEnds"]

log = logging.getLogger(__name__)

End = Callable[[Change], object]


class LateEnds:
    """`ended` is called with each session whose reply could be ended."""

    def __init__(self, store: Store, ended: Callable[[str], None], timing: Timing) -> None:
        self._store = store
        self._timing = timing
        self._ended = ended
        self._ends: dict[str, End] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, session_id: str, end: End) -> None:
        """End the reply of that session with `end` as soon as the store accepts it."""
        self._ends[session_id] = end
        if session_id not in self._tasks:
            self._tasks[session_id] = asyncio.create_task(self._try(session_id), name=f"end of a reply in {session_id}")

    async def close(self) -> None:
        """Try once more, then give up: another process recovers the rest when this one has ended."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.last_end_try):
                await asyncio.gather(*(self._end(session_id) for session_id in list(self._ends)), return_exceptions=True)

    async def _try(self, session_id: str) -> None:
        delay = self._timing.first_end_retry
        while session_id in self._ends:
            try:
                await self._end(session_id)
            except Exception as problem:
                if isinstance(problem, StoreUnavailable):
                    log.warning("a reply could not be ended yet: %s", problem)
                else:
                    log.exception("a reply could not be ended")
                await asyncio.sleep(delay)
                delay = min(delay * 2, self._timing.longest_end_retry)
        del self._tasks[session_id]

    async def _end(self, session_id: str) -> None:
        end = self._ends[session_id]
        with contextlib.suppress(transitions.ClaimLost, SessionNotFound):
            await self._store.change(session_id, end)
        if self._ends.get(session_id) is end:
            del self._ends[session_id]
        self._ended(session_id)
