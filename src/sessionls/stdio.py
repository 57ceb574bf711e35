"""stdin and stdout as the wire, on every platform: one thread reads, one writes, the event loop does neither.

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
_MAX_AHEAD = 8 << 20  # bytes read and not yet handled, besides one message
_BATCH = 1 << 18
_HIGH = 8 << 20  # bytes that wait for the client, above which an answer waits for its turn
_STUCK = 30.0  # seconds without a byte taken, after which no answer waits any more
_PAUSE = 0.01


class BrokenStream(Exception):
    """What arrived is no message, and where the next one would begin cannot be known."""


def claim_stdio() -> tuple[int, int]:
    """Take stdin and stdout for the wire alone, and give their file descriptors.

    From here on a stray `print` goes to stderr, and a child process inherits neither.
    """
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(source, os.O_BINARY)
        msvcrt.setmode(sink, os.O_BINARY)
    return source, sink


class Inbox:
    """Reads messages and hands them to the event loop, in order.

    `frames` makes bodies of messages from a function that reads bytes, and raises `BrokenStream`. `take` gets each body, `end` is
    called once after the last: with None at the stream's end, else with what broke it.
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
        self._room = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="sessionls-read", daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may end before the stream
            broken: BrokenStream | None = None
            try:
                for body in self._frames(self._receive):
                    self._wait_for_room()
                    self._read += len(body)
                    self._loop.call_soon_threadsafe(self._deliver, body)
            except BrokenStream as error:
                broken = error
            self._loop.call_soon_threadsafe(self._end, broken)

    def _receive(self, size: int) -> bytes:
        try:
            return os.read(self._source, size)
        except OSError:  # the other end is gone without a goodbye
            return b""

    def _wait_for_room(self) -> None:
        while self._read - self._handled > _MAX_AHEAD:
            self._room.clear()
            if self._read - self._handled > _MAX_AHEAD:
                self._room.wait()

    def _deliver(self, body: bytes) -> None:
        try:
            self._take(body)
        finally:
            self._handled += len(body)
            self._room.set()


class Outbox:
    """Writes messages in order, without ever making the event loop wait.

    `frame` makes of a body what is written. `lost` is called once on the loop, with a word on why, when the other end is gone or
    has stopped reading.
    """

    def __init__(
        self, sink: int, loop: asyncio.AbstractEventLoop, lost: Callable[[str], None], *, frame: Callable[[bytes], bytes]
    ) -> None:
        self._sink, self._loop, self._lost, self._frame = sink, loop, lost, frame
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # Each counter has one writer: the loop, and the writing thread.
        self._queued = self._written = 0
        self._gone = False
        self._thread = threading.Thread(target=self._run, name="sessionls-write", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def backlog(self) -> int:
        """How many bytes wait for the other end."""
        return self._queued - self._written

    async def drain(self) -> None:
        """Wait while much waits for the other end, as long as that reads."""
        written, deadline = self._written, time.monotonic() + _STUCK
        while self.backlog > _HIGH and not self._gone and time.monotonic() < deadline:
            await asyncio.sleep(_PAUSE)
            if self._written != written:
                written, deadline = self._written, time.monotonic() + _STUCK

    def write(self, body: bytes) -> None:
        """Send a message. What is written after the connection is lost goes nowhere."""
        if self._gone:
            return
        # Judged before this message is added: one that is long says nothing about whether the client reads.
        if self.backlog > MAX_BACKLOG:
            self._give_up(f"The client does not read: more than {MAX_BACKLOG >> 20} MiB wait for it.")
            return
        data = self._frame(body)
        self._queued += len(data)
        self._queue.put(data)

    def close(self, patience: float = 2.0) -> None:
        """Write what waits and stop; after `patience` seconds without it. Blocks."""
        self._queue.put(None)
        self._thread.join(patience)

    def _give_up(self, reason: str) -> None:
        if not self._gone:
            self._gone = True
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
                self._loop.call_soon_threadsafe(self._give_up, "The client is gone: it takes no more messages.")
            return False
        return True
