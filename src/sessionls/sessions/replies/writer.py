"""How one reply is written, with all it has done in the log.

When a step ends its parts are an event; a tool call is an event before it starts and another when it has ended. So whoever
resumes the reply, in whichever process, knows what was done: a finished call is never made again, and a call that was under way
is made again only if all it does is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sessionls.domain import transitions
from sessionls.domain.budget import is_used_up
from sessionls.domain.change import Change
from sessionls.domain.errors import InternalError, SessionlsError, SessionNotFound, StoreUnavailable
from sessionls.domain.events import AgentWorked, ToolCalled, ToolFinished
from sessionls.domain.model import Message, MessageError, Part, ToolPart
from sessionls.sessions.replies.tool_loop import Loop

__all__ = ["Ending", "ReplyWriter", "Stop", "error_of"]

log = logging.getLogger(__name__)
T = TypeVar("T")

Stop = Literal["paused", "cancelled", "interrupted"]
Ending = Literal["complete", "paused", "interrupted", "cancelled", "failed"]

_STORE_RETRIES = (0.05, 0.2, 1.0, 3.0)  # seconds; a busy or full disk often recovers


def error_of(problem: SessionlsError) -> MessageError:
    """An error as a reply keeps it."""
    return MessageError(kind=problem.kind, message=problem.message, hint=problem.hint)


class _Stopped(Exception):
    """Somebody asked the reply to stop."""


@dataclass
class ReplyWriter(Loop):
    """Writes one reply, from its first step or from where it stopped. `since` is the number of the event that started it.

    `prepare` is done first: it gives the writer its tools, which may take a while to start, and says which are missing.
    `received` is told of the messages that are handed to the reply while it is written.
    `stopped` is set when it has ended or stopped, or goes on after all.
    """

    since: int = 0
    prepare: Callable[[], Coroutine[Any, Any, Sequence[str]]] | None = None
    received: Callable[[Sequence[Message]], None] | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _stop: Stop | None = field(default=None, init=False)
    _inner: asyncio.Task[Any] | None = field(default=None, init=False)
    _saving: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def stop(self, how: Stop) -> None:
        """Stop at once; what was written stays. The first to ask decides how, except that a cancel is final."""
        if self._stop is None or how == "cancelled":
            self._stop = how
            if self._inner is not None:
                self._inner.cancel()

    async def write(self) -> Message:
        """Write until the reply has ended or stopped, and give it as it is then.

        Raises `ClaimLost` where another process took it over, `StoreUnavailable` where its end could not be written.
        """
        self.parts = list(self.reply.parts)
        while True:
            ending: Ending = "complete"
            error: MessageError | None = None
            self.stop_reason = None
            try:
                if self.prepare is not None:
                    notices = await self.stoppable(self.prepare())
                    self.prepare = None
                    await self.record(lambda change, notices=notices: transitions.note(change, self.reply.id, notices))  # type: ignore[misc]
                await self.steps()
            except _Stopped:
                assert self._stop is not None
                # From here it may be asked anew: if it was resumed in the last moment it goes on.
                ending, self._stop = self._stop, None
            except (transitions.ClaimLost, SessionNotFound) as gone:
                raise transitions.ClaimLost from gone
            except SessionlsError as problem:
                ending, error = "failed", error_of(problem)
            except Exception:
                log.exception("a reply failed")
                ending, error = "failed", error_of(InternalError())
            async with self._saving:  # what was being kept when it was stopped belongs to it
                pass
            reason = self.stop_reason if ending == "complete" else None
            outcome = await self.save(
                lambda change, ending=ending, error=error, reason=reason: transitions.finish(  # type: ignore[misc]
                    change, self.reply.id, ending, self.parts, self.spending.usage, error, reason, self.spending.steps
                )
            )
            if isinstance(outcome, Message):
                return outcome
            self._receive(outcome)  # it was steered or resumed in the last moment: it goes on
            self.stopped.set()
            self.stopped = asyncio.Event()

    # -- where it is kept --------------------------------------------------------------------------------------------

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int) -> None:
        self.services.store.draft(self.session_id, self.reply.id, len(self.parts), kind, text, base=base)

    async def keep_step(self, first: int) -> None:
        parts, usage, steps = self.parts[first:], self.spending.usage, self.spending.steps
        self._receive(await self.save(lambda change: transitions.step(change, self.reply.id, first, parts, usage, steps)))

    def _receive(self, messages: Sequence[Message]) -> None:
        self.steered += messages
        if self.received is not None:
            self.received(messages)

    async def keep_call(self, kind: type[ToolCalled | ToolFinished], index: int, part: ToolPart) -> None:
        self.parts[index] = part
        await self.record(lambda change: change.add(kind, message_id=self.reply.id, index=index, part=part))

    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        def worked(change: Change) -> None:
            used = {"usage": self.spending.usage, "steps": self.spending.steps}
            change.add(AgentWorked, message_id=self.reply.id, path=list(path), index=index, parts=list(parts), **used)

        await self.record(worked)

    async def check_budget(self) -> None:
        if not is_used_up(await self.services.store.session(self.session_id)):
            return
        if await self.save(lambda change: transitions.pause_for_budget(change, self.reply.id)):
            self.stop("paused")
            await asyncio.Event().wait()  # until that reaches what is being done here

    async def record(self, decide: Callable[[Change], object]) -> None:
        """Add events about this reply; its parts are then what the log says they are."""

        def own(change: Change) -> list[Part]:
            transitions.own(change, self.reply.id)
            decide(change)
            return list(change.now.entry(self.reply.id).message.parts)

        async def keep() -> None:
            self.parts = await self._save_surely(own)

        await asyncio.shield(keep())

    # -- stopping and saving -----------------------------------------------------------------------------------------

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what may be stopped at any moment."""
        if self._stop is not None:
            work.close()
            raise _Stopped
        inner: asyncio.Task[T] = asyncio.ensure_future(work)
        self._inner = inner
        try:
            return await inner
        except asyncio.CancelledError:
            if self._asked() is not None:
                raise _Stopped from None
            raise
        finally:
            self._inner = None

    def _asked(self) -> Stop | None:
        return self._stop

    async def save(self, decide: Callable[[Change], T]) -> T:
        """Write to the log. What was begun is carried to its end, whoever cancels; a busy store is asked again."""
        return await asyncio.shield(self._save_surely(decide))

    async def _save_surely(self, decide: Callable[[Change], T]) -> T:
        async with self._saving:  # in order, also where a busy store is asked again
            for delay in _STORE_RETRIES:
                try:
                    return await self.services.store.change(self.session_id, decide)
                except StoreUnavailable:
                    await asyncio.sleep(delay)
            return await self.services.store.change(self.session_id, decide)
