"""JSON-RPC messages, one per line, between stdio and the SDK's connection."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from sessionls.json_text import parse
from sessionls.stdio import BrokenStream, Inbox, Outbox

__all__ = ["MAX_LINE", "LineTransport", "lines", "on_request_id"]

log = logging.getLogger("sessionls")

MAX_LINE: Final = 64 << 20
"""The limit for one message, in bytes."""
_STEP = 1 << 16

on_request_id: contextvars.ContextVar[Callable[[Any], None] | None] = contextvars.ContextVar("on_request_id", default=None)
"""Called with the id of the request that the current task sends to the client, so that it can be cancelled."""


def lines(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The non-empty lines that `read` returns.

    Raises `BrokenStream` for a line that is longer than `MAX_LINE`, because the rest of it would be read as messages.
    """
    buffer = bytearray()
    searched = 0
    while True:
        while (end := buffer.find(b"\n", searched)) < 0:
            searched = len(buffer)
            if searched > MAX_LINE:
                raise BrokenStream(f"A message is longer than {MAX_LINE >> 20} MiB.")
            if not (data := read(_STEP)):
                if rest := bytes(buffer).strip():
                    yield rest
                return
            buffer += data
        if end > MAX_LINE:
            raise BrokenStream(f"A message is longer than {MAX_LINE >> 20} MiB.")
        line = bytes(buffer[:end]).strip()
        del buffer[: end + 1]
        searched = 0
        if line:
            yield line


class LineTransport:
    """The SDK's `Transport`, with threads that read and write. Only valid requests and responses reach the SDK.

    `lost` is called when the client has stopped reading.
    """

    def __init__(self, source: int, sink: int) -> None:
        loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._outbox = Outbox(sink, loop, self._lost, frame=lambda body: body + b"\n")
        self._inbox = Inbox(source, loop, self._take, self._end, frames=lines)

    def start(self) -> None:
        self._outbox.start()
        self._inbox.start()

    async def send(self, message: dict[str, Any]) -> None:
        self.send_now(message)

    def send_now(self, message: dict[str, Any]) -> None:
        """Queue a message for the writing thread. Messages are sent in the order of the calls."""
        if "method" in message and "id" in message and (told := on_request_id.get()) is not None:
            told(message["id"])
        self._outbox.write(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"))

    async def receive(self) -> dict[str, Any] | None:
        return await self._messages.get()

    async def drain(self) -> None:
        """Wait while many messages are queued for the client."""
        await self._outbox.drain()

    async def close(self) -> None:
        await asyncio.to_thread(self._outbox.close)

    def _take(self, line: bytes) -> None:
        try:
            message = parse(line)
        except ValueError:
            self._refuse(None, -32700, "The message is not valid JSON.")
            return
        if not isinstance(message, dict) or not isinstance(message.get("method", ""), str):
            self._refuse(None, -32600, "The message is not a JSON-RPC message. The protocol has no batches.")
            return
        if message.get("jsonrpc") != "2.0" and "method" in message:
            self._refuse(message.get("id"), -32600, 'A message needs "jsonrpc": "2.0".')
            return
        if not isinstance(message.get("id"), str | int | float | None):
            self._refuse(None, -32600, "The id of a request must be a number or a string.")
            return
        if not isinstance(message.get("error"), dict | None):
            message["error"] = {"message": "The client sent an invalid error."}
        self._messages.put_nowait(message)

    def _refuse(self, request_id: Any, code: int, message: str) -> None:
        self.send_now({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}})

    def _end(self, broken: BrokenStream | None) -> None:
        if broken is not None:
            log.warning("The connection ends: %s", broken)
            self._refuse(None, -32700, f"{broken} The connection ends.")
        self._messages.put_nowait(None)

    def _lost(self, reason: str) -> None:
        log.warning("%s", reason)
        self._messages.put_nowait(None)
