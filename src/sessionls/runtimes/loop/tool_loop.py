"""The loop between a model and its tools.

A step is one response of the model and the tools that it calls. The sink stores the result: for a reply in the session's log, for
a subagent under the call that asked it (`runtimes/asking.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain.errors import ModelUnavailable
from sessionls.domain.model import Message, StopReason, TextPart, Usage
from sessionls.domain.stop_reasons import ReplyStopReason, reply_stop_reason
from sessionls.ports.models import (
    ModelRequest,
    Models,
    NativeReasoning,
    ReasoningDelta,
    StepEnd,
    TextDelta,
    ToolRequest,
    tool_definition,
)
from sessionls.ports.runtime import ReplySink
from sessionls.runtimes.loop.prompt_images import PromptImages
from sessionls.runtimes.loop.tool_calls import calls_of
from sessionls.runtimes.text_collector import TextCollector
from sessionls.runtimes.tool_runner import ToolRunner
from sessionls.sessions.prompt.compaction import Account
from sessionls.sessions.prompt.native_reasoning import with_native
from sessionls.sessions.prompt.transcript import (
    ModelMessages,
    TranscriptOptions,
    estimate_tokens,
    may_have_images,
    with_reply,
)
from sessionls.sessions.prompt.window import FULL, cut_last_results, trim_tool_results

__all__ = ["Earlier", "Loop"]

_ATTEMPTS = 4  # requests for one step, each shorter than the one before

Earlier = Callable[[Account, bool], Coroutine[Any, Any, tuple[ModelMessages, bool]]]
"""Returns the messages before the reply, and whether they name their authors. It may compact the session and charges this to the
account; with True it should compact, because the model rejected the prompt as too long.
"""


@dataclass
class _Step:
    """The result of one response of the model, besides its text."""

    requests: list[ToolRequest] = field(default_factory=list)
    usage: Usage | None = None
    reason: StopReason = "unknown"
    native: NativeReasoning | None = None
    notices: Sequence[str] = ()


@dataclass
class Loop:
    """`reply` is the message to write, as it is when the loop begins; `earlier` returns the messages before it.

    `_rejected_size` is the number of tokens that the model rejected as too many.
    """

    models: Models
    runner: ToolRunner
    reply: Message
    model: str
    options: TranscriptOptions
    earlier: Earlier
    images: PromptImages
    _rejected_size: int | None = field(default=None, init=False)

    @property
    def sink(self) -> ReplySink:
        return self.runner.sink

    async def run(self) -> ReplyStopReason | None:
        """Run steps until the model calls no more tools. Returns why the last step ended."""
        await self.runner.run_pending()
        while True:
            first = len(self.sink.parts)
            if self._unfinished() is not None:
                first -= 1  # it continues in the same part
            step = await self._run_step()
            self.spend(step.usage)
            for notice in step.notices:
                await self.sink.add_notice(notice)
            self.sink.parts = parts = with_native(self.sink.parts, first, step.native)
            if not step.requests:
                has_text = any(isinstance(part, TextPart) and part.text.strip() for part in parts[first:])
                return reply_stop_reason(step.reason, wrote=has_text)
            parts += list(calls_of(step.requests, step.reason, parts))
            await self.sink.keep_step(first)
            await self.runner.run_pending()

    async def before_call(self) -> None:
        """Call this before each request to a model. Raises `NotPermitted` if this agent or one that asked it reached a limit.
        If the session's budget is used up, pauses the session, which ends the reply here.
        """
        self.sink.spending.check()
        await self.sink.check_budget()

    def spend(self, usage: Usage | None) -> None:
        """Count a model's usage for this reply."""
        self.sink.spending.spend(usage)

    async def _run_step(self) -> _Step:
        """Ask the model. If it rejects the prompt as too long, ask again with a shorter one."""
        sink, definition = self.sink, self.runner.definition
        sink.spending.take_step()
        problem: ModelUnavailable | None = None
        for attempt in range(_ATTEMPTS):
            await sink.stoppable(self.before_call())
            earlier, names_authors = await sink.stoppable(self.earlier(self, attempt == 1))
            so_far = self.reply.model_copy(update={"parts": sink.parts})
            messages: ModelMessages = with_reply(earlier, so_far, sink.steered, self.options, named=names_authors)
            tools = [tool_definition(tool.name, tool.description, tool.schema) for tool in self.runner.tools]
            messages = self._trim_to_window(messages, tools)
            size = estimate_tokens(messages)
            if problem is not None and self._rejected_size is not None and size >= self._rejected_size:
                break
            request = ModelRequest(
                model=self.model,
                messages=await sink.stoppable(self._with_images(messages)),
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
                problem, self._rejected_size = error, size
        assert problem is not None
        raise ModelUnavailable(
            f"The prompt is too long for {self.model}, and nothing more can be left out.",
            hint="Send a shorter message with less context, compact the session, or choose a model with a larger window.",
            reason="overflow",
            model=self.model,
        ) from problem

    def _trim_to_window(self, messages: ModelMessages, tools: Sequence[dict[str, Any]]) -> ModelMessages:
        """Trim the messages to the model's window minus its tools, or to half of what it rejected as too long."""
        window = self.models.window(self.model)
        reserved = estimate_tokens(tools) + (self.runner.definition.max_tokens or 0)
        limit = None if window is None else int(window * FULL) - reserved
        if self._rejected_size is not None:
            limit = min(self._rejected_size // 2, self._rejected_size if limit is None else limit)
        trimmed_results = messages if limit is None else trim_tool_results(messages, limit)
        return trimmed_results if limit is None or self._rejected_size is None else cut_last_results(trimmed_results, limit)

    async def _with_images(self, messages: ModelMessages) -> Sequence[dict[str, Any]]:
        """The messages with the bytes of their images. A notice in the reply says what was left out."""
        if not may_have_images(messages):
            return messages
        support = await self.models.image_support(self.model)
        with_images, notice = await self.images.add(self.runner.session_id, messages, self.model, support)
        if notice is not None:
            await self.sink.add_notice(notice)
        return with_images

    async def _stream(self, request: ModelRequest) -> _Step:
        step = _Step()
        collector = TextCollector(self.sink, self._unfinished())
        try:
            async for output in self.models.stream(request):
                match output:
                    case TextDelta():
                        collector.add("text", output.text)
                    case ReasoningDelta():
                        collector.add("reasoning", output.text)
                    case ToolRequest():
                        step.requests.append(output)
                    case StepEnd():
                        step.usage, step.reason, step.native = output.usage, output.reason, output.native
                        step.notices = output.notices
        finally:
            collector.end()
        return step

    def _unfinished(self) -> TextPart | None:
        """The text part in which the reply stopped, if it stopped in one."""
        parts = self.sink.parts
        last = parts[-1] if parts else None
        steered = any(message.steered is not None and message.steered.part >= len(parts) for message in self.sink.steered)
        return last if isinstance(last, TextPart) and not steered else None
