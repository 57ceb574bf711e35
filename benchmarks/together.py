"""Many participants in one session: how old a word of a reply is on the others' screens, and how soon somebody who loses access
sees no more; and many sessions that reply at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

import listening
from bench import Bench
from lsp import Server
from replying import one_reply
from table import Row

_TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.append(str(_TESTS))

import stores  # noqa: E402
from logins import TeamDatabase  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402
from sessionls.domain import transitions  # noqa: E402
from sessionls.domain.model import Participant, Person  # noqa: E402
from sessionls.ports.store import Delta, Notice, SessionNotice  # noqa: E402
from sessionls.store import SqlStore  # noqa: E402
from stores import begin, create, say  # noqa: E402

__all__ = ["together"]

_PROCESSES = 5
_SCRIPT, _BARE = (str(Path(__file__).with_name(name)) for name in ("watching.py", "listening.py"))


@dataclass
class _Shown:
    """The ages of words in milliseconds, when they were shown, and the processor time that participants and the server took."""

    late: list[float] = field(default_factory=list)
    work: float = 0


async def together(bench: Bench) -> list[Row]:
    rows: list[Row] = []
    try:
        for count in (2,) if bench.quick else (2, 10, 50):
            here = f"sqlite:///{bench.elsewhere(f'here{count}').database}"
            there = f"sqlite:///{bench.elsewhere(f'there{count}').database}"
            server = await asyncio.to_thread(PostgresServer.shared)
            team = await asyncio.to_thread(server.database_for, f"{bench.home} {count}")
            bare = await asyncio.to_thread(server.database_for, f"{bench.home} bare {count}")
            rows += _rows(f"{count} participants, in the process that writes", await _in_process(here, count, bench), aim=5)
            rows += _rows(f"{count} participants, other processes on SQLite", (await _elsewhere(there, count, bench)).late)
            what = f"{count} participants, other connections to PostgreSQL"
            ours, least = await _elsewhere(team, count, bench), await _bare(bare, count, bench)
            rows += _rows(what, ours.late, least.late)
            for_each, at_least = (one.work / count / _words(bench) for one in (ours, least))
            rows.append(Row(f"processor time for a word and each of {what}", "ms", [for_each], [at_least], _LEAST))
        rows.append(await _losing_access(bench))
    finally:
        await asyncio.to_thread(PostgresServer.stop_shared)
    return [*rows, *await _many_replies(bench)]


_LEAST = "bare psycopg, listening and reading"


def _rows(what: str, late: Sequence[float], least: Sequence[float] = (), aim: float = 15) -> list[Row]:
    slowest, slowest_of_least = ([sorted(one)[int(len(one) * 0.99)]] if one else [] for one in (late, least))
    return [
        Row(f"a word shown to {what}", "ms", late, least, _LEAST, aim=aim),
        Row(f"a word shown to {what}, of 100 the slowest", "ms", slowest, slowest_of_least, _LEAST),
    ]


def _words(bench: Bench) -> int:
    return 20 if bench.quick else 500


async def _write(store: SqlStore, bench: Bench, session_id: str) -> None:
    """Write a word every 10 ms: the moment at which it is written."""
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    for _ in range(_words(bench)):
        store.draft(session_id, reply, 0, "text", f"{time.monotonic_ns()} ")
        await asyncio.sleep(0.01)


async def _in_process(url: str, count: int, bench: Bench) -> list[float]:
    late: list[float] = []

    def heard(notice: Notice) -> None:
        if isinstance(notice, Delta):
            now = time.monotonic_ns()
            late.extend((now - int(word)) / 1e6 for word in notice.text.split())

    async with SqlStore(url) as store:
        session_id = await create(store)
        for _ in range(count):
            store.subscribe(heard)
            await store.follow(session_id)
        await _write(store, bench, session_id)
    return late


async def _elsewhere(url: str, count: int, bench: Bench) -> _Shown:
    async with SqlStore(url) as store:
        session_id = await create(store)
        return await _watched([_SCRIPT, url, session_id], count, lambda: _write(store, bench, session_id))


async def _bare(url: str, count: int, bench: Bench) -> _Shown:
    """The least that any program needs for the same."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(listening.TABLE)
    return await _watched([_BARE, url], count, lambda: asyncio.to_thread(listening.write, url, _words(bench)))


