"""The chunks of a stream. Those of OpenAI's interface are read as they are: litellm makes six objects of each, with every field
checked again and again, which takes twenty times as long as to read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

__all__ = ["Plain", "StreamError", "chunks"]

_REST = 0.1  # seconds for the end of an answer whose last word was said


class Plain(dict[str, Any]):
    """A JSON object whose members are attributes, as in litellm's chunks; one that is not there is None."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


class StreamError(Exception):
    """The provider tells of an error in the middle of its stream. `body` is what it told."""

    def __init__(self, body: Any) -> None:
        super().__init__("the provider told of an error in its stream")
        self.body = body


async def chunks(stream: Any) -> AsyncGenerator[Any, None]:
    """The chunks of a stream that litellm opened, each with the attributes of a `ModelResponseStream`.

    `stream.received_finish_reason` is why it ended, None where it did not say. Raises `StreamError`, and what litellm and
    httpx raise.
    """
    # The stream of the library openai, which litellm uses; in another version of it, all goes the usual way.
    events = getattr(getattr(stream, "completion_stream", None), "_iter_events", None)
    if events is None or getattr(stream, "custom_llm_provider", None) != "openai":
        async for chunk in stream:
            yield chunk
        return
    async with contextlib.aclosing(events()) as told:
        async for event in told:
            if event.data.startswith("[DONE]"):
                await _read_to_the_end(told)
                return
            chunk = json.loads(event.data, object_hook=Plain)
            if not isinstance(chunk, Plain) or chunk.error:
                raise StreamError(chunk)
            for choice in chunk.choices or ():
                stream.received_finish_reason = choice.finish_reason or stream.received_finish_reason
            yield chunk


async def _read_to_the_end(events: AsyncIterator[Any]) -> None:
    """A connection is used again only where its answer was read whole."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_REST):
            async for _ in events:
                pass
