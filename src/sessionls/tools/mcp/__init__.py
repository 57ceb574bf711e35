"""Tools of MCP servers (Model Context Protocol), local programs or remote addresses. A tool is named `server/tool`.

A server starts only when an agent that may use it is about to reply. A server's own description of its tools is not trusted:
tools of a program have the risk `execute`, tools at an address the risk `network`, and both ask for permission.
"""

from sessionls.tools.mcp.config import FILES
from sessionls.tools.mcp.servers import McpServers, Status
from sessionls.tools.mcp.tool import McpTool

__all__ = ["FILES", "McpServers", "McpTool", "Status"]
