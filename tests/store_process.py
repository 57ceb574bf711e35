"""A process beside the tests': `python store_process.py rename URL SESSION COUNT`, or `write URL` until it is killed."""

from __future__ import annotations

import asyncio
import sys

from sessionls.store import SqlStore
from stores import begin, create, rename, say


async def renames(url: str, session_id: str, count: int) -> None:
    async with SqlStore(url) as store:
        for n in range(count):
            print(await rename(store, session_id, f"theirs {n}"), flush=True)  # noqa: T201


async def write(url: str) -> None:
    """Draft a word every 5 ms, and print each as soon as it is drafted."""
    async with SqlStore(url, lease=0.5) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        print(session_id, reply, flush=True)  # noqa: T201
        for n in range(100_000):
            store.draft(session_id, reply, 0, "text", f"w{n} ")
            print(f"w{n}", flush=True)  # noqa: T201
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    what, url, *rest = sys.argv[1:]
    asyncio.run(write(url) if what == "write" else renames(url, rest[0], int(rest[1])))
