"""The requests of a JSON-RPC client that have no answer yet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

__all__ = ["PendingRequests"]


class PendingRequests:
    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def new(self) -> tuple[int, asyncio.Future[Any]]:
        """The id of a new request, and its result."""
        number = next(self._ids)
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        return number, future

    def answered(self, message: Mapping[str, Any]) -> None:
        future = self._waiting.pop(message["id"])
        if future.done():
            return
        if "error" in message:
            future.set_exception(RuntimeError(str(message["error"])))
        else:
            future.set_result(message["result"])

    def ended(self) -> None:
        """The program has ended: there will be no more answers."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the program has ended"))
