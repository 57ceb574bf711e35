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
from sessionls.store.options import StoreOptions

__all__ = ["watch"]

log = logging.getLogger(__name__)

_PAUSE = 0.25  # seconds between two polls for lists
_IDLE_CHECK = 1.0  # seconds between polls without notifications of the folder, which network drives do not send
_STEP = 2  # milliseconds that watchfiles sleeps between its checks: it reports a change after about 7
_POLL = 0.05  # seconds between polls if the folder cannot be watched at all


async def watch(
    path: Path,
    signals: Signals | None,
    poll: Callable[[], Awaitable[PollResult]],
    stop: asyncio.Event,
    options: StoreOptions,
) -> None:
    """Call `poll` soon after each commit of another process, until `stop` is set."""
    try:
        if signals is not None:
            with contextlib.suppress(OSError, AttributeError):  # this kernel has no inotify, or its limit is reached
                await _watch_signals(signals, poll, stop, options)
        await _watch_folder(path.parent, {path.name, f"{path.name}-wal"}, poll, stop, options.watch_library)
    except Exception:
        log.warning("cannot watch the folder of the database; polling it instead", exc_info=True)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _POLL)
        except TimeoutError:
            await poll()


async def _watch_signals(
    signals: Signals, poll: Callable[[], Awaitable[PollResult]], stop: asyncio.Event, options: StoreOptions
) -> None:
    loop = asyncio.get_running_loop()
    polled = -_PAUSE
    due = loop.time()  # something may have been committed before the signals were watched
    with await asyncio.to_thread(signals.listen) as listener:
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: listener.wake())
        try:
            while not stop.is_set():
                now = loop.time()
                signal = await listener.wait(min(due, polled + options.idle_poll_seconds) - now)
                if stop.is_set():
                    return
                if signal == "listed" and loop.time() < due:
                    later = loop.time() + random.uniform(*options.listed_delay_seconds)  # noqa: S311 (not a secret)
                    due = min(due, max(later, polled + _PAUSE))
                elif signal == "followed" or loop.time() >= min(due, polled + options.idle_poll_seconds):
                    due = float("inf")
                    polled = loop.time()
                    await poll()
        finally:
            stopping.cancel()


async def _watch_folder(
    folder: Path, names: set[str], poll: Callable[[], Awaitable[PollResult]], stop: asyncio.Event, library: str
) -> None:
    if stop.is_set():
        return
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it logs each change
    watchfiles = await asyncio.to_thread(importlib.import_module, library)
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
