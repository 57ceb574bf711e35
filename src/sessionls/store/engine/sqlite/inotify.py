"""Notifications about changes in a folder on Linux, on the event loop and without polling."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["FolderEvents"]

# From <sys/inotify.h>; the same on all architectures.
_MODIFY, _MOVED_TO, _CREATE, _DELETE, _IGNORED, _OVERFLOW = 0x2, 0x80, 0x100, 0x200, 0x8000, 0x4000
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ = 1 << 16


class FolderEvents:
    """Changes of files with these names in a folder. Raises `OSError` if the folder cannot be watched."""

    def __init__(self, folder: Path, names: Collection[str]) -> None:
        self._names = {os.fsencode(name) for name in names}
        self._happened = asyncio.Event()
        self._gone = False
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        wanted = ctypes.c_uint32(_MODIFY | _MOVED_TO | _CREATE | _DELETE)
        if libc.inotify_add_watch(self._fd, os.fsencode(folder), wanted) < 0:
            number = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(number, "inotify_add_watch")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._fd)

    async def wait(self, seconds: float) -> bool:
        """Wait for a change for at most so many seconds. Returns whether there was one since the last call.

        Raises `OSError` if the folder was deleted.
        """
        loop = asyncio.get_running_loop()
        self._read()
        if not self._happened.is_set():
            loop.add_reader(self._fd, self._read)  # only while waiting, so that events do not wake this process between waits
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._happened.wait(), seconds)
            finally:
                loop.remove_reader(self._fd)
        if self._gone:
            raise FileNotFoundError("The folder is gone.")
        happened = self._happened.is_set()
        self._happened.clear()
        return happened

    def wake(self) -> None:
        """End the current wait, or the next one."""
        self._happened.set()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, _READ)
            at = 0
            while at < len(data):
                _, mask, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size
                name = data[at : at + length].rstrip(b"\0")
                at += length
                self._gone = self._gone or bool(mask & _IGNORED)
                if name in self._names or mask & (_IGNORED | _OVERFLOW):
                    self._happened.set()
