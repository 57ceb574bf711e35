"""`sessionls mcp`: our tools for an external agent, as an MCP server on standard input and output.

The external agent starts it. It only relays bytes: the tools run in the process that writes the agent's reply, which listens on a
local port and identifies this program by a token.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

from sessionls.runtimes.acp import MCP_ADDRESS
from sessionls.stdio import claim_stdio

__all__ = ["main"]

_CHUNK = 1 << 16


def main() -> int:
    """Relay everything until one side ends. The exit code is 1 if nobody listens."""
    port, _, token = os.environ.pop(MCP_ADDRESS, "").partition(" ")
    if not port.isdecimal() or not token:
        print("External agents start this command. It cannot be used directly.", file=sys.stderr)  # noqa: T201
        return 1
    source, sink = claim_stdio()
    try:
        connection = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
    except OSError:
        print("The editor or terminal that this process belongs to has ended.", file=sys.stderr)  # noqa: T201
        return 1
    connection.settimeout(None)
    connection.sendall(token.encode() + b"\n")
    threading.Thread(target=_send, args=(source, connection), daemon=True).start()
    while data := _receive(connection):
        while data:
            data = data[os.write(sink, data) :]
    return 0


def _send(source: int, connection: socket.socket) -> None:
    try:
        while data := os.read(source, _CHUNK):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        connection.close()


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_CHUNK)
    except OSError:
        return b""
