"""Requests in the shape of OpenAI's Responses, which its newer models require for tools while they reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sessionls.models.native import native_of
from sessionls.models.openai_request import openai_options
from sessionls.models.shapes import arguments_object, fitting_id, is_object_text, parts_of, text_of
from sessionls.models.targets import Target
from sessionls.ports.models import ModelRequest

__all__ = ["responses_body", "responses_url"]

Body = dict[str, Any]

_ID = re.compile(r".{1,64}", re.DOTALL)  # it accepts no longer one


def responses_url(base: str) -> str:
    parts = urlsplit(base)
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return urlunsplit(parts._replace(path=path if path.endswith("/responses") else f"{path}/responses"))


def responses_body(request: ModelRequest, target: Target) -> Body:
    """The request's body. Asks for the model's reasoning in encrypted form, so that it can be sent back."""
    leading = next((i for i, message in enumerate(request.messages) if message["role"] != "system"), len(request.messages))
    body: Body = {
        "model": target.model,
        "input": [item for message in request.messages[leading:] for item in _items(message, target)],
        "include": ["reasoning.encrypted_content"],
        "stream": True,
    }
    if instructions := "\n\n".join(text_of(message.get("content")) for message in request.messages[:leading]):
        body["instructions"] = instructions
    options = openai_options(request, target)
    if "temperature" in options:
        body["temperature"] = options["temperature"]
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    if (effort := options.get("reasoning_effort")) is not None:
        body["reasoning"] = {"effort": effort}
    if request.tools:
        # `strict` of null: the schema is taken as it is, also if strict mode does not support it.
        body["tools"] = [{"type": "function", "strict": None, **tool["function"]} for tool in request.tools]
        if request.must_call:
            body["tool_choice"] = "required"
    return body


def _items(message: Mapping[str, Any], target: Target) -> Iterator[Body]:
    role, content = message["role"], message.get("content")
    if role == "tool":
        output = [{"type": "input_text", "text": text_of(content)}]
        yield {"type": "function_call_output", "call_id": _id(message.get("tool_call_id")), "output": output}
        return
    if role != "assistant":
        yield {"type": "message", "role": role, "content": [_part(part) for part in parts_of(content)]}
        return
    native = native_of(message, target.source)
    for item in native.get("reasoning_items") or () if isinstance(native, Mapping) else ():
        yield dict(item)
    if text := text_of(content):
        yield {"type": "message", "role": role, "content": [{"type": "output_text", "text": text}]}
    calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    for call in calls:
        function = call.get("function") or {}
        arguments = function.get("arguments")
        if not is_object_text(arguments):
            arguments = json.dumps(arguments_object(arguments))
        yield {"type": "function_call", "call_id": _id(call.get("id")), "name": function.get("name"), "arguments": arguments}


def _part(part: Mapping[str, Any]) -> Body:
    if part.get("type") == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, Mapping) else image
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    return {"type": "input_text", "text": part.get("text") or ""}


def _id(call_id: Any) -> str:
    return fitting_id(call_id, _ID, 32)
