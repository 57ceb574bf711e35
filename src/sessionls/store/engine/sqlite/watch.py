"""Noticing that another process has written to the database's file."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from sessionls.store.engine.database import Seen
from sessionls.store.engine.sqlite.inotify import FolderEvents

__all__ = ["watch"]

log = logging.getLogger(__name__)

# Seconds after which it is looked again: a change is seen only a moment after it is told of.
_AGAIN: dict[Seen, tuple[float, ...]] = {"nothing": (0.002, 0.03), "own": (0.03,)}
# Seconds until a look, where nothing that is followed here was written lately: whoever writes has the machine meanwhile.
_LATER = (0.004, 0.012)
_FOLLOWING = 2.0  # seconds that are lately
_REST = 0.1  # seconds between two looks at most, where they see nothing for anybody here
_LOOK = 1.0  # seconds: look this often where no word of a change comes, as from network drives
_STEP = 2  # milliseconds that watchfiles sleeps between looks: a change is told in about 7
_INOTIFY = sys.platform == "linux"
_LIBRARY = "watchfiles"
_POLL = 0.05  # seconds between looks where the folder cannot be watched at all


async def watch(path: Path, poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
    """Call `poll` soon after each change of the database's file or its write-ahead log, until `stop` is set."""
    names = {path.name, f"{path.name}-wal"}
    try:
        if _INOTIFY:
            with contextlib.suppress(OSError, AttributeError):  # no such thing in this kernel, or no more of them
                await _watch_linux(path.parent, names, poll, stop)
        await _watch_elsewhere(path.parent, names, poll, stop)
    except Exception:
        log.warning("the database's folder cannot be watched; looking at it again and again instead", exc_info=True)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _POLL)
        except TimeoutError:
            await poll()


async def _watch_linux(folder: Path, names: set[str], poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    rest, following_until = 0.0, 0.0
    again: tuple[float, ...] = ()
    with FolderEvents(folder, names) as events:  # the folder: the write-ahead log comes and goes
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: events.wake())
        try:
            while not stop.is_set():
                told = await events.wait(again[0] if again else _LOOK)
                later = random.uniform(*_LATER) if told and loop.time() > following_until else 0.0  # noqa: S311 (no secret depends on it)
                if await _stopped(stop, later):
                    return
                seen = await poll()
                again = _AGAIN.get(seen, ()) if told else again[1:]
                if seen == "followed":
                    following_until = loop.time() + _FOLLOWING
                # What goes on in sessions of others costs those who do not follow them little: they look less and less often.
                rest = min(max(2 * rest, 0.005), _REST) if seen == "others" else 0.0
                if await _stopped(stop, rest):
                    return
        finally:
            stopping.cancel()


async def _watch_elsewhere(folder: Path, names: set[str], poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
    if stop.is_set():
        return
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of each change
    watchfiles = await asyncio.to_thread(importlib.import_module, _LIBRARY)
    changes = watchfiles.awatch(
        folder,
        watch_filter=lambda _change, changed: Path(changed).name in names,
        debounce=1,
        step=_STEP,
        rust_timeout=round(_LOOK * 1000),
        yield_on_timeout=True,
        recursive=False,
        stop_event=stop,
    )
    async for _ in changes:
        await poll()


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for so long, or until it is to stop; says which."""
    if seconds and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
