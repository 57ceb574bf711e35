"""A proxy between a store and its PostgreSQL server that behaves like a pooler or a faulty network."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

__all__ = ["Proxy", "proxy"]


class Proxy:
    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self.port = 0
        self.notifications = True  # whether notifications are passed on
        self._to = port
        self._tls = tls
        self._streams: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """End all connections."""
        for stream in list(self._streams):
            stream.close()

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
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await asyncio.wait(
                [asyncio.create_task(self._up(reader, back)), asyncio.create_task(self._down(there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        for stream in (writer, back):
            self._streams.discard(stream)
            stream.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read messages: kind, length, body."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
                if head[:1] != b"A" or self.notifications:
                    writer.write(head + body)
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
