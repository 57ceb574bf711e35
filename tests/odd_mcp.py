"""Misbehaving MCP servers for tests."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sessionls.domain.agent import Definition
from sessionls.programs import McpServer
from sessionls.tools.mcp import McpServers

__all__ = ["ANY", "ODD", "odd"]


ODD = str(Path(__file__).with_name("odd_mcp_server.py"))
ANY = Definition(name="any", prompt="")


@asynccontextmanager
async def odd(folder: Path, pages: list[Any], calls: Mapping[str, Any] | None = None, **script: Any) -> AsyncIterator[McpServers]:
    path = folder / "script.json"
    path.write_text(json.dumps({"log": str(folder / "log"), "pages": pages, "calls": calls or {}, **script}))
    servers = McpServers({"odd": McpServer(command=sys.executable, args=[ODD, str(path)])}, patience=30)
    try:
        yield servers
    finally:
        await servers.close()
