"""A tool of an MCP server as one of ours, and what it gives as text."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sessionls.programs import McpServer
from sessionls.sessions import uris
from sessionls.sessions.ports import ToolCall
from sessionls.sessions.texts import sound
from sessionls.sessions.tooling import Risk, Wish
from sessionls.tools.base import RESULT_LIMIT, cut_middle

__all__ = ["McpTool", "told", "tool_of"]

log = logging.getLogger(__name__)

_DESCRIPTION = 4_000  # characters
_SCHEMA = 30_000
_NAME = 64  # characters of a tool's name as models are told it


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of a server (`tooling.Tool`)."""

    name: str
    description: str
    schema: Mapping[str, Any]
    risk: Risk
    own_name: str
    call: Callable[[str, Mapping[str, Any]], Any] = field(repr=False, compare=False)
    runs_programs: bool = True

    async def wish(self, arguments: Mapping[str, Any]) -> Wish:
        shown = uris.printable(json.dumps(arguments, ensure_ascii=False))
        detail = json.dumps(arguments, ensure_ascii=False, indent=2)
        return Wish(f"{self.name} with {shown[:200]}", detail=detail if len(shown) > 200 else None)

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:  # noqa: ARG002
        return cut_middle(sound(await self.call(self.own_name, arguments)), RESULT_LIMIT)


def tool_of(server: str, how: McpServer, one: Any, call: Callable[[str, Mapping[str, Any]], Any]) -> McpTool | None:
    """What a server of that name says of one of its tools, as a tool of ours; None where that is too large for a model."""
    schema = one.input_schema
    if not isinstance(schema, dict) or len(json.dumps(schema)) > _SCHEMA:
        log.warning("the MCP server %s has a tool whose schema is too large", server)
        return None
    described = sound(one.description or one.title or one.name)
    return McpTool(
        name=f"{server}/{_tool_name(server, one.name)}",
        description=described[:_DESCRIPTION],
        schema={"type": "object", "properties": {}, **schema},
        risk="network" if how.remote else "execute",
        own_name=one.name,
        call=call,
    )


def _tool_name(server: str, name: str) -> str:
    """The tool's name in letters that model APIs take, and no longer than they take it with the server's."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "tool"
    room = _NAME - len(server) - 2
    if len(plain) <= room:
        return plain
    return f"{plain[: room - 7]}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


def told(result: Any) -> str:
    """A result as text. What is no text is named: models here read text."""
    words: list[str] = []
    for block in result.content:
        match block.type:
            case "text":
                words.append(block.text)
            case "image" | "audio":
                words.append(f"[{block.type}, {block.mime_type}, about {len(block.data) * 3 // 4:,} bytes: not shown]")
            case "resource_link":
                words.append(f"[resource {block.name}: {block.uri}]")
            case "resource":
                words.append(f"[resource {block.resource.uri}: not shown]")
    if not words and result.structured_content is not None:
        words.append(json.dumps(result.structured_content, ensure_ascii=False, indent=1))
    return "\n".join(words)
