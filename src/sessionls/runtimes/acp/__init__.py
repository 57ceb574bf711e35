"""External agents: programs that speak the Agent Client Protocol (protocol version 1) over stdio.

Only this package and `acp_agent` import the protocol's library, and only when an agent runs.
"""

MCP_ADDRESS = "SESSIONLS_MCP_ADDRESS"
"""The variable that says to `sessionls mcp` where to connect, and with which token."""
