"""Subagents: a tool with which an agent asks another agent in the same session.

The subagent's work is shown under the call. It may never do more than the asking agent: it gets the tools that both have, with
the stricter of their two rules for each. Its usage counts for the reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from sessionls.domain.agent import Definition, Permission
from sessionls.domain.limits import Spending
from sessionls.domain.model import Finding, Message, Part, ToolPart
from sessionls.domain.permission import Answer, PermissionRequest, Policy, Risk, stricter
from sessionls.domain.state import with_work
from sessionls.domain.stop_reasons import words_for
from sessionls.ports.runtime import OtherAgent, ReplySink
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.runtimes.loop.tool_calls import ASK_AGENT
from sessionls.runtimes.loop.tool_loop import Loop
from sessionls.sessions.prompt.builder import PromptBuilder
from sessionls.sessions.prompt.compaction import Account
from sessionls.sessions.prompt.transcript import ModelMessages, plain

__all__ = ["ASK_AGENT", "AskAgent"]

T = TypeVar("T")

_DEPTH = 3  # levels of subagents


class AskAgent:
    """The tool, for one loop. `find` returns an agent by name, or raises an error if it cannot answer."""

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

    def __init__(self, loop: Loop, find: Callable[[str], Awaitable[OtherAgent]], prompts: PromptBuilder, depth: int = 1) -> None:
        self._loop = loop
        self._find = find
        self._prompts = prompts
        self._depth = depth

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        name, question = _read(arguments)
        return PermissionRequest(f"Ask the agent {name}: {question[:100]}", detail=question, scope=f"{ASK_AGENT}:{name}")

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        name, question = _read(arguments)
        other = await self._find(name)
        outer = self._loop.runner
        shared = {tool.name for tool in outer.tools}
        tools = [tool for tool in other.tools if tool.name in shared]
        messages: ModelMessages = [
            {"role": "system", "content": self._prompts.instructions(other.definition, tools)},
            {"role": "user", "content": f"The agent `{outer.definition.name}` asks:\n\n{question}"},
        ]

        async def earlier(account: Account, tighter: bool) -> tuple[ModelMessages, bool]:  # noqa: ARG001
            return messages, False  # there is no history to compact

        parts = outer.sink.parts
        index = next(i for i, part in enumerate(parts) if isinstance(part, ToolPart) and part.call_id == call.call_id)
        sink = SubagentSink(outer.sink, index, other.definition)
        runner = replace(
            outer,
            sink=sink,
            policy=_Stricter(outer.policy, outer.definition),
            definition=other.definition,
            tools=tools,
        )
        inner = Loop(
            models=self._loop.models,
            runner=runner,
            reply=self._loop.reply.model_copy(update={"author": other.author, "parts": [], "usage": None, "steps": None}),
            model=other.author.model,
            options=replace(self._loop.options, agent=other.definition.name),
            earlier=earlier,
            images=self._loop.images,
        )
        if other.definition.choose_tools([ASK_AGENT]) and ASK_AGENT in shared and self._depth < _DEPTH:
            runner.tools = [*runner.tools, AskAgent(inner, self._find, self._prompts, self._depth + 1)]
        reason = await inner.run()
        await sink.keep_rest()
        answer = plain([part for part in sink.parts if part.kind != "tool"])
        problem = words_for(reason)
        return "\n\n".join(words for words in (answer, problem and f"({problem})") if words)


def _read(arguments: Mapping[str, Any]) -> tuple[str, str]:
    name, question = arguments.get("agent"), arguments.get("question")
    if not isinstance(name, str) or not isinstance(question, str) or not question.strip():
        raise ToolFailed("ask_agent was not run: it needs the strings `agent` and `question`.")
    return name, question


class _Stricter(Policy):
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
    _kept: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.spending = Spending(self.definition, self.outer.spending)
        self.spending.begin(0, None)

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int = 0) -> None:
        """Does nothing: a subagent's text is shown when its step has ended."""

    async def keep_step(self, first: int) -> None:
        self._kept = len(self.parts)
        await self.keep_work((), first, self.parts[first:])

    async def keep_rest(self) -> None:
        """Keep its last step, which calls no tools."""
        if len(self.parts) > self._kept:
            await self.keep_step(self._kept)

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
