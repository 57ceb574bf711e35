"""How one reply is written: model ↔ tools, step by step, with all it has done in the log.

A step is one answer of the model and the tools it asked for. When a step ends its parts are an event; a tool call is an
event before it starts and another when it has ended. So whoever resumes the reply, in whichever process, knows what was done:
a finished call is never made again, and a call that was under way is made again only if all it does is read.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sessionls.agents.agent import Definition
from sessionls.sessions import verbs
from sessionls.sessions.errors import (
    InternalError,
    ModelUnavailable,
    NotPermitted,
    SessionlsError,
    SessionNotFound,
    StoreUnavailable,
)
from sessionls.sessions.events import ByAgent, Edited, FindingReported, ToolCalled, ToolFinished
from sessionls.sessions.ids import new_id
from sessionls.sessions.model import Finding, Message, MessageError, Part, Participant, ReasoningPart, TextPart, ToolPart, Usage
from sessionls.sessions.permission import Asking, Policy
from sessionls.sessions.ports import (
    Change,
    ModelRequest,
    Models,
    ReasoningDelta,
    StepEnd,
    Store,
    TextDelta,
    ToolRequest,
)
from sessionls.sessions.tooling import Answer, Question, Tool, ToolFailed
from sessionls.sessions.transcript import ModelMessages, Voice, with_reply

__all__ = ["Ending", "ReplyWriter", "Stop", "error_of"]

log = logging.getLogger(__name__)
T = TypeVar("T")

Stop = Literal["paused", "cancelled", "interrupted"]
Ending = Literal["complete", "paused", "interrupted", "cancelled", "failed"]

_UNKNOWN_OUTCOME = (
    "The call was under way when the reply was interrupted. Whether it took effect is not known: look before you repeat it."
)
_DENIED = "This was not permitted. Do not try it again in another way; go on without it, or say what you would need."
_STORE_RETRIES = (0.05, 0.2, 1.0, 3.0)  # seconds; a busy or full disk often recovers


def error_of(problem: SessionlsError) -> MessageError:
    """An error as a reply keeps it."""
    return MessageError(kind=problem.kind, message=problem.message, hint=problem.hint)


class _Stopped(Exception):
    """Somebody asked the reply to stop."""


@dataclass
class ReplyWriter:
    """Writes one reply, from its first step or from where it stopped.

    `told` gives the messages before the reply (it may compact on the way: `tighter` asks it to, after the model said that it
    was too much). `reply` is the reply as the log has it when writing begins.
    """

    store: Store
    models: Models
    session_id: str
    reply: Message
    definition: Definition
    model: str
    tools: Sequence[Tool]
    voice: Voice
    named: bool
    steered: list[Message]
    told: Callable[[bool], Awaitable[ModelMessages]]
    policy: Policy
    asking: Asking
    participant: Participant
    stopped: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _parts: list[Part] = field(default_factory=list, init=False)
    _usage: Usage | None = field(default=None, init=False)
    _stop: Stop | None = field(default=None, init=False)
    _inner: asyncio.Task[Any] | None = field(default=None, init=False)

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
        self._parts = list(self.reply.parts)
        self._usage = self.reply.usage
        ending: Ending = "complete"
        error: MessageError | None = None
        while True:
            try:
                await self._steps()
            except _Stopped:
                assert self._stop is not None
                ending = self._stop
            except (verbs.ClaimLost, SessionNotFound) as gone:
                raise verbs.ClaimLost from gone
            except SessionlsError as problem:
                ending, error = "failed", error_of(problem)
            except Exception:
                log.exception("a reply failed")
                ending, error = "failed", error_of(InternalError())
            if ending in ("cancelled", "failed"):
                self._parts = [_given_up(part) for part in self._parts]
            outcome = await self._save(
                lambda change, ending=ending, error=error: verbs.finish(  # type: ignore[misc]
                    change, self.reply.id, ending, self._parts, self._usage, error
                )
            )
            if isinstance(outcome, Message):
                return outcome
            self.steered += outcome  # it was steered in the last moment: it goes on

    # -- steps -------------------------------------------------------------------------------------------------------

    async def _steps(self) -> None:
        """Step after step, until the model asks for no more tools."""
        pending = [part for part in self._parts if isinstance(part, ToolPart) and part.status in ("waiting", "running")]
        if pending:
            await self._run_tools()
        for _ in range(self.definition.max_steps):
            first = len(self._parts)
            if self.unfinished() is not None:
                first -= 1  # it goes on in the same part
            requests, usage = await self._one_step()
            if usage is not None:
                self._usage = usage if self._usage is None else self._usage + usage
            if not requests:
                return
            self._parts += [_tool_part(request) for request in requests]
            await self._end_step(first)
            await self._run_tools()
            self._check_cost()
        raise NotPermitted(
            f"The agent took {self.definition.max_steps} steps and was not done.",
            hint="Resume to let it go on, or raise maxSteps in its definition.",
        )

    def _check_cost(self) -> None:
        limit, cost = self.definition.max_cost, self._usage.cost if self._usage else None
        if limit is not None and cost is not None and cost >= limit:
            raise NotPermitted(
                f"The reply has cost {cost:.2f} US dollars, its agent's limit is {limit:.2f}.",
                hint="Raise maxCost in the agent's definition and resume.",
            )

    async def _end_step(self, first: int) -> None:
        parts, usage = self._parts[first:], self._usage
        self.steered += await self._save(lambda change: verbs.step(change, self.reply.id, first, parts, usage))

    async def _one_step(self) -> tuple[list[ToolRequest], Usage | None]:
        for tighter in (False, True):
            told = await self.told(tighter)
            so_far = self.reply.model_copy(update={"parts": self._parts})
            request = ModelRequest(
                model=self.model,
                messages=with_reply(told, so_far, self.steered, self.voice, named=self.named),
                tools=[_offer(tool) for tool in self.tools],
                temperature=self.definition.temperature,
                max_tokens=self.definition.max_tokens,
                reasoning_effort=self.definition.reasoning_effort,
            )
            try:
                return await self._stoppable(self._stream(request))
            except ModelUnavailable as problem:
                if problem.reason != "overflow" or tighter:
                    raise
        raise AssertionError  # the second round returns or raises

    async def _stream(self, request: ModelRequest) -> tuple[list[ToolRequest], Usage | None]:
        requests: list[ToolRequest] = []
        usage: Usage | None = None
        words = _Words(self)
        try:
            async for output in self.models.stream(request):
                match output:
                    case TextDelta():
                        words.add("text", output.text)
                    case ReasoningDelta():
                        words.add("reasoning", output.text)
                    case ToolRequest():
                        requests.append(output)
                    case StepEnd():
                        usage = output.usage
        finally:
            words.end()
        return requests, usage

    # -- tools -------------------------------------------------------------------------------------------------------

    async def _run_tools(self) -> None:
        """Run the calls that have not ended: those that only read together, the others one after the other."""
        tools = {tool.name: tool for tool in self.tools}
        calls = [
            (index, part)
            for index, part in enumerate(self._parts)
            if isinstance(part, ToolPart) and part.status in ("waiting", "running")
        ]
        reads = [call for call in calls if (tool := tools.get(call[1].name)) is not None and tool.risk == "read"]
        if reads:
            await self._stoppable(_all([self._run_tool(index, part, tools.get(part.name)) for index, part in reads]))
        for index, part in calls:
            if (index, part) not in reads:
                await self._stoppable(self._run_tool(index, part, tools.get(part.name)))

    async def _run_tool(self, index: int, part: ToolPart, tool: Tool | None) -> None:
        arguments = part.arguments
        if part.status == "running" and (tool is None or tool.risk != "read"):
            await self._tool_ended(index, part, "failed", _UNKNOWN_OUTCOME)
            return
        if tool is None:
            known = ", ".join(t.name for t in self.tools) or "none"
            await self._tool_ended(index, part, "failed", f"There is no tool {part.name!r}. Tools: {known}.")
            return
        if _INVALID in arguments:
            await self._tool_ended(index, part, "failed", f"The arguments are not a JSON object: {arguments[_INVALID]}")
            return
        try:
            permitted = await self._permitted(part, tool)
        except ToolFailed as problem:
            await self._tool_ended(index, part, "failed", str(problem))
            return
        if not permitted:
            await self._tool_ended(index, part, "denied", _DENIED)
            return
        running = part.model_copy(update={"status": "running"})
        await self._save_tool(ToolCalled, index, running)
        try:
            result = await tool.run(arguments, _Call(self, part.call_id))
        except ToolFailed as problem:
            await self._tool_ended(index, running, "failed", str(problem))
        except SessionlsError as problem:
            await self._tool_ended(index, running, "failed", f"{problem.message} {problem.hint}")
        except Exception:
            log.exception("the tool %s failed", part.name)
            await self._tool_ended(index, running, "failed", "The tool failed for a reason of its own; try another way.")
        else:
            await self._tool_ended(index, running, "done", result)

    async def _permitted(self, part: ToolPart, tool: Tool) -> bool:
        """Whether the tool may run: by the policy, by what was granted before, or because somebody says yes now."""
        rule = self.policy.decide(self.definition, tool.name, tool.risk)
        if rule != "ask":
            return rule == "allow"
        wish = await tool.wish(part.arguments)
        question = Question(
            session_id=self.session_id,
            request_id=new_id(),
            agent=self.definition.name,
            tool=tool.name,
            summary=wish.summary,
            risk=tool.risk,
            detail=wish.detail,
        )

        async def answer(decision: Answer, why: Literal["person", "time"]) -> None:
            by = self.participant if why == "person" else None
            if await self._save(lambda change: verbs.answer(change, question.request_id, decision, by)):
                self.asking.answered(question.request_id, decision)

        async with self.asking.expected(question) as future:
            scope = wish.scope or tool.name
            if await self._save(lambda change: verbs.ask(change, self.reply.id, question, scope)):
                return True
            return await self.asking.ask(question, future, answer) != "deny"

    async def _tool_ended(self, index: int, part: ToolPart, status: Literal["done", "failed", "denied"], result: str) -> None:
        await self._save_tool(ToolFinished, index, part.model_copy(update={"status": status, "result": result}))

    async def _save_tool(self, kind: type[ToolCalled | ToolFinished], index: int, part: ToolPart) -> None:
        self._parts[index] = part
        await self.record(lambda change: change.add(kind, message_id=self.reply.id, index=index, part=part))

    async def record(self, decide: Callable[[Change], object]) -> None:
        """Add events about this reply; its parts are then what the log says they are."""

        def own(change: Change) -> list[Part]:
            verbs.own(change, self.reply.id)
            decide(change)
            return list(change.now.entry(self.reply.id).message.parts)

        self._parts = await self._save(own)

    # -- stopping and saving -----------------------------------------------------------------------------------------

    async def _stoppable(self, work: Coroutine[Any, Any, T]) -> T:
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

    async def _save(self, decide: Callable[[Change], T]) -> T:
        """Write to the log. What was begun is carried to its end, whoever cancels; a busy store is asked again."""
        return await asyncio.shield(self._save_surely(decide))

    async def _save_surely(self, decide: Callable[[Change], T]) -> T:
        for delay in _STORE_RETRIES:
            try:
                return await self.store.change(self.session_id, decide)
            except StoreUnavailable:
                await asyncio.sleep(delay)
        return await self.store.change(self.session_id, decide)

    # -- words -------------------------------------------------------------------------------------------------------

    def unfinished(self) -> TextPart | None:
        """The words in whose middle the reply stopped, if that is where it stopped."""
        last = self._parts[-1] if self._parts else None
        return last if isinstance(last, TextPart) and not self._told_since(len(self._parts)) else None

    def take_back(self) -> None:
        self._parts.pop()

    def _told_since(self, part: int) -> bool:
        return any(message.steered is not None and message.steered.part >= part for message in self.steered)

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int) -> None:
        self.store.draft(self.session_id, self.reply.id, len(self._parts), kind, text, base=base)

    def put(self, part: Part) -> None:
        self._parts.append(part)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a tool (`tooling.ToolCall`)."""

    writer: ReplyWriter
    call_id: str

    @property
    def session_id(self) -> str:
        return self.writer.session_id

    @property
    def message_id(self) -> str:
        return self.writer.reply.id

    @property
    def agent(self) -> str:
        return self.writer.definition.name

    async def report(self, finding: Finding) -> Finding:
        known = await self.writer.store.known_finding(self.session_id, finding)
        if known is not None:
            return known
        by = ByAgent(agent=self.agent)
        await self.writer.record(lambda change: change.add(FindingReported, by=by, finding=finding))
        return finding

    async def edited(self, uri: str, summary: str, *, applied: bool) -> None:
        by, message_id = ByAgent(agent=self.agent), self.message_id
        await self.writer.record(
            lambda change: change.add(Edited, by=by, message_id=message_id, uri=uri, summary=summary, applied=applied)
        )


