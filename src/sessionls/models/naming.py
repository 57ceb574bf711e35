"""Tool names for models: APIs accept only letters, digits, `_` and `-`, and `server/tool` has a slash."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sessionls.ports.models import ModelOutput, ModelRequest, ToolRequest

__all__ = ["Naming", "model_tool_name"]

_LONGEST = 64  # characters


def model_tool_name(name: str) -> str:
    """The name that a model gets: `server__tool`. Names that a model made up are made valid, too."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name.replace("/", "__"))[:_LONGEST] or "_"


class Naming:
    """Translates the tool names of one request to those of the model (`model_names`) and back."""

    def __init__(self, request: ModelRequest) -> None:
        self._names = {model_tool_name(name): name for tool in request.tools if isinstance(name := tool["function"]["name"], str)}
        self._request = request
        self.model_names = tuple(self._names)

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return self._request.messages

    @property
    def request(self) -> ModelRequest:
        """The request with the model's names. Takes time in proportion to its messages."""
        return self.request_of(self._request.messages)

    def request_of(self, messages: Sequence[Mapping[str, Any]]) -> ModelRequest:
        """The request with the model's names, and with these messages instead of its own."""
        return replace(
            self._request,
            messages=[_message(message) for message in messages],
            tools=[_tool(tool) for tool in self._request.tools],
        )

    def restore(self, output: ModelOutput) -> ModelOutput:
        """The output with the original name of its tool."""
        if isinstance(output, ToolRequest) and output.name in self._names:
            return replace(output, name=self._names[output.name])
        return output


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**tool, "function": {**tool["function"], "name": model_tool_name(tool["function"]["name"])}}


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    calls: Sequence[Mapping[str, Any]] | None = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [_tool(call) for call in calls]}
