"""Tools of MCP servers (Model Context Protocol): programs and addresses that offer tools, called `server/tool` here.

A server starts when an agent that may use it is about to reply, and not before. What a server says of its own tools is no
reason to trust them: one that is a program counts as executing, one at an address as using the network, and both ask.
"""

from sessionls.tools.mcp.config import FILES
from sessionls.tools.mcp.servers import McpServers, Status
from sessionls.tools.mcp.tool import McpTool

__all__ = ["FILES", "McpServers", "McpTool", "Status"]
