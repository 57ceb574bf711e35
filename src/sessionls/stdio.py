"""Messages over stdin and stdout on every platform: one thread reads, one writes, and the event loop does neither.

Threads, because a pipe, a socket, a file and a Windows handle have nothing but blocking reads and writes in common. Both
directions are bounded: the reader waits while the loop is behind, and a client that does not read loses its connection
while more than `MAX_BACKLOG` bytes wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["MAX_BACKLOG", "BrokenStream", "Inbox", "Outbox", "claim_stdio"]

MAX_BACKLOG = 64 << 20
_MAX_UNHANDLED = 8 << 20  # bytes read and not yet handled, besides one message
_BATCH = 1 << 18
_DRAIN_ABOVE = 8 << 20  # bytes waiting for the client, above which `drain` waits
_STUCK_SECONDS = 30.0  # seconds in which the client read nothing, after which `drain` no longer waits
_POLL_SECONDS = 0.01


class BrokenStream(Exception):
    """The input is not a message, and it is unknown where the next message begins."""


def claim_stdio() -> tuple[int, int]:
    """Reserve stdin and stdout for messages, and return their file descriptors.

    Afterwards `print` writes to stderr, and child processes inherit neither of them.
    """
    source, sink = os.dup(0), os.dup(1)
    null_device = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_device, 0)
    os.close(null_device)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(source, os.O_BINARY)
        msvcrt.setmode(sink, os.O_BINARY)
    return source, sink


class Inbox:
    """Reads messages and hands them to the event loop, in order.

    `frames` splits the bytes that a function reads into bodies of messages, and may raise `BrokenStream`. `take` gets each body.
    `end` is called once after the last one: with None at the end of the stream, or with the error.
    """

    def __init__(
        self,
        source: int,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[bytes], None],
        end: Callable[[BrokenStream | None], None],
        *,
        frames: Callable[[Callable[[int], bytes]], Iterator[bytes]],
    ) -> None:
        self._source, self._loop, self._take, self._end, self._frames = source, loop, take, end, frames
        # Each counter has one writer: the reading thread, and the loop.
        self._read = self._handled = 0
        self._has_capacity = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="sessionls-read", daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may end before the stream
            broken: BrokenStream | None = None
            try:
                for body in self._frames(self._receive):
                    self._wait_for_capacity()
                    self._read += len(body)
                    self._loop.call_soon_threadsafe(self._deliver, body)
            except BrokenStream as error:
                broken = error
            self._loop.call_soon_threadsafe(self._end, broken)

    def _receive(self, size: int) -> bytes:
        try:
            return os.read(self._source, size)
        except OSError:  # the other end closed the connection abruptly
            return b""

    def _wait_for_capacity(self) -> None:
        while self._read - self._handled > _MAX_UNHANDLED:
            self._has_capacity.clear()
            if self._read - self._handled > _MAX_UNHANDLED:
                self._has_capacity.wait()

    def _deliver(self, body: bytes) -> None:
        try:
            self._take(body)
        finally:
            self._handled += len(body)
            self._has_capacity.set()


class Outbox:
    """Writes messages in order, without ever making the event loop wait.

    `frame` converts a body to the bytes to write. `lost` is called once on the loop, with the reason, when the other end has
    closed the connection or stopped reading.
    """

    def __init__(
        self, sink: int, loop: asyncio.AbstractEventLoop, lost: Callable[[str], None], *, frame: Callable[[bytes], bytes]
    ) -> None:
        self._sink, self._loop, self._lost, self._frame = sink, loop, lost, frame
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # Each counter has one writer: the loop, and the writing thread.
        self._queued = self._written = 0
        self._disconnected = False
        self._thread = threading.Thread(target=self._run, name="sessionls-write", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def backlog(self) -> int:
        """How many bytes wait for the other end."""
        return self._queued - self._written

    async def drain(self) -> None:
        """Wait while the backlog is long, as long as the other end still reads."""
        written, deadline = self._written, time.monotonic() + _STUCK_SECONDS
        while self.backlog > _DRAIN_ABOVE and not self._disconnected and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            if self._written != written:
                written, deadline = self._written, time.monotonic() + _STUCK_SECONDS

    def write(self, body: bytes) -> None:
        """Send a message. Messages after the connection is lost are discarded."""
        if self._disconnected:
            return
        # Checked before adding this message: a long message does not mean that the client has stopped reading.
        if self.backlog > MAX_BACKLOG:
            self._disconnect(f"The client does not read: more than {MAX_BACKLOG >> 20} MiB wait for it.")
            return
        data = self._frame(body)
        self._queued += len(data)
        self._queue.put(data)

    def close(self, patience: float = 2.0) -> None:
        """Write the backlog and stop, after `patience` seconds at the latest. Blocks."""
        self._queue.put(None)
        self._thread.join(patience)

    def _disconnect(self, reason: str) -> None:
        if not self._disconnected:
            self._disconnected = True
            self._lost(reason)

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            batch = [data]
            size = len(data)
            last = False
            while size < _BATCH and not self._queue.empty():
                if (more := self._queue.get()) is None:
                    last = True
                    break
                batch.append(more)
                size += len(more)
            if not self._write_all(b"".join(batch)) or last:
                return
            self._written += size

    def _write_all(self, data: bytes) -> bool:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._sink, rest[:_BATCH]) :]
        except OSError:
            with contextlib.suppress(RuntimeError):  # the loop may have ended
                self._loop.call_soon_threadsafe(self._disconnect, "The client is gone: it takes no more messages.")
            return False
        return True
