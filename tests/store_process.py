"""A process beside the tests: `python store_process.py rename URL SESSION COUNT`, `write URL [LEASE]` (until killed),
`late URL [LEASE]`,
`open URL SESSION NAME` (until killed).
"""

from __future__ import annotations

import asyncio
import sys

from sessionls.domain import transitions
from sessionls.domain.model import Participant, TextPart
from sessionls.store import SqlStore
from stores import begin, create, rename, say


async def renames(url: str, session_id: str, count: int) -> None:
    async with SqlStore(url) as store:
        for n in range(count):
            print(await rename(store, session_id, f"theirs {n}"), flush=True)  # noqa: T201


async def write(url: str, lease: str = "0.5") -> None:
    """Draft a word every 5 ms, and print each."""
    async with SqlStore(url, lease=float(lease)) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        print(session_id, reply, flush=True)  # noqa: T201
        for n in range(100_000):
            store.draft(session_id, reply, 0, "text", f"w{n} ")
            print(f"w{n}", flush=True)  # noqa: T201
            await asyncio.sleep(0.005)


async def late(url: str, lease: str = "0.5") -> None:
    """Start a reply, and end it after a line of input. Print whether this process still had the claim."""
    async with SqlStore(url, lease=float(lease)) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        print(session_id, reply, flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.readline)
        store.draft(session_id, reply, 0, "text", "late words")
        parts = [TextPart(text="late words")]
        try:
            await store.change(session_id, lambda change: transitions.finish(change, reply, "complete", parts, None, runner=None))
        except transitions.ClaimLost:
            print("refused", flush=True)  # noqa: T201
        else:
            print("written", flush=True)  # noqa: T201


async def open_session(url: str, session_id: str, name: str) -> None:
    """Have the session open, as a participant of that name."""
    async with SqlStore(url, lease=0.5) as store:
        participant = Participant(id=name.lower(), name=name)
        await store.change(session_id, lambda change: transitions.join(change, participant))
        print("open", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    what, url, *rest = sys.argv[1:]
    work = {"write": write, "late": late}
    if what == "open":
        asyncio.run(open_session(url, *rest))
    else:
        asyncio.run(work[what](url, *rest) if what in work else renames(url, rest[0], int(rest[1])))
