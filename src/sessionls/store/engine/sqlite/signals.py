"""Signals between the processes of a machine, with Linux's inotify: after a commit, the writer touches files.

There is a file for each followed session, and one for changes that lists show. A process watches the files that concern it, so
changes of other sessions do not wake it. Several sessions may share a file: a needless signal only costs a poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

__all__ = ["Listener", "Signal", "Signals"]

Signal = Literal["followed", "listed", "nothing"]

# From <sys/inotify.h>: the same on all of Linux's architectures.
_ATTRIB, _DELETE_SELF, _MOVE_SELF, _OVERFLOW = 0x4, 0x400, 0x800, 0x4000
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ = 1 << 16
_FILES = 256  # for sessions
_LISTED = "listed"


class Signals:
    """The signals of one database. Everything but the listener may be used in any thread."""

    def __init__(self, database: Path) -> None:
        self._folder = database.with_name(f"{database.name}-signals")
        self._lock = threading.Lock()
        self._followed: set[str] = set()
        self._listener: Listener | None = None

    def send(self, session_ids: Iterable[str], *, listed: bool) -> None:
        """Wake the processes that follow one of these sessions and, with `listed`, those that show lists."""
        for name in {*map(_name, session_ids), *([_LISTED] if listed else ())}:
            with contextlib.suppress(OSError):  # nobody watches a file that does not exist
                os.utime(self._folder / name)

    def follow(self, session_id: str) -> None:
        with self._lock:
            self._followed.add(session_id)
            if self._listener is not None:
                with contextlib.suppress(OSError):  # the idle poll finds the changes
                    self._listener.add(_name(session_id))

    def unfollow(self, session_id: str) -> None:
        with self._lock:
            self._followed.discard(session_id)
            name = _name(session_id)
            if self._listener is not None and all(_name(other) != name for other in self._followed):
                self._listener.remove(name)

    def listen(self) -> Listener:
        """Raises `OSError` if this system cannot watch files, or too few."""
        with self._lock:
            listener = Listener(self._folder, self._close)
            try:
                for name in (_LISTED, *map(_name, self._followed)):
                    listener.add(name)
            except OSError:
                listener.close()
                raise
            self._listener = listener
            return listener

    def _close(self, listener: Listener) -> None:
        with self._lock:
            self._listener = None
            listener.close()


def _name(session_id: str) -> str:
    return f"{zlib.crc32(session_id.encode(errors='replace')) % _FILES:02x}"


class Listener:
    """Use it as a context on the event loop. `add` and `remove` may be called in any thread."""

    def __init__(self, folder: Path, leave: Callable[[Listener], None]) -> None:
        self._folder = folder
        self._leave = leave
        self._names: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._signalled = asyncio.Event()
        self._signal: Signal = "nothing"
        self._file_deleted = False
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def add(self, name: str) -> None:
        if name in self._numbers:
            return
        path = self._folder / name
        self._folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        mask = ctypes.c_uint32(_ATTRIB | _DELETE_SELF | _MOVE_SELF)
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask)
        if number < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        self._names[number], self._numbers[name] = name, number

    def remove(self, name: str) -> None:
        if (number := self._numbers.pop(name, None)) is not None:
            del self._names[number]
            self._libc.inotify_rm_watch(self._fd, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave(self)

    def close(self) -> None:
        os.close(self._fd)

    async def wait(self, seconds: float) -> Signal:
        """Wait for a signal, at most that many seconds. Returns the most urgent one since the last call.

        Raises `OSError` if a file that is watched was deleted.
        """
        loop = asyncio.get_running_loop()
        self._read()
        if not self._signalled.is_set() and seconds > 0:
            loop.add_reader(self._fd, self._read)  # only now, so that nothing wakes this process between two waits
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._signalled.wait(), seconds)
            finally:
                loop.remove_reader(self._fd)
        if self._file_deleted:
            raise FileNotFoundError("A signal file was deleted.")
        signal, self._signal = self._signal, "nothing"
        self._signalled.clear()
        return signal

    def wake(self) -> None:
        """End the current wait, or the next one."""
        self._signalled.set()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, _READ)
            at = 0
            while at < len(data):
                number, mask, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size + length
                name = self._names.get(number)
                if mask & _OVERFLOW:
                    self._signal = "followed"
                elif name is None:
                    continue  # it is not watched any more
                elif mask & ~_ATTRIB:
                    self._file_deleted = True
                elif name != _LISTED:
                    self._signal = "followed"
                elif self._signal == "nothing":
                    self._signal = "listed"
                self._signalled.set()
