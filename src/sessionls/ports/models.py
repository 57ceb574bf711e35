"""The port of the models: one step of a reply, as it is written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sessionls.domain.model import ModelInfo, StopReason, Usage

__all__ = [
    "ModelOutput",
    "ModelRequest",
    "Models",
    "NativeReasoning",
    "ReasoningDelta",
    "StepEnd",
    "TextDelta",
    "ToolRequest",
    "called_tool",
    "offered_tool",
]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One step asked of a model. `messages` and `tools` are in the shape of OpenAI's API, as litellm takes them.

    A message of the assistant may have `"native_reasoning": {"provider": …, "data": …}`, which an earlier step ended with
    (see `NativeReasoning`): `Models` hands `data` back to that provider, and leaves the key out for every other one.

    `must_call`: the model is to ask for one of the tools, not to answer in words.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    must_call: bool = False


def offered_tool(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A tool for `ModelRequest.tools`. `parameters` is the JSON Schema of its arguments."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": dict(parameters)}}


def called_tool(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    """A call of a tool, for the `tool_calls` of a message of the assistant."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The model asks for a tool. `arguments` is the JSON text as the model wrote it, valid or not."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class NativeReasoning:
    """What a provider wants to be handed back with the step that it came with: thinking blocks with their signatures,
    `reasoning_content`, `reasoning_details`. `data` is JSON, and read by nobody but the lane of that provider.
    """

    provider: str
    data: Any


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The last output of a step, and why it ended (see `StopReason`).

    `notices` say, for a person, which options of the request the provider refused, so that the model was asked without them.
    """

    usage: Usage | None
    reason: StopReason
    native: NativeReasoning | None = None
    notices: Sequence[str] = ()


ModelOutput = TextDelta | ReasoningDelta | ToolRequest | StepEnd


class Models(Protocol):
    def warm(self) -> None:
        """Get ready in the background for a first message. Returns at once."""
        ...

    async def choose(self, preferences: Sequence[str]) -> str:
        """The first of `preferences` that could answer now; with none given, the default. Raises `ModelUnavailable`."""
        ...

    def window(self, model: str) -> int | None:
        """How many tokens the model can take in, where that is known."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelOutput]:
        """One step, as it is written. Raises `ModelUnavailable`; cancelling the task closes the connection."""
        ...

    async def list(self) -> list[ModelInfo]: ...
