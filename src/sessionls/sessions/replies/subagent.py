"""Agents that ask agents: one tool, behind which another agent works in the same session.

Its work is shown under the call that asked it. It may never do more than the agent that asks: it gets the tools that both have,
and of two rules for a tool the stricter one. What it uses counts for the reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from sessionls.domain.agent import Definition, Permission
from sessionls.domain.change import Change
from sessionls.domain.events import ToolCalled, ToolFinished
from sessionls.domain.limits import Spending
from sessionls.domain.model import AgentAuthor, Part, ToolPart
from sessionls.domain.permission import PermissionRequest, Policy, Risk, stricter
from sessionls.domain.state import with_work
from sessionls.domain.stop_reasons import words_for
from sessionls.ports.tools import Tool, ToolCall, ToolFailed
from sessionls.sessions.prompt.transcript import ModelMessages, plain
from sessionls.sessions.replies.tool_calls import ASK_AGENT
from sessionls.sessions.replies.tool_loop import Loop

__all__ = ["ASK_AGENT", "AskAgent", "SubagentSpec"]

T = TypeVar("T")

_DEPTH = 3  # agents that ask agents that ask agents: no further


@dataclass(frozen=True, slots=True)
class SubagentSpec:
    """An agent that can be asked: who it is, its tools, whether it may ask others, and its system message."""

    definition: Definition
    author: AgentAuthor
    tools: Sequence[Tool]
    may_ask: bool
    instructions: str


class AskAgent:
    """The tool, for one loop. `find` gives the agent of a name, or raises what keeps it from answering."""

    name = ASK_AGENT
    description = (
        "Ask another agent a question, and get its answer. It works on its own, sees nothing of this session but the question, "
        "and has at most the tools that you have: say all that it must know."
    )
    risk: Risk = "read"
    runs_programs = False
    schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "agent": {"type": "string", "description": "The agent's name, such as `review` or `research`."},
            "question": {"type": "string", "description": "What it is to find out or do, whole and by itself."},
        },
        "required": ["agent", "question"],
        "additionalProperties": False,
    }

    def __init__(self, loop: Loop, find: Callable[[str, str], Awaitable[SubagentSpec]], depth: int = 1) -> None:
        self._loop = loop
        self._find = find
        self._depth = depth

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        name, question = _read(arguments)
        return PermissionRequest(f"Ask the agent {name}: {question[:100]}", detail=question, scope=f"{ASK_AGENT}:{name}")

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        name, question = _read(arguments)
        asked = await self._find(call.session_id, name)
        outer = self._loop
        index = next(i for i, part in enumerate(outer.parts) if isinstance(part, ToolPart) and part.call_id == call.call_id)
        mine = {tool.name for tool in outer.tools}
        tools = [tool for tool in asked.tools if tool.name in mine]
        messages: ModelMessages = [
            {"role": "system", "content": asked.instructions},
            {"role": "user", "content": f"The agent `{outer.definition.name}` asks:\n\n{question}"},
        ]

        async def told(tighter: bool) -> ModelMessages:  # noqa: ARG001 (a question has no history to compact)
            return messages

        inner = Delegate(
            services=replace(outer.services, policy=_Stricter(outer.services.policy, outer.definition)),
            session_id=outer.session_id,
            reply=outer.reply.model_copy(update={"author": asked.author, "parts": [], "usage": None, "steps": None}),
            definition=asked.definition,
            model=asked.author.model,
            tools=tools,
            options=replace(outer.options, agent=asked.definition.name),
            named=False,
            told=told,
            outer=outer,
            index=index,
        )
        if asked.may_ask and ASK_AGENT in mine and self._depth < _DEPTH:
            inner.tools = [*tools, AskAgent(inner, self._find, self._depth + 1)]
        await inner.steps()
        await inner.keep_rest()
        answer = plain([part for part in inner.parts if part.kind != "tool"])
        problem = words_for(inner.stop_reason)
        return "\n\n".join(words for words in (answer, problem and f"({problem})") if words)


def _read(arguments: Mapping[str, Any]) -> tuple[str, str]:
    name, question = arguments.get("agent"), arguments.get("question")
    if not isinstance(name, str) or not isinstance(question, str) or not question.strip():
        raise ToolFailed("ask_agent was not run: it takes the texts `agent` and `question`.")
    return name, question


class _Stricter(Policy):
    """Of the rule for the agent that asks and the one for the agent that is asked, the stricter."""

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
class Delegate(Loop):
    """The loop of an agent that was asked. `index` is the number of the asking call's part in the `outer` loop."""

    outer: Loop = field(kw_only=True)
    index: int = field(kw_only=True)
    _kept: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.spending = Spending(self.definition, self.outer.spending)
        self.spending.begin(0, None)

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int) -> None:
        """Its words are shown when its step has ended."""

    async def keep_step(self, first: int) -> None:
        self._kept = len(self.parts)
        await self.keep_work((), first, self.parts[first:])

    async def keep_rest(self) -> None:
        """Its last step, which asks for no tools, ended."""
        if len(self.parts) > self._kept:
            await self.keep_step(self._kept)

    async def keep_call(self, kind: type[ToolCalled | ToolFinished], index: int, part: ToolPart) -> None:  # noqa: ARG002
        await self.keep_work((), index, [part])

    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        """Its work is part of the call that asked it, and in the log with that: each time only what is new of it."""
        self.parts = with_work(self.parts, path, index, parts)
        await self.outer.keep_work([self.index, *path], index, parts)

    async def record(self, decide: Callable[[Change], object]) -> None:
        await self.outer.record(decide)

    async def save(self, decide: Callable[[Change], T]) -> T:
        return await self.outer.save(decide)

    async def check_budget(self) -> None:
        await self.outer.check_budget()

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        return await work  # the call that asked is stopped, and this with it
