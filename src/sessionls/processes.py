"""Ends a program that was started for a session, with everything that it started in turn.

On POSIX such a program leads its own process group, which is killed as a whole. On Linux, processes that left the group are found
by a mark in their environment. On Windows the tree of processes is ended with `taskkill`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

__all__ = ["MARK", "kill_tree", "new_mark", "start_flags"]

MARK = "AGENT_COMMAND_ID"
"""The variable that marks a program and all that it starts."""
_MAX_ROUNDS = 5


def new_mark() -> str:
    """A value for `MARK` that no other program has."""
    return uuid.uuid4().hex


def start_flags() -> dict[str, int | bool]:
    """The arguments that start a program in its own process group."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


async def kill_tree(pid: int, mark: str, *, ended: bool) -> None:
    """Kill the program of that id and all that it started. `ended`: the program itself is gone already.

    On POSIX the id must not have been reused: a process of its group still exists, or nobody has waited for the program yet.
    """
    if sys.platform == "win32":
        if not ended:
            # A bare name would be searched for in the current directory first, which may not be trusted.
            taskkill = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")  # noqa: PTH118
            no_output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            await (await asyncio.create_subprocess_exec(taskkill, "/F", "/T", "/PID", str(pid), **no_output)).wait()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if sys.platform == "linux":
            await asyncio.to_thread(_kill_marked, f"{MARK}={mark}".encode())


def _kill_marked(mark: bytes) -> None:
    """Kill all processes that inherited the mark. Repeats this, because a process may be starting another one."""
    for _ in range(_MAX_ROUNDS):
        pids = [int(process.name) for process in Path("/proc").iterdir() if process.name.isdigit() and _has_mark(process, mark)]
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _has_mark(process: Path, mark: bytes) -> bool:
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or belongs to another user
        return False
