"""Lenient parsing of servers' responses: the MCP SDK rejects a whole response if one field is invalid.

So each response is reduced to the fields that are used here, in strictly valid form, before the SDK parses it. Notices say what
was dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sessionls.domain import uris
from sessionls.domain.text import replace_lone_surrogates
from sessionls.tools.mcp.schema import SchemaUnusable, tool_schema

__all__ = ["result_text", "usable_result"]

_SHOWN = 60  # characters of a name in a note
_UNKNOWN = 2_000  # characters of content whose kind is unknown
_MOST = 1_000  # tools of one page
_COMPLETE = {"resultType": "complete"}  # required by newer versions of the protocol, ignored by older ones


def usable_result(method: str | None, result: Mapping[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    """A valid result for a request. `note` is called with a notice for a person about each tool that is left out."""
    match method:
        case "initialize":
            return _initialized(result)
        case "tools/list":
            return _tools(result, note)
        case "tools/call" if result.get("resultType") != "input_required":
            return _called(result)
        case _:
            return dict(result)


def _initialized(result: Mapping[str, Any]) -> dict[str, Any]:
    info, capabilities = result.get("serverInfo"), result.get("capabilities")
    info = info if isinstance(info, dict) else {}
    offers = isinstance(capabilities, dict) and isinstance(capabilities.get("tools"), dict)
    return {
        "protocolVersion": result.get("protocolVersion"),
        "capabilities": {"tools": {}} if offers else {},
        "serverInfo": {key: value if isinstance(value := info.get(key), str) else "" for key in ("name", "version")},
    }


def _tools(result: Mapping[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    tools = result.get("tools")
    if tools is not None and not isinstance(tools, list):
        note("its list of tools is not a list")
    kept = (
        [tool for tool_data in tools[:_MOST] if (tool := _tool(tool_data, note)) is not None] if isinstance(tools, list) else []
    )
    cursor = result.get("nextCursor")
    if isinstance(cursor, int) and not isinstance(cursor, bool):
        cursor = str(cursor)
    following = {"nextCursor": cursor} if isinstance(cursor, str) and cursor else {}
    return {"tools": kept, **following, **_COMPLETE, "ttlMs": 0, "cacheScope": "private"}


def _tool(tool_data: Any, note: Callable[[str], None]) -> dict[str, Any] | None:
    name = tool_data.get("name") if isinstance(tool_data, dict) else None
    if not isinstance(name, str) or not name.strip():
        note("a tool without a name is left out")
        return None
    try:
        schema = tool_schema(tool_data.get("inputSchema"))
    except SchemaUnusable as problem:
        note(f"the tool {_shown(name)} is left out: its schema {problem}")
        return None
    words = {key: tool_data[key] for key in ("title", "description") if isinstance(tool_data.get(key), str)}
    return {"name": name, "inputSchema": schema, **words}


def _shown(name: str) -> str:
    plain = uris.printable(replace_lone_surrogates(name))
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"


def _called(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a call with all of its content as one text."""
    failed = result.get("isError")
    return {
        **_COMPLETE,
        "content": [{"type": "text", "text": result_text(result)}],
        "isError": failed.lower() == "true" if isinstance(failed, str) else bool(failed),
    }


def result_text(result: Mapping[str, Any]) -> str:
    """The content of a call's result as text. Other content is named. Structured content is used if there is no text."""
    content = result.get("content")
    blocks = content if isinstance(content, list) else [] if content is None else [content]
    words = [_block(block) for block in blocks]
    structured = result.get("structuredContent")
    if structured is not None and not any(map(_is_text, blocks)):
        words.append(json.dumps(structured, ensure_ascii=False, indent=1))
    return "\n".join(words)


def _is_text(block: Any) -> bool:
    if isinstance(block, str):
        return bool(block)
    if not isinstance(block, dict):
        return False
    held = block.get("resource") if block.get("type") == "resource" else block
    return isinstance(held, dict) and isinstance(held.get("text"), str) and bool(held["text"])


def _block(block: Any) -> str:
    if isinstance(block, str):
        return block
    kind = block.get("type") if isinstance(block, dict) else None
    match kind:
        case "text" if isinstance(block.get("text"), str):
            return str(block["text"])
        case "image" | "audio":
            return f"[{kind}{_size(block, 'data')}: not shown]"
        case "resource_link":
            about = [str(block[key]) for key in ("title", "description") if isinstance(block.get(key), str)]
            name = block.get("name") if isinstance(block.get("name"), str) else "link"
            return f"[resource {name}: {block.get('uri')}]" + "".join(f"\n{words}" for words in about)
        case "resource" if isinstance(block.get("resource"), dict):
            held = block["resource"]
            if isinstance(held.get("text"), str):
                return f"[resource {held.get('uri')}]\n{held['text']}"
            return f"[resource {held.get('uri')}{_size(held, 'blob')}: not shown]"
        case _ if isinstance(block, dict) and isinstance(block.get("text"), str):
            return str(block["text"])
        case _:
            shown = json.dumps(block, ensure_ascii=False)
            return shown if len(shown) <= _UNKNOWN else f"{shown[:_UNKNOWN]}…"


def _size(held: Mapping[str, Any], key: str) -> str:
    """The type and size of encoded data, as `, image/png, about 3 bytes`."""
    kind, data = held.get("mimeType"), held.get(key)
    words = f", {kind}" if isinstance(kind, str) else ""
    return f"{words}, about {len(data) * 3 // 4:,} bytes" if isinstance(data, str) else words
