"""Leases: the reply of a process that is gone can be resumed soon; that of a running process is left alone.

Changes of the wall clock make no difference.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from older_databases import engine_of
from sessionls.domain import transitions
from sessionls.store import SqlStore
from stores import begin, create, say, texts, url

pytestmark = pytest.mark.usefixtures("engine")

OTHER = Path(__file__).with_name("store_process.py")
HOUR = 3600
LEASE = 0.5  # seconds, in the other process

SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Set this process's wall clock, by so many seconds from the right time."""
    right, right_ns = time.time, time.time_ns

    def set_by(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: right() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: right_ns() + int(seconds * 1e9))

    return set_by


async def start(what: str, folder: Path, *, lease: float = LEASE) -> tuple[Process, str, str]:
    """Start another process that writes a reply. Returns its session and the reply."""
    command = [sys.executable, str(OTHER), what, url(folder), str(lease)]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    session_id, reply = (await process.stdout.readline()).decode().split()
    return process, session_id, reply


def execute(folder: Path, statement: str) -> None:
    engine = engine_of(url(folder))
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


async def lapses(store: SqlStore, session_id: str) -> None:
    async with asyncio.timeout(30):
        while await store.lapsed_claims() != [session_id]:  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("jump", [-HOUR, HOUR, -100 * HOUR])
async def test_a_killed_process_counts_as_gone_despite_clock_changes(
    store: SqlStore, tmp_path: Path, set_clock: SetClock, jump: float
) -> None:
    process, session_id, reply = await start("write", tmp_path)
    process.kill()
    await process.communicate()
    set_clock(jump)
    await asyncio.sleep(2 * LEASE)
    assert await store.lapsed_claims() == [session_id]
    claims = await store.change(session_id, lambda change: change.claims)
    assert not claims[reply].alive


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_a_running_process_counts_as_alive_despite_clock_changes(
    store: SqlStore, tmp_path: Path, set_clock: SetClock, jump: float
) -> None:
    process, session_id, reply = await start("write", tmp_path, lease=60)
    try:
        set_clock(jump)
        assert await store.lapsed_claims() == []
        claims = await store.change(session_id, lambda change: change.claims)
        assert claims[reply].alive
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_a_process_whose_clock_is_changed_stays_alive(
    tmp_path: Path, set_clock: SetClock, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: sleep(min(seconds, 0.02)))  # renews its lease all the time
    async with SqlStore(url(tmp_path), lease=60) as writer, SqlStore(url(tmp_path)) as store:
        session_id = await create(writer)
        await begin(writer, session_id, await say(writer, session_id, "go"))
        set_clock(jump)
        for _ in range(20):
            assert await store.lapsed_claims() == []
            await asyncio.sleep(0.02)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("ahead", [HOUR, 30 * 24 * HOUR])
async def test_a_lease_from_before_a_restart_of_the_machine_is_over(store: SqlStore, tmp_path: Path, ahead: int) -> None:
    """The clock of leases starts again from zero with the machine."""
    process, session_id, _ = await start("write", tmp_path)
    process.kill()
    await process.communicate()
    with closing(sqlite3.connect(tmp_path / "data" / "sessions.db")) as connection, connection:
        connection.execute("UPDATE processes SET alive_until = alive_until + ?", (ahead * 1000,))
    assert await store.lapsed_claims() == [session_id]


async def test_a_lease_that_is_renewed_while_it_is_checked_is_valid(tmp_path: Path) -> None:
    """It is renewed after the check has read the clock, so it ends later than a full lease after that."""
    async with SqlStore(url(tmp_path), lease=60) as writer, SqlStore(url(tmp_path)) as store:
        session_id = await create(writer)
        reply = await begin(writer, session_id, await say(writer, session_id, "go"))
        await asyncio.to_thread(execute, tmp_path, "UPDATE processes SET alive_until = alive_until + 2000")
        assert await store.lapsed_claims() == []
        claims = await store.change(session_id, lambda change: change.claims)
        assert claims[reply].alive


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a signal that halts a process")
async def test_a_process_suspended_for_longer_than_its_lease_stops_writing(store: SqlStore, tmp_path: Path) -> None:
    process, session_id, reply = await start("late", tmp_path)
    process.send_signal(signal.SIGSTOP)
    try:
        await lapses(store, session_id)
        await store.change(session_id, lambda change: transitions.interrupt(change, []))
    finally:
        process.send_signal(signal.SIGCONT)
    out, _ = await process.communicate(b"now\n")
    assert out == b"refused\n"
    session = await store.session(session_id)
    assert (session.replying, session.stopped) == (False, "interrupted")
    assert await texts(store, session_id) == ["go", ""]
    assert await store.drafted(session_id, reply) == []


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a signal that halts a process")
async def test_a_process_that_was_suspended_briefly_continues_writing(store: SqlStore, tmp_path: Path) -> None:
    process, session_id, _ = await start("late", tmp_path)
    process.send_signal(signal.SIGSTOP)
    await lapses(store, session_id)
    process.send_signal(signal.SIGCONT)
    out, _ = await process.communicate(b"now\n")
    assert out == b"written\n"
    assert await texts(store, session_id) == ["go", "late words"]


@pytest.mark.engines("sqlite")
async def test_processes_that_ended_long_ago_are_removed(store: SqlStore, tmp_path: Path) -> None:
    await create(store)
    with closing(sqlite3.connect(tmp_path / "data" / "sessions.db")) as connection, connection:
        now = time.monotonic_ns() // 1_000_000
        connection.execute("INSERT INTO processes VALUES ('old', ?, 10000)", (now - 25 * HOUR * 1000,))
        connection.execute("INSERT INTO processes VALUES ('of before the restart', ?, 10000)", (now + 1_000_000,))
    session_id = await create(store)
    await begin(store, session_id, await say(store, session_id, "go"))
    with closing(sqlite3.connect(tmp_path / "data" / "sessions.db")) as connection:
        assert connection.execute("SELECT id FROM processes").fetchall() == [(store.process,)]
