"""What tools are called towards a model: APIs take letters, digits, `_` and `-` only, and `server/tool` has a slash."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sessionls.ports.models import ModelOutput, ModelRequest, ToolRequest

__all__ = ["Naming", "told_name"]

_LONGEST = 64  # characters


def told_name(name: str) -> str:
    """The name that a model is told: `server__tool`. Whatever else a model once made up is made harmless too."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name.replace("/", "__"))[:_LONGEST] or "_"


class Naming:
    """The names in one request, there and back. `told` are those that the model is told."""

    def __init__(self, request: ModelRequest) -> None:
        self._names = {told_name(name): name for tool in request.tools if isinstance(name := tool["function"]["name"], str)}
        self._request = request
        self.told = tuple(self._names)

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return self._request.messages

    @property
    def request(self) -> ModelRequest:
        """The request under the names that the model is told. Takes time in proportion to its messages."""
        return replace(
            self._request,
            messages=[_message(message) for message in self._request.messages],
            tools=[_tool(tool) for tool in self._request.tools],
        )

    def back(self, output: ModelOutput) -> ModelOutput:
        """The output, its tool under the name that we know it by."""
        if isinstance(output, ToolRequest) and output.name in self._names:
            return replace(output, name=self._names[output.name])
        return output


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**tool, "function": {**tool["function"], "name": told_name(tool["function"]["name"])}}


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    calls: Sequence[Mapping[str, Any]] | None = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [_tool(call) for call in calls]}
