"""The end of a program that was started for a session, with everything that it started in turn.

On POSIX such a program leads a process group of its own, which is killed as a whole. What left the group is found on Linux by a
mark in its environment. On Windows the tree of processes is ended with `taskkill`.
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
_ROUNDS = 5


def new_mark() -> str:
    """A value for `MARK` that no other program has."""
    return uuid.uuid4().hex


def start_flags() -> dict[str, int | bool]:
    """What makes a program the first of a group of its own, as arguments for starting it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


async def kill_tree(pid: int, mark: str, *, ended: bool) -> None:
    """Kill the program of that id and all that it started. `ended`: the program itself is gone already.

    On POSIX the id must not be free for others yet: some process of its group is still there, or nobody has waited for it.
    """
    if sys.platform == "win32":
        if not ended:
            # By its name alone it would be looked for in the current directory first, which may be anyone's.
            taskkill = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")  # noqa: PTH118
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            await (await asyncio.create_subprocess_exec(taskkill, "/F", "/T", "/PID", str(pid), **quiet)).wait()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if sys.platform == "linux":
            await asyncio.to_thread(_kill_marked, f"{MARK}={mark}".encode())


def _kill_marked(mark: bytes) -> None:
    """Kill the processes that inherited the mark, wherever they went. Again and again: one may be starting another."""
    for _ in range(_ROUNDS):
        found = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and _has_mark(one, mark)]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _has_mark(process: Path, mark: bytes) -> bool:
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # gone, or of somebody else
        return False
