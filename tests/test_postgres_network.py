"""Faults of the network and of the server: nothing that was accepted is lost or doubled, and everybody sees the same log.

Sessions run through a proxy that cuts connections at a chosen moment, falls silent, or is slow.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from in_process_app import BEN, App, app, write_agent
from model_server import Answer, Hold, ModelServer
from postgres_proxy import Fault, Proxy, proxy
from postgres_server import PostgresServer
from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import StoreUnavailable
from sessionls.domain.events import Event
from sessionls.sessions.replies.timing import Timing
from sessionls.store import SqlStore
from sessionls.store.options import StoreOptions
from stores import Heard, begin, create, database_url, exchange, rename, say, texts, url

pytestmark = [pytest.mark.usefixtures("engine"), pytest.mark.engines("postgres")]

TIMING = Timing(store_retries=(0.05, 0.3, 1.0), first_end_retry=0.1, longest_end_retry=0.3, sweep=0.5)


@pytest.fixture
async def between(tmp_path: Path) -> AsyncIterator[Proxy]:
    port = (await asyncio.to_thread(PostgresServer.shared)).port
    await asyncio.to_thread(url, tmp_path)
    async with proxy(port) as between:
        yield between


@pytest.fixture
async def store(tmp_path: Path, between: Proxy, store_options: StoreOptions) -> AsyncIterator[SqlStore]:
    """Through the proxy."""
    async with SqlStore(between.url(url(tmp_path)), silence=1, options=store_options) as store:
        yield store


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with SqlStore(url(tmp_path)) as store:
        yield store


def kinds(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.seq, event.kind) for event in events]


# -- one change ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["cut after", "silent after"])
async def test_a_change_whose_commit_got_no_answer_is_saved_once(
    store: SqlStore, other: SqlStore, between: Proxy, fault: Fault
) -> None:
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    between.fail_on("COMMIT", fault)
    await say(store, session_id, "once")
    assert between.faults == 1
    await rename(store, session_id, "and on")
    await heard.until(lambda: len(heard.events) == 2)
    assert kinds(heard.events) == kinds(await other.events(session_id, after=1)) == [(2, "messageSent"), (3, "renamed")]


async def test_a_change_whose_commit_did_not_arrive_is_made_again(store: SqlStore, other: SqlStore, between: Proxy) -> None:
    session_id = await create(store)
    between.fail_on("COMMIT", "cut")
    await say(store, session_id, "accepted")
    assert between.faults == 1
    assert await texts(other, session_id) == ["accepted"]


@pytest.mark.store_options(commit_status_seconds=0.1)
async def test_an_unknown_commit_is_named_and_its_repetition_makes_the_change_once(
    store: SqlStore, other: SqlStore, between: Proxy
) -> None:
    session_id = await create(store)
    between.fail_on("COMMIT", "silent after")

    def go_silent() -> None:
        between.silent = True

    asyncio.get_running_loop().call_later(0.5, go_silent)  # after the commit, before anybody can ask about it

    def decide(change: Change) -> str:
        change.add(ev.Renamed, title="once")
        return "done"

    with pytest.raises(StoreUnavailable, match="not known whether it was saved") as unknown:
        await store.change(session_id, decide)
    assert "before you repeat" in unknown.value.hint
    between.silent = False
    assert await store.change(session_id, decide) == "done"
    assert kinds(await other.events(session_id, after=1)) == [(2, "renamed")]


async def test_a_change_that_is_cut_in_the_middle_is_made_again_and_refused_if_it_is_cut_again(
    store: SqlStore, other: SqlStore, between: Proxy
) -> None:
    session_id = await create(store)
    loop, cuts = asyncio.get_running_loop(), 1

    def decide(change: Change) -> int:
        nonlocal cuts
        if cuts:
            cuts -= 1
            loop.call_soon_threadsafe(between.cut)
            time.sleep(0.1)
        return change.add(ev.Renamed, title="once").seq

    assert await store.change(session_id, decide) == 2
    cuts = 2
    with pytest.raises(StoreUnavailable, match="cannot be reached") as refused:
        await store.change(session_id, decide)
    assert "Try again" in refused.value.hint
    assert kinds(await other.events(session_id, after=1)) == [(2, "renamed")]
    assert await rename(store, session_id, "ours") == 3


@pytest.mark.parametrize("fault", ["cut", "silent after"])
async def test_no_event_is_missed_when_the_end_of_a_read_fails(
    store: SqlStore, other: SqlStore, between: Proxy, fault: Fault
) -> None:
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    between.notifications = False  # so that the next `follow` is the first to find the change
    await asyncio.sleep(0.2)
    await rename(other, session_id, "theirs")
    between.fail_on("COMMIT", fault)
    await store.follow(session_id)
    await rename(other, session_id, "theirs again")
    assert between.faults == 1
    await rename(store, session_id, "ours")
    await heard.until(lambda: len(heard.events) == 3)
    assert [event.seq for event in heard.events] == [2, 3, 4]


async def test_reading_continues_with_another_connection(store: SqlStore, between: Proxy) -> None:
    session_id = await create(store)
    for _ in range(2):
        assert (await store.session(session_id)).id == session_id
        between.cut()
        await asyncio.sleep(0.05)


# -- a server that does not answer -----------------------------------------------------------------------------------


async def test_many_requests_to_a_server_that_does_not_answer_fail_together_and_recover_together(
    store: SqlStore, other: SqlStore, between: Proxy
) -> None:
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    between.silent = True
    async with asyncio.timeout(15):  # one after the other would take a minute
        failed = await asyncio.gather(
            *(rename(store, session_id, f"{n}") for n in range(20)),
            *(store.session(session_id) for _ in range(20)),
            return_exceptions=True,
        )
    assert {type(one) for one in failed} == {StoreUnavailable}
    assert {one.message for one in failed if isinstance(one, StoreUnavailable)} == {"The database server does not answer."}
    between.silent = False
    await rename(other, session_id, "theirs")
    await heard.until(lambda: len(heard.events) == 1)
    assert await rename(store, session_id, "ours") == 3


async def test_closing_does_not_wait_for_a_server_that_does_not_answer(tmp_path: Path, between: Proxy) -> None:
    store = SqlStore(between.url(url(tmp_path)), silence=60)
    session_id = await create(store)
    Heard(store)
    await store.follow(session_id)
    between.silent = True
    waiting = asyncio.create_task(rename(store, session_id, "x"))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(20):
        await store.close()
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_a_slow_connection_works_and_misses_nothing(store: SqlStore, other: SqlStore, between: Proxy) -> None:
    session_id = await create(store)
    heard = Heard(store)
    await store.follow(session_id)
    between.delay = 0.02
    for n in range(3):
        await rename(other, session_id, f"theirs {n}")
        await rename(store, session_id, f"ours {n}")
    await exchange(store, session_id, "question", "answer")
    log = await other.events(session_id, after=1)
    await heard.until(lambda: len(heard.events) == len(log))
    assert kinds(heard.events) == kinds(log)


# -- replies ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


def joined(home: App, message_id: str) -> str:
    return "".join(delta.text for delta in home.deltas if delta.message_id == message_id)


@pytest.mark.parametrize("fault", ["cut", "cut after", "silent after"])
@pytest.mark.parametrize("when", ["before the text", "in the text"])
async def test_a_reply_continues_after_a_failed_commit(folder: Path, model_server: ModelServer, fault: Fault, when: str) -> None:
    address = await asyncio.to_thread(database_url, folder.parent / "one.db")
    hold = Hold("first " if when == "in the text" else "", Answer(chunks=["one ", "two ", "three"], delay=0.02))
    model_server.script(hold, Answer("next"))
    async with (
        proxy(PostgresServer.shared().port) as between,
        app(folder, None, participant=BEN) as ben,
        app(folder, model_server, timing=TIMING, url=between.url(address)) as home,
    ):
        home.built.store._patience = 0.5
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        await ben.sessions.open(session.id)
        send = asyncio.create_task(home.sessions.message(session.id, "m1"))
        await hold.reached.wait()
        between.fail_on("COMMIT", fault)
        hold.go.set()
        reply = (await send).reply
        whole = f"{hold.text}one two three"
        assert (reply.status, reply.text) == ("complete", whole)
        assert between.faults == 1
        assert (await home.sessions.message(session.id, "m2")).reply.text == "next"
        log = await ben.built.store.events(session.id, after=0)
        finished = [event for event in log if event.kind == "replyFinished"]
        for one in (home, ben):
            await one.until(lambda one=one: [e for e in one.events if e.kind == "replyFinished"] == finished)  # type: ignore[misc]
            seen = kinds(one.events)
            assert seen == kinds(log)[-len(seen) :]
            assert joined(one, reply.id) == whole


async def test_a_reply_survives_a_restart_of_the_server(folder: Path, model_server: ModelServer) -> None:
    server = await asyncio.to_thread(PostgresServer)
    try:
        address = await asyncio.to_thread(server.database_for, "restarted")
        hold = Hold("written before, ", Answer(chunks=["and ", "after"], delay=0.05))
        model_server.script(hold)
        async with (
            app(folder, model_server, timing=TIMING, url=address) as home,
            app(folder, None, participant=BEN, url=address) as ben,
        ):
            session = await home.sessions.create(agent="plain")
            await home.sessions.open(session.id)
            await ben.sessions.open(session.id)
            send = asyncio.create_task(home.sessions.message(session.id, "m1"))
            await ben.written("written before, ")
            await asyncio.to_thread(server.stop)
            hold.go.set()
            await home.written("and after")  # the model goes on meanwhile
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await ben.sessions.comment(session.id, "lost")
            await asyncio.to_thread(server.start)
            reply = (await send).reply
            assert (reply.status, reply.text) == ("complete", "written before, and after")
            await ben.written("and after")
            assert joined(ben, reply.id) == reply.text
            await ben.event("replyFinished")
            await ben.sessions.comment(session.id, "accepted")
    finally:
        await asyncio.to_thread(server.remove)


async def test_drafts_that_a_crashed_server_lost_are_saved_again(
    store: SqlStore, other: SqlStore, between: Proxy, tmp_path: Path
) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    for piece in ("one ", "two ", "three "):
        store.draft(session_id, reply, 0, "text", piece)
        await asyncio.sleep(0.15)
    name = re.sub(r".*/(\w+)\?.*", r"\1", url(tmp_path))
    await asyncio.to_thread(PostgresServer.shared().execute, "DELETE FROM drafts WHERE text = 'two '", name)
    assert [draft.text for draft in await other.drafted(session_id, reply)] == ["one "]
    between.cut()
    await rename(store, session_id, "reconnects")
    async with asyncio.timeout(10):
        while [draft.text for draft in await other.drafted(session_id, reply)] != ["one two three "]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
