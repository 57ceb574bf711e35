"""Running a program for its output: without a shell, for a bounded time and output, ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Outcome", "run_program"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is the exit code; None where the program took too long or said too much (`cut`)."""

    code: int | None
    output: bytes
    errors: bytes
    cut: bool = False


async def run_program(
    command: Sequence[str],
    *,
    cwd: str | Path,
    stdin: bytes | None = None,
    seconds: float,
    limit: int,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run it to its end. Raises `OSError` where it does not start. Cancelling ends it, and what it started."""
    options: dict[str, object] = {"creationflags": 0x08000000} if os.name == "nt" else {"start_new_session": True}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=dict(environment) if environment is not None else None,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[arg-type]
    )
    assert process.stdout is not None and process.stderr is not None
    output, errors = bytearray(), bytearray()
    code, cut = None, False
    try:
        async with asyncio.timeout(seconds):
            feeding = _feed(process, stdin)
            _, cut, _ = await asyncio.gather(
                feeding, _gather(process.stdout, output, limit, process), _keep_end(process.stderr, errors)
            )
            code = await process.wait()
    except TimeoutError:
        cut = True
    finally:
        if code is None:  # after it has ended its number may be another program's
            _end(process)
            _close(process)
        await asyncio.shield(process.wait())
    return Outcome(None if cut else code, bytes(output[:limit]), bytes(errors), cut)


async def _feed(process: asyncio.subprocess.Process, data: bytes | None) -> None:
    if data is not None and process.stdin is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(data)
            await process.stdin.drain()
        process.stdin.close()


async def _gather(stream: asyncio.StreamReader, into: bytearray, limit: int, process: asyncio.subprocess.Process) -> bool:
    """All that comes, up to `limit` bytes; says whether there was more: then the program is ended."""
    over = False
    while chunk := await stream.read(1 << 16):
        if not over:
            into += chunk
            if over := len(into) > limit:
                _end(process)
        # What is not read keeps the pipe open, and with it the wait for the program's end.
    return over


async def _keep_end(stream: asyncio.StreamReader, into: bytearray, size: int = 8_192) -> None:
    while chunk := await stream.read(1 << 16):
        into += chunk
        del into[:-size]


def _close(process: asyncio.subprocess.Process) -> None:
    """Let go of the pipes: `wait` waits for their end too, and whoever else holds them may never end."""
    transport = getattr(process, "_transport", None)
    if transport is not None:
        with contextlib.suppress(PermissionError):
            transport.close()


def _end(process: asyncio.subprocess.Process) -> None:
    """End the program with its process group; on Windows the program alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            if process.returncode is None:
                process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
