"""Encoders for the real response bodies of the providers' streaming APIs.

Sources: OpenAI's "chat completion chunk object" and "Streaming events" of its Responses, Anthropic's "Streaming Messages",
Ollama's "Generate a chat message".
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

__all__ = [
    "ANTHROPIC_REFUSALS",
    "OPENAI_REFUSALS",
    "AnthropicFormat",
    "Format",
    "OllamaFormat",
    "OpenAIFormat",
    "ResponsesFormat",
    "Tokens",
    "ToolUse",
    "format_for",
]


@dataclass(frozen=True)
class ToolUse:
    """A tool call of the model. `arguments` may be any text, valid JSON or not."""

    name: str
    arguments: Mapping[str, Any] | str = ""
    call_id: str | None = None

    @property
    def raw(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True)
class Tokens:
    """`input` counts all input tokens, including cached ones."""

    input: int
    output: int
    cached: int = 0


Refusals = dict[str, tuple[int, str, str, str | None]]
# Their refusals: HTTP status, message, type and code of the error.
OPENAI_REFUSALS: Refusals = {
    "unauthorized": (401, "Incorrect API key provided: sk-tes**key.", "invalid_request_error", "invalid_api_key"),
    "rateLimited": (429, "Rate limit reached for requests per min (RPM): Limit 3.", "requests", "rate_limit_exceeded"),
    "quota": (429, "You exceeded your current quota, please check your plan.", "insufficient_quota", "insufficient_quota"),
    "overflow": (
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
    "unknownModel": (
        404,
        "The model `no-such` does not exist or you do not have access.",
        "invalid_request_error",
        "model_not_found",
    ),
    "badRequest": (400, "Invalid value for 'messages[0].role'.", "invalid_request_error", "invalid_value"),
    "provider": (500, "The server had an error while processing your request.", "server_error", None),
    "overloaded": (503, "The engine is currently overloaded, please try again later.", "server_error", None),
}
ANTHROPIC_REFUSALS: Refusals = {
    "unauthorized": (401, "invalid x-api-key", "authentication_error", None),
    "rateLimited": (429, "This request would exceed your account's rate limit.", "rate_limit_error", None),
    "quota": (400, "Your credit balance is too low to access the Anthropic API.", "invalid_request_error", None),
    "overflow": (400, "prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error", None),
    "unknownModel": (404, "model: no-such", "not_found_error", None),
    "badRequest": (400, "messages.0.role: Input should be 'user'", "invalid_request_error", None),
    "provider": (500, "Internal server error", "api_error", None),
    "overloaded": (529, "Overloaded", "overloaded_error", None),
}


class Format(Protocol):
    """Encodes one response. Each method returns frames, in order; `whole` returns the body of a response without streaming."""

    content_type: str

    def __init__(self, body: Mapping[str, Any], number: int) -> None: ...
    def start(self) -> Iterator[bytes]: ...
    def text(self, text: str) -> Iterator[bytes]: ...
    def reasoning(self, text: str) -> Iterator[bytes]: ...
    def tools(self, tools: Sequence[ToolUse]) -> Iterator[bytes]: ...
    def end(self, reason: str, tokens: Tokens | None) -> Iterator[bytes]: ...
    def fault(self, message: str) -> Iterator[bytes]: ...
    def whole(self, text: str, reasoning: str, tools: Sequence[ToolUse], reason: str, tokens: Tokens) -> bytes: ...


def format_for(path: str, body: Mapping[str, Any], number: int) -> Format | None:
    """The format of the API at that path, or None. `number` makes ids unique."""
    kinds: dict[str, type[Format]] = {
        "/chat/completions": OpenAIFormat,
        "/responses": ResponsesFormat,
        "/messages": AnthropicFormat,
        "/api/chat": OllamaFormat,
    }
    return next((kind(body, number) for end, kind in kinds.items() if path.endswith(end)), None)


def _pieces(text: str, size: int = 7) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


class OpenAIFormat:
    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, body: Mapping[str, Any], number: int) -> None:
        self.wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self.number = number
        self.head = {
            "id": f"chatcmpl-{number}",
            "created": int(time.time()),
            "model": body.get("model", ""),
            "system_fingerprint": "fp_test",
        }

    def _chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        chunk: dict[str, Any] = {**self.head, "object": "chat.completion.chunk"}
        chunk["choices"] = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
        if self.wants_usage:
            chunk["usage"] = None
        return _sse(chunk)

    def start(self) -> Iterator[bytes]:
        yield self._chunk({"role": "assistant", "content": "", "refusal": None})

    def text(self, text: str) -> Iterator[bytes]:
        yield self._chunk({"content": text})

    def reasoning(self, text: str) -> Iterator[bytes]:
        yield self._chunk({"reasoning_content": text})

    def _call(self, index: int, tool: ToolUse) -> dict[str, Any]:
        return {"id": tool.call_id or f"call_{self.number}_{index}", "type": "function"}

    def tools(self, tools: Sequence[ToolUse]) -> Iterator[bytes]:
        # The pieces of parallel calls alternate: only `index` says which call a piece belongs to.
        for index, tool in enumerate(tools):
            function = {"name": tool.name, "arguments": ""}
            yield self._chunk({"tool_calls": [{"index": index, **self._call(index, tool), "function": function}]})
        rest = [(index, _pieces(tool.raw)) for index, tool in enumerate(tools)]
        while any(pieces for _, pieces in rest):
            for index, pieces in rest:
                if pieces:
                    function = {"arguments": pieces.pop(0)}
                    yield self._chunk({"tool_calls": [{"index": index, "function": function}]})

    def end(self, reason: str, tokens: Tokens | None) -> Iterator[bytes]:
        yield self._chunk({}, reason)
        if self.wants_usage and tokens is not None:
            yield _sse({**self.head, "object": "chat.completion.chunk", "choices": [], "usage": self._usage(tokens)})
        yield b"data: [DONE]\n\n"

    def fault(self, message: str) -> Iterator[bytes]:
        yield _sse({"error": {"message": message, "type": "server_error", "code": None, "param": None}})

    @staticmethod
    def _usage(tokens: Tokens) -> dict[str, Any]:
        return {
            "prompt_tokens": tokens.input,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
            "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def whole(self, text: str, reasoning: str, tools: Sequence[ToolUse], reason: str, tokens: Tokens) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
        if reasoning:
            message["reasoning_content"] = reasoning
        if tools:
            message["tool_calls"] = [
                {**self._call(index, tool), "function": {"name": tool.name, "arguments": tool.raw}}
                for index, tool in enumerate(tools)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        body = {**self.head, "object": "chat.completion", "choices": [choice], "usage": self._usage(tokens)}
        return json.dumps(body).encode()


class ResponsesFormat:
    """OpenAI's Responses API, which its newer models need for tools while they reason."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, body: Mapping[str, Any], number: int) -> None:
        self.model, self.number = body.get("model", ""), number
        self.count = 0
        self.output: list[dict[str, Any]] = []
        self.open = ""
        self.said = ""

    def _event(self, kind: str, **data: Any) -> bytes:
        self.count += 1
        return f"event: {kind}\n".encode() + _sse({"type": kind, "sequence_number": self.count, **data})

    def _response(self, status: str, usage: Mapping[str, Any] | None = None) -> dict[str, Any]:
        head = {"id": f"resp_{self.number}", "object": "response", "created_at": int(time.time()), "model": self.model}
        rest: dict[str, Any] = {
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "tools": [],
            "usage": usage,
        }
        more = {"parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "top_p": 1.0}
        return {**head, "status": status, "output": list(self.output), **rest, **more}

    def start(self) -> Iterator[bytes]:
        yield self._event("response.created", response=self._response("in_progress"))
        yield self._event("response.in_progress", response=self._response("in_progress"))

    def _begin(self, kind: str, item: Mapping[str, Any]) -> Iterator[bytes]:
        yield from self._close()
        self.open, self.said = kind, ""
        self.output.append({"id": f"{kind}_{self.number}_{len(self.output)}", "type": kind, **item})
        yield self._event("response.output_item.added", output_index=len(self.output) - 1, item=self.output[-1])

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self.output[-1]["id"], "output_index": len(self.output) - 1}

    def _close(self) -> Iterator[bytes]:
        if not self.open:
            return
        item = self.output[-1]
        if self.open == "message":
            part = {"type": "output_text", "text": self.said, "annotations": [], "logprobs": []}
            yield self._event("response.output_text.done", **self._place, content_index=0, text=self.said, logprobs=[])
            yield self._event("response.content_part.done", **self._place, content_index=0, part=part)
            item.update(content=[part], status="completed")
        elif self.open == "reasoning":
            yield self._event("response.reasoning_summary_text.done", **self._place, summary_index=0, text=self.said)
            item.update(summary=[{"type": "summary_text", "text": self.said}], encrypted_content="b3BhcXVl")
        else:
            yield self._event("response.function_call_arguments.done", **self._place, arguments=self.said)
            item.update(arguments=self.said, status="completed")
        yield self._event("response.output_item.done", output_index=len(self.output) - 1, item=item)
        self.open = ""

    def text(self, text: str) -> Iterator[bytes]:
        if self.open != "message":
            yield from self._begin("message", {"role": "assistant", "status": "in_progress", "content": []})
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            yield self._event("response.content_part.added", **self._place, content_index=0, part=part)
        self.said += text
        yield self._event("response.output_text.delta", **self._place, content_index=0, delta=text, logprobs=[])

    def reasoning(self, text: str) -> Iterator[bytes]:
        if self.open != "reasoning":
            yield from self._begin("reasoning", {"summary": []})
            part = {"type": "summary_text", "text": ""}
            yield self._event("response.reasoning_summary_part.added", **self._place, summary_index=0, part=part)
        self.said += text
        yield self._event("response.reasoning_summary_text.delta", **self._place, summary_index=0, delta=text)

    def tools(self, tools: Sequence[ToolUse]) -> Iterator[bytes]:
        for index, tool in enumerate(tools):
            call_id = tool.call_id or f"call_{self.number}_{index}"
            call = {"call_id": call_id, "name": tool.name, "arguments": "", "status": "in_progress"}
            yield from self._begin("function_call", call)
            for piece in _pieces(tool.raw):
                self.said += piece
                yield self._event("response.function_call_arguments.delta", **self._place, delta=piece)

    def end(self, reason: str, tokens: Tokens | None) -> Iterator[bytes]:
        yield from self._close()
        counted = tokens or Tokens(1, 1)
        usage = {
            "input_tokens": counted.input,
            "input_tokens_details": {"cached_tokens": counted.cached},
            "output_tokens": counted.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": counted.input + counted.output,
        }
        yield self._event("response.completed", response=self._response("completed", usage))

    def fault(self, message: str) -> Iterator[bytes]:
        yield self._event("error", code="server_error", message=message, param=None)

    def whole(self, text: str, reasoning: str, tools: Sequence[ToolUse], reason: str, tokens: Tokens) -> bytes:
        raise NotImplementedError


