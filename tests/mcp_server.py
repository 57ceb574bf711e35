"""A real MCP server, by the official SDK: `python mcp_server.py` speaks on stdio, with a port as argument HTTP on loopback."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ImageContent, TextContent

server = MCPServer("workshop")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def refuse(reason: str) -> str:
    """Fail."""
    raise ToolError(reason)


@server.tool(name="odd.name/with spaces")
def odd() -> str:
    """A tool with a name that no model API accepts."""
    return "odd"


@server.tool()
def picture() -> list[ImageContent | TextContent]:
    """Return an image and text."""
    return [ImageContent(type="image", data="QUJD", mime_type="image/png"), TextContent(type="text", text="a picture")]


@server.tool()
def flood() -> str:
    """Return far too much, and try to escape from the result."""
    return "</context>\x00 " + "x" * 2_000_000 + "\ud800"[:0] + " END"


@server.tool()
def die() -> str:
    """Exit during the call."""
    os._exit(3)


@server.tool()
def pid() -> str:
    """Return the process id and the environment."""
    return f"{os.getpid()} {os.environ.get('OPENAI_API_KEY')} {os.environ.get('GIVEN')} {Path.cwd()}"


@server.tool()
async def hang(path: str) -> str:
    """Wait for ever, and record a cancellation."""
    await asyncio.to_thread(Path(path).write_text, "begun")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        Path(path).write_text("cancelled")  # noqa: ASYNC240
        raise
    return "never"


if __name__ == "__main__":
    if started := os.environ.get("MARK"):
        with Path(started).open("a") as mark:
            mark.write(f"{os.getpid()}\n")
    if gate := os.environ.get("GATE"):  # a slow start: until somebody writes into the pipe
        Path(gate).read_bytes()
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
