"""The port of the models: streams one step of a reply."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sessionls.domain.images import format_size
from sessionls.domain.model import ModelInfo, StopReason, Usage

__all__ = [
    "ImageSupport",
    "ModelOutput",
    "ModelRequest",
    "Models",
    "NativeReasoning",
    "ReasoningDelta",
    "StepEnd",
    "TextDelta",
    "ToolRequest",
    "tool_call",
    "tool_definition",
]


@dataclass(frozen=True, slots=True)
class ImageSupport:
    """Which images a model or an agent accepts. `accepted` is None if unknown. `largest` is in bytes, `longest` is the
    longer side in pixels; None without a known limit.
    """

    accepted: bool | None = None
    largest: int | None = None
    longest: int | None = None

    def problem(self, size: int | None, width: int | None, height: int | None) -> str | None:
        """Why such an image is not accepted."""
        if self.accepted is False:
            return "it accepts no images"
        if self.largest is not None and (size or 0) > self.largest:
            return f"it accepts images of at most {format_size(self.largest)}"
        if self.longest is not None and max(width or 0, height or 0) > self.longest:
            return f"it accepts images of at most {self.longest:,} by {self.longest:,} pixels"
        return None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request for one step. `messages` and `tools` have the format of OpenAI's API, images as `data:` URLs.

    An assistant message may have `"native_reasoning": {"provider": …, "data": …}` from an earlier step (see `NativeReasoning`).
    `Models` passes `data` back to that provider, and omits the key for every other one.

    `must_call`: the model must call one of the tools and may not answer with text.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    must_call: bool = False


def tool_definition(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A tool for `ModelRequest.tools`. `parameters` is the JSON Schema of its arguments."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": dict(parameters)}}


def tool_call(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    """A tool call, for the `tool_calls` of an assistant message."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The model calls a tool. `arguments` is the JSON text as the model wrote it. It may be invalid."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class NativeReasoning:
    """Reasoning data that a provider expects back with the step that it came with: thinking blocks with their signatures,
    `reasoning_content`, `reasoning_details`. `data` is JSON, which only the adapter of that provider reads.
    """

    provider: str
    data: Any


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The last output of a step: why it ended (see `StopReason`).

    `notices` tell a person which options the provider refused, so that the request was repeated without them.
    """

    usage: Usage | None
    reason: StopReason
    native: NativeReasoning | None = None
    notices: Sequence[str] = ()


ModelOutput = TextDelta | ReasoningDelta | ToolRequest | StepEnd


class Models(Protocol):
    def warm(self) -> None:
        """Prepare for a first message in the background. Returns immediately."""
        ...

    async def choose(self, preferences: Sequence[str]) -> str:
        """The first of `preferences` that is available; without preferences the default. Raises `ModelUnavailable`."""
        ...

    def window(self, model: str) -> int | None:
        """The size of the model's context window in tokens, if known."""
        ...

    async def image_support(self, model: str) -> ImageSupport:
        """Which images the model accepts, if known."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelOutput]:
        """Stream one step. Raises `ModelUnavailable`. Cancelling the task closes the connection."""
        ...

    async def list(self) -> list[ModelInfo]: ...
