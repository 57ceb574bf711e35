"""The program of an external agent: started with a short environment, its words in a log, ended with all that it started.

On POSIX it leads a process group with a watcher in it, which waits for the end of a pipe that only this process holds: if this
process is killed, the program is killed, too.
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

_LOG_LIMIT = 1 << 20  # bytes of a log, which then begins anew
_GRACE = 2.0  # seconds to end by itself once its input is closed
# `$1` is where the pipe is. The shell's own input is the program's.
_WATCHED = '(read _ <"$1"; kill -KILL 0) >/dev/null 2>&1 & shift; exec "$@"'
_VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass
class Program:
    """A running program. `log` is the file that has what it writes to its standard error."""

    process: asyncio.subprocess.Process
    mark: str
    log: Path
    _alive: int | None
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
        """End it: politely first, by the end of its input, then for good, with all that it started. Safe to call again."""
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
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None
        await self.process.wait()
        self._logging.cancel()
        await asyncio.gather(self._logging, return_exceptions=True)


async def start(definition: Definition, folder: Path, logs: Path) -> Program:
    """Start the program that the definition names, in its folder. Raises `AgentUnavailable`."""
    command = await asyncio.to_thread(_find, definition)
    environment = environment_of(definition, os.environ)
    cwd = await asyncio.to_thread(_directory, definition, folder)
    log = logs / f"{definition.name}.log"
    mark = new_mark()
    watched = sys.platform != "win32"
    words: Sequence[str] = (command, *definition.args)
    alive, ours = os.pipe() if watched else (None, None)
    given: dict[str, Any] = start_flags()
    if alive is not None:
        words = ("/bin/sh", "-c", _WATCHED, "sh", f"/dev/fd/{alive}", *words)
        given["pass_fds"] = (alive,)
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env={**environment, MARK: mark},
            **given,
        )
    except (OSError, ValueError) as error:
        if ours is not None:
            os.close(ours)
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "its command is not valid"
        raise AgentUnavailable(
            definition.name, f"its program could not be started: {reason}.", hint="Correct its command, or reinstall it."
        ) from None
    finally:
        if alive is not None:
            os.close(alive)
    assert process.stderr is not None
    return Program(
        process, mark, log, ours, asyncio.create_task(_write_log(process.stderr, log), name=f"log of {definition.name}")
    )


def environment_of(definition: Definition, environ: Mapping[str, str]) -> dict[str, str]:
    """What its program gets: the usual variables without any key, and those that its definition names.

    `${env:X}` stands for a variable of this process, except in what a workspace defines. Raises `AgentUnavailable` where there is
    no such variable.
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
            definition.name, f"the environment has no {', '.join(missing)}.", hint="Set it, or change `env` of the agent."
        )
    return {**child_environment(environ), **own}


def _find(definition: Definition) -> str:
    assert definition.command is not None
    # A path with a folder in it is a path. A name is looked for in PATH alone: on Windows `which` would look here first.
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which(str(Path(definition.command).expanduser()), path=path)
    if found is None or (os.name == "nt" and not Path(found).is_absolute()):
        raise AgentUnavailable(
            definition.name,
            f"its program {definition.command!r} is not installed.",
            hint="Install it, or correct its command. It is looked for in PATH.",
        )
    return found


def _directory(definition: Definition, folder: Path) -> Path:
    directory = folder / Path(definition.cwd).expanduser() if definition.cwd else folder
    if not directory.is_dir():
        raise AgentUnavailable(definition.name, "the folder it is to start in does not exist.", hint="Correct its `cwd`.")
    return directory


async def _write_log(stream: asyncio.StreamReader, path: Path) -> None:
    """Keep what it says on its standard error: the newest megabyte or so. It may hold anything, so the file is private."""
    while data := await stream.read(1 << 16):
        # A log that cannot be written must not stop the program, which waits for its words to be read.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_append, path, data)


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    full = path.exists() and path.stat().st_size > _LOG_LIMIT
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if full else 0)
    with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
        file.write(data)
