"""Connects to an MCP server with the MCP SDK, and notices when the server ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO, cast

from sessionls.domain import uris
from sessionls.domain.text import replace_lone_surrogates
from sessionls.programs import McpServer
from sessionls.tools.mcp.reading import usable_result

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import ElicitationFnT, MessageHandlerFnT

__all__ = ["connected", "library", "reason", "short"]


def library() -> None:
    """Import the MCP SDK, which takes a while, and keep output of servers out of our log."""
    import mcp  # noqa: F401

    logging.getLogger("mcp").setLevel(logging.CRITICAL)


@contextlib.asynccontextmanager
async def connected(
    server: McpServer,
    folder: Path | None,
    *,
    dead: asyncio.Event,
    notified: MessageHandlerFnT,
    asked: ElicitationFnT,
    note: Callable[[str], None],
) -> AsyncIterator[Client]:
    """A connection to a server that `folder` defines. Call `library` first.

    Sets `dead` when the server has ended. `asked` answers the server's questions. `note` is called with a notice about anything
    unusable that the server sent.
    """
    from mcp import Client

    transport = _watched(_transport(server, folder), dead, note)
    # Discard the server's output, which may contain secrets.
    async with Client(
        cast("Any", transport),
        message_handler=notified,
        elicitation_callback=asked,
        cache=None,
        client_info=_ourselves(),
    ) as client:
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

    # In a thread, because it reads certificates.
    client = await asyncio.to_thread(create_mcp_http_client, headers=dict(headers))
    async with client as http, streamable_http_client(url, http_client=http) as streams:
        yield streams


@contextlib.asynccontextmanager
async def _watched(transport: Any, dead: asyncio.Event, note: Callable[[str], None]) -> AsyncIterator[Any]:
    """The transport, extended so that its end is noticed and that the SDK can parse all responses."""
    async with transport as (read, write):
        requests: dict[Any, str] = {}
        yield _Read(read, dead, requests, note), _Write(write, requests)


class _Write:
    """A write stream that remembers the method of each request."""

    def __init__(self, stream: Any, requests: dict[Any, str]) -> None:
        self._stream = stream
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def send(self, item: Any) -> None:
        message = item.message
        if getattr(message, "id", None) is not None and isinstance(method := getattr(message, "method", None), str):
            self._requests[message.id] = method
        await self._stream.send(item)

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *problem: object) -> Any:
        return await self._stream.__aexit__(*problem)


class _Read:
    """A read stream that sets an event at its end and makes responses usable."""

    def __init__(self, stream: Any, dead: asyncio.Event, requests: dict[Any, str], note: Callable[[str], None]) -> None:
        self._stream = stream
        self._dead = dead
        self._requests = requests
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _usable(self, item: Any) -> Any:
        message: Any = getattr(item, "message", None)
        if getattr(message, "method", None) is not None or (key := getattr(message, "id", None)) is None:
            return item
        # Some servers send the id of a request as a string.
        method = self._requests.pop(key, None) or (
            self._requests.pop(int(key), None) if isinstance(key, str) and key.isdecimal() and len(key) < 16 else None
        )
        result = getattr(message, "result", None)
        if isinstance(result, dict):
            item.message = message.model_copy(update={"result": usable_result(method, result, self._note)})
        return item

    async def receive(self) -> Any:
        import anyio

        try:
            return self._usable(await self._stream.receive())
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._dead.set()
            raise

    def __aiter__(self) -> _Read:
        return self

    async def __anext__(self) -> Any:
        try:
            return self._usable(await self._stream.__anext__())
        except StopAsyncIteration:
            self._dead.set()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *problem: object) -> Any:
        return await self._stream.__aexit__(*problem)


def reason(error: BaseException) -> str:
    """The cause of an error, without output of the server and without paths on this machine."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FileNotFoundError):
        return "its program is not installed, or its folder does not exist"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return short(str(error)) or type(error).__name__


def short(text: str) -> str:
    # Any part of an address may contain a key.
    return uris.printable(uris.public_text(" ".join(replace_lone_surrogates(text).split()), path=False))[:500]
