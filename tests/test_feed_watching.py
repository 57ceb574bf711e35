"""How the feed notices what other processes change, with each service of the system and without any, and what that costs."""

from __future__ import annotations

import asyncio
import errno
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

import stores
from sessionls.store import SqlStore
from sessionls.store.engine import Newest, PollResult
from sessionls.store.engine.sqlite.signals import Listener, Signals
from sessionls.store.engine.sqlite.signals import _name as signal_file
from sessionls.store.options import StoreOptions
from sessionls.store.tail import FeedBatch
from stores import Heard, begin, create, rename, say, url

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(params=["inotify", "watchfiles", "nothing"])
def services(request: pytest.FixtureRequest) -> str:
    """The available ways to notice changes."""
    services: str = request.param
    if services == "inotify" and sys.platform != "linux":
        pytest.skip("Linux has it")
    return services


@pytest.mark.engines("sqlite")
async def test_changes_are_noticed_with_every_way_of_watching(
    tmp_path: Path, services: str, caplog: pytest.LogCaptureFixture
) -> None:
    library = "sessionls.no_such_module" if services == "nothing" else "watchfiles"
    options = StoreOptions(signals=services == "inotify", watch_library=library)
    async with SqlStore(url(tmp_path), options=options) as store, SqlStore(url(tmp_path), options=options) as other:
        session_id = await create(store)
        heard = Heard(store)
        await store.follow(session_id)
        for n in range(20):
            await rename(other, session_id, f"{n}")
            await heard.until(lambda n=n: len(heard.events) == n + 1)  # type: ignore[misc]
    assert ("cannot watch" in caplog.text) == (services == "nothing")


@pytest.mark.engines("sqlite")
@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
async def test_without_free_inotify_watches_changes_are_noticed(
    tmp_path: Path, other: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Signals) -> Listener:
        raise OSError(errno.EMFILE, "no more")

    monkeypatch.setattr(Signals, "listen", full)
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
        heard = Heard(store)
        await store.follow(session_id)
        await rename(other, session_id, "x")
        await heard.until(lambda: len(heard.events) == 1)


async def test_drafts_of_sessions_that_are_not_followed_are_not_read(tmp_path: Path, store: SqlStore, other: SqlStore) -> None:
    """With signals it is not even woken. Otherwise the database is polled for the newest numbers, less and less often."""
    followed, session_id = await create(store), await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    async with SqlStore(url(tmp_path)) as bystander:
        Heard(bystander)
        await bystander.session(followed)
        reads, looks = 0, 0
        backend = bystander._backend
        assert backend is not None
        poll, only_drafts, tail_look = backend.poll, backend._tail.only_drafts, backend._tail.poll

        def counted_poll() -> PollResult:
            nonlocal looks
            looks += 1
            return poll()

        def counted_look(newest: Newest) -> FeedBatch | None:
            nonlocal looks
            looks += 1
            return only_drafts(newest)

        def counted_read(connection: Connection) -> FeedBatch:
            nonlocal reads
            reads += 1
            return tail_look(connection)

        await asyncio.sleep(0.2)  # earlier changes are published
        backend.poll = counted_poll  # type: ignore[method-assign]
        backend._tail.only_drafts, backend._tail.poll = counted_look, counted_read  # type: ignore[method-assign]
        for n in range(100):
            store.draft(session_id, reply, 0, "text", f"word {n} ")
            await asyncio.sleep(0.005)
        assert reads == 0
        if stores.current_engine == "sqlite" and sys.platform == "linux":
            assert looks == 0
        else:
            assert 0 < looks < 25  # of about 30 saves, each of which causes several notifications
        heard = Heard(other)
        await other.follow(followed)
        await rename(store, followed, "x")
        await heard.until(lambda: len(heard.events) == 1)


@contextmanager
def counted_polls(store: SqlStore) -> Iterator[list[float]]:
    """The polls of this store: when each began."""
    backend = store._backend
    assert backend is not None
    poll, polls = backend.poll, list[float]()

    def counted() -> PollResult:
        polls.append(time.monotonic())
        return poll()

    backend.poll = counted  # type: ignore[method-assign]
    yield polls
    backend.poll = poll  # type: ignore[method-assign]


linux = pytest.mark.skipif(sys.platform != "linux", reason="the signals are Linux's")


@linux
@pytest.mark.engines("sqlite")
@pytest.mark.store_options(idle_poll_seconds=3600.0)
async def test_who_follows_one_session_is_not_woken_by_what_is_drafted_in_another(store: SqlStore, other: SqlStore) -> None:
    followed, session_id = await create(store), await create(store)
    while signal_file(session_id) == signal_file(followed):
        session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(other)
    await other.follow(followed)
    await other.follow(session_id)
    other.unfollow(session_id)
    await rename(store, followed, "x")
    await heard.until(lambda: len(heard.events) == 1)
    await asyncio.sleep(0.5)  # the changes so far are read for the lists
    with counted_polls(other) as polls:
        for n in range(50):
            store.draft(session_id, reply, 0, "text", f"word {n} ")
            await asyncio.sleep(0.005)
        assert polls == []
        await rename(store, followed, "y")
        await heard.until(lambda: len(heard.events) == 2)
        assert len(polls) == 1


@linux
@pytest.mark.engines("sqlite")
@pytest.mark.store_options(listed_delay_seconds=(2.0, 2.0))
async def test_many_changes_of_sessions_that_are_only_listed_are_read_at_once(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    heard = Heard(other)
    await other.session(session_id)
    await asyncio.sleep(0.5)
    with counted_polls(other) as polls:
        for n in range(20):
            await rename(store, session_id, f"{n}")
        await heard.until(lambda: any(notice.session and notice.session.title == "19" for notice in heard.sessions))
    assert len(polls) < 20


@linux
@pytest.mark.engines("sqlite")
async def test_where_the_signals_are_deleted_changes_are_found_all_the_same(
    tmp_path: Path, store: SqlStore, other: SqlStore
) -> None:
    session_id = await create(store)
    heard = Heard(other)
    await other.follow(session_id)
    await rename(store, session_id, "x")
    await heard.until(lambda: len(heard.events) == 1)
    folder = tmp_path / "data" / "sessions.db-signals"
    assert stat.S_IMODE((await asyncio.to_thread(folder.stat)).st_mode) == 0o700
    await asyncio.to_thread(shutil.rmtree, folder)
    for n in range(3):
        await rename(store, session_id, f"{n}")
    await heard.until(lambda: len(heard.events) == 4)
