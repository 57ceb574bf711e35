"""Watching for writes of other processes to the database file."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from sessionls.store.engine.database import PollResult
from sessionls.store.engine.sqlite.signals import Signals

__all__ = ["watch"]

log = logging.getLogger(__name__)

# Delay in seconds until a change of a session that is not followed is read, for lists: it leaves the processor to the writer.
_LATER = (0.03, 0.1)
_PAUSE = 0.25  # seconds between two such polls
_IDLE_POLL = 5.0  # seconds between polls without signals, for what other programs do to the file
_IDLE_CHECK = 1.0  # the same without notifications of the folder, which network drives do not send
_STEP = 2  # milliseconds that watchfiles sleeps between its checks: it reports a change after about 7
_LIBRARY = "watchfiles"
_POLL = 0.05  # seconds between polls if the folder cannot be watched at all


async def watch(path: Path, signals: Signals | None, poll: Callable[[], Awaitable[PollResult]], stop: asyncio.Event) -> None:
    """Call `poll` soon after each commit of another process, until `stop` is set."""
    try:
        if signals is not None:
            with contextlib.suppress(OSError, AttributeError):  # this kernel has no inotify, or its limit is reached
                await _watch_signals(signals, poll, stop)
        await _watch_folder(path.parent, {path.name, f"{path.name}-wal"}, poll, stop)
    except Exception:
        log.warning("cannot watch the folder of the database; polling it instead", exc_info=True)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _POLL)
        except TimeoutError:
            await poll()


async def _watch_signals(signals: Signals, poll: Callable[[], Awaitable[PollResult]], stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    polled = -_PAUSE
    due = loop.time()  # something may have been committed before the signals were watched
    with await asyncio.to_thread(signals.listen) as listener:
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: listener.wake())
        try:
            while not stop.is_set():
                now = loop.time()
                signal = await listener.wait(min(due, polled + _IDLE_POLL) - now)
                if stop.is_set():
                    return
                if signal == "listed" and loop.time() < due:
                    later = loop.time() + random.uniform(*_LATER)  # noqa: S311 (not a secret)
                    due = min(due, max(later, polled + _PAUSE))
                elif signal == "followed" or loop.time() >= min(due, polled + _IDLE_POLL):
                    due = float("inf")
                    polled = loop.time()
                    await poll()
        finally:
            stopping.cancel()


async def _watch_folder(folder: Path, names: set[str], poll: Callable[[], Awaitable[PollResult]], stop: asyncio.Event) -> None:
    if stop.is_set():
        return
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it logs each change
    watchfiles = await asyncio.to_thread(importlib.import_module, _LIBRARY)
    changes = watchfiles.awatch(
        folder,
        watch_filter=lambda _change, changed: Path(changed).name in names,
        debounce=1,
        step=_STEP,
        rust_timeout=round(_IDLE_CHECK * 1000),
        yield_on_timeout=True,
        recursive=False,
        stop_event=stop,
    )
    async for _ in changes:
        await poll()
