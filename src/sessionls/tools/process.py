"""Runs a shell command and kills everything that it started: at its end, after a timeout, when cancelled, and when this process
ends.

On POSIX the command runs in a new session, and its process group is killed at the end. A watcher in the group waits for the end
of a pipe that only this process keeps open: if this process is killed, the command is killed, too. On Linux, processes that left
the group are found by a marker in their environment. On Windows, `taskkill` ends the process tree.
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

_LAST_OUTPUT = 0.5  # seconds to wait for output that was already written

# `$1` is the command. The pipe is moved from stdin to another descriptor; the command's input is empty.
_WATCHED = 'exec 3<&0 </dev/null; (read _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec 3<&-; exec /bin/sh -c "$1"'


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` is the exit code: negative for a signal, None after a timeout."""

    code: int | None
    output: bytes


async def run_shell(
    command: str,
    folder: Path,
    environment: Mapping[str, str],
    *,
    seconds: float,
    limit: int,
    on_output: Callable[[bytes], None] = lambda _: None,
) -> Ended:
    """Run the command with the system's shell (`/bin/sh`, on Windows `cmd`) in that folder, without input.

    Keeps the beginning and the end of output and errors, `limit` bytes together. `on_output` gets all of it as it arrives.
    Cancelling kills the command and everything that it started. Raises `ToolFailed` if it cannot be started.
    """
    listener = _Listener(limit, on_output)
    mark = new_mark()
    alive, ours = os.pipe()
    try:
        try:
            transport = await _start(listener, command, folder, {**environment, MARK: mark}, alive)
        except (OSError, ValueError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it is not a valid command line"
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
            # Background processes of the command end with it.
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
    """Kill the remaining processes, and read the remaining output."""
    # The watcher is still in the group, so the group's id cannot have been reused.
    await kill_tree(transport.get_pid(), mark, ended=transport.get_returncode() is not None)
    await listener.exited.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_OUTPUT):
            await listener.silent.wait()
    transport.close()


class _Output:
    """The beginning and the end of the output, and the number of bytes left out between them."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._size = 0

    def add(self, data: bytes) -> None:
        self._size += len(data)
        left = self._half - len(self._head)
        if left > 0:
            self._head += data[:left]
            data = data[left:]
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
    """Receives the output and the end of the command. (asyncio's streams report the end only when all pipes are closed, which
    background processes delay.)
    """

    def __init__(self, limit: int, on_output: Callable[[bytes], None]) -> None:
        self.output = _Output(limit)
        self._on_output = on_output
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002
        self.output.add(data)
        self._on_output(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        self.silent.set()

    def process_exited(self) -> None:
        self.exited.set()
