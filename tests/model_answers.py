"""Reads what a model server sent, and the chunks that such servers send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx2  # noqa: F401 (in a program, a thread loads it before there is an answer)

from sessionls.domain.errors import ModelUnavailable
from sessionls.models.answers import events
from sessionls.models.anthropic_stream import AnthropicReader
from sessionls.models.failures import RequestInfo, explain
from sessionls.models.http import Refused
from sessionls.models.ollama_lane import OllamaReader
from sessionls.models.openai_stream import OpenAIReader
from sessionls.models.responses_stream import ResponsesReader
from sessionls.models.step import StepBuilder
from sessionls.ports.models import ReasoningDelta, StepEnd, TextDelta, ToolRequest

__all__ = [
    "OFFERED",
    "READERS",
    "A",
    "B",
    "Read",
    "calls",
    "delta",
    "piece",
    "read",
    "run",
    "sse",
]


OFFERED = ("read", "read_file", "write")
READERS = {"openai": OpenAIReader, "anthropic": AnthropicReader, "ollama": OllamaReader, "responses": ResponsesReader}


@dataclass
class Read:
    """A parsed response. `error` is the reason, if it was an error."""

    text: str = ""
    reasoning: str = ""
    calls: Sequence[tuple[str, str]] = ()
    reason: str = ""
    native: Any = None
    error: ModelUnavailable | None = None


async def read(pieces: Iterable[bytes], kind: str = "openai") -> Read:
    step = StepBuilder(OFFERED)
    reader: Any = READERS[kind](step)

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    try:
        async with aclosing(events(body())) as stream:
            async for event in stream:
                reader.read(event)
        if not reader.is_complete:
            return Read(error=ModelUnavailable("cut", hint="", reason="cut"))
        step.finish(None)
    except Refused as refusal:
        return Read(error=explain(refusal, RequestInfo("m", "openai"), started=step.started))
    outputs = step.take()
    end = outputs[-1]
    assert isinstance(end, StepEnd) and not any(isinstance(output, StepEnd) for output in outputs[:-1])
    return Read(
        "".join(output.text for output in outputs if isinstance(output, TextDelta)),
        "".join(output.text for output in outputs if isinstance(output, ReasoningDelta)),
        [(output.name, output.arguments) for output in outputs if isinstance(output, ToolRequest)],
        end.reason,
        reader.native,
    )


def run(body: bytes | str, kind: str = "openai") -> Read:
    return asyncio.run(read([body.encode() if isinstance(body, str) else body], kind))


def sse(*chunks: Any, end: str = "data: [DONE]\n\n") -> str:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


def delta(reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "x", "choices": [{"index": 0, "delta": fields, "finish_reason": reason}]}


def calls(*pieces: Any, reason: str | None = "tool_calls") -> Sequence[tuple[str, str]]:
    found = run(sse(*(delta(tool_calls=[piece]) for piece in pieces), delta(reason)))
    assert found.error is None and (not found.calls or found.reason == "tool_calls")
    return [(name, json.dumps(json.loads(arguments))) for name, arguments in found.calls]


def piece(name: str | None = None, arguments: Any = None, **rest: Any) -> dict[str, Any]:
    return {**rest, "type": "function", "function": {"name": name, "arguments": arguments}}


A = '{"path": "a"}'
B = '{"path": "b"}'
