"""An external agent that asks another agent, through the tool `ask_agent` of our MCP server."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from sessionls.domain.ids import new_id
from sessionls.domain.limits import Spending
from sessionls.domain.model import Finding, Message, Part, ToolPart
from sessionls.domain.permission import Answer, Risk
from sessionls.ports.runtime import ReplySink
from sessionls.ports.tools import ToolFailed
from sessionls.runtimes.acp.permissions import DENIED, Permissions
from sessionls.runtimes.acp.writing import Call, Writing
from sessionls.runtimes.asking import ASK_AGENT, AskAgent, AskingAgent

__all__ = ["ask"]

T = TypeVar("T")
Ended = Literal["done", "failed", "denied"]


async def ask(writing: Writing, asking: AskingAgent, permissions: Permissions, arguments: Mapping[str, Any]) -> str:
    """Returns the answer of the agent that the arguments name. Raises `ToolFailed`, and `SessionlsError` if it cannot answer.

    The call is a part of the reply, and the work of that agent is shown under it.
    """
    assert writing.turn is not None
    tool = AskAgent(replace(asking, sink=_InterleavedSink(writing)))
    request = await tool.permission_request(arguments)
    part = ToolPart(call_id=new_id(), name=ASK_AGENT, arguments=dict(arguments), status="running")
    async with writing.turn.between_parts():
        await writing.keep_part(len(writing.sink.parts), part)
    if not await permissions.permits(ASK_AGENT, request.scope or "", ASK_AGENT, "read", request):
        await _end(writing, part.call_id, "denied", DENIED)
        raise ToolFailed(DENIED)
    status: Ended = "failed"
    result = "It was stopped before it answered."
    try:
        result = await tool.run(arguments, Call(writing, part.call_id))
        status = "done"
    except Exception as problem:
        result = str(problem)
        raise
    else:
        return result
    finally:
        await _end(writing, part.call_id, status, result)


async def _end(writing: Writing, call_id: str, status: Ended, result: str) -> None:
    assert writing.turn is not None
    async with writing.turn.between_parts():
        for index, part in enumerate(writing.sink.parts):
            if isinstance(part, ToolPart) and part.call_id == call_id:
                await writing.keep_part(index, part.model_copy(update={"status": status, "result": result}))


@dataclass
class _InterleavedSink:
    """The sink of a turn's reply, for work that goes on while the agent itself writes."""

    writing: Writing

    @property
    def _sink(self) -> ReplySink:
        return self.writing.sink

    @property
    def parts(self) -> list[Part]:
        return self._sink.parts

    @parts.setter
    def parts(self, parts: list[Part]) -> None:
        self._sink.parts = parts

    @property
    def steered(self) -> list[Message]:
        return self._sink.steered

    @steered.setter
    def steered(self, messages: list[Message]) -> None:
        self._sink.steered = messages

    @property
    def spending(self) -> Spending:
        return self._sink.spending

    @spending.setter
    def spending(self, spending: Spending) -> None:
        self._sink.spending = spending

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int = 0) -> None:
        raise NotImplementedError  # a subagent drafts nothing

    async def keep_step(self, first: int) -> None:
        raise NotImplementedError  # its steps are kept under the call

    async def keep_call(self, index: int, part: ToolPart) -> None:
        await self.keep_work((), index, [part])

    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        assert self.writing.turn is not None
        async with self.writing.turn.between_parts():
            await self._sink.keep_work(path, index, parts)

    async def report(self, finding: Finding, *, agent: str) -> Finding:
        assert self.writing.turn is not None
        async with self.writing.turn.between_parts():
            return await self._sink.report(finding, agent=agent)

    async def edited(
        self, uri: str, summary: str, *, agent: str, applied: bool, patch: str | None = None, kept: str | None = None
    ) -> None:
        assert self.writing.turn is not None
        async with self.writing.turn.between_parts():
            await self._sink.edited(uri, summary, agent=agent, applied=applied, patch=patch, kept=kept)

    async def ask_permission(
        self, *, agent: str, tool: str, risk: Risk, summary: str, detail: str | None = None, scope: str = ""
    ) -> Answer:
        return await self._sink.ask_permission(agent=agent, tool=tool, risk=risk, summary=summary, detail=detail, scope=scope)

    async def add_notice(self, notice: str) -> None:
        await self._sink.add_notice(notice)

    async def check_budget(self) -> None:
        await self._sink.check_budget()

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        return await work  # what stops the turn also stops the call
