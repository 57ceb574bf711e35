"""External agents: programs that speak the Agent Client Protocol (protocol version 1) over stdio.

Only this package and `acp_agent` import the ACP SDK, and only when an agent runs.
"""

MCP_ADDRESS = "SESSIONLS_MCP_ADDRESS"
"""The environment variable that tells `sessionls mcp` where to connect, and with which token."""