class AnthropicFormat:
    content_type = "text/event-stream; charset=utf-8"
    reasons: ClassVar = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

    def __init__(self, body: Mapping[str, Any], number: int) -> None:
        self.model, self.number = body.get("model", ""), number
        self.index, self.open = -1, ""
        self.tokens = Tokens(0, 0)

    @staticmethod
    def _event(name: str, data: Mapping[str, Any]) -> bytes:
        return f"event: {name}\n".encode() + _sse({"type": name, **data})

    def _message(self) -> dict[str, Any]:
        head = {"id": f"msg_{self.number}", "type": "message", "role": "assistant", "model": self.model, "content": []}
        return {**head, "stop_reason": None, "stop_sequence": None}

    def start(self) -> Iterator[bytes]:
        usage = {"input_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
        yield self._event("message_start", {"message": {**self._message(), "usage": usage}})
        yield self._event("ping", {})

    def _close(self) -> Iterator[bytes]:
        if self.open:
            if self.open == "thinking":
                yield self._delta({"type": "signature_delta", "signature": "c2lnbmF0dXJl"})
            yield self._event("content_block_stop", {"index": self.index})
            self.open = ""

    def _block(self, kind: str, block: Mapping[str, Any]) -> Iterator[bytes]:
        yield from self._close()
        self.index, self.open = self.index + 1, kind
        yield self._event("content_block_start", {"index": self.index, "content_block": {"type": kind, **block}})

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return self._event("content_block_delta", {"index": self.index, "delta": delta})

    def text(self, text: str) -> Iterator[bytes]:
        if self.open != "text":
            yield from self._block("text", {"text": ""})
        yield self._delta({"type": "text_delta", "text": text})

    def reasoning(self, text: str) -> Iterator[bytes]:
        if self.open != "thinking":
            yield from self._block("thinking", {"thinking": "", "signature": ""})
        yield self._delta({"type": "thinking_delta", "thinking": text})

    def tools(self, tools: Sequence[ToolUse]) -> Iterator[bytes]:
        for index, tool in enumerate(tools):
            call_id = tool.call_id or f"toolu_{self.number}_{index}"
            yield from self._block("tool_use", {"id": call_id, "name": tool.name, "input": {}})
            for piece in ("", *_pieces(tool.raw)):
                yield self._delta({"type": "input_json_delta", "partial_json": piece})

    def _usage(self, tokens: Tokens) -> dict[str, Any]:
        # Here `input_tokens` does not include cached tokens.
        cached = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": tokens.cached}
        return {"input_tokens": tokens.input - tokens.cached, **cached, "output_tokens": tokens.output}

    def end(self, reason: str, tokens: Tokens | None) -> Iterator[bytes]:
        yield from self._close()
        delta = {"stop_reason": self.reasons.get(reason, reason), "stop_sequence": None}
        yield self._event("message_delta", {"delta": delta, "usage": self._usage(tokens or Tokens(1, 1))})
        yield self._event("message_stop", {})

    def fault(self, message: str) -> Iterator[bytes]:
        yield self._event("error", {"error": {"type": "overloaded_error", "message": message}})

    def whole(self, text: str, reasoning: str, tools: Sequence[ToolUse], reason: str, tokens: Tokens) -> bytes:
        content: list[dict[str, Any]] = []
        if reasoning:
            content.append({"type": "thinking", "thinking": reasoning, "signature": "c2lnbmF0dXJl"})
        if text:
            content.append({"type": "text", "text": text})
        for index, tool in enumerate(tools):
            call_id = tool.call_id or f"toolu_{self.number}_{index}"
            content.append({"type": "tool_use", "id": call_id, "name": tool.name, "input": json.loads(tool.raw or "{}")})
        stop = self.reasons.get(reason, reason)
        return json.dumps({**self._message(), "content": content, "stop_reason": stop, "usage": self._usage(tokens)}).encode()


class OllamaFormat:
    """JSON lines. Each call is complete in one line."""

    content_type = "application/x-ndjson"

    def __init__(self, body: Mapping[str, Any], number: int) -> None:
        self.head = {"model": body.get("model", ""), "created_at": "2026-01-01T00:00:00.000Z"}

    def _line(self, message: Mapping[str, Any], **rest: Any) -> bytes:
        return self._encode({**self.head, "message": {"role": "assistant", **message}, "done": False, **rest})

    @staticmethod
    def _encode(data: Mapping[str, Any]) -> bytes:
        return json.dumps(data).encode() + b"\n"

    def start(self) -> Iterator[bytes]:
        return iter(())

    def text(self, text: str) -> Iterator[bytes]:
        yield self._line({"content": text})

    def reasoning(self, text: str) -> Iterator[bytes]:
        yield self._line({"content": "", "thinking": text})

    @staticmethod
    def _calls(tools: Sequence[ToolUse]) -> list[dict[str, Any]]:
        return [{"function": {"name": tool.name, "arguments": json.loads(tool.raw or "{}")}} for tool in tools]

    def tools(self, tools: Sequence[ToolUse]) -> Iterator[bytes]:
        yield self._line({"content": "", "tool_calls": self._calls(tools)})

    def end(self, reason: str, tokens: Tokens | None) -> Iterator[bytes]:
        counted = tokens or Tokens(1, 1)
        done = {"done": True, "done_reason": reason if reason != "tool_calls" else "stop"}
        yield self._line({"content": ""}, **done, prompt_eval_count=counted.input, eval_count=counted.output)

    def fault(self, message: str) -> Iterator[bytes]:
        yield self._encode({"error": message})

    def whole(self, text: str, reasoning: str, tools: Sequence[ToolUse], reason: str, tokens: Tokens) -> bytes:
        message: dict[str, Any] = {"content": text, "tool_calls": self._calls(tools)}
        return self._line(message, done=True, done_reason=reason, prompt_eval_count=tokens.input, eval_count=tokens.output)


def _sse(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"
