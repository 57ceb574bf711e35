"""A tool whose behaviour a test defines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from in_process_app import App
from model_server import Answer, ToolUse
from sessionls.domain.errors import NotPermitted
from sessionls.domain.permission import PermissionRequest, Risk
from sessionls.ports.tools import Tool, ToolCall
from sessionls.tools.toolbox import Toolbox

__all__ = ["UseIt", "give", "use"]


class UseIt:
    """The tool. `run` is its behaviour."""

    name = "use_it"
    description = "Is used."
    schema: Mapping[str, Any] = {"type": "object"}
    runs_programs = False

    def __init__(self, run: Callable[[ToolCall], Any], risk: Risk = "read") -> None:
        self.risk = risk
        self._run = run

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        if arguments.get("secret"):
            raise NotPermitted("That is never read.", hint="Go on without it.")
        return PermissionRequest(f"Use it {arguments['how']}" if "wrong" in arguments else "Use it")

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        return str(await self._run(call))


def give(home: App, monkeypatch: pytest.MonkeyPatch, *tools: Tool) -> None:
    """Make these the only tools."""
    monkeypatch.setattr(home.sessions._replies, "_tools", Toolbox(list(tools)))


def use(**arguments: Any) -> Answer:
    """A model that calls the tool."""
    return Answer(tools=[ToolUse("use_it", arguments)])
