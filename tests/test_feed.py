"""The feed: a follower of a session gets all its events once and in order, whichever process made them."""

from __future__ import annotations

import asyncio
import errno
import itertools
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

import stores
from sessionls.domain import events as ev
from sessionls.domain.errors import SessionNotFound, StoreUnavailable
from sessionls.domain.model import ReasoningPart, TextPart, ToolPart
from sessionls.domain.scope import scope_of
from sessionls.ports.store import Delta, EventNotice, SessionNotice
from sessionls.store import SqlStore
from sessionls.store.engine import Seen
from sessionls.store.engine.sqlite import database as sqlite_database
from sessionls.store.engine.sqlite import watch as watching
from sessionls.store.engine.sqlite.signals import Listener, Signals
from sessionls.store.engine.sqlite.signals import _name as signal_file
from sessionls.store.tail import FeedBatch
from stores import Heard, begin, create, end, exchange, rename, say, step, url

pytestmark = pytest.mark.usefixtures("engine")

WRITER = Path(__file__).with_name("store_process.py")


# -- events ----------------------------------------------------------------------------------------------------------


async def test_a_process_gets_its_own_change_before_the_call_returns(store: SqlStore) -> None:
    heard = Heard(store)
    session_id = await create(store)
    await store.follow(session_id)
    await rename(store, session_id, "x")
    [created, event, changed] = heard.notices
    assert isinstance(created, SessionNotice)
    assert isinstance(event, EventNotice) and event.event.seq == 2
    assert isinstance(changed, SessionNotice) and changed.session is not None and changed.session.title == "x"


