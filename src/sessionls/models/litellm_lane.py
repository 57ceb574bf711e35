"""Models that are asked through litellm: those of the many providers that are not asked directly."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sessionls.models import library
from sessionls.models.answers import Event
from sessionls.models.failures import RequestInfo, cut
from sessionls.models.naming import Naming
from sessionls.models.native import native_from, native_of
from sessionls.models.openai_stream import OpenAIReader
from sessionls.models.prices import Counted, usage_of
from sessionls.models.shapes import arguments_object, is_object_text
from sessionls.models.step import StepBuilder
from sessionls.models.targets import Target

__all__ = ["ask_litellm"]

# These always send a finish reason: a stream without one was cut off, even if the connection was closed properly.
_SEND_FINISH_REASON = ("openai", "anthropic", "ollama_chat")
_LONGEST_TURN = 0.004  # seconds of reading, after which other tasks of the event loop get to run


async def ask_litellm(
    module: Any,
    naming: Naming,
    target: Target,
    info: RequestInfo,
    step: StepBuilder,
    on_activity: Callable[[], None],
    longest: float,
) -> None:
    """Request one step and add its whole output to `step`. `module` is litellm, `longest` litellm's own timeout in seconds.

    Raises what litellm raises, `Refused` and `ModelUnavailable`.
    """
    arguments = await asyncio.to_thread(_arguments, naming, target)
    library.know_ollama(module, arguments["model"])
    loop = asyncio.get_running_loop()
    reader, blocks = OpenAIReader(step), _Blocks()
    stream: Any = None
    try:
        stream = await module.acompletion(**arguments, timeout=longest)
        busy_since = loop.time()
        async for chunk in stream:
            on_activity()
            before = step.started
            data = chunk.model_dump(exclude_none=True)
            blocks.read(data)
            reader.read(Event("", data))
            if step.started is not before or loop.time() - busy_since > _LONGEST_TURN:
                await asyncio.sleep(0)
                busy_since = loop.time()
        # The stream knows whether the provider gave a finish reason; without one, litellm makes one up for its caller.
        sends_reason = arguments["model"].partition("/")[0] in _SEND_FINISH_REASON
        if sends_reason and getattr(stream, "received_finish_reason", "") is None:
            raise cut(info, started=step.started)
    finally:
        if stream is not None:
            # litellm does not close the connection when the iteration ends early.
            await asyncio.shield(asyncio.create_task(_close(stream)))
    usage = usage_of(_with_price(module, arguments["model"], reader.counted), target.provider, target.row)
    step.finish(usage, native_from(target.source, blocks.whole or reader.native))


def _arguments(naming: Naming, target: Target) -> dict[str, Any]:
    request = naming.request
    arguments: dict[str, Any] = {
        "model": target.model,
        "messages": [_message(message, target) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "drop_params": True,
        "num_retries": 0,
        "max_retries": 0,
    }
    optional = {
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "reasoning_effort": request.reasoning_effort,
        "tools": [_copied(tool) for tool in request.tools] or None,
        "tool_choice": "required" if request.tools and request.must_call else None,
        "api_key": target.key,
        "api_base": None if target.is_own else target.base,
        "num_ctx": target.window,
    }
    arguments.update({name: value for name, value in optional.items() if value is not None})
    match target.provider:
        case "embedded":
            arguments["model"] = f"openai/{target.model}"
        case "ollama":
            arguments["model"] = f"ollama_chat/{target.model}"
        case "":
            pass  # litellm finds the provider
        case provider:
            arguments["model"] = f"{provider}/{target.model}"
    if target.provider == "anthropic":
        _add_cache_marks(arguments["messages"])
    return arguments


def _message(message: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """A copy of the message, since litellm changes what it is given, with the reasoning that belongs to this provider."""
    sent: dict[str, Any] = {name: _copied(value) for name, value in message.items() if name != "native_reasoning"}
    for call in sent.get("tool_calls") or ():
        function = call["function"]
        if not is_object_text(function.get("arguments")):
            function["arguments"] = json.dumps(arguments_object(function.get("arguments")))
    native = native_of(message, target.source)
    if isinstance(native, list):
        sent["thinking_blocks"] = _copied(native)
    elif isinstance(native, Mapping):
        sent.update({name: _copied(value) for name, value in native.items() if name.startswith("reasoning")})
    return sent


def _copied(value: Any) -> Any:
    """A copy of JSON data that the callee may change."""
    if isinstance(value, Mapping):
        return {name: _copied(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(inner) for inner in value]
    return value


def _add_cache_marks(messages: Sequence[dict[str, Any]]) -> None:
    """The cache marks of `anthropic_request`, in litellm's form."""
    last_answer = max((i for i, message in enumerate(messages) if message["role"] == "assistant"), default=0)
    for i in {0, max(last_answer - 1, 0), len(messages) - 1}:
        messages[i]["cache_control"] = {"type": "ephemeral"}


class _Blocks:
    """Anthropic's blocks of thinking, put together from litellm's pieces: a signature ends one."""

    def __init__(self) -> None:
        self._blocks: list[dict[str, Any]] = []
        self._open = False

    @property
    def whole(self) -> list[dict[str, Any]]:
        whole = [{**block, **({"thinking": "".join(block["thinking"])} if "thinking" in block else {})} for block in self._blocks]
        return [block for block in whole if block.get("signature") or block["type"] == "redacted_thinking"]

    def read(self, chunk: Mapping[str, Any]) -> None:
        for choice in (chunk.get("choices") or ())[:1]:
            for piece in (choice.get("delta") or {}).get("thinking_blocks") or ():
                self._add(piece)

    def _add(self, piece: Mapping[str, Any]) -> None:
        if piece.get("type") == "redacted_thinking":
            self._blocks.append(dict(piece))
            self._open = False
            return
        if not self._open:
            self._blocks.append({"type": "thinking", "thinking": []})
            self._open = True
        block = self._blocks[-1]
        block["thinking"].append(piece.get("thinking") or "")
        if piece.get("signature"):
            block["signature"] = piece["signature"]
            self._open = False


def _with_price(module: Any, model: str, counted: Counted | None) -> Counted | None:
    """The counts with litellm's price. litellm raises its base class for a model whose price it does not know."""
    if counted is None or counted.cost is not None:
        return counted
    with contextlib.suppress(Exception):
        usage = module.Usage(
            prompt_tokens=counted.input,
            completion_tokens=counted.output,
            total_tokens=counted.input + counted.output,
            prompt_tokens_details={"cached_tokens": counted.cached, "cache_creation_tokens": counted.written},
            cache_creation_input_tokens=counted.written,
            cache_read_input_tokens=counted.cached,
        )
        cost = float(sum(module.cost_per_token(model=model, usage_object=usage)))
        # For models of which it knows only the family, litellm gives a price of 0.
        counted.cost = cost if cost or model.startswith("ollama_chat/") else None
    return counted


async def _close(stream: Any) -> None:
    """Close the stream and the connection behind it."""
    # The streams of Anthropic and Gemini have no `aclose` of their own, only the lines that they read.
    lines: Any = getattr(getattr(stream, "completion_stream", None), "streaming_response", None)
    for closing in (stream, lines):
        with contextlib.suppress(Exception):
            await closing.aclose()
