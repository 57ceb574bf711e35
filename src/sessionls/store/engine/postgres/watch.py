"""Watching for commits of other processes: with notifications of the server (LISTEN), or else by polling."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

from sessionls.domain.errors import StoreUnavailable
from sessionls.store.engine.database import PollResult
from sessionls.store.engine.postgres.dialect import CHANNEL

if TYPE_CHECKING:
    import psycopg

__all__ = ["Listener", "watch"]

log = logging.getLogger(__name__)

_IDLE_POLL = 5.0  # seconds between polls without notifications
_POLL = 0.1  # seconds between polls if the server sends no notifications
_REST = 0.1  # longest pause in seconds between two polls that find nothing of interest
_PING = 15.0  # seconds without notifications after which the connection is checked
_TEST_AGAIN = 60.0  # seconds until the test is repeated
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)  # seconds between attempts to connect


class Listener:
    """A thread that waits for notifications on its own connection.

    After each notification it calls `publish_drafts`, which reads new drafts on that connection and publishes them: a reply that
    is written elsewhere causes many notifications, and waking another thread and another connection for each would take longer.
    `publish_drafts` returns None if there may be other changes.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        own_pids: Collection[int],
        test_seconds: float,
        publish_drafts: Callable[[psycopg.Connection[Any]], PollResult | None] = lambda _: None,
    ) -> None:
        self._connect = connect
        self._test_seconds = test_seconds
        self._own_pids = own_pids
        self._publish_drafts = publish_drafts
        self._notified = False
        self._on_change: Callable[[], None] = lambda: None
        self._stopped = threading.Event()
        self._inside, self._outside = socket.socketpair()
        self._outside.setblocking(False)
        self._last_payload = ""
        self.listening: bool | None = None

    def start(self, on_change: Callable[[], None]) -> threading.Thread:
        """Start the thread. It calls `on_change` when there may be changes that `publish_drafts` does not publish."""
        self._on_change = on_change
        thread = threading.Thread(target=self._run, name="store-listen", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._outside.send(b"x")

    def works_on(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether notifications arrive on this connection."""
        with self._inside, self._outside, selectors.DefaultSelector() as selector:
            connection.execute(f"LISTEN {CHANNEL}")
            selector.register(connection.fileno(), selectors.EVENT_READ)
            return self._receives_test(connection, selector)

    def _run(self) -> None:
        tries = 0
        try:
            while not self._stopped.is_set():
                try:
                    with self._connect() as connection:
                        self._listen(connection)
                        tries = 0
                except Exception as error:  # noqa: BLE001 (after any error, the next attempt may succeed)
                    if tries == 0 and not self._stopped.is_set():
                        reason = error.message if isinstance(error, StoreUnavailable) else str(error).strip()
                        log.warning("no notifications of changes until the database can be reached again: %s", reason)
                self.listening = False if self.listening is False else None
                self._stopped.wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1
        finally:
            self._inside.close()
            self._outside.close()

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        """Wait for notifications until the listener is stopped, the connection fails, or the test is due again."""
        connection.add_notify_handler(lambda notify: self._handle_notification(notify.pid, notify.payload))
        connection.execute(f"LISTEN {CHANNEL}")
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._inside, selectors.EVENT_READ)
            works = self._receives_test(connection, selector)
            if not works and self.listening is not False:
                log.warning("the database does not notify of changes (LISTEN): polling it instead")
            self.listening = works
            self._on_change()  # something may have been committed before
            next_test = time.monotonic() + (_TEST_AGAIN if not works else float("inf"))
            pause = 0.0
            while not self._stopped.is_set() and time.monotonic() < next_test:
                if not self._notified and not self._read(connection, selector, _PING):
                    connection.execute("SELECT 1")
                if self._notified:
                    self._notified = False
                    pause = next_pause(pause, self._publish_or_report(connection))
                    if pause:
                        self._stopped.wait(pause)

    def _publish_or_report(self, connection: psycopg.Connection[Any]) -> PollResult | None:
        found: PollResult | None = None
        try:
            found = self._publish_drafts(connection)
        finally:
            if found is None:
                self._on_change()
        return found

    def _receives_test(self, connection: psycopg.Connection[Any], selector: selectors.BaseSelector) -> bool:
        """Whether a test notification arrives: a transaction pooler accepts LISTEN, but drops the notifications.

        If no second connection can be opened for the test, notifications are assumed to arrive.
        """
        token = uuid.uuid4().hex
        try:
            with self._connect() as other:
                other.execute("SELECT pg_notify(%s, %s)", (CHANNEL, token))
        except Exception as error:  # noqa: BLE001 (it is only a test)
            log.info("could not test notifications of changes: %s", error)
            return True
        deadline = time.monotonic() + self._test_seconds
        while self._last_payload != token and not self._stopped.is_set() and (remaining := deadline - time.monotonic()) > 0:
            self._read(connection, selector, remaining)
        return self._last_payload == token

    def _read(self, connection: psycopg.Connection[Any], selector: selectors.BaseSelector, seconds: float) -> bool:
        """Wait for notifications and pass them on. Returns whether anything arrived."""
        if not selector.select(seconds):
            return False
        if self._stopped.is_set():
            return True
        connection.pgconn.consume_input()
        while (notify := connection.pgconn.notifies()) is not None:
            self._handle_notification(notify.be_pid, notify.extra.decode())
        return True

    def _handle_notification(self, pid: int, payload: str) -> None:
        self._last_payload = payload or self._last_payload
        if not payload and pid not in self._own_pids:
            self._notified = True


def next_pause(pause: float, found: PollResult | None) -> float:
    """The pause after a poll. Changes in sessions that are not followed here should cost little: poll less and less often."""
    return min(max(2 * pause, 0.005), _REST) if found == "others" else 0.0


async def watch(listener: Listener, poll: Callable[[], Awaitable[PollResult]], stop: asyncio.Event) -> None:
    """Call `poll` soon after each commit of another process, until `stop` is set."""
    loop = asyncio.get_running_loop()
    wake = asyncio.Event()

    def wake_loop() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(wake.set)

    thread = listener.start(wake_loop)
    stopping = asyncio.create_task(stop.wait())
    stopping.add_done_callback(lambda _: wake.set())
    pause = 0.0
    try:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), _POLL if listener.listening is False else _IDLE_POLL)
            if stop.is_set():
                break
            wake.clear()
            pause = next_pause(pause, await poll())
            if pause:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
    finally:
        stopping.cancel()
        listener.stop()
        await asyncio.to_thread(thread.join, 5)
