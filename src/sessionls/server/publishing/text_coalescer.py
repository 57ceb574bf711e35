"""The only place where text waits on its way to the client: the store forwards every piece at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["TextCoalescer"]

_GAP = 0.004  # seconds between two pieces that are sent


class TextCoalescer:
    """Sends the first piece at once, and joins those that follow shortly after it.

    While `ready` is false, the client is behind: text is kept until it has caught up.
    """

    def __init__(self, send: Callable[[str], None], ready: Callable[[], bool] = lambda: True) -> None:
        self._send = send
        self._ready = ready
        self._pieces: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        if self._timer is None:
            self.flush()
            self._wait()

    def flush(self) -> None:
        """Send the waiting text now, also to a client that is behind."""
        if self._pieces:
            text = "".join(self._pieces)
            self._pieces = []
            self._send(text)

    def close(self) -> None:
        """Send nothing more."""
        self._pieces = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_GAP, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._pieces:
            if self._ready():
                self.flush()
            self._wait()
