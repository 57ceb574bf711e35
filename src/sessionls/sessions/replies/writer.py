"""Writes one reply, and records in the log everything that it does.

When a step ends, its parts are an event; a tool call is an event before it starts and another when it has ended. So any process
that resumes the reply knows what was done: a finished call is never repeated, and one that was in progress is repeated only
if it is read-only.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.budget import is_used_up
from sessionls.domain.change import Change
from sessionls.domain.errors import InternalError, SessionlsError, SessionNotFound, StoreUnavailable
from sessionls.domain.events import AgentWorked, ByAgent, Edited, FindingReported, ToolCalled, ToolFinished
from sessionls.domain.ids import new_id
from sessionls.domain.limits import Spending
from sessionls.domain.model import Finding, Message, MessageError, Part, Participant, ToolPart
from sessionls.domain.permission import Answer, Question, Risk, shorten_detail, shorten_summary
from sessionls.domain.stop_reasons import ReplyStopReason
from sessionls.domain.visible import in_one_line, shown
from sessionls.ports.runtime import AgentRuntime, OtherAgent, ReplyInterrupted, ReplyStopped, ReplyToWrite
from sessionls.ports.store import Store
from sessionls.ports.tools import Tool
from sessionls.sessions.replies.approvals import Approvals
from sessionls.sessions.replies.prepared import StartedReply, message_error
from sessionls.sessions.replies.timing import Timing

__all__ = ["Ending", "ReplyInputs", "ReplyWriter", "Stop", "WriterServices"]

log = logging.getLogger(__name__)
T = TypeVar("T")

Stop = Literal["paused", "cancelled", "interrupted"]
Ending = Literal["complete", "paused", "interrupted", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class WriterServices:
    """Services for the replies of this process.

    `runner`: determines which messages may be answered here. `known_findings`: for each session in it, collects the reported
    findings that were known already, from any session.
    """

    store: Store
    approvals: Approvals
    participant: Participant
    timing: Timing
    runner: transitions.Runner
    known_findings: dict[str, list[Finding]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplyInputs:
    """The result of preparing a reply: the message that it answers, its tools, and notices about missing ones."""

    message: Message
    tools: Sequence[Tool]
    missing: Sequence[str]


@dataclass
class ReplyWriter:
    """Lets a runtime write one reply, from its beginning or from where it stopped, and is its `ReplySink`.

    `prepare` runs first: it starts the tools, which may take a while. `on_messages` is called with the
    messages that steer the reply. `stopped` is set when the reply has ended, stopped, or continues after all.
    """

    services: WriterServices
    started: StartedReply
    definition: Definition
    runtime: AgentRuntime
    prepare: Callable[[], Coroutine[Any, Any, ReplyInputs]]
    find_agent: Callable[[str], Awaitable[OtherAgent]]
    on_messages: Callable[[Sequence[Message]], None]
    tools: Sequence[Tool] = ()
    parts: list[Part] = field(init=False)
    steered: list[Message] = field(init=False)
    spending: Spending = field(init=False)
    stopped: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _answered: Message | None = field(default=None, init=False)
    _stop: Stop | None = field(default=None, init=False)
    _stoppable_task: asyncio.Task[Any] | None = field(default=None, init=False)
    _save_lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        self.parts = list(self.reply.parts)
        self.steered = list(self.started.steered)
        self.spending = Spending(self.definition)
        self.spending.begin(self.reply.steps or 0, self.reply.usage)

    @property
    def reply(self) -> Message:
        """The reply at the time when it started here."""
        return self.started.reply

    @property
    def session_id(self) -> str:
        return self.started.session.id

    @property
    def since(self) -> int:
        """The number of the event that started it."""
        return self.started.seq

    def stop(self, reason: Stop) -> None:
        """Stop immediately; the text so far stays. The first request decides the reason, except that a cancel is final."""
        if self._stop is None or reason == "cancelled":
            self._stop = reason
            if self._stoppable_task is not None:
                self._stoppable_task.cancel()

    async def write(self) -> Message:
        """Write until the reply has ended or stopped, and return it.

        Raises `ClaimLost` if another process took it over, `StoreUnavailable` if its end could not be written.
        """
        while True:
            ending, error, reason = await self._write_once()
            async with self._save_lock:  # wait for a save that had begun before the stop
                pass
            outcome = await self._finish(ending, error, reason)
            if isinstance(outcome, Message):
                return outcome
            self._receive(outcome)  # it was steered or resumed at the last moment, so it continues
            self.stopped.set()
            self.stopped = asyncio.Event()

    async def _finish(
        self, ending: Ending, error: MessageError | None, reason: ReplyStopReason | None
    ) -> Message | list[Message]:
        """The ended reply, or the messages with which it continues."""
        usage, steps = self.spending.usage, self.spending.steps
        runner = self.services.runner if self.runtime.abilities.resume else None
        return await self._save(
            lambda change: transitions.finish(
                change, self.reply.id, ending, self.parts, usage, error, reason, steps, runner=runner
            )
        )

    async def _write_once(self) -> tuple[Ending, MessageError | None, ReplyStopReason | None]:
        """Let the runtime write until it ends or is stopped. Returns how, and why."""
        try:
            message = self._answered or await self._prepare_inputs()
            return "complete", None, await self.runtime.write(self._to_write(message), self)
        except ReplyStopped:
            assert self._stop is not None
            # From here on it can be stopped again, if it was resumed at the last moment and continues.
            ending, self._stop = self._stop, None
            return ending, None, None
        except ReplyInterrupted as interruption:
            await self.add_notice(str(interruption))
            return "interrupted", None, None
        except (transitions.ClaimLost, SessionNotFound) as lost:
            raise transitions.ClaimLost from lost
        except SessionlsError as problem:
            return "failed", message_error(problem), None
        except Exception:
            log.exception("a reply failed")
            return "failed", message_error(InternalError()), None

    async def _prepare_inputs(self) -> Message:
        inputs = await self.stoppable(self.prepare())
        self.tools, self._answered = inputs.tools, inputs.message
        await self._record(lambda change: transitions.add_notices(change, self.reply.id, inputs.missing))
        return inputs.message

    def _to_write(self, message: Message) -> ReplyToWrite:
        return ReplyToWrite(
            session=self.started.session,
            reply=self.reply.model_copy(update={"parts": list(self.parts)}),
            message=message,
            position=self.started.position,
            definition=self.definition,
            model=self.started.prepared.start.author.model or None,
            tools=self.tools,
            find_agent=self.find_agent,
            options=self.started.prepared.options,
        )

    # -- `ReplySink`, for the runtime --------------------------------------------------------------------------------

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int = 0) -> None:
        self.services.store.draft(self.session_id, self.reply.id, len(self.parts), kind, text, base=base)

    async def keep_step(self, first: int) -> None:
        parts, usage, steps = self.parts[first:], self.spending.usage, self.spending.steps
        runner = self.services.runner if self.runtime.abilities.steer else None
        self._receive(
            await self._save(lambda change: transitions.step(change, self.reply.id, first, parts, usage, steps, runner=runner))
        )

    def _receive(self, messages: Sequence[Message]) -> None:
        self.steered += messages
        self.on_messages(messages)

    async def keep_call(self, index: int, part: ToolPart) -> None:
        self.parts[index] = part
        kind = ToolCalled if part.status in ("waiting", "running") else ToolFinished
        await self._record(lambda change: change.add(kind, message_id=self.reply.id, index=index, part=part))

    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        def add_work(change: Change) -> None:
            totals = {"usage": self.spending.usage, "steps": self.spending.steps}
            change.add(AgentWorked, message_id=self.reply.id, path=list(path), index=index, parts=list(parts), **totals)

        await self._record(add_work)

    async def report(self, finding: Finding, *, agent: str) -> Finding:
        known = await self.services.store.known_finding(self.session_id, finding)
        if known is not None:
            if (known_findings := self.services.known_findings.get(self.session_id)) is not None:
                known_findings.append(known.model_copy(update={"range": finding.range}))  # it may have moved
            return known
        await self._record(lambda change: change.add(FindingReported, by=ByAgent(agent=agent), finding=finding))
        return finding

    async def edited(
        self, uri: str, summary: str, *, agent: str, applied: bool, patch: str | None = None, kept: str | None = None
    ) -> None:
        fields = {"message_id": self.reply.id, "uri": uri, "summary": summary, "applied": applied, "patch": patch, "kept": kept}
        await self._record(lambda change: change.add(Edited, by=ByAgent(agent=agent), **fields))

    async def ask_permission(
        self, *, agent: str, tool: str, risk: Risk, summary: str, detail: str | None = None, scope: str = ""
    ) -> Answer:
        participant, approvals = self.services.participant, self.services.approvals
        question = Question(
            session_id=self.session_id,
            message_id=self.reply.id,
            request_id=new_id(),
            agent=agent,
            tool=tool,
            # The person must see everything that the answer covers, and nothing else.
            summary=shorten_summary(in_one_line(summary)),
            risk=risk,
            scope=_visible_scope(scope),
            detail=None if detail is None else shorten_detail(shown(detail)),
        )

        async def answer(decision: Answer, why: Literal["person", "time"]) -> None:
            by = participant if why == "person" else None
            if await self._save(lambda change: transitions.answer(change, question.request_id, decision, by)):
                approvals.answered(question.request_id, decision)

        kept = await approvals.kept() if scope else ()
        async with approvals.expected(question) as future:
            if await self._save(lambda change: transitions.ask(change, self.reply.id, question, participant, kept)):
                return "session"
            return await approvals.ask(question, future, answer)

    async def add_notice(self, notice: str) -> None:
        def add(change: Change) -> None:
            notices = transitions.own(change, self.reply.id).message.notices or []
            if notice not in notices:
                transitions.add_notices(change, self.reply.id, [*notices, notice])

        await self._record(add)

    async def check_budget(self) -> None:
        if not is_used_up(await self.services.store.session(self.session_id)):
            return
        if await self._save(lambda change: transitions.pause_for_budget(change, self.reply.id)):
            self.stop("paused")
            await asyncio.Event().wait()  # until the stop arrives here

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        if self._stop is not None:
            work.close()
            raise ReplyStopped
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._stoppable_task = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._requested_stop() is not None:
                raise ReplyStopped from None
            raise
        finally:
            self._stoppable_task = None

    def _requested_stop(self) -> Stop | None:
        return self._stop

    # -- saving ------------------------------------------------------------------------------------------------------

    async def _record(self, decide: Callable[[Change], object]) -> None:
        """Add events about this reply. Its parts are then those in the log, followed by the parts that are not logged yet."""

        def own(change: Change) -> tuple[int, list[Part]]:
            kept = len(transitions.own(change, self.reply.id).message.parts)
            decide(change)
            return kept, list(change.now.entry(self.reply.id).message.parts)

        async def keep() -> None:
            kept, parts = await self._save_with_retries(own)
            self.parts = parts + self.parts[kept:]

        await asyncio.shield(keep())

    async def _save(self, decide: Callable[[Change], T]) -> T:
        """Write to the log. A write that has begun is finished, also on cancellation; a busy store is retried."""
        return await asyncio.shield(self._save_with_retries(decide))

    async def _save_with_retries(self, decide: Callable[[Change], T]) -> T:
        async with self._save_lock:  # in order, also if a busy store is retried
            for delay in self.services.timing.store_retries:
                try:
                    return await self.services.store.change(self.session_id, decide)
                except StoreUnavailable:
                    await asyncio.sleep(delay)
            return await self.services.store.change(self.session_id, decide)


def _visible_scope(text: str) -> str:
    """The scope in a form that is safe to show. Different scopes that would look the same stay different."""
    visible = shown(text)
    return visible if visible == text else f"{visible} [{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}]"