async def test_events_of_another_process_arrive(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(other)
    heard = Heard(store)
    snapshot = await store.follow(session_id)
    await rename(other, session_id, "x")
    await heard.until(lambda: bool(heard.events and heard.sessions))
    [event] = heard.events
    assert event == (await store.events(session_id, after=snapshot.seq))[0]
    assert heard.sessions[-1].session == await store.session(session_id)


async def test_events_of_several_processes_arrive_once_each_and_in_order(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    both = [Heard(store), Heard(other)]
    for one in (store, other):
        await one.follow(session_id)
    await asyncio.gather(*(rename(one, session_id, f"{n}") for n in range(100) for one in (store, other)))
    for heard in both:
        await heard.until(lambda heard=heard: len(heard.events) >= 200)  # type: ignore[misc]
        assert [event.seq for event in heard.events] == list(range(2, 202))


async def test_events_of_a_separate_process_arrive(store: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), "rename", url(tmp_path), session_id, "30", stdout=subprocess.PIPE
    )
    await heard.until(lambda: len(heard.events) >= 30)
    await process.communicate()
    assert [event.seq for event in heard.events] == list(range(2, 32))


async def test_only_followed_sessions_publish_their_events(store: SqlStore, other: SqlStore) -> None:
    followed, another = await create(store), await create(store)
    heard = Heard(store)
    await store.follow(followed)
    for one in (store, other):
        await rename(one, another, "x")
        await rename(one, followed, "x")
    await heard.until(lambda: len(heard.events) >= 2)
    assert {event.session_id for event in heard.events} == {followed}


async def test_follows_are_counted(store: SqlStore) -> None:
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    await store.follow(session_id)
    store.unfollow(session_id)
    await rename(store, session_id, "heard")
    store.unfollow(session_id)
    await rename(store, session_id, "not heard")
    store.unfollow(session_id)
    await store.follow(session_id)
    await rename(store, session_id, "heard again")
    assert [event.seq for event in heard.events] == [2, 4]


async def test_a_failed_follow_has_no_effect(store: SqlStore) -> None:
    heard = Heard(store)
    with pytest.raises(SessionNotFound):
        await store.follow("none")
    await create(store, session_id="none")
    await rename(store, "none", "x")
    assert heard.events == []


async def test_following_a_failing_store_raises_an_error(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = await create(store)
    heard = Heard(store)

    def start(found: object) -> Any:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(store._feed, "start", start)
        async with asyncio.timeout(10):
            with pytest.raises(RuntimeError, match="a fault"):
                await store.follow(session_id)
    await rename(store, session_id, "not heard")
    assert heard.events == []


async def test_a_store_closed_while_it_starts_to_watch_does_not_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqlStore(url(tmp_path))
    Heard(store)
    job = store._job

    async def closing(*given: Any) -> Any:
        result = await job(*given)
        monkeypatch.undo()
        await store.close()
        return result

    monkeypatch.setattr(store, "_job", closing)
    with pytest.raises(StoreUnavailable):
        await store.session("any")
    assert store._watching is None


async def test_a_snapshot_and_the_later_notices_are_complete(store: SqlStore, other: SqlStore) -> None:
    """Whenever a follower starts, its snapshot and events equal the log, without gaps and duplicates."""
    session_id = await create(store)
    heard = Heard(other)

    async def write() -> None:
        for n in range(60):
            await rename(store, session_id, f"{n}")

    async def follow() -> None:
        for _ in range(20):
            heard.notices.clear()
            snapshot = await other.follow(session_id, after=0)
            assert snapshot.events is not None
            known = [event.seq for event in snapshot.events]
            assert known == list(range(1, snapshot.seq + 1)) and snapshot.session.seq == snapshot.seq
            await asyncio.sleep(0.01)
            later = [event.seq for event in heard.events]
            assert later == list(range(snapshot.seq + 1, snapshot.seq + 1 + len(later)))
            other.unfollow(session_id)

    await asyncio.gather(write(), follow())


async def test_a_second_follower_does_not_disturb_the_first(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    for n in range(30):
        await rename(other, session_id, f"{n}")
        snapshot = await store.follow(session_id)
        assert heard.events[-1].seq == snapshot.seq == n + 2  # the first gets the text that the second finds
    assert [event.seq for event in heard.events] == list(range(2, 32))


async def test_a_subscriber_that_fails_does_not_disturb_the_others(store: SqlStore) -> None:
    def fail(_: object) -> None:
        raise ValueError

    store.subscribe(fail)
    heard = Heard(store)
    await create(store)
    assert len(heard.sessions) == 1


async def test_unsubscribing_stops_notices_and_can_be_undone(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    first = Heard(store)
    first.stop()
    second = Heard(store)
    await store.follow(session_id)
    await rename(other, session_id, "x")
    await second.until(lambda: len(second.events) == 1)
    second.stop()
    await rename(other, session_id, "y")
    third = Heard(store)
    await third.until(lambda: len(third.events) == 1)
    assert (first.notices, [event.seq for event in third.events]) == ([], [3])


# -- lists -----------------------------------------------------------------------------------------------------------


async def test_subscribers_get_new_changed_and_deleted_sessions(store: SqlStore, other: SqlStore) -> None:
    await create(store)
    heard = Heard(store)
    await rename(store, await create(store), "warm")
    heard.notices.clear()
    session_id = await create(other, title="Theirs", identities=["marker:a:"])
    await heard.until(lambda: bool(heard.sessions))
    [notice] = heard.sessions
    assert notice.session == await store.session(session_id) and notice.scope == scope_of(["file:///work"], ["marker:a:"])
    await other.delete(session_id)
    await heard.until(lambda: heard.sessions[-1].session is None)
    assert heard.sessions[-1].session_id == session_id


async def test_a_session_deleted_by_another_process_publishes_nothing_more(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    await other.delete(session_id)
    await heard.until(lambda: bool(heard.sessions) and heard.sessions[-1].session is None)
    heard.notices.clear()
    store.draft(session_id, reply, 0, "text", "too late")
    with pytest.raises(SessionNotFound):
        await end(store, session_id, reply, "too late")
    assert heard.notices == []


# -- deltas ----------------------------------------------------------------------------------------------------------


async def test_a_piece_of_text_is_delivered_at_once(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hé😀")
    assert heard.deltas == [Delta(session_id, reply, 0, "text", 0, "Hé😀")]
    await asyncio.sleep(0.01)
    store.draft(session_id, reply, 0, "text", "!")
    assert heard.deltas[1:] == [Delta(session_id, reply, 0, "text", 3, "!")]  # offsets count code points


async def test_no_text_is_lost_however_fast_it_comes(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    words = [f"w{n} " for n in range(2000)]
    for n, word in enumerate(words):
        store.draft(session_id, reply, 0, "text", word)
        if n % 50 == 0:
            await asyncio.sleep(0)
    await heard.until(lambda: heard.joined(reply).get(0) == "".join(words))
    await end(store, session_id, reply, "".join(words))
    assert heard.joined(reply) == {0: "".join(words)}


async def test_the_parts_of_a_reply_are_delivered_in_order(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    for _ in range(3):
        store.draft(session_id, reply, 0, "reasoning", "hm ")
    for _ in range(3):
        store.draft(session_id, reply, 1, "text", "so ")
    await step(store, session_id, reply, 0, ReasoningPart(text="hm hm hm "), TextPart(text="so so so "))
    parts = [delta.part for delta in heard.deltas]
    assert parts == sorted(parts)
    assert heard.joined(reply) == {0: "hm hm hm ", 1: "so so so "}
    kinds = [notice.event.kind if isinstance(notice, EventNotice) else type(notice).__name__ for notice in heard.notices]
    assert [kind for kind, _ in itertools.groupby(kinds)] == ["Delta", "stepFinished", "SessionNotice"]


async def test_text_that_was_never_drafted_is_delivered_before_its_event(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    both = [Heard(store), Heard(other)]
    for one in (store, other):
        await one.follow(session_id)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    call = ToolPart(call_id="1", name="read", arguments={}, status="done", result="x")
    await step(store, session_id, reply, 0, TextPart(text="First."), call)
    await end(store, session_id, reply, TextPart(text="First."), call, TextPart(text="Last."), TextPart(text=""))
    for heard in both:
        await heard.until(lambda heard=heard: len(heard.events) == 4)  # type: ignore[misc]
        told = [n.event.kind if isinstance(n, EventNotice) else n.text for n in heard.notices if not isinstance(n, SessionNotice)]
        assert told == ["messageSent", "replyStarted", "First.", "stepFinished", "Last.", "replyFinished"]


async def test_the_deltas_in_every_process_join_to_the_text(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    both = [Heard(store), Heard(other)]
    for one in (store, other):
        await one.follow(session_id)
    message = await say(store, session_id, "go")
    reply = await begin(store, session_id, message)
    whole = []
    for part in range(3):
        text = ""
        for n in range(40):
            word = f"{part}-{n} é😀 "
            store.draft(session_id, reply, part, "text", word)
            text += word
            await asyncio.sleep(0.004)
        whole.append(TextPart(text=text))
        await step(store, session_id, reply, part, whole[-1])
    await end(store, session_id, reply, *whole, status="paused")
    await begin(other, session_id, message, reply)  # another process continues within the text
    base = len(whole[-1].text)
    for n in range(40):
        other.draft(session_id, reply, 2, "text", f"more {n} ", base=base)
        await asyncio.sleep(0.004)
    whole[-1] = TextPart(text=whole[-1].text + "".join(f"more {n} " for n in range(40)))
    await end(other, session_id, reply, *whole)
    for heard in both:
        await heard.until(lambda heard=heard: len(heard.events) == 8)  # type: ignore[misc]
        assert heard.joined(reply) == {n: part.text for n, part in enumerate(whole)}
        assert [event.seq for event in heard.events] == list(range(2, 10))
    assert len(both[1].deltas) > 6  # live: deltas came between the events


async def test_drafts_of_another_process_arrive_while_it_writes(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(other)
    await other.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hello")
    await heard.until(lambda: heard.joined(reply) == {0: "Hello"})
    store.draft(session_id, reply, 0, "text", ", \0\x1a0 and \U0001f600")  # (PostgreSQL cannot store NUL as it is)
    await heard.until(lambda: heard.joined(reply) == {0: "Hello, \0\x1a0 and \U0001f600"})
    assert heard.events == []


async def test_who_watches_a_reply_needs_no_transaction_for_its_words(store: SqlStore, other: SqlStore) -> None:
    """One statement is enough as long as nothing else changes: many people may watch one reply."""
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(other)
    await other.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hello")
    await heard.until(lambda: heard.joined(reply) == {0: "Hello"})
    begun: list[Connection] = []
    assert other._backend is not None and other._backend.database._engine is not None
    event.listen(other._backend.database._engine, "begin", begun.append)
    for n in range(20):
        store.draft(session_id, reply, 0, "text", f" {n}")
        await asyncio.sleep(0.01)
    whole = "Hello" + "".join(f" {n}" for n in range(20))
    await heard.until(lambda: heard.joined(reply) == {0: whole})
    assert begun == []
    await end(store, session_id, reply, whole)
    await heard.until(lambda: len(heard.events) == 1)
    assert begun


async def test_a_follower_that_joins_during_a_reply_gets_the_text_so_far_and_exactly_the_rest(
    store: SqlStore, other: SqlStore
) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    text = ""

    async def write() -> None:
        nonlocal text
        for n in range(150):
            text += f"w{n} "
            store.draft(session_id, reply, 0, "text", f"w{n} ")
            await asyncio.sleep(0.002)

    async def follow(one: SqlStore) -> None:
        heard = Heard(one)
        await asyncio.sleep(0.05)
        snapshot = await one.follow(session_id, limit=2)
        known = snapshot.messages[1]
        assert text.startswith(known.text)
        await heard.until(lambda: bool(heard.events))
        assert heard.joined(reply, known.parts) == {0: text}

    followers = [asyncio.create_task(follow(one)) for one in (store, other)]
    await write()
    await end(store, session_id, reply, text)
    await asyncio.gather(*followers)


async def test_text_that_contradicts_earlier_deltas_is_not_delivered(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    heard = Heard(store)
    await store.follow(session_id)
    store.draft(session_id, reply, 0, "text", "Hello")
    await end(store, session_id, reply, "Good bye")
    assert heard.joined(reply) == {0: "Hello"}
    assert "does not continue" in caplog.text


async def test_the_deltas_of_a_killed_process_join_to_the_saved_text(store: SqlStore, tmp_path: Path) -> None:
    heard = Heard(store)
    process = await asyncio.create_subprocess_exec(sys.executable, str(WRITER), "write", url(tmp_path), stdout=subprocess.PIPE)
    assert process.stdout is not None
    session_id, reply = (await process.stdout.readline()).decode().split()
    snapshot = await store.follow(session_id, limit=5)
    await heard.until(lambda: len(heard.deltas) >= 3)
    process.kill()
    await process.communicate()
    [drafted] = await store.drafted(session_id, reply)
    await end(store, session_id, reply, drafted.text, status="interrupted")
    assert heard.joined(reply, snapshot.messages[-1].parts) == {0: drafted.text}
    assert heard.events[-1].kind == "replyFinished"


# -- watching --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["inotify", "watchfiles", "nothing"])
def services(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The available ways to notice changes."""
    services: str = request.param
    if services == "inotify" and sys.platform != "linux":
        pytest.skip("Linux has it")
    if services != "inotify":
        monkeypatch.setattr(sqlite_database, "_SIGNALS", False)
    if services == "nothing":
        monkeypatch.setattr(watching, "_LIBRARY", "sessionls.no_such_module")
    return services


@pytest.mark.engines("sqlite")
async def test_changes_are_noticed_with_every_way_of_watching(
    tmp_path: Path, other: SqlStore, services: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with SqlStore(url(tmp_path)) as store:
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
        poll, tail_look = backend.poll, backend._tail.poll

        def counted_look() -> Seen:
            nonlocal looks
            looks += 1
            return poll()

        def counted_read(connection: Connection) -> FeedBatch:
            nonlocal reads
            reads += 1
            return tail_look(connection)

        await asyncio.sleep(0.2)  # earlier changes are published
        backend.poll, backend._tail.poll = counted_look, counted_read  # type: ignore[method-assign]
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

    def counted() -> Seen:
        polls.append(time.monotonic())
        return poll()

    backend.poll = counted  # type: ignore[method-assign]
    yield polls
    backend.poll = poll  # type: ignore[method-assign]


linux = pytest.mark.skipif(sys.platform != "linux", reason="the signals are Linux's")


@linux
@pytest.mark.engines("sqlite")
async def test_who_follows_one_session_is_not_woken_by_what_is_drafted_in_another(
    store: SqlStore, other: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_IDLE_POLL", 3600.0)
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
async def test_many_changes_of_sessions_that_are_only_listed_are_read_at_once(
    store: SqlStore, other: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await create(store)
    heard = Heard(other)
    await other.session(session_id)
    await asyncio.sleep(0.5)
    monkeypatch.setattr(watching, "_LATER", (2.0, 2.0))
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


async def test_a_history_page_contains_text_that_moves_into_an_event_meanwhile(store: SqlStore) -> None:
    """A history that is read while text moves from the drafts into an event always contains the text."""
    session_id = await create(store)
    await store.follow(session_id)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    length = 0

    async def ask() -> None:
        seen = 0
        while length < 40:
            at_least = length
            messages, _ = await store.history(session_id, before=None, limit=5)
            seen = len(messages[1].parts)
            assert seen >= at_least

    async def write() -> None:
        nonlocal length
        for n in range(40):
            store.draft(session_id, reply, n, "text", f"{n}")
            length = n + 1
            await step(store, session_id, reply, n, TextPart(text=f"{n}"))

    await asyncio.gather(ask(), write())


async def test_a_follower_that_is_far_behind_gets_everything(store: SqlStore, other: SqlStore) -> None:
    """A change of this process first publishes earlier changes of others."""
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    store._stop_watching.set()  # nothing is noticed
    for n in range(20):
        await exchange(other, session_id, f"m{n}", f"r{n}")
    await rename(store, session_id, "x")
    assert [event.seq for event in heard.events] == list(range(2, 63))
    assert isinstance(heard.events[-1], ev.Renamed)
