"""Runs programs for their output: without a shell, for a bounded time, with bounded output, ended with their process group.

A program that is stopped leaves nothing behind: its process group is killed, and its pipes are closed even if another process
has them open or has not read everything. (Shell commands run in `tools/process.py`, which also ends their background processes.)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Outcome", "run_program", "stream_program"]

_MAX_STDERR = 8 << 10  # bytes of the errors that are kept
_OUTPUT_SECONDS = 1.0  # seconds that output already written may take to arrive after the program's end
_STDOUT, _STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is the exit code; None where the program was `stopped`: it took too long, or wrote too much.

    `errors` is the end of what it wrote to stderr.
    """

    code: int | None
    output: bytes
    errors: bytes
    stopped: Literal["time", "output"] | None = None


async def run_program(
    command: Sequence[str],
    *,
    cwd: str | Path | None = None,
    stdin: bytes | None = None,
    seconds: float,
    limit: int,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run it to its end, or until it wrote more than `limit` bytes. Cancelling stops it.

    Raises `OSError` if it does not start, and `ValueError` for arguments that cannot be passed to a program.
    """
    output, errors = bytearray(), bytearray()

    def on_data(fd: int, data: bytes) -> None:
        if fd == _STDERR:
            errors.extend(data)
            del errors[:-_MAX_STDERR]
            return
        if len(output) <= limit:
            output.extend(data)
        if len(output) > limit:
            program.finished.set()

    program = _Program(on_data)
    stopped: Literal["time", "output"] | None = None
    async with _start_and_stop(program, command, cwd, stdin, environment, errors=subprocess.PIPE):
        try:
            async with asyncio.timeout(seconds):
                await program.finished.wait()
        except TimeoutError:
            stopped = "time"
        else:
            if len(output) <= limit:
                await program.wait_for_output()
    if stopped is None and len(output) > limit:
        stopped = "output"
    return Outcome(None if stopped else program.code, bytes(output[:limit]), bytes(errors), stopped)


async def stream_program(
    command: Sequence[str], *, stdin: bytes | None = None, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[bytes, None]:
    """The program's stdout, as it is written. Closing the generator stops the program.

    Raises `OSError` if it does not start, and `CalledProcessError` at the end if its exit code is not 0.
    """
    pieces: list[bytes] = []
    arrived = asyncio.Event()

    def on_data(_fd: int, data: bytes) -> None:
        pieces.append(data)
        arrived.set()

    program = _Program(on_data, on_end=arrived.set)
    async with _start_and_stop(program, command, None, stdin, environment, errors=subprocess.DEVNULL):
        while not program.output_ended.is_set():
            await arrived.wait()
            arrived.clear()
            ready, pieces[:] = b"".join(pieces), []
            if ready:
                yield ready
        if pieces:
            yield b"".join(pieces)
        await program.finished.wait()
    if program.code:
        raise subprocess.CalledProcessError(program.code, command[0])


class _Program(asyncio.SubprocessProtocol):
    """Receives a program's output, and notices its end.

    asyncio's own streams notice the end only when every process that has the pipes open has closed them.
    """

    def __init__(self, on_data: Callable[[int, bytes], None], on_end: Callable[[], None] = lambda: None) -> None:
        self._on_data = on_data
        self._on_end = on_end
        self._open = {_STDOUT, _STDERR}
        self.exited = asyncio.Event()
        self.finished = asyncio.Event()  # it has exited, or no more output is needed
        self.output_ended = asyncio.Event()  # all its output has arrived
        self.code: int | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        if transport.get_pipe_transport(_STDERR) is None:
            self._open.discard(_STDERR)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._on_data(fd, data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        self._open.discard(fd)
        if not self._open:
            self.output_ended.set()
            self._on_end()

    def process_exited(self) -> None:
        assert self._transport is not None
        self.code = self._transport.get_returncode()
        self.exited.set()
        self.finished.set()

    async def wait_for_output(self) -> None:
        """Wait for output that was written before the exit, but not long: programs that it started may keep the pipes open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_OUTPUT_SECONDS):
                await self.output_ended.wait()


@contextlib.asynccontextmanager
async def _start_and_stop(
    program: _Program,
    command: Sequence[str],
    cwd: str | Path | None,
    stdin: bytes | None,
    environment: Mapping[str, str] | None,
    *,
    errors: int,
) -> AsyncIterator[None]:
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: program,
        *command,
        cwd=cwd,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        **_own_group(),
    )
    try:
        if stdin is not None:
            pipe: Any = transport.get_pipe_transport(0)
            pipe.write(stdin)  # a program that does not read it ends all the same
            pipe.close()
        yield
    finally:
        if not program.exited.is_set():  # afterwards its id may belong to another program
            _kill(transport)
        try:
            await asyncio.shield(program.exited.wait())
        finally:  # also if that wait is cancelled: the program was already killed
            with contextlib.suppress(PermissionError):
                transport.close()


def _own_group() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _kill(transport: asyncio.SubprocessTransport) -> None:
    """Kill the program with its process group; on Windows the program alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            transport.kill()
        else:
            os.killpg(transport.get_pid(), signal.SIGKILL)
