"""Participants that watch a session: `python benchmarks/watching.py URL SESSION COUNT`, each with a connection of its own.

The text of the reply is the moment at which each word was written. Prints how old, in milliseconds, each word was when a
participant was shown it, once stdin ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack

from sessionls.ports.store import Delta, Notice
from sessionls.store import SqlStore


async def main(url: str, session_id: str, count: int) -> None:
    late: list[float] = []

    def heard(notice: Notice) -> None:
        if isinstance(notice, Delta):
            now = time.monotonic_ns()
            late.extend((now - int(word)) / 1e6 for word in notice.text.split())

    async with AsyncExitStack() as stack:
        for _ in range(count):
            store = await stack.enter_async_context(SqlStore(url))
            store.subscribe(heard)
            await store.follow(session_id)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await asyncio.sleep(0.3)
    print(json.dumps(late), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
