"""Schedules the replies of this process: starts waiting ones, stops them on request, and continues stopped ones.

Each message is answered by the process whose editor sent it: that process has the buffers, the tools and the keys. If that
process is gone, another process of the same participant answers, or one of another participant who allows that.

A *worker* is the one asyncio task that writes a session's replies here, one after the other. What other processes do (pause,
cancel, steer, end the reply that we wait for) arrives as events of the store's feed, like everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sessionls.domain import events as ev
from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import (
    InternalError,
    MessageWithdrawn,
    SessionlsError,
    SessionNotFound,
    StoreUnavailable,
)
from sessionls.domain.model import Finding, Message, Participant
from sessionls.ports.runtime import OtherAgent
from sessionls.ports.store import EventNotice, Notice, SessionNotice, Store
from sessionls.ports.tools import Tools
from sessionls.sessions.context.resolver import whole_documents
from sessionls.sessions.replies.approvals import Approvals
from sessionls.sessions.replies.late_ends import LateEnds
from sessionls.sessions.replies.prepared import PreparedReply, StartedReply, message_error, started_reply
from sessionls.sessions.replies.recovery import Recovery
from sessionls.sessions.replies.selection import Selection
from sessionls.sessions.replies.timing import Timing
from sessionls.sessions.replies.waiters import Waiters
from sessionls.sessions.replies.writer import ReplyInputs, ReplyWriter, Stop, WriterServices

__all__ = ["Replies"]

log = logging.getLogger(__name__)
T = TypeVar("T")


class Replies:
    """The replies of this process; see the module's description."""

    def __init__(
        self,
        *,
        store: Store,
        selection: Selection,
        tools: Tools,
        approvals: Approvals,
        participant: Participant,
        timing: Timing,
        for_others: bool,
    ) -> None:
        self._store = store
        self._selection = selection
        self._tools = tools
        self._approvals = approvals
        self._runner = transitions.Runner(participant.id, for_others)
        self._services = WriterServices(store, approvals, participant, timing, self._runner)
        self._waiters = Waiters()
        self._recovery = Recovery(
            store,
            wake=self.wake,
            on_deleted=self._on_deleted,
            sessions_with_waiters=lambda: self._waiters.sessions,
            timing=timing,
        )
        self._late_ends = LateEnds(store, self.wake, timing)
        self._writers: dict[str, ReplyWriter] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._started: dict[str, list[StartedReply]] = {}
        self._recheck: set[str] = set()
        self._closing = False
        self._end_subscription = store.subscribe(self._on_notice)

    # -- changes -----------------------------------------------------------------------------------------------------

    async def change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        """Like the store's `change`, but first marks a reply of an ended process as interrupted."""
        return await self._recovery.change(session_id, decide)

    async def delete(self, session_id: str) -> None:
        """Like the store's `delete`, but refused while a reply is being written."""
        await self._recovery.delete(session_id)

    async def sweep(self) -> None:
        """Find the replies of ended processes, now and periodically."""
        await self._recovery.sweep()

    @contextlib.contextmanager
    def collect_known_findings(self, session_id: str) -> Iterator[list[Finding]]:
        """A context whose list collects findings that are reported in the session and were known already."""
        try:
            yield self._services.known_findings.setdefault(session_id, [])
        finally:
            self._services.known_findings.pop(session_id, None)

    # -- waiting for a reply -----------------------------------------------------------------------------------------

    def expect(self, session_id: str, message_id: str) -> asyncio.Future[Message]:
        """A future of the reply to that message, ended or stopped. Call it before the message is sent."""
        if self._closing:
            raise _closing()
        return self._waiters.expect(session_id, message_id)

    async def follow(self, session_id: str, after: int) -> None:
        """Follow a session from event `after` on; the store's `unfollow` ends it."""
        snapshot = await self._store.follow(session_id, after=after)
        for event in snapshot.events or ():
            self._on_event(event)

    def _on_notice(self, notice: Notice) -> None:
        if isinstance(notice, SessionNotice) and notice.session is None:
            self._on_deleted(notice.session_id)
        if isinstance(notice, EventNotice):
            self._on_event(notice.event)

    def _on_event(self, event: ev.Event) -> None:
        writer = self._writers.get(event.session_id)
        if writer is not None and event.seq <= writer.since:
            writer = None  # the event is older than the reply
        match event:
            case ev.MessageSent():
                self._recovery.watch_queue(event.session_id)
            case ev.ReplyFinished():
                self._waiters.reply_ended(event.message)
                if writer is not None and writer.reply.id == event.message.id:
                    writer.stop("interrupted")  # another process ended it: withdraw its questions
            case ev.MessageWithdrawn():
                self._waiters.fail(event.message_id, MessageWithdrawn(event.message_id))
            case ev.MessageSteered():
                self._waiters.steered(event.message_id, event.reply_id)
            case ev.PermissionAnswered():
                self._approvals.answered(event.request_id, event.decision)
            case ev.Paused() if writer is not None:
                writer.stop("paused")
            case ev.CancelAsked() if writer is not None and writer.reply.id == event.message_id:
                writer.stop("cancelled")
            case _:
                pass
        if isinstance(event, ev.ReplyFinished | ev.Resumed | ev.Unarchived | ev.MessageWithdrawn | ev.QueueOrdered):
            self.wake(event.session_id)

    def _on_deleted(self, session_id: str) -> None:
        """The session was deleted: fail everything that waits for a reply in it."""
        self._recovery.forget(session_id)
        self._waiters.fail_session(session_id, SessionNotFound(session_id))
        if (writer := self._writers.get(session_id)) is not None:
            writer.stop("interrupted")

    # -- workers -----------------------------------------------------------------------------------------------------

    def begin(self, started: StartedReply) -> None:
        """Write a reply that has started in the log."""
        self._started.setdefault(started.session.id, []).append(started)
        self.wake(started.session.id)

    def attend(self, session_id: str) -> None:
        """Check that session now, and then periodically until no messages wait in it."""
        self._recovery.watch_queue(session_id)
        self.wake(session_id)

    def wake(self, session_id: str) -> None:
        """Check whether a message in that session waits for a reply of this process."""
        if session_id in self._workers:
            self._recheck.add(session_id)
        elif not self._closing:
            self._workers[session_id] = asyncio.create_task(self._worker(session_id), name=f"replies of {session_id}")

    async def _worker(self, session_id: str) -> None:
        try:
            await self._write_all(session_id)
        finally:
            del self._workers[session_id]  # immediately: from here on a new worker is needed

    async def _write_all(self, session_id: str) -> None:
        while not self._closing:
            self._recheck.discard(session_id)
            try:
                started = (
                    self._started[session_id].pop(0) if self._started.get(session_id) else await self._start_next(session_id)
                )
                if started is not None:
                    await self._write(started)
                elif session_id not in self._recheck:
                    self._started.pop(session_id, None)
                    return
            except SessionNotFound:
                self._started.pop(session_id, None)
                return
            except SessionlsError as problem:
                log.warning("replies stopped: %s", problem)
                return
            except Exception:
                log.exception("replies stopped")
                return

    def _next_waiting(self, change: Change) -> Message | None:
        return transitions.next_waiting(change, self._runner)

    async def _start_next(self, session_id: str) -> StartedReply | None:
        """Start the reply to the oldest message that waits for this process."""
        while (message := await self.change(session_id, self._next_waiting)) is not None:
            waiting = message
            session = await self._store.session(session_id)
            prepared = await self._selection.prepare(session, agent=waiting.agent, model=waiting.model, context=waiting.context)

            def start(change: Change, waiting: Message = waiting, prepared: PreparedReply = prepared) -> StartedReply | None:
                has_started = transitions.start(change, waiting.id, prepared.start, self._runner)
                return started_reply(change, prepared) if has_started else None

            started = await self.change(session_id, start)
            if started is not None and prepared.problem is None:
                return started
            if started is not None:
                self._waiters.reply_ended(started.reply)
            if started is None and session == await self._store.session(session_id):
                return None
        return None

    # -- writing -----------------------------------------------------------------------------------------------------

    async def _write(self, started: StartedReply) -> None:
        """Write one reply. On any failure, waiting clients get the error, and the reply does not stay in progress."""
        session_id, reply = started.session.id, started.reply
        writer: ReplyWriter | None = None
        ended: Message | None
        try:
            writer = self._writer(started)
            ended = await self._run_writer(writer)
        except transitions.ClaimLost:
            ended = await self._taken_over_reply(reply)
        except StoreUnavailable as unavailable:
            parts, usage = (writer.parts, writer.spending.usage) if writer else (reply.parts, reply.usage)
            self._late_ends.add(
                session_id, lambda change: transitions.finish(change, reply.id, "interrupted", parts, usage, runner=None)
            )
            self._waiters.reply_lost(reply, unavailable)
            raise
        except Exception as error:
            problem = error if isinstance(error, SessionlsError) else InternalError()
            reason, parts, usage = message_error(problem), reply.parts, reply.usage
            self._late_ends.add(
                session_id, lambda change: transitions.finish(change, reply.id, "failed", parts, usage, reason, runner=None)
            )
            self._waiters.reply_lost(reply, problem)
            if problem is not error:
                raise
            return
        if ended is not None:
            self._waiters.reply_ended(ended)

    def _writer(self, started: StartedReply) -> ReplyWriter:
        session_id, definition = started.session.id, started.prepared.definition
        assert definition is not None

        async def prepare() -> ReplyInputs:
            missing = await self._tools.prepare(definition)
            answered = (await self._store.entry(session_id, started.reply.reply_to or "")).message
            on_messages([answered, *started.steered])
            return ReplyInputs(answered, self._tools.offer(definition.choose_tools(self._tools.names)), missing)

        def on_messages(messages: Sequence[Message]) -> None:
            for uri, sha256 in whole_documents(messages):
                self._tools.knows(session_id, uri, sha256)

        async def find_agent(name: str) -> OtherAgent:
            return await self._other_agent(session_id, name)

        return ReplyWriter(
            services=self._services,
            started=started,
            definition=definition,
            runtime=self._selection.runtime(definition),
            prepare=prepare,
            find_agent=find_agent,
            on_messages=on_messages,
        )

    async def _other_agent(self, session_id: str, name: str) -> OtherAgent:
        """An agent that another one asks. Raises an error if it cannot answer."""
        session = await self._store.session(session_id)
        prepared = await self._selection.prepare(session, agent=name, model=None)
        if prepared.definition is None or prepared.problem is not None:
            raise prepared.problem or InternalError()
        tool_names = prepared.definition.choose_tools(self._tools.names)
        runtime = self._selection.runtime(prepared.definition)
        return OtherAgent(prepared.definition, prepared.start.author, self._tools.offer(tool_names), runtime)

    async def _run_writer(self, writer: ReplyWriter) -> Message:
        session_id = writer.session_id
        self._writers[session_id] = writer
        if self._closing:
            writer.stop("interrupted")
        # Read events of other processes (pause, cancel, steer) while the runtime writes.
        following = asyncio.create_task(self.follow(session_id, writer.since))
        try:
            return await writer.write()
        finally:
            del self._writers[session_id]
            writer.stopped.set()
            with contextlib.suppress(SessionlsError):
                await following
                self._store.unfollow(session_id)

    async def _taken_over_reply(self, reply: Message) -> Message | None:
        """The reply that another process took over. If it continues there, waiters here see it as interrupted."""
        try:
            current = (await self._store.entry(reply.session_id, reply.id)).message
        except SessionlsError as problem:
            self._waiters.reply_lost(reply, problem)
            return None
        return current.model_copy(update={"status": "interrupted"}) if current.status == "replying" else current

    # -- stopping ----------------------------------------------------------------------------------------------------

    async def stop(self, session_id: str, how: Stop) -> None:
        """Stop the reply that is being written here, if any, and wait until its end is in the log."""
        writer = self._writers.get(session_id)
        if writer is not None:
            writer.stop(how)
            await writer.stopped.wait()

    async def cancel_message(self, session_id: str, message_id: str, by: Participant) -> None:
        """Cancel the reply to one message, whether the message waits or the reply is in progress."""
        if await self.change(session_id, lambda change: transitions.cancel_waiting(change, message_id, by)) is None:
            cancelled = await self.change(session_id, lambda change: transitions.ask_cancel(change, by, message_id))
            if cancelled is not None:
                await self.stop(session_id, "cancelled")

    async def close(self) -> None:
        """Interrupt all replies here; another process, or a later one, can continue them."""
        self._closing = True
        for writer in list(self._writers.values()):
            writer.stop("interrupted")
        workers = list(self._workers.values())
        if workers:
            await asyncio.wait(workers, timeout=5)
        for worker in workers:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        await self._recovery.close()
        await self._late_ends.close()
        self._end_subscription()
        self._waiters.fail_all(_closing())


def _closing() -> StoreUnavailable:
    return StoreUnavailable("sessionls is closing.", hint="A message that was accepted is kept: resume its session later.")
