"""The feed: a follower of a session gets all its events once and in order, whichever process made them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sessionls.domain import events as ev
from sessionls.domain.errors import SessionNotFound, StoreUnavailable
from sessionls.domain.scope import scope_of
from sessionls.ports.store import EventNotice, SessionNotice
from sessionls.store import SqlStore
from stores import Heard, begin, create, end, exchange, rename, say, url

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


# -- watching --------------------------------------------------------------------------------------------------------


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
