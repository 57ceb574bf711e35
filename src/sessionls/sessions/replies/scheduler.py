"""The replies of this process: it starts what waits, stops what it is asked to stop, and goes on with what had stopped.

Each message is answered by the process whose editor sent it: that one has the buffers, the tools and the keys. A *worker* is the
one asyncio task that writes replies of a session here, one after the other. What other processes do (pause, cancel, steer, end
the reply that we wait for) arrives as events of the store's feed, like everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sessionls.domain import events as ev
from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.change import Change
from sessionls.domain.errors import InternalError, MessageWithdrawn, SessionlsError, SessionNotFound, StoreUnavailable
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Finding, Message, Participant, Session
from sessionls.domain.permission import Policy
from sessionls.domain.state import State
from sessionls.ports.agents import Agents
from sessionls.ports.models import Models
from sessionls.ports.store import EventNotice, Notice, SessionNotice, Store
from sessionls.ports.tools import Tools
from sessionls.sessions.context.resolver import whole_documents
from sessionls.sessions.prompt.builder import PromptBuilder
from sessionls.sessions.prompt.transcript import ModelMessages
from sessionls.sessions.replies.approvals import Approvals
from sessionls.sessions.replies.late_ends import LateEnds
from sessionls.sessions.replies.prepared import PreparedReply, StartedReply
from sessionls.sessions.replies.subagent import ASK_AGENT, AskAgent, SubagentSpec
from sessionls.sessions.replies.tool_loop import LoopServices
from sessionls.sessions.replies.writer import ReplyWriter, Stop, error_of

__all__ = ["Replies"]

log = logging.getLogger(__name__)
T = TypeVar("T")

_SWEEP = 5.0  # seconds between two looks for replies whose process is gone


class Replies:
    """See the module. `waiting` futures end with the reply to a message, wherever it is written."""

    def __init__(
        self,
        *,
        store: Store,
        models: Models,
        agents: Agents,
        tools: Tools,
        telling: PromptBuilder,
        policy: Policy,
        asking: Approvals,
        participant: Participant,
    ) -> None:
        self._store = store
        self._models = models
        self._agents = agents
        self._tools = tools
        self._prompts = telling
        self._asking = asking
        self._services = LoopServices(store, models, policy, asking, participant)
        self._writers: dict[str, ReplyWriter] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._started: dict[str, list[StartedReply]] = {}
        self._again: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._waited: dict[str, str] = {}  # message that waits → its session
        self._steered: dict[str, list[str]] = {}  # reply → messages that wait for it because they steered it
        self._queues: set[str] = set()  # sessions known here in which messages may wait
        self._late = LateEnds(store, self.wake)
        self._closing = False
        self._sweeper: asyncio.Task[None] | None = None
        self._end_subscription = store.subscribe(self._on_notice)

    @contextlib.contextmanager
    def collect_known_findings(self, session_id: str) -> Iterator[list[Finding]]:
        """Meanwhile those findings gather that were reported in the session and known already."""
        try:
            yield self._services.known_findings.setdefault(session_id, [])
        finally:
            self._services.known_findings.pop(session_id, None)

    # -- changes -----------------------------------------------------------------------------------------------------

    async def change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        """As the store's; a reply whose process is gone is marked as interrupted on the way."""
        return await self._among_the_living(session_id, lambda: self._store.change(session_id, decide))

    async def delete(self, session_id: str) -> None:
        """As the store's, where nothing is going on in the session."""
        await self._among_the_living(session_id, lambda: self._store.delete(session_id, transitions.delete_check))

    async def _among_the_living(self, session_id: str, change: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._watch_over()
        while True:
            try:
                return await change()
            except transitions.WriterGone:
                await self.interrupt(session_id)

    async def interrupt(self, session_id: str) -> None:
        """Mark the reply of a process that no longer lives as interrupted, with all that it had written."""
        reply_id = await self._store.change(session_id, lambda change: change.state.reply if change.state else None)
        if reply_id is not None:
            drafted = await self._store.drafted(session_id, reply_id)
            await self._store.change(session_id, lambda change: transitions.interrupt(change, drafted))

    async def sweep(self) -> None:
        """Find the replies whose process is gone, now and from time to time."""
        self._watch_over()
        for session_id in await self._store.lapsed():
            with contextlib.suppress(SessionNotFound):
                await self.interrupt(session_id)

    def _watch_over(self) -> None:
        if self._sweeper is None and not self._closing:
            self._sweeper = asyncio.create_task(self._sweep_for_ever())

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            try:
                await self.sweep()
                await self._look_at_queues()
            except SessionlsError as problem:
                log.warning("could not look for interrupted replies: %s", problem)
            except Exception:
                log.exception("could not look for interrupted replies")

    async def _look_at_queues(self) -> None:
        """Where messages wait and nobody writes, the process that should may be gone."""
        for session_id in {*self._queues, *self._waited.values()}:
            try:
                session = await self._store.session(session_id)
            except SessionNotFound:
                self._gone(session_id)
                continue
            if not session.queued:
                self._queues.discard(session_id)
            elif session.state == "active" and not session.replying:
                self.wake(session_id)

    # -- who writes --------------------------------------------------------------------------------------------------

    async def prepare(
        self, session: Session, *, agent: str | None, model: str | None, reply_id: str | None = None
    ) -> PreparedReply:
        """Choose agent and model for one reply.

        The model: the message's; for the default agent the session's; the agent's own; else the default. Nothing that is
        missing raises here: it becomes the reply's error.
        """
        name = agent or session.agent
        reply_id = reply_id or new_id()
        defaults = (session.agent, session.model)
        definition: Definition | None = None
        try:
            definition = self._agents.get(name)
            if model is not None:
                preferences: Sequence[str] = (model,)
            elif name == session.agent and session.model is not None:
                preferences = (session.model,)
            else:
                preferences = definition.models
            chosen = await self._models.choose(preferences)
        except SessionlsError as problem:
            wanted = model or (session.model if name == session.agent else None)
            author = AgentAuthor(agent=name, model=wanted or "", definition=definition.digest if definition else "")
            return PreparedReply(transitions.Start(reply_id, author, defaults, error_of(problem)), definition, problem)
        author = AgentAuthor(agent=name, model=chosen, definition=definition.digest)
        return PreparedReply(transitions.Start(reply_id, author, defaults), definition)

    async def prepare_again(self, state: State, stopped: Message) -> PreparedReply:
        """Choose for a reply that goes on: its own agent, and its own model unless that was what failed."""
        assert isinstance(stopped.author, AgentAuthor)
        asked = state.open[stopped.reply_to].message if stopped.reply_to and stopped.reply_to in state.open else None
        model = asked.model if asked else None
        if stopped.status != "failed" and stopped.author.model:
            model = stopped.author.model
        return await self.prepare(state.session, agent=stopped.author.agent, model=model, reply_id=stopped.id)

    # -- waiting for a reply -----------------------------------------------------------------------------------------

    def expect(self, session_id: str, message_id: str) -> asyncio.Future[Message]:
        """A future of the reply to that message, ended or stopped. Ask before the message is sent."""
        if self._closing:
            raise _closing()
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = future
        self._waited[message_id] = session_id

        def forget(ended: asyncio.Future[Message]) -> None:
            self._waiting.pop(message_id, None)
            self._waited.pop(message_id, None)
            if not ended.cancelled():
                ended.exception()  # it is no fault that nobody asks for it any more

        future.add_done_callback(forget)
        return future

    async def follow(self, session_id: str, after: int) -> None:
        """Learn what happens in a session from event `after` on; to be ended by the store's `unfollow`."""
        snapshot = await self._store.follow(session_id, after=after)
        for event in snapshot.events or ():
            self._on_notice(EventNotice(event))

    def _ended(self, reply: Message) -> None:
        for message_id in (reply.reply_to, *self._steered.pop(reply.id, ())):
            future = self._waiting.get(message_id or "")
            if future is not None and not future.done():
                future.set_result(reply)

    def _on_notice(self, notice: Notice) -> None:
        if isinstance(notice, SessionNotice) and notice.session is None:
            self._gone(notice.session_id)
        if not isinstance(notice, EventNotice):
            return
        event = notice.event
        writer = self._writers.get(event.session_id)
        if writer is not None and event.seq <= writer.since:
            writer = None  # it is about what was before that reply started
        match event:
            case ev.MessageSent():
                self._queues.add(event.session_id)
            case ev.ReplyFinished():
                self._ended(event.message)
                if writer is not None and writer.reply.id == event.message.id:
                    writer.stop("interrupted")  # another process ended it: what it waits for (a question) is withdrawn
            case ev.MessageWithdrawn():
                self._tell_problem(event.message_id, MessageWithdrawn(event.message_id))
            case ev.MessageSteered() if event.message_id in self._waiting:
                self._steered.setdefault(event.reply_id, []).append(event.message_id)
            case ev.PermissionAnswered():
                self._asking.answered(event.request_id, event.decision)
            case ev.Paused() if writer is not None:
                writer.stop("paused")
            case ev.CancelAsked() if writer is not None and writer.reply.id == event.message_id:
                writer.stop("cancelled")
            case _:
                pass
        if isinstance(event, ev.ReplyFinished | ev.Resumed | ev.Unarchived | ev.MessageWithdrawn | ev.QueueOrdered):
            self.wake(event.session_id)

    def _gone(self, session_id: str) -> None:
        """The session is deleted: nobody gets a reply in it any more."""
        self._queues.discard(session_id)
        for message_id in [message_id for message_id, waited in self._waited.items() if waited == session_id]:
            self._tell_problem(message_id, SessionNotFound(session_id))
        if (writer := self._writers.get(session_id)) is not None:
            writer.stop("interrupted")

    def _tell_problem(self, message_id: str, problem: SessionlsError) -> None:
        """Say to who waits for the reply to that message why there is none to wait for."""
        future = self._waiting.get(message_id)
        if future is not None and not future.done():
            future.set_exception(problem)

    # -- workers -----------------------------------------------------------------------------------------------------------

    def begin(self, begun: StartedReply) -> None:
        """Write a reply that has started in the log."""
        self._started.setdefault(begun.session.id, []).append(begun)
        self.wake(begun.session.id)

    def attend(self, session_id: str) -> None:
        """Messages wait in that session: look now, and again from time to time until none does."""
        self._queues.add(session_id)
        self.wake(session_id)

    def wake(self, session_id: str) -> None:
        """See whether there is a message in that session whose reply this process should write."""
        if session_id in self._workers:
            self._again.add(session_id)
        elif not self._closing:
            self._workers[session_id] = asyncio.create_task(self._worker(session_id), name=f"replies of {session_id}")

    async def _worker(self, session_id: str) -> None:
        try:
            await self._write_all(session_id)
        finally:
            del self._workers[session_id]  # at once: who looks from here on gets a new one

    async def _write_all(self, session_id: str) -> None:
        while not self._closing:
            self._again.discard(session_id)
            try:
                begun = self._started[session_id].pop(0) if self._started.get(session_id) else await self._next(session_id)
                if begun is not None:
                    await self._write(begun)
                elif session_id not in self._again:
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

    async def _next(self, session_id: str) -> StartedReply | None:
        """Take up the oldest message that waits for this process."""
        while (message := await self.change(session_id, transitions.next_waiting)) is not None:
            waiting = message
            session = await self._store.session(session_id)
            prepared = await self.prepare(session, agent=waiting.agent, model=waiting.model)

            def start(change: Change, waiting: Message = waiting, prepared: PreparedReply = prepared) -> StartedReply | None:
                return self.begun(change, prepared) if transitions.start(change, waiting.id, prepared.start) else None

            begun = await self.change(session_id, start)
            if begun is not None and prepared.problem is None:
                return begun
            if begun is not None:
                self._ended(begun.reply)
            if begun is None and session == await self._store.session(session_id):
                return None
        return None

    @staticmethod
    def begun(change: Change, prepared: PreparedReply) -> StartedReply:
        """What a worker needs to know of a reply that `change` has just started."""
        reply = change.touched[prepared.start.reply_id].message
        entry = change.now.open.get(reply.reply_to or "")
        steered = [
            other
            for other in change.now.open.values()
            if other.message.steered is not None and other.message.steered.message_id == reply.id
        ]
        return StartedReply(
            session=change.now.session,
            prepared=prepared,
            reply=reply,
            place=(entry.place if entry else None) or 0,
            seq=change.now.session.seq,
            steered=tuple(other.message for other in sorted(steered, key=lambda other: other.place or 0)),
        )

    async def _write(self, begun: StartedReply) -> None:
        """Write one reply. Whatever goes wrong: who waits is told, and the reply does not stay as if it were being written."""
        session_id, reply = begun.session.id, begun.reply
        writer: ReplyWriter | None = None
        ended: Message | None
        try:
            writer = self._writer(begun)
            ended = await self._written(writer)
        except transitions.ClaimLost:
            ended = await self._taken_over(reply)
        except StoreUnavailable as gone:
            parts, usage = (writer.parts, writer.spending.usage) if writer else (reply.parts, reply.usage)
            self._late.add(session_id, lambda change: transitions.finish(change, reply.id, "interrupted", parts, usage))
            self._fail(reply, gone)
            raise
        except Exception as fault:
            problem = fault if isinstance(fault, SessionlsError) else InternalError()
            error, parts, usage = error_of(problem), reply.parts, reply.usage
            self._late.add(session_id, lambda change: transitions.finish(change, reply.id, "failed", parts, usage, error))
            self._fail(reply, problem)
            if problem is not fault:
                raise
            return
        if ended is not None:
            self._ended(ended)

    def _writer(self, begun: StartedReply) -> ReplyWriter:
        session_id, definition = begun.session.id, begun.prepared.definition
        assert definition is not None
        model = begun.prepared.start.author.model

        async def prepare() -> Sequence[str]:
            missing = await self._tools.prepare(definition)
            asked = await self._store.entry(session_id, begun.reply.reply_to or "")
            received([asked.message, *begun.steered])
            chosen = definition.choose_tools([*self._tools.names, ASK_AGENT])
            asking = [AskAgent(writer, self._ask)] if ASK_AGENT in chosen else []
            writer.tools = [*self._tools.offer(chosen), *asking]
            writer.options = self._prompts.options(definition, begun.session, tools=bool(writer.tools))
            return missing

        def received(messages: Sequence[Message]) -> None:
            for uri, sha256 in whole_documents(messages):
                self._tools.knows(session_id, uri, sha256)

        async def told(tighter: bool) -> ModelMessages:
            # Whoever steered the reply may have come to the session since it began.
            session = await self._store.session(session_id) if writer.steered else begun.session
            writer.named = len(session.participants) > 1
            names = tuple(participant.name for participant in session.participants)
            if tighter or names not in before:  # what comes before a reply stays the same from step to step
                messages = await self._prompts.told(
                    session, definition, model, begun.place, writer.tools, writer, tighter=tighter
                )
                before.clear()
                before[names] = messages
            return before[names]

        before: dict[tuple[str, ...], ModelMessages] = {}

        writer = ReplyWriter(
            services=replace(self._services, models=begun.prepared.models or self._services.models, acting=asyncio.Lock()),
            session_id=session_id,
            reply=begun.reply,
            definition=definition,
            model=model,
            tools=(),
            options=self._prompts.options(definition, begun.session, tools=False),
            named=len(begun.session.participants) > 1,
            steered=list(begun.steered),
            told=told,
            speaks=begun.prepared.models is None,
            since=begun.seq,
            prepare=prepare,
            received=received,
        )
        return writer

    async def _written(self, writer: ReplyWriter) -> Message:
        session_id = writer.session_id
        self._writers[session_id] = writer
        if self._closing:
            writer.stop("interrupted")
        # Others may pause, cancel or steer while it is written. The model is asked at the same time.
        following = asyncio.create_task(self.follow(session_id, writer.since))
        try:
            return await writer.write()
        finally:
            del self._writers[session_id]
            writer.stopped.set()
            with contextlib.suppress(SessionlsError):
                await following
                self._store.unfollow(session_id)

    async def _taken_over(self, reply: Message) -> Message | None:
        """The reply as another process left it, or goes on with it: then it was interrupted for who waits here."""
        try:
            now = (await self._store.entry(reply.session_id, reply.id)).message
        except SessionlsError as problem:
            self._fail(reply, problem)
            return None
        return now.model_copy(update={"status": "interrupted"}) if now.status == "replying" else now

    def _fail(self, reply: Message, problem: SessionlsError) -> None:
        for message_id in (reply.reply_to, *self._steered.pop(reply.id, ())):
            self._tell_problem(message_id or "", problem)

    async def _ask(self, session_id: str, name: str) -> SubagentSpec:
        """An agent that another one asks. Raises what keeps it from answering."""
        session = await self._store.session(session_id)
        prepared = await self.prepare(session, agent=name, model=None)
        if prepared.definition is None or prepared.problem is not None:
            raise prepared.problem or InternalError()
        offered = prepared.definition.choose_tools([*self._tools.names, ASK_AGENT])
        instructions = self._prompts.instructions(prepared.definition)
        return SubagentSpec(
            prepared.definition, prepared.start.author, self._tools.offer(offered), ASK_AGENT in offered, instructions
        )

    # -- stopping ----------------------------------------------------------------------------------------------------

    async def stop(self, session_id: str, how: Stop) -> None:
        """Stop the reply that is written here, if one is, and wait until its end is in the log."""
        writer = self._writers.get(session_id)
        if writer is not None:
            writer.stop(how)
            await writer.stopped.wait()

    async def cancel_message(self, session_id: str, message_id: str, by: Participant) -> None:
        """Cancel the reply to one message, whether it waits or is being written."""
        if await self.change(session_id, lambda change: transitions.cancel_waiting(change, message_id, by)) is None:
            asked = await self.change(session_id, lambda change: transitions.ask_cancel(change, by, message_id))
            if asked is not None:
                await self.stop(session_id, "cancelled")

    async def close(self) -> None:
        """Interrupt what is written here; another process, or this one tomorrow, can go on with it."""
        self._closing = True
        for writer in list(self._writers.values()):
            writer.stop("interrupted")
        workers = list(self._workers.values())
        if workers:
            await asyncio.wait(workers, timeout=5)
        for job in [*workers, *([self._sweeper] if self._sweeper else [])]:
            job.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await job
        await self._late.close()
        self._end_subscription()
        for message_id in list(self._waiting):
            self._tell_problem(message_id, _closing())


def _closing() -> StoreUnavailable:
    return StoreUnavailable("sessionls is closing.", hint="A message that was accepted is kept: resume its session later.")
