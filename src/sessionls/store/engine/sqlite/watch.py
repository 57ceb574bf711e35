"""Watching for writes of other processes to the database file."""

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

# Seconds after which the poll is repeated: a commit becomes visible a moment after the notification.
_AGAIN: dict[Seen, tuple[float, ...]] = {"nothing": (0.002, 0.03), "own": (0.03,)}
# Delay in seconds before a poll if no followed session changed recently: leaves the processor to the writer.
_LATER = (0.004, 0.012)
_FOLLOWING = 2.0  # seconds that count as recent
_REST = 0.1  # longest pause in seconds between two polls that find nothing of interest
_IDLE_POLL = 1.0  # seconds between polls without notifications, which network drives do not send
_STEP = 2  # milliseconds that watchfiles sleeps between its checks: it reports a change after about 7
_INOTIFY = sys.platform == "linux"
_LIBRARY = "watchfiles"
_POLL = 0.05  # seconds between polls if the folder cannot be watched at all


async def watch(path: Path, poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
    """Call `poll` soon after each change of the database's file or its write-ahead log, until `stop` is set."""
    names = {path.name, f"{path.name}-wal"}
    try:
        if _INOTIFY:
            with contextlib.suppress(OSError, AttributeError):  # this kernel has no inotify, or its limit is reached
                await _watch_linux(path.parent, names, poll, stop)
        await _watch_elsewhere(path.parent, names, poll, stop)
    except Exception:
        log.warning("cannot watch the folder of the database; polling it instead", exc_info=True)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _POLL)
        except TimeoutError:
            await poll()


async def _watch_linux(folder: Path, names: set[str], poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    rest, following_until = 0.0, 0.0
    again: tuple[float, ...] = ()
    with FolderEvents(folder, names) as events:  # the folder, because the write-ahead log is created and deleted
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: events.wake())
        try:
            while not stop.is_set():
                notified = await events.wait(again[0] if again else _IDLE_POLL)
                delayed = notified and loop.time() > following_until
                if await _stopped(stop, random.uniform(*_LATER) if delayed else 0.0):  # noqa: S311 (not a secret)
                    return
                seen = await poll()
                again = _AGAIN.get(seen, ()) if notified else again[1:]
                if seen == "followed":
                    following_until = loop.time() + _FOLLOWING
                # Changes in sessions that are not followed here should cost little: poll less and less often.
                rest = min(max(2 * rest, 0.005), _REST) if seen == "others" else 0.0
                if await _stopped(stop, rest):
                    return
        finally:
            stopping.cancel()


async def _watch_elsewhere(folder: Path, names: set[str], poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
    if stop.is_set():
        return
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it logs each change
    watchfiles = await asyncio.to_thread(importlib.import_module, _LIBRARY)
    changes = watchfiles.awatch(
        folder,
        watch_filter=lambda _change, changed: Path(changed).name in names,
        debounce=1,
        step=_STEP,
        rust_timeout=round(_IDLE_POLL * 1000),
        yield_on_timeout=True,
        recursive=False,
        stop_event=stop,
    )
    async for _ in changes:
        await poll()


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for so many seconds, or until `stop` is set. Returns whether it is set."""
    if seconds and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
