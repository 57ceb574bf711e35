"""Messages to and from an external agent: one JSON object per line, in bounded memory whatever the agent writes.

This implements the transport of the ACP SDK. Notifications go to `on_notification`, in order and before
the messages that follow them. All other messages go to the SDK.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["MOST_REQUESTS", "Transport"]

_LINE = 8 << 20  # bytes of one message
_CHUNK = 1 << 16
_LARGE = 1 << 18  # bytes; larger messages are parsed in a thread
_UNREAD = 64 << 20  # bytes that the agent has not read yet
_KEPT_ENDS = 300  # bytes at both ends of a line that is too long, in which its id is searched
_HEAD = re.compile(rb'\s*\{\s*(?:"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"\s*,\s*)*"id"\s*:\s*("[^"\\]*"|\d+)\s*,')
_TAIL = re.compile(rb',\s*"id"\s*:\s*("[^"\\]*"|\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')
_REQUEST = re.compile(rb'\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:"[^"\\]*"|\d+)\s*,\s*)*"method"')
MOST_REQUESTS = 200
"""The limit of an agent's open requests. Further ones are refused."""


class Transport:
    """`dropped` counts lines that were no messages, `too_long` those that were too long.

    A request that is too long is refused, and a response that is too long becomes an error, so that nobody waits for it.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_notification: Callable[[str, Any], Awaitable[None]],
        on_end: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_notification = on_notification
        self._on_end = on_end
        self._buffer = bytearray()
        self._searched = 0
        self._skipped: tuple[bytes, bytes] | None = None  # both ends of a line that is too long
        self._unread = 0
        self._sending = asyncio.Lock()
        self._open_requests: set[str] = set()
        self.dropped = 0
        self.too_long = 0

    async def send(self, message: dict[str, Any]) -> None:
        """Write one message. Does not fail if the program has ended: `receive` reports that."""
        if "method" not in message:
            self._open_requests.discard(json.dumps(message.get("id")))
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._unread += len(data)
        if self._unread > max(_UNREAD, 2 * len(data)):
            self._on_end()  # it sends requests but does not read the responses
        try:
            async with self._sending:
                with contextlib.suppress(OSError, RuntimeError):
                    self._writer.write(data)
                    await self._writer.drain()
        finally:
            self._unread -= len(data)

    async def receive(self) -> dict[str, Any] | None:
        """The next request or response; None at the end."""
        while (line := await self._read_line()) is not None:
            message = await self._parse(line)
            if message is None:
                continue
            method = message.get("method")
            if method is None:
                if (key := _id(message.get("id"))) is not None:
                    return _response({**message, "id": key})
                self.dropped += 1
            elif not isinstance(method, str):
                self.dropped += 1
            elif "id" not in message:
                await self._on_notification(method, message.get("params"))
            elif await self._accept_request(message):
                return message
        self._on_end()
        return None

    async def close(self) -> None:
        """Does nothing: the code that started the program also ends it."""

    async def _accept_request(self, message: dict[str, Any]) -> bool:
        key = json.dumps(message["id"])
        if len(self._open_requests) >= MOST_REQUESTS or key in self._open_requests:
            error = {"code": -32600, "message": f"More than {MOST_REQUESTS} requests wait for an answer, or the id is taken."}
            await self.send({"jsonrpc": "2.0", "id": message["id"] if len(key) < 200 else None, "error": error})
            return False
        self._open_requests.add(key)
        return True

    async def _parse(self, line: bytes) -> dict[str, Any] | None:
        try:
            data = await asyncio.to_thread(json.loads, line) if len(line) > _LARGE else json.loads(line)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict):
            return data
        self.dropped += 1
        return None

    async def _read_line(self) -> bytes | None:
        """The next non-empty line; None at the end. A line that is too long is dropped, or replaced with a short error."""
        while True:
            while (end := self._buffer.find(b"\n", self._searched)) >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._searched = 0
                if self._skipped is not None:
                    head, tail = self._skipped
                    self._skipped = None
                    line = await self._replace_long_line(head, (tail + line)[-_KEPT_ENDS:])
                if line := line.strip():
                    return line
            self._searched = len(self._buffer)
            if len(self._buffer) > _LINE or (self._skipped is not None and self._buffer):
                if self._skipped is None:
                    self.too_long += 1
                    self._skipped = bytes(self._buffer[:_KEPT_ENDS]), b""
                head, tail = self._skipped
                self._skipped = head, (tail + bytes(self._buffer[-_KEPT_ENDS:]))[-_KEPT_ENDS:]
                self._buffer.clear()
                self._searched = 0
            data = await self._reader.read(_CHUNK)
            if not data:
                return None  # a line without a line end is incomplete
            self._buffer += data

    async def _replace_long_line(self, head: bytes, tail: bytes) -> bytes:
        """An error in place of a response that is too long. A request is refused and dropped."""
        id_match = _HEAD.match(head) or _TAIL.search(tail)
        if id_match is None:
            return b""
        error = {"code": -32600, "message": f"The message was longer than {_LINE >> 20} MiB."}
        if _REQUEST.match(head):
            await self.send({"jsonrpc": "2.0", "id": json.loads(id_match[1]), "error": error})
            return b""
        return json.dumps({"jsonrpc": "2.0", "id": json.loads(id_match[1]), "error": error}).encode()


def _response(message: dict[str, Any]) -> dict[str, Any]:
    """The response with an error that the SDK can read, whatever the agent sent as one."""
    if "result" in message or "error" not in message:
        return message
    error = message["error"]
    if not isinstance(error, dict):
        error = {"message": error}
    code, reason = error.get("code"), error.get("message")
    if not isinstance(code, int) or isinstance(code, bool):
        code = -32603
    reason = reason if isinstance(reason, str) and reason else "It gave no reason."
    return {**message, "error": {"code": code, "message": reason, "data": error.get("data")}}


def _id(value: Any) -> int | None:
    """The id of one of our requests. Some agents send it as a string."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 16 else None
