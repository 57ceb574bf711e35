"""The loop between a model and its tools.

A step is one answer of the model and the tools it asked for. Where what happens is kept is up to the sink: a reply is kept in the
session's log, and the work of an agent that another agent asked under the call that asked it (`subagent.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain.errors import ModelUnavailable
from sessionls.domain.model import Message, StopReason, TextPart, Usage
from sessionls.domain.stop_reasons import ReplyStopReason, why_it_ended
from sessionls.ports.models import (
    ModelRequest,
    Models,
    NativeReasoning,
    ReasoningDelta,
    StepEnd,
    TextDelta,
    ToolRequest,
    offered_tool,
)
from sessionls.ports.runtime import ReplySink
from sessionls.runtimes.loop.tool_calls import calls_of
from sessionls.runtimes.tool_runner import ToolRunner
from sessionls.runtimes.words import Words
from sessionls.sessions.prompt.compaction import Account
from sessionls.sessions.prompt.native_reasoning import with_native
from sessionls.sessions.prompt.transcript import ModelMessages, TranscriptOptions, estimate_tokens, with_reply
from sessionls.sessions.prompt.window import FULL, trim_tool_results, trimmed

__all__ = ["Earlier", "Loop"]

_ATTEMPTS = 4  # to ask for one step, each time with less

Earlier = Callable[[Account, bool], Coroutine[Any, Any, tuple[ModelMessages, bool]]]
"""Gives the messages before the reply, and whether they name their authors. It may compact them on the way, and charges that to
the account; True asks for it, after the model said that it was too much.
"""


@dataclass
class _Step:
    """What came of one answer of the model, besides its words."""

    requests: list[ToolRequest] = field(default_factory=list)
    usage: Usage | None = None
    reason: StopReason = "unknown"
    native: NativeReasoning | None = None
    notices: Sequence[str] = ()


@dataclass
class Loop:
    """`reply` is the message that is written, as it is when the loop begins; `earlier` gives the messages before it.

    `_too_much` is how many tokens the model said were too many.
    """

    models: Models
    runner: ToolRunner
    reply: Message
    model: str
    options: TranscriptOptions
    earlier: Earlier
    _too_much: int | None = field(default=None, init=False)

    @property
    def sink(self) -> ReplySink:
        return self.runner.sink

    async def run(self) -> ReplyStopReason | None:
        """Step after step, until the model asks for no more tools. Gives why the last one ended."""
        await self.runner.run_pending()
        while True:
            first = len(self.sink.parts)
            if self._unfinished() is not None:
                first -= 1  # it goes on in the same part
            step = await self._one_step()
            self.spend(step.usage)
            for notice in step.notices:
                await self.sink.add_notice(notice)
            self.sink.parts = parts = with_native(self.sink.parts, first, step.native)
            if not step.requests:
                wrote = any(isinstance(part, TextPart) and part.text.strip() for part in parts[first:])
                return why_it_ended(step.reason, wrote=wrote)
            parts += list(calls_of(step.requests, step.reason, parts))
            await self.sink.keep_step(first)
            await self.runner.run_pending()

    async def before_call(self) -> None:
        """Before each request to a model: raise `NotPermitted` at a limit of the agent's or of those above it. At the session's
        budget the session is paused, which ends the reply here.
        """
        self.sink.spending.check()
        await self.sink.check_budget()

    def spend(self, usage: Usage | None) -> None:
        """Count what a model used for this reply."""
        self.sink.spending.spend(usage)

    async def _one_step(self) -> _Step:
        """Ask the model, again with less where it says that this was too much: each time with less than the time before."""
        sink, definition = self.sink, self.runner.definition
        sink.spending.take_step()
        problem: ModelUnavailable | None = None
        for attempt in range(_ATTEMPTS):
            await sink.stoppable(self.before_call())
            earlier, named = await sink.stoppable(self.earlier(self, attempt == 1))
            so_far = self.reply.model_copy(update={"parts": sink.parts})
            messages: ModelMessages = with_reply(earlier, so_far, sink.steered, self.options, named=named)
            tools = [offered_tool(tool.name, tool.description, tool.schema) for tool in self.runner.tools]
            messages = self._fitted(messages, tools)
            size = estimate_tokens(messages)
            if problem is not None and self._too_much is not None and size >= self._too_much:
                break
            request = ModelRequest(
                model=self.model,
                messages=messages,
                tools=tools,
                temperature=definition.temperature,
                max_tokens=definition.max_tokens,
                reasoning_effort=definition.reasoning_effort,
            )
            try:
                return await sink.stoppable(self._stream(request))
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
        window = self.models.window(self.model)
        reserved = estimate_tokens(tools) + (self.runner.definition.max_tokens or 0)
        room = None if window is None else int(window * FULL) - reserved
        if self._too_much is not None:
            room = min(self._too_much // 2, self._too_much if room is None else room)
        fitting = messages if room is None else trim_tool_results(messages, room)
        return fitting if room is None or self._too_much is None else trimmed(fitting, room)

    async def _stream(self, request: ModelRequest) -> _Step:
        step = _Step()
        words = Words(self.sink, self._unfinished())
        try:
            async for output in self.models.stream(request):
                match output:
                    case TextDelta():
                        words.add("text", output.text)
                    case ReasoningDelta():
                        words.add("reasoning", output.text)
                    case ToolRequest():
                        step.requests.append(output)
                    case StepEnd():
                        step.usage, step.reason, step.native = output.usage, output.reason, output.native
                        step.notices = output.notices
        finally:
            words.end()
        return step

    def _unfinished(self) -> TextPart | None:
        """The words in whose middle the reply stopped, if that is where it stopped."""
        parts = self.sink.parts
        last = parts[-1] if parts else None
        steered = any(message.steered is not None and message.steered.part >= len(parts) for message in self.sink.steered)
        return last if isinstance(last, TextPart) and not steered else None
