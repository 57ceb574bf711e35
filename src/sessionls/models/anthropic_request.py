"""Requests in the shape of Anthropic's Messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sessionls.models.native import native_of
from sessionls.models.shapes import arguments_object, fitting_id, parts_of, text_of
from sessionls.models.targets import Target
from sessionls.ports.models import ModelRequest

__all__ = ["anthropic_body", "anthropic_headers", "anthropic_url"]

Body = dict[str, Any]
Block = dict[str, Any]

_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_DEFAULT_ANSWER = 4096  # tokens, for a model of which nothing is known
_BUDGET = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}  # tokens to think
_SMALLEST_BUDGET = 1024  # it accepts no smaller one
_EFFORT = {"minimal": "low"}
_KEEP = {"type": "ephemeral"}
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.IGNORECASE)


def anthropic_url(base: str) -> str:
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    if not path.endswith("/v1/messages"):
        path += "/messages" if path.endswith("/v1") else "/v1/messages"
    return urlunsplit(parts._replace(path=path))


def anthropic_headers(target: Target) -> dict[str, str]:
    headers = {
        "x-api-key": target.key or "none",
        "anthropic-version": "2023-06-01",
        "accept": "text/event-stream, application/json",
    }
    return {**headers, **target.headers}


def anthropic_body(request: ModelRequest, target: Target) -> Body:
    """The request's body, with marks for prompt caching."""
    messages = list(request.messages)
    # The marks: after tools and instructions, where the previous request ended, and at the end of this one. Anthropic accepts
    # up to four, and looks back 20 blocks from each.
    last_answer = max((i for i, message in enumerate(messages) if message["role"] == "assistant"), default=0)
    marks = {0, max(last_answer - 1, 0), len(messages) - 1}
    leading = next((i for i, message in enumerate(messages) if message["role"] != "system"), len(messages))
    thinking = _thinking(request, target, messages)
    body: Body = {"model": target.model, "max_tokens": request.max_tokens or _longest(target, thinking), "stream": True}
    if leading:
        body["system"] = [
            _marked({"type": "text", "text": text}, marked=i in marks)
            for i, message in enumerate(messages[:leading])
            if (text := text_of(message.get("content"))).strip()
        ]
    body["messages"] = _messages(messages[leading:], target, {mark - leading for mark in marks})
    tools = [_tool(tool) for tool in request.tools]
    if not tools and any("tool_calls" in message or message["role"] == "tool" for message in messages):
        # It requires tools if the transcript has calls.
        tools = [
            {"name": "no_tool", "description": "There is no tool now.", "input_schema": {"type": "object", "properties": {}}}
        ]
    if tools:
        body["tools"] = tools
    if request.tools and request.must_call:
        body["tool_choice"] = {"type": "auto" if target.row.get("supports_forced_tool_use") is False else "any"}
    body.update(thinking)
    _temperature(body, request, target)
    return body


def _temperature(body: Body, request: ModelRequest, target: Target) -> None:
    """Some models accept no temperature, and all require 1 while they think."""
    temperature = request.temperature
    free = target.row.get("supports_sampling_params") is not False and "thinking" not in body
    if temperature is not None and (free or temperature == 1):
        body["temperature"] = temperature


def _longest(target: Target, thinking: Body) -> int:
    budget = thinking.get("thinking", {}).get("budget_tokens")
    known = target.row.get("max_output_tokens") or target.row.get("max_tokens")
    if budget is not None:
        return int(budget) + _DEFAULT_ANSWER
    return known if isinstance(known, int) and known > 0 else _DEFAULT_ANSWER


def _thinking(request: ModelRequest, target: Target, messages: Sequence[Mapping[str, Any]]) -> Body:
    """The options for thinking."""
    effort, row = request.reasoning_effort, target.row
    if effort is None or effort == "none" or not (row.get("supports_reasoning") or row.get("supports_adaptive_thinking")):
        return {}
    last = next((message for message in reversed(messages) if message["role"] == "assistant" and message.get("tool_calls")), None)
    thought = any(native_of(message, target.source) for message in messages if message["role"] == "assistant")
    adaptive = bool(row.get("supports_adaptive_thinking"))
    output = {"output_config": {"effort": _EFFORT.get(effort, effort)}} if adaptive else {}
    if last is not None and not thought:
        return output  # with thinking, calls without their thinking blocks are refused
    if adaptive:
        # Without `display` it sends no thinking.
        return {"thinking": {"type": "adaptive", "display": "summarized"}, **output}
    if request.tools and request.must_call:
        return {}  # a call cannot be forced while it thinks
    budget = _BUDGET.get(effort, _BUDGET["medium"])
    if request.max_tokens is not None:
        budget = min(budget, request.max_tokens - 1)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _SMALLEST_BUDGET else {}


def _tool(tool: Mapping[str, Any]) -> Block:
    function = tool["function"]
    schema = {name: value for name, value in (function.get("parameters") or {}).items() if value is not None}
    block: Block = {"name": function["name"], "input_schema": {"type": "object", "properties": {}, **schema}, "type": "custom"}
    if function.get("description"):
        block["description"] = function["description"]
    return block


def _messages(messages: Sequence[Mapping[str, Any]], target: Target, marks: set[int]) -> list[dict[str, Any]]:
    """Make roles alternate, begin with the user's, and leave no text empty."""
    joined: list[dict[str, Any]] = []
    for i, message in enumerate(messages):
        role = "assistant" if message["role"] == "assistant" else "user"
        if role == "assistant":
            blocks = _assistant(message, target)
        elif message["role"] == "tool":
            blocks = [_result(message)]
        else:
            blocks = [block for part in parts_of(message.get("content")) if (block := _part(part)) is not None]
            blocks = blocks or [{"type": "text", "text": "(empty)"}]
        if not blocks:
            continue
        if i in marks and blocks[-1]["type"] not in ("thinking", "redacted_thinking"):
            blocks[-1] = _marked(blocks[-1], marked=True)
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"].extend(blocks)
        else:
            joined.append({"role": role, "content": blocks})
    if not joined or joined[0]["role"] != "user":
        joined.insert(0, {"role": "user", "content": [{"type": "text", "text": "(continued)"}]})
    return joined


def _assistant(message: Mapping[str, Any], target: Target) -> list[Block]:
    native = native_of(message, target.source)
    blocks = [dict(block) for block in native if isinstance(block, Mapping)] if isinstance(native, Sequence) else []
    if (text := text_of(message.get("content"))).strip():
        blocks.append({"type": "text", "text": text})
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        arguments = arguments_object(function.get("arguments"))
        blocks.append({"type": "tool_use", "id": _id(call.get("id")), "name": function.get("name"), "input": arguments})
    return blocks


def _result(message: Mapping[str, Any]) -> Block:
    return {"type": "tool_result", "tool_use_id": _id(message.get("tool_call_id")), "content": text_of(message.get("content"))}


def _part(part: Mapping[str, Any]) -> Block | None:
    if part.get("type") == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, Mapping) else image
        if not isinstance(url, str):
            return None
        if (data := _DATA.match(url)) is not None:
            source = {"type": "base64", "media_type": data[1], "data": url[data.end() :]}
        else:
            source = {"type": "url", "url": url}
        return {"type": "image", "source": source}
    text = part.get("text")
    return {"type": "text", "text": text} if isinstance(text, str) and text.strip() else None


def _marked(block: Block, *, marked: bool) -> Block:
    return {**block, "cache_control": _KEEP} if marked else block


def _id(call_id: Any) -> str:
    return fitting_id(call_id, _ID, 32)
