"""Models with scripted outputs at the level of the port, for cases that the model server does not support."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from in_process_app import App
from sessionls.domain.errors import ModelUnavailable
from sessionls.domain.model import StopReason, Usage
from sessionls.ports.models import ModelOutput, ModelRequest, NativeReasoning, StepEnd, ToolRequest

__all__ = ["Step", "ask_for", "end", "script", "too_long"]

Step = Sequence[Any]  # outputs of a model, and errors to raise


def ask_for(name: str, arguments: str = "{}", call_id: str = "call_1") -> ToolRequest:
    return ToolRequest(call_id, name, arguments)


def end(reason: StopReason = "stop", native: NativeReasoning | None = None, cost: float | None = None) -> StepEnd:
    """The end of a step."""
    return StepEnd(None if cost is None else Usage(input_tokens=10, output_tokens=1, cost=cost), reason, native)


def too_long() -> ModelUnavailable:
    return ModelUnavailable("It is too long.", hint="Shorten it.", reason="overflow", model="openai/test")


def script(home: App, monkeypatch: pytest.MonkeyPatch, *answers: Step) -> list[ModelRequest]:
    """Let every model answer with these, one for each request. Returns the list of received requests."""
    requests: list[ModelRequest] = []
    rest = list(answers)

    async def stream(request: ModelRequest) -> AsyncIterator[ModelOutput]:
        requests.append(request)
        for output in rest.pop(0):
            if isinstance(output, Exception):
                raise output
            yield output

    monkeypatch.setattr(home.built.models, "stream", stream)
    return requests
