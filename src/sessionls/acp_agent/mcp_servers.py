"""MCP servers that a client passes with a session. Like those of a workspace, they are used only if its folders are trusted.

The reason: editors pass servers of their own settings together with those of the project, and do not say which is which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acp import schema
from pydantic import ValidationError

from sessionls.programs import McpServer

__all__ = ["read_servers", "unused_servers_notice"]


def read_servers(servers: Sequence[Any]) -> tuple[dict[str, McpServer], list[str]]:
    """The servers by name, and the names of invalid servers."""
    found: dict[str, McpServer] = {}
    unusable: list[str] = []
    for server in servers:
        try:
            found[server.name] = _read(server)
        except ValidationError:
            unusable.append(str(server.name))
    return found, unusable


def _read(server: Any) -> McpServer:
    match server:
        case schema.McpServerStdio():
            return McpServer(command=server.command, args=server.args, env={item.name: item.value for item in server.env})
        case schema.HttpMcpServer():
            return McpServer(type="http", url=server.url, headers={item.name: item.value for item in server.headers})
        case schema.SseMcpServer():
            return McpServer(type="sse", url=server.url, headers={item.name: item.value for item in server.headers})
        case _:
            return McpServer()  # neither a command nor an address: invalid


def unused_servers_notice(servers: Mapping[str, McpServer], unusable: Sequence[str], *, trusted: bool) -> str | None:
    """A notice about servers that are not used; None if all are."""
    sentences = []
    if servers and not trusted:
        sentences.append(
            f"MCP servers that this editor passed are not used, because the folder is not trusted: {', '.join(servers)}. "
            "Start `sessionls acp --trust`, or name the folder in `trusted_folders`, or the servers in the settings of sessionls."
        )
    if unusable:
        sentences.append(f"MCP servers that cannot be used here: {', '.join(unusable)}. They need a command or an http address.")
    return " ".join(sentences) or None