async def _watched(command: Sequence[str], count: int, write: Callable[[], Awaitable[None]]) -> _Shown:
    shares = [count // _PROCESSES + (n < count % _PROCESSES) for n in range(_PROCESSES)]
    watchers = [await _watch(*command, str(share)) for share in shares if share]
    before = _work()
    await write()
    shown = _Shown(work=_work() - before)
    for watcher in watchers:
        out, _ = await watcher.communicate(b"")
        shown.late += json.loads(out)
    return shown


def _work() -> float:
    """Processor time so far of this process and of all that it started, which includes the database's server, in milliseconds."""
    this, total = psutil.Process(), 0.0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total * 1000


async def _watch(*command: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe, limit=1 << 24)
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def _losing_access(bench: Bench) -> Row:
    """From the answer to `session/unshare` until a person who watches a reply has heard the last of the session."""
    database = await asyncio.to_thread(TeamDatabase.make, bench.home, "ann", "ben")
    late: list[float] = []
    async with SqlStore(database.of("ann")) as ann, SqlStore(database.of("ben")) as ben:
        people = [await store.participant(Participant(id="-", name=name)) for store, name in ((ann, "Ann"), (ben, "Ben"))]
        owner, other = people
        stores.ANN = owner
        last, lost = 0.0, asyncio.Event()

        def heard(notice: Notice) -> None:
            nonlocal last
            last = time.perf_counter()
            if isinstance(notice, SessionNotice) and notice.session is None:
                lost.set()

        ben.subscribe(heard)
        for _ in range(bench.times(20)):
            lost.clear()
            session_id = await create(ann)
            reply = await begin(ann, session_id, await say(ann, session_id, "go"))
            person = Person(id=other.id, role="reader")
            await ann.change(session_id, lambda change: transitions.share(change, person, owner))  # noqa: B023
            await ben.follow(session_id)
            for n in range(50):
                ann.draft(session_id, reply, 0, "text", f"{n} ")
                await asyncio.sleep(0.01)
                if n == 25:
                    await ann.change(session_id, lambda change: transitions.unshare(change, other.id, owner))
                    began = time.perf_counter()
            async with asyncio.timeout(10):
                await lost.wait()
            late.append(max((last - began) * 1000, 0.0))
    return Row("a person who loses access to a session sees and hears the last of it", "ms", late, aim=1000)


async def _many_replies(bench: Bench) -> list[Row]:
    """Sessions of one process that reply at once, a word every 10 ms in each, against one that replies alone."""
    count, order = (3, "bench:clock 10 10") if bench.quick else (100, "bench:clock 100 10")
    late: list[float] = []

    def heard(method: str, params: Any, at: int) -> None:
        if method == "session/delta":
            late.extend((at - int(word)) / 1e6 for word in params["text"].split() if word.isdecimal())

    async with Server.sessionls(bench.env, bench.folder) as server:
        sessions = []
        for _ in range(count):
            session = await server.request("session/create", {})
            await server.request("session/open", {"sessionId": session["id"]})
            sessions.append(session["id"])
        await one_reply(server, sessions[0], "bench:reply 1")
        server.heard = heard
        await server.request("session/message", {"sessionId": sessions[0], "text": order})
        alone, began = list(late), time.perf_counter()
        late.clear()
        await asyncio.gather(*(server.request("session/message", {"sessionId": one, "text": order}) for one in sessions))
        whole = (time.perf_counter() - began) * 1000
    return [
        Row(f"a word of {count} replies that are written at once", "ms", late, alone, "one reply alone"),
        Row(f"{count} replies at once, of {order.split()[1]} words each, until the last has ended", "ms", [whole]),
    ]
