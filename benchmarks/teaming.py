"""A team's database in PostgreSQL with 100,000 sessions and 5,000,000 events, against a small one in the same server.

Both are asked in turn, with the login of a member who sees one session in eight. Each time, other sessions are opened, searched
and forked.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from bench import Bench
from table import Row

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

import stores
from logins import TeamDatabase
from postgres_server import PostgresServer
from sessionls.domain.model import Participant
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore
from stores import fork
from team_filling import FOLDER, MEMBER, Filled, fill_team

__all__ = ["teaming"]

_EVENTS = 50
_SIZES, _QUICK = (1000, 100_000), (100, 200)
_SCOPE = scope_of([FOLDER])
# (Large databases need memory and a log that is not written again and again.)
_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "wal_level": "minimal", "max_wal_senders": "0"}
_Question = Callable[[SqlStore, Filled, int], Awaitable[object]]
_QUESTIONS: dict[str, _Question] = {
    "the first 50 sessions of a folder": lambda store, _, __: store.sessions(
        scope=_SCOPE, state=None, query=None, limit=50, cursor=None
    ),
    "a title": lambda store, _, n: store.sessions(scope=_SCOPE, state=None, query=f"number {n}", limit=50, cursor=None),
    "open (last 50 messages)": lambda store, filled, n: store.follow(filled.session(n), limit=50),
    "a word of one session": lambda store, _, n: store.search(f"unique{n}", scope=_SCOPE, limit=20),
    "a word of every reply": lambda store, _, __: store.search("parser", scope=_SCOPE, limit=20),
    "a word of hidden messages only": lambda store, _, __: store.search("unseen", scope=_SCOPE, limit=20),
    "fork": lambda store, filled, n: fork(store, filled.session(n), 10),
    "open findings": lambda store, _, __: store.findings(state="open", scope=_SCOPE),
    "a page of old sessions, for retention": lambda store, _, __: store.unchanged_sessions(
        "active", before="2027", after=("", ""), limit=50
    ),
}


async def teaming(bench: Bench) -> list[Row]:
    server = await asyncio.to_thread(PostgresServer.shared)
    try:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(partial(server.start, largest_file=None, **_SETTINGS))
        filled: list[Filled] = []
        for count in _QUICK if bench.quick else _SIZES:
            made = await asyncio.to_thread(TeamDatabase.make, bench.home / f"team{count}", MEMBER)
            filled.append(await fill_team(made, count, events=_EVENTS))
        return await _measure(bench, *filled)
    finally:
        await asyncio.to_thread(PostgresServer.stop_shared)


async def _measure(bench: Bench, small: Filled, large: Filled) -> list[Row]:
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        open_ = [(one, await stack.enter_async_context(SqlStore(one.database.of(MEMBER)))) for one in (small, large)]
        people = [await store.participant(Participant(id="-", name="Ann")) for _, store in open_]
        for what, ask in _QUESTIONS.items():
            times: list[list[float]] = [[], []]
            for again in range(bench.times(40, 3)):
                for (filled, store), taken, person in zip(open_, times, people, strict=True):
                    stores.ANN = person
                    number = random.randrange(0, filled.last + 1, 50)
                    began = time.perf_counter()
                    await ask(store, filled, number)
                    if again:  # the first prepares statements
                        taken.append((time.perf_counter() - began) * 1000)
            baseline = f"{small.count:,} sessions"
            rows.append(Row(f"{what}, {large.count:,} sessions", "ms", times[1], times[0], baseline, aim_of_baseline=2))
    return rows
