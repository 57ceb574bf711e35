"""How an MCP server is reached, over its protocol's own library, and how it is known that it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO, cast

from sessionls.programs import McpServer
from sessionls.sessions import uris
from sessionls.sessions.texts import sound

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import MessageHandlerFnT

__all__ = ["connected", "library", "reason", "short"]


def library() -> None:
    """Import the protocol's library, which takes its time, and keep what servers say out of our log."""
    import mcp  # noqa: F401

    logging.getLogger("mcp").setLevel(logging.CRITICAL)


@contextlib.asynccontextmanager
async def connected(
    server: McpServer, folder: Path | None, *, dead: asyncio.Event, notified: MessageHandlerFnT
) -> AsyncIterator[Client]:
    """A connection to a server that `folder` names. Sets `dead` when the server has ended. Import the library before."""
    from mcp import Client

    transport = _watched(_transport(server, folder), dead)
    # What a server says would go to a log: it may hold anything.
    async with Client(cast("Any", transport), message_handler=notified, cache=None, client_info=_ourselves()) as client:
        yield client


def _ourselves() -> Any:
    from mcp_types import Implementation

    from sessionls import __version__

    return Implementation(name="sessionls", version=__version__)


def _transport(server: McpServer, folder: Path | None) -> Any:
    if server.url is None:
        from mcp.client.stdio import StdioServerParameters, stdio_client

        assert server.command is not None
        parameters = StdioServerParameters(
            command=server.command,
            args=server.args,
            env=server.env,
            cwd=server.cwd or folder,
            encoding_error_handler="replace",
        )
        return stdio_client(parameters, errlog=cast("TextIO", subprocess.DEVNULL))
    if server.type == "sse":
        from mcp.client.sse import sse_client

        return sse_client(server.url, headers=server.headers)
    return _http(server.url, server.headers)


@contextlib.asynccontextmanager
async def _http(url: str, headers: Mapping[str, str]) -> AsyncIterator[Any]:
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    # It reads certificates.
    client = await asyncio.to_thread(create_mcp_http_client, headers=dict(headers))
    async with client as http, streamable_http_client(url, http_client=http) as streams:
        yield streams


@contextlib.asynccontextmanager
async def _watched(transport: Any, dead: asyncio.Event) -> AsyncIterator[Any]:
    """The transport, whose end is told."""
    async with transport as (read, write):
        yield _Read(read, dead), write


class _Read:
    """A read stream that tells when it has ended; all else is the stream's own."""

    def __init__(self, stream: Any, dead: asyncio.Event) -> None:
        self._stream = stream
        self._dead = dead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def receive(self) -> Any:
        import anyio

        try:
            return await self._stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._dead.set()
            raise

    def __aiter__(self) -> _Read:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._dead.set()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *problem: object) -> Any:
        return await self._stream.__aexit__(*problem)


def reason(error: BaseException) -> str:
    """The first that went wrong, without what a server or a path on this machine would say."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FileNotFoundError):
        return "its program is not installed, or its folder does not exist"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return short(str(error)) or type(error).__name__


def short(text: str) -> str:
    # An address may hold a key in any of its parts.
    return uris.printable(uris.public_text(" ".join(sound(text).split()), path=False))[:500]
