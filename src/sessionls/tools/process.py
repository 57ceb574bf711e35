"""A shell command as a process of its own, which ends with everything that it started: in time, when cancelled, and with us.

On POSIX the command is a session of its own, and its whole process group is killed at the end. A watcher in that group waits for
the end of a pipe that only this process holds: if this process is killed, the command is killed, too. What left the group is
found on Linux by a mark in its environment. On Windows the tree of processes is ended with `taskkill`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionls.ports.tools import ToolFailed
from sessionls.processes import MARK, kill_tree, new_mark, start_flags

__all__ = ["Ended", "run_shell"]

_LAST_WORDS = 0.5  # seconds that output already written may take to arrive

# `$1` is the command. The pipe is moved away from the command's own input, which is empty.
_WATCHED = 'exec 3<&0 </dev/null; (read _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec 3<&-; exec /bin/sh -c "$1"'


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` is the exit code, negative for a signal, None where it was stopped because its time was up."""

    code: int | None
    output: bytes


async def run_shell(
    command: str,
    folder: Path,
    environment: Mapping[str, str],
    *,
    seconds: float,
    limit: int,
    heard: Callable[[bytes], None] = lambda _: None,
) -> Ended:
    """Run it through the system's shell (`/bin/sh`, on Windows `cmd`) in that folder, with no input.

    Of output and errors together `limit` bytes are kept, from both ends; `heard` gets all of it as it comes. Cancelling kills it
    with all that it started. Raises `ToolFailed` where it cannot be started.
    """
    listener = _Listener(limit, heard)
    mark = new_mark()
    alive, ours = os.pipe()
    try:
        try:
            transport = await _start(listener, command, folder, {**environment, MARK: mark}, alive)
        except (OSError, ValueError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it cannot be written so"
            raise ToolFailed(f"The command could not be started: {reason}.") from None
        finally:
            os.close(alive)
        code: int | None = None
        try:
            async with asyncio.timeout(seconds):
                await listener.exited.wait()
            code = transport.get_returncode()
        except TimeoutError:
            pass
        finally:
            # What it left in the background ends with it.
            await asyncio.shield(_end(transport, listener, mark))
        return Ended(code, listener.output.kept())
    finally:
        os.close(ours)


async def _start(
    listener: _Listener, command: str, folder: Path, environment: Mapping[str, str], alive: int
) -> asyncio.SubprocessTransport:
    loop = asyncio.get_running_loop()
    given: dict[str, Any] = {"cwd": folder, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    given |= start_flags()
    if sys.platform == "win32":
        given |= {"stdin": subprocess.DEVNULL}
        return (await loop.subprocess_shell(lambda: listener, command, **given))[0]
    words = ("/bin/sh", "-c", _WATCHED, "sh", command)
    return (await loop.subprocess_exec(lambda: listener, *words, stdin=alive, **given))[0]


async def _end(transport: asyncio.SubprocessTransport, listener: _Listener, mark: str) -> None:
    """Kill what is left of it, and hear what it has still said."""
    # The watcher is in the group until now: nobody else can have its number.
    await kill_tree(transport.get_pid(), mark, ended=transport.get_returncode() is not None)
    await listener.exited.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            await listener.silent.wait()
    transport.close()


class _Output:
    """The beginning and the end of what was said, and how much there was between."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._size = 0

    def add(self, data: bytes) -> None:
        self._size += len(data)
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(data[-self._half :])
            self._tail_size += len(self._tail[-1])
            while self._tail_size - len(self._tail[0]) >= self._half:
                self._tail_size -= len(self._tail.popleft())

    def kept(self) -> bytes:
        tail = b"".join(self._tail)[-self._half :]
        left_out = self._size - len(self._head) - len(tail)
        if left_out <= 0:
            return bytes(self._head) + tail
        head = self._head[: self._head.rfind(b"\n") + 1] or self._head
        tail = tail[tail.find(b"\n") + 1 :] if b"\n" in tail else tail
        gone = self._size - len(head) - len(tail)
        return b"%s\n[\xe2\x80\xa6 %d bytes left out \xe2\x80\xa6]\n%s" % (bytes(head), gone, tail)


class _Listener(asyncio.SubprocessProtocol):
    """Hears what the command says and when it ends. (`asyncio`'s own streams hear of the end only when all pipes are closed,
    which what runs in the background puts off.)
    """

    def __init__(self, limit: int, heard: Callable[[bytes], None]) -> None:
        self.output = _Output(limit)
        self._heard = heard
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002
        self.output.add(data)
        self._heard(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        self.silent.set()

    def process_exited(self) -> None:
        self.exited.set()
