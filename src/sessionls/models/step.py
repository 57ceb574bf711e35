"""What litellm streams, read into our own outputs."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import dataclass
from typing import Any, get_args

from sessionls.models.chunks import Plain
from sessionls.sessions.model import Usage
from sessionls.sessions.ports import ModelOutput, ReasoningDelta, StepEnd, StopReason, TextDelta, ToolRequest

__all__ = ["Reading"]

_REASONS: dict[str, StopReason] = {reason: reason for reason in get_args(StopReason)} | {
    "function_call": "tool_calls",
    "max_tokens": "length",
}


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str
    arguments: list[str]


class Reading:
    """One step being read: `read` takes chunks, `take` gives what has come since, neighbouring text joined.

    Text that comes faster than it is taken is joined, so that a reader who is behind has less to do, not more.
    """

    def __init__(self) -> None:
        self.started = False
        self.is_first = False
        self._outputs: list[ModelOutput] = []
        self._text: list[str] = []
        self._kind: type[TextDelta | ReasoningDelta] = TextDelta
        self._calls: dict[int, _Call] = {}
        self._aside = 0
        self._reason: str | None = None
        self._usage: Any = None
        self._come = asyncio.Event()

    async def something(self) -> None:
        """Wait until there is something to take, or the step has ended."""
        await self._come.wait()
        self._come.clear()

    def wake(self, _: object = None) -> None:
        self._come.set()

    def take(self) -> list[ModelOutput]:
        self._join()
        outputs, self._outputs = self._outputs, []
        return outputs

    def read(self, chunk: Any) -> None:
        """A chunk (see chunks.py). `is_first` says afterwards whether it held the step's first output."""
        before = self.started
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self._usage = usage
        for choice in (chunk.choices or ())[:1]:
            if choice.delta is not None:
                self._read_delta(choice.delta)
            if choice.finish_reason:
                self._reason = choice.finish_reason
        self.is_first = self.started and not before

    def _read_delta(self, delta: Any) -> None:
        # Providers have two names for it, of which litellm makes one.
        reasoning = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        if reasoning:
            self._add(ReasoningDelta, reasoning)
        if delta.content:
            self._add(TextDelta, delta.content)
        for piece in getattr(delta, "tool_calls", None) or ():
            if piece.function is not None:
                self._add_call(piece)

    def end(self, module: Any, model: str) -> None:
        """The stream has ended: the calls, whole, and how it ended."""
        self._join()
        for call in self._calls.values():
            self._outputs.append(ToolRequest(call.call_id, call.name, "".join(call.arguments) or "{}"))
        self._outputs.append(StepEnd(_usage(module, model, self._usage), self._stop_reason()))
        self._come.set()

    def _stop_reason(self) -> StopReason:
        said = self._reason or "stop"
        if self._calls and said == "stop":
            return "tool_calls"
        return _REASONS.get(said, "unknown")

    def _add(self, kind: type[TextDelta | ReasoningDelta], text: str) -> None:
        if kind is not self._kind:
            self._join()
            self._kind = kind
        self._text.append(text)
        self.started = True
        self._come.set()

    def _join(self) -> None:
        if self._text:
            self._outputs.append(self._kind("".join(self._text)))
            self._text = []

    def _add_call(self, piece: Any) -> None:
        self.started = True
        index = piece.index if isinstance(piece.index, int) else 0
        call = self._calls.get(index)
        if call is not None and piece.id and piece.id != call.call_id and piece.function.name:
            # Some providers number all calls 0: another id and name begin another call.
            self._aside -= 1
            self._calls[self._aside] = self._calls.pop(index)
            call = None
        if call is None:
            call = self._calls[index] = _Call(piece.id or f"call_{uuid.uuid4().hex}", "", [])
        if piece.function.name and not call.name:
            call.name = piece.function.name
        if piece.function.arguments:
            call.arguments.append(piece.function.arguments)


def _usage(module: Any, model: str, usage: Any) -> Usage | None:
    """What was used, where the provider said so. A cost only where it told that, or litellm knows the model's price."""
    if usage is None or not (usage.prompt_tokens or usage.completion_tokens):
        return None
    cost = getattr(usage, "cost", None)
    if cost is None:
        with contextlib.suppress(Exception):  # it raises its base class for a model whose price it does not know
            counted = module.Usage(**usage) if isinstance(usage, Plain) else usage
            cost = sum(module.cost_per_token(model=model, usage_object=counted))
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        cached_tokens=getattr(details, "cached_tokens", None) or None,
        cost=cost,
    )
