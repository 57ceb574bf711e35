"""Starts MCP servers for tests, and calls their tools."""

from __future__ import annotations

import os
from typing import Any

from preloaded import mcp_server
from sessionls.domain.agent import Definition
from sessionls.ports.tools import Tool
from sessionls.programs import McpServer
from sessionls.tools.mcp import McpServers
from tool_calls import LoneCall

__all__ = ["ANY", "alive", "call", "program", "tool"]


ANY = Definition(name="any", prompt="")


def program(**env: str) -> McpServer:
    return McpServer(**mcp_server(), env=env)


def tool(servers: McpServers, name: str) -> Tool:
    return next(tool for tool in servers.tools if tool.name == name)


async def call(servers: McpServers, name: str, **arguments: Any) -> str:
    return await tool(servers, name).run(arguments, LoneCall())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
