"""The loop between a model and its tools, whatever is made of it.

A step is one answer of the model and the tools it asked for. Calls that only read run together, the others one after the other,
each after the permission it needs; so it is too where agents that were asked work at the same time. Where what happened is kept
is up to the two kinds of loops: a reply (`reply.py`) keeps it in the session's log, an agent that was asked by another agent
(`delegate.py`) under the call that asked it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.change import Change
from sessionls.domain.errors import ModelUnavailable, SessionlsError
from sessionls.domain.events import ByAgent, Edited, FindingReported, ToolCalled, ToolFinished
from sessionls.domain.ids import new_id
from sessionls.domain.limits import Spending
from sessionls.domain.model import Finding, Message, Part, Participant, TextPart, ToolPart, Usage
from sessionls.domain.permission import Answer, PermissionRequest, Policy, Question, stricter
from sessionls.domain.stop_reasons import ReplyStopReason, why_it_ended
from sessionls.domain.text import replace_lone_surrogates
from sessionls.domain.visible import in_one_line, shown
from sessionls.ports.models import ModelRequest, Models, ReasoningDelta, StepEnd, TextDelta, ToolRequest
from sessionls.ports.store import Store
from sessionls.ports.tools import Tool, ToolFailed
from sessionls.sessions.prompt.native_reasoning import with_native
from sessionls.sessions.prompt.transcript import ModelMessages, TranscriptOptions, estimate_tokens, with_reply
from sessionls.sessions.prompt.window import FULL, trim_tool_results, trimmed
from sessionls.sessions.replies.approvals import Approvals
from sessionls.sessions.replies.step import Step, Words
from sessionls.sessions.replies.tool_arguments import unreadable_words
from sessionls.sessions.replies.tool_calls import calls_of

__all__ = ["Loop", "LoopServices"]

log = logging.getLogger(__name__)
T = TypeVar("T")

_ATTEMPTS = 4  # to ask for one step, each time with less
_FAILED = "The tool failed unexpectedly. Try another way."
_DENIED = "This was not permitted. Do not try it again in another way; go on without it, or say what you would need."


@dataclass(frozen=True, slots=True)
class LoopServices:
    """What every loop of this process works with.

    `known_findings`: by session, for those listed there, what was reported in it and known already, from any session.
    `acting` is one lock for each reply: whoever holds it makes a call that does more than read.
    """

    store: Store
    models: Models
    policy: Policy
    asking: Approvals
    participant: Participant
    known_findings: dict[str, list[Finding]] = field(default_factory=dict)
    acting: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Loop(ABC):
    """`reply` is the message that is written, as it is when the loop begins; `told` gives the messages before it.

    `told` may compact on the way: True asks it to, after the model said that it was too much. `speaks`: it is expected to end
    with words (the scanners' reply does not). `_too_much` is how many tokens the model said were too many.
    """

    services: LoopServices
    session_id: str
    reply: Message
    definition: Definition
    model: str
    tools: Sequence[Tool]
    options: TranscriptOptions
    named: bool
    told: Callable[[bool], Coroutine[Any, Any, ModelMessages]]
    speaks: bool = True
    steered: list[Message] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list, init=False)
    spending: Spending = field(init=False)
    _too_much: int | None = field(default=None, init=False)
    stop_reason: ReplyStopReason | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.spending = Spending(self.definition)
        self.spending.begin(self.reply.steps or 0, self.reply.usage)

    # -- where it is kept --------------------------------------------------------------------------------------------

    @abstractmethod
    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int) -> None:
        """The part after the last one grew by `text`; `base` code points of it were there when the loop began."""

    @abstractmethod
    async def keep_step(self, first: int) -> None:
        """A step ended: keep its parts, from number `first` on."""

    @abstractmethod
    async def keep_call(self, kind: type[ToolCalled | ToolFinished], index: int, part: ToolPart) -> None:
        """A call starts or has ended: keep it before anything relies on it."""

    @abstractmethod
    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        """An agent that was asked by the call at `path` went on: keep its parts, these from number `index` on."""

    @abstractmethod
    async def record(self, decide: Callable[[Change], object]) -> None:
        """Add events about the reply to the session's log."""

    @abstractmethod
    async def save(self, decide: Callable[[Change], T]) -> T:
        """Write to the session's log; carried to its end, whoever cancels meanwhile."""

    @abstractmethod
    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what may be stopped at any moment."""

    @abstractmethod
    async def check_budget(self) -> None:
        """Where the session's budget is used up: pause the session, which stops this. To be called where it may be stopped."""

    # -- steps -------------------------------------------------------------------------------------------------------

    async def steps(self) -> None:
        """Step after step, until the model asks for no more tools."""
        pending = [part for part in self.parts if isinstance(part, ToolPart) and part.status in ("waiting", "running")]
        if pending:
            await self._run_tools()
        while True:
            first = len(self.parts)
            if self.unfinished() is not None:
                first -= 1  # it goes on in the same part
            step = await self._one_step()
            self.spend(step.usage)
            self.parts = with_native(self.parts, first, step.native)
            if not step.requests:
                wrote = not self.speaks or any(isinstance(part, TextPart) and part.text.strip() for part in self.parts[first:])
                self.stop_reason = why_it_ended(step.reason, wrote=wrote)
                return
            self.parts += list(calls_of(step.requests, step.reason, self.parts))
            await self.keep_step(first)
            await self._run_tools()

    async def before_call(self) -> None:
        """Before each request to a model: raise `NotPermitted` at a limit of the agent's or of those above it. At the session's
        budget the session is paused, which ends the reply here.
        """
        self.spending.check()
        await self.check_budget()

    def spend(self, usage: Usage | None) -> None:
        """Count what a model used for this reply."""
        self.spending.spend(usage)

    async def _one_step(self) -> Step:
        """Ask the model, again with less where it says that this was too much: each time with less than the time before."""
        self.spending.take_step()
        problem: ModelUnavailable | None = None
        for attempt in range(_ATTEMPTS):
            await self.stoppable(self.before_call())
            told = await self.stoppable(self.told(attempt == 1))
            so_far = self.reply.model_copy(update={"parts": self.parts})
            messages: ModelMessages = with_reply(told, so_far, self.steered, self.options, named=self.named)
            tools = [_offer(tool) for tool in self.tools]
            messages = self._fitted(messages, tools)
            size = estimate_tokens(messages)
            if problem is not None and self._too_much is not None and size >= self._too_much:
                break
            request = ModelRequest(
                model=self.model,
                messages=messages,
                tools=tools,
                temperature=self.definition.temperature,
                max_tokens=self.definition.max_tokens,
                reasoning_effort=self.definition.reasoning_effort,
            )
            try:
                return await self.stoppable(self._stream(request))
            except ModelUnavailable as error:
                if error.reason != "overflow":
                    raise
                problem, self._too_much = error, size
        assert problem is not None
        raise ModelUnavailable(
            f"What {self.model} would have to be told is too long for it, and nothing more of it can be left out.",
            hint="Send a shorter message with less context, compact the session, or choose a model with a larger window.",
            reason="overflow",
            model=self.model,
        ) from problem

    def _fitted(self, messages: ModelMessages, tools: Sequence[dict[str, Any]]) -> ModelMessages:
        """The messages as they fit into the model's window beside its tools: in half of what it said was too much, if it did."""
        window = self.services.models.window(self.model)
        room = None if window is None else int(window * FULL) - estimate_tokens(tools) - (self.definition.max_tokens or 0)
        if self._too_much is not None:
            room = min(self._too_much // 2, self._too_much if room is None else room)
        fitting = messages if room is None else trim_tool_results(messages, room)
        return fitting if room is None or self._too_much is None else trimmed(fitting, room)

    async def _stream(self, request: ModelRequest) -> Step:
        step = Step()
        words = Words(self.parts, self.draft, self.unfinished())
        try:
            async for output in self.services.models.stream(request):
                match output:
                    case TextDelta():
                        words.add("text", output.text)
                    case ReasoningDelta():
                        words.add("reasoning", output.text)
                    case ToolRequest():
                        step.requests.append(output)
                    case StepEnd():
                        step.usage, step.reason, step.native = output.usage, output.reason, output.native
        finally:
            words.end()
        return step

    # -- tools -------------------------------------------------------------------------------------------------------

    async def _run_tools(self) -> None:
        """Run the calls that have not ended: those that only read together, the others one after the other."""
        tools = {tool.name: tool for tool in self.tools}
        calls = [
            (index, part)
            for index, part in enumerate(self.parts)
            if isinstance(part, ToolPart) and part.status in ("waiting", "running")
        ]
        reads = [call for call in calls if (tool := tools.get(call[1].name)) is not None and tool.risk == "read"]
        if reads:
            await self.stoppable(_all([self._run_tool(index, part, tools.get(part.name)) for index, part in reads]))
        for index, part in calls:
            if (index, part) not in reads:
                await self.stoppable(self._run_alone(index, part, tools.get(part.name)))

    async def _run_alone(self, index: int, part: ToolPart, tool: Tool | None) -> None:
        async with self.services.acting:
            await self._run_tool(index, part, tool)

    async def _run_tool(self, index: int, part: ToolPart, tool: Tool | None) -> None:
        arguments = part.arguments
        if part.status == "running" and (tool is None or tool.risk != "read" or part.parts):
            await self._tool_ended(index, part, "failed", transitions.UNKNOWN_OUTCOME)
            return
        if tool is None:
            known = ", ".join(t.name for t in self.tools) or "none"
            await self._tool_ended(index, part, "failed", f"There is no tool {part.name!r}. Tools: {known}.")
            return
        if part.unreadable is not None:  # (kept by an older version, which let it wait)
            await self._tool_ended(index, part, "failed", unreadable_words(part.unreadable))
            return
        try:
            refusal = await self._refusal(part, tool)
        except ToolFailed as problem:
            await self._tool_ended(index, part, "failed", str(problem))
            return
        if refusal is not None:
            await self._tool_ended(index, part, "denied", refusal)
            return
        running = part.model_copy(update={"status": "running"})
        await self.keep_call(ToolCalled, index, running)
        if (
            refusal_reason := self.services.policy.refusal_reason(tool.risk, runs_programs=tool.runs_programs)
        ) is not None:  # it may have come while that was written
            await self._tool_ended(index, running, "denied", refusal_reason)
            return
        try:
            result = await tool.run(arguments, _Call(self, part.call_id, tool))
        except ToolFailed as problem:
            await self._tool_ended(index, running, "failed", str(problem))
        except SessionlsError as problem:
            await self._tool_ended(index, running, "failed", f"{problem.message} {problem.hint}")
        except Exception:
            log.exception("the tool %s failed", part.name)
            await self._tool_ended(index, running, "failed", _FAILED)
        else:
            await self._tool_ended(index, running, "done", result)

    async def _refusal(self, part: ToolPart, tool: Tool) -> str | None:
        """Why the tool may not run; None where it may: by the policy, by an earlier grant, or because somebody says yes now.

        The bounds have the first word, and the last: they may have changed while somebody was asked.
        """
        policy = self.services.policy
        if (refusal_reason := policy.refusal_reason(tool.risk, runs_programs=tool.runs_programs)) is not None:
            return refusal_reason
        rule = policy.decide(self.definition, tool.name, tool.risk)
        if rule == "deny" or (rule == "allow" and tool.risk != "write"):
            return _DENIED if rule == "deny" else None
        permission_request = await self._wish(part, tool)
        if permission_request.startup is not None:
            rule = stricter(rule, policy.decide_startup(self.definition, permission_request.startup))
        if rule != "ask":
            return _DENIED if rule == "deny" else None
        return (
            policy.refusal_reason(tool.risk, runs_programs=tool.runs_programs)
            if await self._agreed(permission_request, tool)
            else _DENIED
        )

    async def _wish(self, part: ToolPart, tool: Tool) -> PermissionRequest:
        try:
            return await tool.permission_request(part.arguments)
        except SessionlsError as problem:
            raise ToolFailed(f"{problem.message} {problem.hint}") from problem
        except ToolFailed:
            raise
        except Exception as problem:
            log.exception("the tool %s could not say what it would do", tool.name)
            raise ToolFailed(_FAILED) from problem

    async def _agreed(self, permission_request: PermissionRequest, tool: Tool) -> bool:
        """Whether somebody says yes to the call, or has for the whole session."""
        return await self.confirmed(
            tool, permission_request.summary, permission_request.detail, scope=permission_request.scope or tool.name
        )

    async def confirmed(self, tool: Tool, summary: str, detail: str | None, *, scope: str) -> bool:
        """Whether somebody says yes, or has to all of that scope for the whole session; without a scope nobody has."""
        question = Question(
            session_id=self.session_id,
            message_id=self.reply.id,
            request_id=new_id(),
            agent=self.definition.name,
            tool=tool.name,
            # Whoever decides sees all that it is about, and nothing else.
            summary=in_one_line(summary),
            risk=tool.risk,
            scope=_scope(scope),
            detail=None if detail is None else shown(detail),
        )

        async def answer(decision: Answer, why: Literal["person", "time"]) -> None:
            by = self.services.participant if why == "person" else None
            if await self.save(lambda change: transitions.answer(change, question.request_id, decision, by)):
                self.services.asking.answered(question.request_id, decision)

        async with self.services.asking.expected(question) as future:
            if await self.save(lambda change: transitions.ask(change, self.reply.id, question, self.services.participant)):
                return True
            return await self.services.asking.ask(question, future, answer) != "deny"

    async def _tool_ended(self, index: int, part: ToolPart, status: Literal["done", "failed", "denied"], result: str) -> None:
        # The part as it is now: an agent that was asked left its work there.
        now = self.parts[index]
        part = now if isinstance(now, ToolPart) else part
        await self.keep_call(
            ToolFinished, index, part.model_copy(update={"status": status, "result": replace_lone_surrogates(result)})
        )

    # -- words -------------------------------------------------------------------------------------------------------

    def unfinished(self) -> TextPart | None:
        """The words in whose middle the reply stopped, if that is where it stopped."""
        last = self.parts[-1] if self.parts else None
        return last if isinstance(last, TextPart) and not self._told_since(len(self.parts)) else None

    def _told_since(self, part: int) -> bool:
        return any(message.steered is not None and message.steered.part >= part for message in self.steered)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a tool (`tooling.ToolCall`)."""

    writer: Loop
    call_id: str
    tool: Tool

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
        known = await self.writer.services.store.known_finding(self.session_id, finding)
        if known is not None:
            if (known_findings := self.writer.services.known_findings.get(self.session_id)) is not None:
                known_findings.append(known.model_copy(update={"range": finding.range}))  # it may have moved
            return known
        by = ByAgent(agent=self.agent)
        await self.writer.record(lambda change: change.add(FindingReported, by=by, finding=finding))
        return finding

    async def edited(self, uri: str, summary: str, *, applied: bool, patch: str | None = None) -> None:
        fields = {"message_id": self.message_id, "uri": uri, "summary": summary, "applied": applied, "patch": patch}
        await self.writer.record(lambda change: change.add(Edited, by=ByAgent(agent=self.agent), **fields))

    async def confirm(self, summary: str, detail: str) -> bool:
        return await self.writer.confirmed(self.tool, summary, detail, scope="")


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


def _scope(text: str) -> str:
    """The scope as it is shown; two that look alike then are still two."""
    plain = shown(text)
    return plain if plain == text else f"{plain} [{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}]"