class _Words:
    """The words of one step as they come: each run of one kind becomes one part."""

    def __init__(self, writer: ReplyWriter) -> None:
        self._writer = writer
        self._kind: Literal["text", "reasoning"] | None = None
        self._pieces: list[str] = []
        self._base = 0
        if (part := writer.unfinished()) is not None:
            writer.take_back()
            self._kind, self._pieces, self._base = "text", [part.text], len(part.text)

    def add(self, kind: Literal["text", "reasoning"], text: str) -> None:
        if not text:
            return
        if kind != self._kind:
            self.end()
            self._kind = kind
        self._pieces.append(text)
        self._writer.draft(kind, text, self._base)

    def end(self) -> None:
        if self._kind is not None:
            text = "".join(self._pieces)
            self._writer.put(TextPart(text=text) if self._kind == "text" else ReasoningPart(text=text))
            self._kind, self._pieces, self._base = None, [], 0


_INVALID = "\0invalid"


def _tool_part(request: ToolRequest) -> ToolPart:
    try:
        arguments = json.loads(request.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        arguments = {_INVALID: request.arguments}
    return ToolPart(call_id=request.call_id, name=request.name, arguments=arguments, status="waiting")


def _given_up(part: Part) -> Part:
    """A call that will not be gone on with."""
    if isinstance(part, ToolPart) and part.status in ("waiting", "running"):
        words = _UNKNOWN_OUTCOME if part.status == "running" else "The reply ended before this call was made."
        return part.model_copy(update={"status": "failed", "result": words})
    return part


def _offer(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)},
    }


async def _all(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several
