"""Requests in the shape of OpenAI's chat completions, with the deviations of each provider that accepts them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sessionls.models.native import native_of
from sessionls.models.shapes import arguments_object, fitting_id, is_object_text, parts_of, text_of
from sessionls.models.targets import Target
from sessionls.ports.models import ModelRequest

__all__ = ["fill_reasoning", "openai_body", "openai_headers", "openai_options", "openai_url"]

Body = dict[str, Any]

_ID = re.compile(r".{1,64}", re.DOTALL)  # OpenAI accepts no longer one
_REASONING_GPT = re.compile(r"gpt-[5-9](?!.*chat)")
_O_SERIES = re.compile(r"o[1-9](-|$)")
# These accept text only as a string, and images only if the model is known to support them.
_PLAIN_TEXT = frozenset({"deepseek", "mistral", "moonshot", "hosted_vllm", "lm_studio"})
_NO_EFFORT = frozenset({"zai", "minimax", "dashscope"})
_KNOWN_EFFORT = frozenset({"groq", "mistral", "moonshot", "xai"})  # only for models that are known to reason
_STRENGTH = ("minimal", "low", "medium", "high", "xhigh", "max")
# Names under which reasoning is sent back. (Mistral's is sent back as a part of the content.)
_NATIVE = ("reasoning_content", "reasoning", "reasoning_details", "thinking", "reasoning_text")


def openai_url(base: str) -> str:
    """The URL of chat completions. `base` may have a query, and may already be that URL."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions"
    return urlunsplit(parts._replace(path=path))


def openai_headers(target: Target) -> dict[str, str]:
    return {"authorization": f"Bearer {target.key or 'none'}", "accept": "text/event-stream, application/json", **target.headers}


def openai_body(request: ModelRequest, target: Target) -> Body:
    """The request's body. The messages' contents are those of `request`, not copies: nothing may change them."""
    body: Body = {
        "model": target.model,
        "messages": [_message(message, target) for message in request.messages],
        "stream": True,
    }
    if target.provider != "mistral":  # it counts anyway, and refuses the option
        body["stream_options"] = {"include_usage": True}
    if target.provider == "openrouter":
        body["usage"] = {"include": True}
    if request.tools:
        body["tools"] = list(request.tools)
        if request.must_call:
            _force_call(body, target)
    _options(body, request, target)
    return body


def _force_call(body: Body, target: Target) -> None:
    if target.provider == "moonshot":  # it does not have this option
        body["messages"].append({"role": "user", "content": "Call one of the tools now."})
        return
    body["tool_choice"] = "any" if target.provider == "mistral" else "required"


def _options(body: Body, request: ModelRequest, target: Target) -> None:
    """Temperature, output limit and reasoning effort, as far as this model accepts them."""
    body.update(openai_options(request, target))
    is_thinking = body.get("thinking", {}).get("type") == "enabled"
    if is_thinking:
        fill_reasoning(body["messages"])
    if target.provider == "moonshot" and target.row.get("supports_reasoning"):
        fill_reasoning([message for message in body["messages"] if message.get("tool_calls")])


def openai_options(request: ModelRequest, target: Target) -> Body:
    """The members of the request body that are options."""
    options: Body = {}
    effort = _effort(request.reasoning_effort, target)
    temperature = request.temperature
    name = target.model.rpartition("/")[2]
    limit = "max_tokens"
    if target.provider == "openai" and (_REASONING_GPT.match(name) or _O_SERIES.match(name)):
        limit = "max_completion_tokens"
        default = target.row.get("default_reasoning_effort")
        accepts_temperature = target.row.get("supports_none_reasoning_effort") and (effort or default) == "none"
        if temperature != 1 and not accepts_temperature:
            temperature = None
    if target.provider == "moonshot" and target.row.get("supports_reasoning"):
        temperature = None
    if temperature is not None:
        options["temperature"] = temperature
    if request.max_tokens is not None:
        options[limit] = request.max_tokens
    if effort is not None and target.provider == "deepseek":
        options["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
    elif effort is not None:
        options["reasoning_effort"] = effort
    return options


def _effort(effort: str | None, target: Target) -> str | None:
    """The reasoning effort in the model's form; None: leave it out."""
    row = target.row
    if effort is None or target.provider in _NO_EFFORT or target.provider == "embedded":
        return None
    if (target.provider in _KNOWN_EFFORT or (target.provider == "openai" and row)) and not row.get("supports_reasoning"):
        return None
    if target.provider == "openai" and row.get(f"supports_{effort}_reasoning_effort") is False:
        return None
    levels: list[str] = [level for level in row.get("reasoning_effort_levels") or () if level in _STRENGTH]
    if target.provider == "mistral" and levels and effort in _STRENGTH and effort not in levels:
        levels.sort(key=_STRENGTH.index)
        enough = [level for level in levels if _STRENGTH.index(level) >= _STRENGTH.index(effort)]
        return enough[0] if enough else levels[-1]
    return effort


def fill_reasoning(messages: Sequence[dict[str, Any]]) -> None:
    """Some providers refuse an earlier answer without its reasoning, and another model may have written it."""
    for message in messages:
        if message["role"] == "assistant" and not message.get("reasoning_content"):
            message["reasoning_content"] = " "


def _message(message: Mapping[str, Any], target: Target) -> dict[str, Any]:
    role, content = message["role"], message.get("content")
    if role == "tool":
        return {"role": role, "tool_call_id": _id(message.get("tool_call_id")), "content": text_of(content)}
    if role == "system" and _O_SERIES.match(target.model) and target.provider == "openai":
        role = "system" if target.row.get("supports_system_messages") else "user"
    if not isinstance(content, str):
        content = _content(content, target)
    sent: dict[str, Any] = {"role": role, "content": content}
    if calls := message.get("tool_calls"):
        sent["content"] = content or ""
        sent["tool_calls"] = [_call(call) for call in calls]
    if role == "assistant" and "native_reasoning" in message:
        _add_native_reasoning(sent, native_of(message, target.source), target)
    return sent


def _content(content: Any, target: Target) -> Any:
    parts = parts_of(content)
    if not parts:
        return ""
    accepts_images = target.row.get("supports_vision", target.provider != "deepseek")
    if target.provider in _PLAIN_TEXT and (not accepts_images or all(part.get("type") == "text" for part in parts)):
        return text_of(content)
    return [{name: value for name, value in part.items() if name != "cache_control"} for part in parts]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    if not is_object_text(arguments):
        arguments = json.dumps(arguments_object(arguments))
    return {"id": _id(call.get("id")), "type": "function", "function": {"name": function.get("name"), "arguments": arguments}}


def _id(call_id: Any) -> str:
    return fitting_id(call_id, _ID, 32)


def _add_native_reasoning(sent: dict[str, Any], native: Any, target: Target) -> None:
    if not isinstance(native, Mapping):
        return
    if target.provider == "mistral" and isinstance(native.get("thinking"), str):
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": native["thinking"]}]}
        text = text_of(sent["content"])
        sent["content"] = [thinking, *([{"type": "text", "text": text}] if text else [])]
        return
    sent.update({name: native[name] for name in _NATIVE if native.get(name)})
