"""Runs the tool calls of a reply, each after its permission was granted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Finding, ToolPart
from sessionls.domain.permission import PermissionRequest, Policy, stricter
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.runtime import ReplySink
from sessionls.ports.tools import Tool, ToolFailed
from sessionls.sessions.prompt.tool_arguments import unreadable_message

__all__ = ["ToolRunner"]

log = logging.getLogger(__name__)

_FAILED = "The tool failed unexpectedly. Try another way."
_DENIED = "This was not permitted. Do not try to do it in another way. Continue without it, or say what you need."


@dataclass
class ToolRunner:
    """Runs the tools of one agent in one reply.

    Calls that only read run in parallel, all others one at a time. All agents that work on the same reply share the lock
    `writing`, which a call that does more than read holds.
    """

    sink: ReplySink
    policy: Policy
    definition: Definition
    session_id: str
    message_id: str
    tools: Sequence[Tool]
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run_pending(self) -> None:
        """Run all calls of the reply that have not ended."""
        tools = {tool.name: tool for tool in self.tools}
        calls = [
            (index, part)
            for index, part in enumerate(self.sink.parts)
            if isinstance(part, ToolPart) and part.status in ("waiting", "running")
        ]
        reads = [call for call in calls if (tool := tools.get(call[1].name)) is not None and tool.risk == "read"]
        if reads:
            await self.sink.stoppable(_run_all([self._run(index, part, tools.get(part.name)) for index, part in reads]))
        for index, part in calls:
            if (index, part) not in reads:
                await self.sink.stoppable(self._run_alone(index, part, tools.get(part.name)))

    async def _run_alone(self, index: int, part: ToolPart, tool: Tool | None) -> None:
        async with self.writing:
            await self._run(index, part, tool)

    async def _run(self, index: int, part: ToolPart, tool: Tool | None) -> None:
        arguments = part.arguments
        if part.status == "running" and (tool is None or tool.risk != "read" or part.parts):
            await self._end_call(index, part, "failed", transitions.UNKNOWN_OUTCOME)
            return
        if tool is None:
            names = ", ".join(tool.name for tool in self.tools) or "none"
            await self._end_call(index, part, "failed", f"There is no tool {part.name!r}. Tools: {names}.")
            return
        if part.unreadable is not None:  # (stored as pending by an older version)
            await self._end_call(index, part, "failed", unreadable_message(part.unreadable))
            return
        try:
            refusal = await self._refusal(part, tool)
        except ToolFailed as problem:
            await self._end_call(index, part, "failed", str(problem))
            return
        if refusal is not None:
            await self._end_call(index, part, "denied", refusal)
            return
        running = part.model_copy(update={"status": "running"})
        await self.sink.keep_call(index, running)
        if (refusal := self._refusal_by_bounds(tool)) is not None:  # the bounds may have changed meanwhile
            await self._end_call(index, running, "denied", refusal)
            return
        try:
            result = await tool.run(arguments, _Call(self, part.call_id, tool))
        except ToolFailed as problem:
            await self._end_call(index, running, "failed", str(problem))
        except SessionlsError as problem:
            await self._end_call(index, running, "failed", f"{problem.message} {problem.hint}")
        except Exception:
            log.exception("the tool %s failed", part.name)
            await self._end_call(index, running, "failed", _FAILED)
        else:
            await self._end_call(index, running, "done", result)

    async def _end_call(self, index: int, part: ToolPart, status: Literal["done", "failed", "denied"], result: str) -> None:
        # Read the part again: a subagent may have added its work.
        current = self.sink.parts[index]
        part = current if isinstance(current, ToolPart) else part
        await self.sink.keep_call(index, part.model_copy(update={"status": status, "result": replace_lone_surrogates(result)}))

    # -- permission --------------------------------------------------------------------------------------------------

    async def _refusal(self, part: ToolPart, tool: Tool) -> str | None:
        """Why the tool may not run; None if the policy, an earlier grant or a person allows it.

        The bounds are checked first and again at the end, because they may change while a person is asked.
        """
        if (refusal := self._refusal_by_bounds(tool)) is not None:
            return refusal
        rule = self.policy.decide(self.definition, tool.name, tool.risk)
        if rule == "deny" or (rule == "allow" and tool.risk != "write"):
            return _DENIED if rule == "deny" else None
        request = await self._permission_request(part, tool)
        if request.startup is not None:
            rule = stricter(rule, self.policy.decide_startup(self.definition, request.startup))
        if rule != "ask":
            return _DENIED if rule == "deny" else None
        scope = request.scope or tool.name
        return self._refusal_by_bounds(tool) if await self.ask(tool, request.summary, request.detail, scope=scope) else _DENIED

    def _refusal_by_bounds(self, tool: Tool) -> str | None:
        return self.policy.refusal_reason(tool.risk, runs_programs=tool.runs_programs)

    async def _permission_request(self, part: ToolPart, tool: Tool) -> PermissionRequest:
        try:
            return await tool.permission_request(part.arguments)
        except SessionlsError as problem:
            raise ToolFailed(f"{problem.message} {problem.hint}") from problem
        except ToolFailed:
            raise
        except Exception as problem:
            log.exception("the tool %s failed to describe its permission request", tool.name)
            raise ToolFailed(_FAILED) from problem

    async def ask(self, tool: Tool, summary: str, detail: str | None, *, scope: str) -> bool:
        """Whether a person allows it now, or has allowed `scope` for the whole session. An empty scope always asks."""
        answer = await self.sink.ask_permission(
            agent=self.definition.name, tool=tool.name, risk=tool.risk, summary=summary, detail=detail, scope=scope
        )
        return answer != "deny"


@dataclass(frozen=True, slots=True)
class _Call:
    """A tool call (`ports.tools.ToolCall`)."""

    runner: ToolRunner
    call_id: str
    tool: Tool

    @property
    def session_id(self) -> str:
        return self.runner.session_id

    @property
    def message_id(self) -> str:
        return self.runner.message_id

    @property
    def agent(self) -> str:
        return self.runner.definition.name

    async def report(self, finding: Finding) -> Finding:
        return await self.runner.sink.report(finding, agent=self.agent)

    async def edited(self, uri: str, summary: str, *, applied: bool, patch: str | None = None, kept: str | None = None) -> None:
        await self.runner.sink.edited(uri, summary, agent=self.agent, applied=applied, patch=patch, kept=kept)

    async def confirm(self, summary: str, detail: str) -> bool:
        return await self.runner.ask(self.tool, summary, detail, scope="")


async def _run_all(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for call in work:
                group.create_task(call)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
