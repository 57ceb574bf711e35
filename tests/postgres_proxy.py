"""A proxy between a store and its PostgreSQL server that behaves like a pooler or a faulty network."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from typing import Literal

__all__ = ["Proxy", "proxy"]

Fault = Literal["cut", "cut after", "silent after"]
"""On a statement: end the connection instead of passing it on; pass it on and end the connection before its answer arrives;
pass it on and then never say anything again on this connection.
"""


class Proxy:
    """`delay`: seconds by which everything is late, in each direction. `silent`: accept everything, and pass on nothing."""

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self.port = 0
        self.notifications = True  # whether notifications are passed on
        self.delay = 0.0
        self.silent = False
        self.faults = 0
        self._fault: tuple[bytes, Fault] | None = None
        self._to = port
        self._tls = tls
        self._streams: set[asyncio.StreamWriter] = set()

    def url(self, url: str) -> str:
        """The URL of the same database through this proxy."""
        return re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{self.port}", url) + "&sslmode=disable"

    def cut(self) -> None:
        """End all connections."""
        for stream in list(self._streams):
            stream.transport.abort()

    def fail_on(self, statement: str, fault: Fault) -> None:
        """Fail once, at the next simple statement that begins so."""
        self._fault = statement.encode(), fault

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tls is not None:  # as the server does that speaks TLS
            await reader.readexactly(8)
            writer.write(b"S")
            try:
                await writer.start_tls(self._tls)
            except (OSError, ssl.SSLError):  # whoever called does not believe the certificate
                writer.close()
                return
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._streams |= {writer, back}
        muted = asyncio.Event()
        tasks = [
            asyncio.create_task(self._up(reader, back, muted)),
            asyncio.create_task(self._down(there, writer, muted)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (writer, back):
                self._streams.discard(stream)
                stream.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
        """Read the first message, which has no kind, then messages: kind, length, body."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readexactly(4)
            await self._pass_on(writer, head + await reader.readexactly(int.from_bytes(head) - 4))
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
                fault = self._fault_of(head[:1], body)
                if fault == "cut":
                    return
                if fault is not None:
                    muted.set()
                await self._pass_on(writer, head + body)
                if fault == "cut after":
                    await asyncio.sleep(0.3)  # the server does it meanwhile
                    return

    def _fault_of(self, kind: bytes, body: bytes) -> Fault | None:
        if self._fault is None or kind != b"Q" or not body.startswith(self._fault[0]):
            return None
        _, fault = self._fault
        self._fault = None
        self.faults += 1
        return fault

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
                if not muted.is_set() and (head[:1] != b"A" or self.notifications):
                    await self._pass_on(writer, head + body)

    async def _pass_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        if not self.silent:
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def proxy(port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    between = Proxy(port, tls)
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        between.cut()
        await asyncio.sleep(0)
