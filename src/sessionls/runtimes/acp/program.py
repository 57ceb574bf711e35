"""The program of an external agent: runs with a minimal environment, logs its standard error, and ends with all its children.

On POSIX it leads a process group. A watcher in the group waits for the end of a pipe that only this process keeps open: if this
process is killed, the watcher kills the group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable
from sessionls.environment import child_environment
from sessionls.processes import MARK, kill_tree, new_mark, start_flags

__all__ = ["Program", "environment_of", "start"]

_LOG_LIMIT = 1 << 20  # bytes of a log before it is truncated
_GRACE = 2.0  # seconds to end by itself after its input was closed
# `$1` is the path of the pipe. The program inherits the shell's input.
_WATCHER_SCRIPT = '(read _ <"$1"; kill -KILL 0) >/dev/null 2>&1 & shift; exec "$@"'
_VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass
class Program:
    """A running program. `log` is the file with its standard error."""

    process: asyncio.subprocess.Process
    mark: str
    log: Path
    _pipe_end: int | None
    _logging: asyncio.Task[None]
    _ending: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def reader(self) -> asyncio.StreamReader:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def writer(self) -> asyncio.StreamWriter:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def code(self) -> int | None:
        return self.process.returncode

    async def wait(self) -> int:
        return await self.process.wait()

    async def end(self) -> None:
        """Close its input, and kill it with all its children if it does not end by itself. Safe to call more than once."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await self.process.wait()
        await kill_tree(self.process.pid, self.mark, ended=self.process.returncode is not None)
        if self._pipe_end is not None:
            os.close(self._pipe_end)
            self._pipe_end = None
        with contextlib.suppress(TimeoutError):  # a process that cannot be found may keep its output open
            async with asyncio.timeout(_GRACE):
                await asyncio.gather(self._drain(), self.process.wait())
        self._logging.cancel()
        await asyncio.gather(self._logging, return_exceptions=True)

    async def _drain(self) -> None:
        """Read the rest of its output: until then asyncio does not count the program as ended."""
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: the connection reads it
            while await self.reader.read(1 << 16):
                pass


async def start(definition: Definition, folder: Path, logs: Path) -> Program:
    """Start the definition's program in its folder. Raises `AgentUnavailable`."""
    command = await asyncio.to_thread(_find, definition)
    environment = environment_of(definition, os.environ)
    cwd = await asyncio.to_thread(_directory, definition, folder)
    log = logs / f"{definition.name}.log"
    mark = new_mark()
    watched = sys.platform != "win32"
    command_line: Sequence[str] = (command, *definition.args)
    watcher_end, own_end = os.pipe() if watched else (None, None)
    options: dict[str, Any] = start_flags()
    if watcher_end is not None:
        command_line = ("/bin/sh", "-c", _WATCHER_SCRIPT, "sh", f"/dev/fd/{watcher_end}", *command_line)
        options["pass_fds"] = (watcher_end,)
    try:
        process = await asyncio.create_subprocess_exec(
            *command_line,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env={**environment, MARK: mark},
            **options,
        )
    except (OSError, ValueError) as error:
        if own_end is not None:
            os.close(own_end)
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "its command is not valid"
        raise AgentUnavailable(
            definition.name, f"its program could not be started: {reason}.", hint="Correct its command, or reinstall it."
        ) from None
    finally:
        if watcher_end is not None:
            os.close(watcher_end)
    assert process.stderr is not None
    return Program(
        process, mark, log, own_end, asyncio.create_task(_write_log(process.stderr, log), name=f"log of {definition.name}")
    )


def environment_of(definition: Definition, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the program: the usual variables without API keys, and those of the definition.

    `${env:X}` is replaced with a variable of this process, except in a definition of the workspace. Raises `AgentUnavailable` if
    there is no such variable.
    """
    missing: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if match[1] not in environ:
            missing.append(match[1])
        return environ.get(match[1], "")

    own = dict(definition.env)
    if definition.origin != "workspace":
        own = {name: _VARIABLE.sub(fill, value) for name, value in own.items()}
    if missing:
        raise AgentUnavailable(
            definition.name,
            f"the environment variable {', '.join(missing)} is not set.",
            hint="Set it, or change `env` of the agent.",
        )
    return {**child_environment(environ), **own}


def _find(definition: Definition) -> str:
    assert definition.command is not None
    # A name without a folder is searched in PATH only: on Windows, `which` would search the current folder first.
    path = os.environ.get("PATH", os.defpath)
    program = shutil.which(str(Path(definition.command).expanduser()), path=path)
    if program is None or (os.name == "nt" and not Path(program).is_absolute()):
        raise AgentUnavailable(
            definition.name,
            f"its program {definition.command!r} is not installed.",
            hint="Install it, or correct its command. It is searched in PATH.",
        )
    return program


def _directory(definition: Definition, folder: Path) -> Path:
    directory = folder / Path(definition.cwd).expanduser() if definition.cwd else folder
    if not directory.is_dir():
        raise AgentUnavailable(definition.name, "its working folder does not exist.", hint="Correct its `cwd`.")
    return directory


async def _write_log(stream: asyncio.StreamReader, path: Path) -> None:
    """Log its standard error, about the newest megabyte. It may contain secrets, so the file is private."""
    while data := await stream.read(1 << 16):
        # If the log cannot be written, keep reading: otherwise the program would block.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_append, path, data)


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    full = path.exists() and path.stat().st_size > _LOG_LIMIT
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if full else 0)
    with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
        file.write(data)
