"""Agents that ask other agents: the tool `ask_agent`, for the agents of every runtime.

The work of the agent that is asked is shown under the call. It may never do more than the agent that asks: it gets the tools that
both have, with the stricter of their two rules for each. Its usage counts for the reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sessionls.domain.agent import Definition, Permission
from sessionls.domain.limits import Spending
from sessionls.domain.model import Finding, Message, Part, ToolPart
from sessionls.domain.permission import Answer, PermissionRequest, Policy, Risk, stricter
from sessionls.domain.state import with_work
from sessionls.ports.runtime import AgentQuestion, ReplySink, ReplyToWrite
from sessionls.ports.tools import ToolCall, ToolFailed

__all__ = ["ASK_AGENT", "AskAgent", "AskingAgent", "SubagentSink", "may_ask"]

T = TypeVar("T")

ASK_AGENT = "ask_agent"
_DEPTH = 3  # levels of agents that are asked


@dataclass(frozen=True, slots=True)
class AskingAgent:
    """The agent that asks, with its reply and its rules.

    `sink` stores its own work. `tools` are the names of its tools; None for an external agent, which has tools for everything.
    `depth` is 1 for the agent of the reply, and one more for each agent that was asked before. Calls that do more than read hold
    the lock `writing`.
    """

    reply: ReplyToWrite
    sink: ReplySink
    definition: Definition
    policy: Policy
    tools: frozenset[str] | None
    writing: asyncio.Lock
    depth: int = 1


def may_ask(definition: Definition, tools: frozenset[str] | None = None, depth: int = 1) -> bool:
    """Whether an agent may ask others at that depth. `tools` are those of the agent that asked it, None for no limit."""
    has_tool = definition.runtime == "acp" or bool(definition.choose_tools([ASK_AGENT]))
    return has_tool and (tools is None or ASK_AGENT in tools) and depth <= _DEPTH


class AskAgent:
    """The tool, for one agent in one reply."""

    name = ASK_AGENT
    description = (
        "Ask another agent a question and get its answer. It works independently, sees only the question and not this session, "
        "and has at most the tools that you have. Include everything that it needs to know."
    )
    risk: Risk = "read"
    runs_programs = False
    schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "agent": {"type": "string", "description": "The agent's name, such as `review` or `research`."},
            "question": {"type": "string", "description": "What it should find out or do, complete and self-contained."},
        },
        "required": ["agent", "question"],
        "additionalProperties": False,
    }

    def __init__(self, asking: AskingAgent) -> None:
        self._asking = asking

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        name, question = _read(arguments)
        return PermissionRequest(f"Ask the agent {name}: {question[:100]}", detail=question, scope=f"{ASK_AGENT}:{name}")

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        name, text = _read(arguments)
        asking = self._asking
        other = await asking.reply.find_agent(name)
        parts = asking.sink.parts
        index = next(i for i, part in enumerate(parts) if isinstance(part, ToolPart) and part.call_id == call.call_id)
        question = AgentQuestion(
            reply=asking.reply,
            asking=asking.definition,
            agent=other,
            text=text,
            tools=asking.tools,
            policy=_StricterPolicy(asking.policy, asking.definition),
            writing=asking.writing,
            depth=asking.depth + 1,
        )
        sink = SubagentSink(asking.sink, index, other.definition)
        answer = await other.runtime.answer(question, sink)
        await sink.keep_rest()
        return answer


def _read(arguments: Mapping[str, Any]) -> tuple[str, str]:
    name, question = arguments.get("agent"), arguments.get("question")
    if not isinstance(name, str) or not isinstance(question, str) or not question.strip():
        raise ToolFailed("ask_agent was not run: it needs the strings `agent` and `question`.")
    return name, question


class _StricterPolicy(Policy):
    """Applies the stricter of the asking agent's rule and the subagent's rule."""

    def __init__(self, policy: Policy, asking: Definition) -> None:
        super().__init__()
        self._policy = policy
        self._definition = asking

    def refusal_reason(self, risk: Risk, *, runs_programs: bool) -> str | None:
        return self._policy.refusal_reason(risk, runs_programs=runs_programs)

    def decide(self, definition: Definition, tool: str, risk: Risk) -> Permission:
        return stricter(self._policy.decide(self._definition, tool, risk), self._policy.decide(definition, tool, risk))

    def decide_startup(self, definition: Definition, path: str) -> Permission:
        return stricter(self._policy.decide_startup(self._definition, path), self._policy.decide_startup(definition, path))


@dataclass
class SubagentSink:
    """Stores the work of a subagent under the call that asked it, which is the part at `index` in `outer`."""

    outer: ReplySink
    index: int
    definition: Definition
    parts: list[Part] = field(default_factory=list, init=False)
    steered: list[Message] = field(default_factory=list, init=False)
    spending: Spending = field(init=False)
    _kept_count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.spending = Spending(self.definition, self.outer.spending)
        self.spending.begin(0, None)

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int = 0) -> None:
        """Does nothing: a subagent's text is shown when its step has ended."""

    async def keep_step(self, first: int) -> None:
        self._kept_count = len(self.parts)
        await self.keep_work((), first, self.parts[first:])

    async def keep_rest(self) -> None:
        """Keep its last step, which calls no tools."""
        if len(self.parts) > self._kept_count:
            await self.keep_step(self._kept_count)

    async def keep_call(self, index: int, part: ToolPart) -> None:
        await self.keep_work((), index, [part])

    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        """Keep only the new parts of the work, under the call that asked."""
        self.parts = with_work(self.parts, path, index, parts)
        await self.outer.keep_work([self.index, *path], index, parts)

    async def report(self, finding: Finding, *, agent: str) -> Finding:
        return await self.outer.report(finding, agent=agent)

    async def edited(
        self, uri: str, summary: str, *, agent: str, applied: bool, patch: str | None = None, kept: str | None = None
    ) -> None:
        await self.outer.edited(uri, summary, agent=agent, applied=applied, patch=patch, kept=kept)

    async def ask_permission(
        self, *, agent: str, tool: str, risk: Risk, summary: str, detail: str | None = None, scope: str = ""
    ) -> Answer:
        return await self.outer.ask_permission(agent=agent, tool=tool, risk=risk, summary=summary, detail=detail, scope=scope)

    async def add_notice(self, notice: str) -> None:
        await self.outer.add_notice(notice)

    async def check_budget(self) -> None:
        await self.outer.check_budget()

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        return await work  # stopping the call that asked also stops this
