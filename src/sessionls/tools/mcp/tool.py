"""Adapts a tool of an MCP server to our tool port."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain import uris
from sessionls.domain.permission import PermissionRequest, Risk
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.tools import ToolCall
from sessionls.programs import McpServer
from sessionls.tools.base import RESULT_LIMIT, cut_middle

__all__ = ["McpTool", "tools_of"]

Call = Callable[[str, Mapping[str, Any], ToolCall], Awaitable[str]]

_DESCRIPTION = 4_000  # characters
_NAME = 64  # characters of a tool's name for models


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of a server, as `ports.tools.Tool`."""

    name: str
    description: str
    schema: Mapping[str, Any]
    risk: Risk
    own_name: str
    call: Call = field(repr=False, compare=False)
    runs_programs: bool = True

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        shown = uris.printable(json.dumps(arguments, ensure_ascii=False))
        detail = json.dumps(arguments, ensure_ascii=False, indent=2)
        return PermissionRequest(f"{self.name} with {shown[:200]}", detail=detail if len(shown) > 200 else None)

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        return cut_middle(replace_lone_surrogates(await self.call(self.own_name, arguments, call)), RESULT_LIMIT)


def tools_of(server: str, config: McpServer, listed: Sequence[Any], call: Call) -> list[McpTool]:
    """The tools that a server lists, each with a unique name that model APIs accept.

    If several names become equal, the tool whose original name that is keeps it. Others get a suffix that depends only on their
    original name, so that a permission always applies to the same tool.
    """
    own: dict[str, Any] = {}
    for item in listed:
        own.setdefault(item.name, item)
    plain = {name: _tool_name(server, name) for name in own}
    exact = {name for name in own if plain[name] == name}
    used = set(exact)
    tools: list[McpTool] = []
    for name, item in own.items():
        tool_name = plain[name]
        if name not in exact:
            tool_name = tool_name if tool_name not in used else _with_hash(server, name)
            used.add(tool_name)
        tools.append(
            McpTool(
                name=f"{server}/{tool_name}",
                description=replace_lone_surrogates(item.description or item.title or item.name)[:_DESCRIPTION],
                schema=item.input_schema,
                risk="network" if config.remote else "execute",
                own_name=name,
                call=call,
            )
        )
    return tools


def _tool_name(server: str, name: str) -> str:
    """The tool's name in characters that model APIs accept, short enough to follow the server's name."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "tool"
    return plain if len(plain) <= _max_name_length(server) else _with_hash(server, name)


def _with_hash(server: str, name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "tool"
    return f"{plain[: _max_name_length(server) - 7]}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


def _max_name_length(server: str) -> int:
    return _NAME - len(server) - 2
