"""Ollama's own interface. (Its OpenAI-compatible one takes no `num_ctx`, and truncates long messages silently.)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sessionls.models.answers import Event, read_object
from sessionls.models.prices import Counted, count
from sessionls.models.shapes import arguments_object, parts_of, text_of
from sessionls.models.step import StepBuilder, stop_reason
from sessionls.models.targets import Target
from sessionls.ports.models import ModelRequest

__all__ = ["OllamaReader", "ollama_body", "ollama_url"]


def ollama_url(base: str) -> str:
    base = base.rstrip("/")
    return base if base.endswith("/api/chat") else f"{base}/api/chat"


def ollama_body(request: ModelRequest, target: Target) -> dict[str, Any]:
    options: dict[str, Any] = {"num_ctx": target.window}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    body: dict[str, Any] = {
        "model": target.model,
        "messages": [_message(message) for message in request.messages],
        "options": options,
        "stream": True,
    }
    if request.tools:  # Ollama cannot force a call
        body["tools"] = list(request.tools)
    if (effort := request.reasoning_effort) is not None:
        body["think"] = effort if target.model.startswith("gpt-oss") else effort in ("low", "medium", "high")
    return body


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    sent: dict[str, Any] = {"role": message["role"], "content": text_of(content)}
    images = [image for part in parts_of(content) if (image := _image(part))] if not isinstance(content, str) else []
    if images:
        sent["images"] = images
    if calls := message.get("tool_calls"):
        functions = [call.get("function") or {} for call in calls]
        sent["tool_calls"] = [
            {"function": {"name": function.get("name"), "arguments": arguments_object(function.get("arguments"))}}
            for function in functions
        ]
    if message["role"] == "tool":
        sent["tool_call_id"] = str(message.get("tool_call_id"))
    return sent


def _image(part: Mapping[str, Any]) -> str | None:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    return url.partition(";base64,")[2] or None if isinstance(url, str) else None


class OllamaReader:
    """Reads lines of JSON into `step`. Tool calls arrive complete."""

    native = None

    def __init__(self, step: StepBuilder) -> None:
        self._step = step
        self._done = False
        self._calls = 0
        self.counted: Counted | None = None

    @property
    def is_complete(self) -> bool:
        return self._done

    def read(self, event: Event) -> None:
        """Raises `Refused` for an error inside the answer."""
        data = read_object(event)
        if data is None:
            return
        message = data.get("message")
        if isinstance(message, Mapping):
            if isinstance(thinking := message.get("thinking"), str) and thinking:
                self._step.add_reasoning(thinking)
            if isinstance(text := message.get("content"), str) and text:
                self._step.add_text(text)
            calls = message.get("tool_calls")
            for call in calls if isinstance(calls, Sequence) and not isinstance(calls, str) else ():
                function = call.get("function") if isinstance(call, Mapping) else None
                if isinstance(function, Mapping):
                    self._step.add_call({"index": self._calls, "function": function})
                    self._calls += 1
        if data.get("done"):
            self._done = True
            self._step.reason = stop_reason(data.get("done_reason") or "stop")
            self.counted = Counted(input=count(data.get("prompt_eval_count")), output=count(data.get("eval_count")), cost=0.0)
