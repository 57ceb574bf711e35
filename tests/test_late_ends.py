"""A reply whose end cannot be stored is ended automatically as soon as the store works again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from in_process_app import App, app, last_message, write_agent
from model_server import Answer, Hold, ModelServer, Signal
from sessionls.domain.errors import InternalError, StoreUnavailable
from sessionls.sessions.replies.timing import Timing
from sessionls.store.engine.sqlite.database import SqliteDatabase as Database


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


@pytest.fixture
async def home(folder: Path, model_server: ModelServer) -> AsyncIterator[App]:
    async with app(folder, model_server, timing=Timing(store_retries=(0.01,), first_end_retry=0.02)) as home:
        yield home


class Disk:
    """Simulates a problem of the database: `full`, it cannot grow, as on a full disk, or else SQLite's error of that name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.problem: str | None = None
        self.tries = 0
        self.tried = Signal()  # several times
        writing = Database.writing

        @contextlib.contextmanager
        def limited(database: Database, *, drafts: bool = False) -> Iterator[Connection]:
            with writing(database, drafts=drafts) as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
                most = pages if self.problem == "full" else 1 << 30
                connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")
                if self.problem is not None:
                    self.tries += 1
                    if self.tries == 6:
                        self.tried.set()
                    if self.problem != "full":
                        error = sqlite3.OperationalError("it failed")
                        error.sqlite_errorname = self.problem
                        raise error
                yield connection

        monkeypatch.setattr(Database, "writing", limited)


LONG = "x" * 60_000


@pytest.mark.parametrize("problem", ["full", "SQLITE_BUSY", "SQLITE_IOERR_WRITE", "SQLITE_READONLY", "SQLITE_CANTOPEN"])
async def test_a_reply_keeps_its_text_and_ends_when_the_disk_works_again(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    disk, hold = Disk(monkeypatch), Hold("half ", Answer(chunks=[LONG]))
    model_server.script(hold, Answer("next"))
    session = await home.sessions.create(agent="plain")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await home.written("half ")
    disk.problem = problem
    hold.go.set()
    with pytest.raises(StoreUnavailable):
        await send
    await disk.tried.wait()  # it keeps trying
    disk.problem = None
    await home.event("replyFinished")
    ended = await last_message(home, session.id)
    assert (ended.status, ended.text) == ("interrupted", f"half {LONG}")
    assert (await home.sessions.message(session.id, "m2")).reply.text == "next"


async def test_a_reply_that_cannot_be_ended_does_not_block_others(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, holds = Disk(monkeypatch), [Hold("a ", Answer("b")), Hold("c ", Answer("d"))]
    model_server.script(*holds)
    sessions = [await home.sessions.create(agent="plain") for _ in holds]
    sends = []
    for session, hold in zip(sessions, holds, strict=True):
        await home.sessions.open(session.id)
        sends.append(asyncio.create_task(home.sessions.message(session.id, "m")))
        await hold.reached.wait()
        await home.written(hold.text)
    change = home.built.store.change

    async def never_the_first(session_id: str, decide: object) -> object:
        if session_id == sessions[0].id:
            raise RuntimeError("this one is broken")
        return await change(session_id, decide)  # type: ignore[arg-type]

    monkeypatch.setattr(home.built.store, "change", never_the_first)
    disk.problem = "SQLITE_FULL"
    for hold in holds:
        hold.go.set()
    first, second = await asyncio.gather(*sends, return_exceptions=True)
    assert isinstance(first, InternalError) and isinstance(second, StoreUnavailable)
    await disk.tried.wait()
    disk.problem = None
    await home.event("replyFinished")
    assert [(await last_message(home, session.id)).status for session in sessions] == ["replying", "interrupted"]
    monkeypatch.setattr(home.built.store, "change", change)
    await home.event("replyFinished")
    assert (await last_message(home, sessions[0].id)).status == "failed"


async def test_closing_right_after_the_disk_works_again_ends_the_reply(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, hold = Disk(monkeypatch), Hold("half ", Answer("whole"))
    model_server.script(hold)
    async with app(folder, model_server, timing=Timing(store_retries=(0.01,), first_end_retry=60.0)) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        send = asyncio.create_task(home.sessions.message(session.id, "m1"))
        await home.written("half ")
        disk.problem = "SQLITE_FULL"
        hold.go.set()
        with pytest.raises(StoreUnavailable):
            await send
        await asyncio.sleep(0.1)
        disk.problem = None
    async with app(folder, model_server) as home:
        ended = await last_message(home, session.id)
        assert (ended.status, ended.text) == ("interrupted", "half whole")


async def test_listing_sessions_shows_that_a_process_is_gone(folder: Path, model_server: ModelServer) -> None:
    """Another process whose editor has not opened or changed anything yet."""
    hold = Hold("These words were written, ")
    model_server.script(hold)
    environment = {**os.environ, "OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": model_server.openai}
    script = Path(__file__).with_name("writer_process.py")
    async with app(folder, model_server) as home:
        await home.sessions.list()
        process = await asyncio.to_thread(
            lambda: subprocess.Popen(
                [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, env=environment, text=True
            )
        )
        try:
            assert process.stdout is not None
            session_id = (await asyncio.to_thread(process.stdout.readline)).strip()
            assert (await asyncio.to_thread(process.stdout.readline)).strip() == "written"
            await home.until(lambda: session_id in home.known and home.known[session_id].replying)
            process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        finally:
            await asyncio.to_thread(process.wait)
            if process.stdout is not None:
                process.stdout.close()
        await home.until(lambda: home.known[session_id].stopped == "interrupted", seconds=40)
