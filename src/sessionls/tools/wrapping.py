"""A wrapper around a tool that changes its execution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sessionls.domain.permission import PermissionRequest, Risk
from sessionls.ports.tools import Tool, ToolCall

__all__ = ["ToolWrapper"]


@dataclass(frozen=True, slots=True)
class ToolWrapper(ABC):
    """Has the inner tool's name, schema, risk and permission request (`ports.tools.Tool`)."""

    tool: Tool

    @property
    def name(self) -> str:
        return self.tool.name

    @property
    def description(self) -> str:
        return self.tool.description

    @property
    def schema(self) -> Mapping[str, Any]:
        return self.tool.schema

    @property
    def risk(self) -> Risk:
        return self.tool.risk

    @property
    def runs_programs(self) -> bool:
        return self.tool.runs_programs

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        return await self.tool.permission_request(arguments)

    @abstractmethod
    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        """The inner tool's result, with what the wrapper adds."""
