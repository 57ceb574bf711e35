"""Replies that are being written: their text so far is saved, and only by the process that claims the reply."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from sessionls.domain.errors import StoreUnavailable
from sessionls.domain.ids import new_id
from sessionls.domain.model import TextPart
from sessionls.domain.state import Drafted
from sessionls.store import SqlStore, reading
from stores import begin, create, end, rename, say, step, texts, url

pytestmark = pytest.mark.usefixtures("engine")
WRITER = Path(__file__).with_name("store_process.py")


# -- drafts ----------------------------------------------------------------------------------------------------------


async def test_a_reply_being_written_has_its_text_so_far(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    store.draft(session_id, reply, 0, "reasoning", "Hm. ")
    store.draft(session_id, reply, 1, "text", "Hel")
    store.draft(session_id, reply, 1, "text", "lo")
    assert (await texts(store, session_id))[-1] == "Hello"
    assert await store.drafted(session_id, reply) == [Drafted(0, "reasoning", 0, "Hm. "), Drafted(1, "text", 0, "Hello")]
    await say(store, session_id, "more")  # a change also saves the drafts
    assert (await texts(other, session_id)) == ["go", "Hello", "more"]
    assert await other.drafted(session_id, reply) == await store.drafted(session_id, reply)


async def test_drafts_continue_within_a_part(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    message = await say(store, session_id, "go")
    reply = await begin(store, session_id, message)
    await end(store, session_id, reply, "Hel", status="interrupted")
    await begin(store, session_id, message, reply)
    store.draft(session_id, reply, 0, "text", "lo ", base=3)
    store.draft(session_id, reply, 0, "text", "you", base=3)
    await say(store, session_id, "more")
    for one in (store, other):
        assert (await texts(one, session_id))[1] == "Hello you"
        assert await one.drafted(session_id, reply) == [Drafted(0, "text", 3, "lo you")]


async def test_drafts_are_deleted_when_an_event_contains_their_text(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    store.draft(session_id, reply, 0, "text", "Hello")
    await say(store, session_id, "more")
    await step(store, session_id, reply, 0, TextPart(text="Hello"))
    for one in (store, other):
        assert await one.drafted(session_id, reply) == []
        assert (await texts(one, session_id))[1] == "Hello"
    store.draft(session_id, reply, 1, "text", "again")
    await end(store, session_id, reply, "Hello", "again")
    store.draft(session_id, reply, 2, "text", "too late")
    await say(store, session_id, "still more")
    assert (await texts(store, session_id))[1] == (await texts(other, session_id))[1] == "Hello\n\nagain"


@pytest.mark.engines("sqlite")
async def test_drafts_of_a_failed_change_are_not_lost(tmp_path: Path, other: SqlStore) -> None:
    async with SqlStore(url(tmp_path), patience=0.01) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        lock = sqlite3.connect(tmp_path / "data" / "sessions.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        store.draft(session_id, reply, 0, "text", "ke")
        with pytest.raises(StoreUnavailable):
            await rename(store, session_id, "x")
        store.draft(session_id, reply, 0, "text", "pt")
        lock.execute("ROLLBACK")
        lock.close()
        await rename(store, session_id, "y")
        assert await other.drafted(session_id, reply) == [Drafted(0, "text", 0, "kept")]


async def test_lone_surrogates_do_not_stop_drafts(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    store.draft(session_id, reply, 0, "text", "a\ud83db\0")
    await rename(store, session_id, "x")
    assert await other.drafted(session_id, reply) == [Drafted(0, "text", 0, "a?b\0")]


async def test_a_killed_process_loses_no_events_and_almost_no_text(store: SqlStore, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, str(WRITER), "write", url(tmp_path), stdout=subprocess.PIPE)
    assert process.stdout is not None
    session_id, reply = (await process.stdout.readline()).decode().split()
    words = [(await process.stdout.readline()).decode().strip() for _ in range(100)]
    process.kill()
    out, _ = await process.communicate()
    words += out.decode().split()
    [drafted] = await store.drafted(session_id, reply)
    saved = drafted.text.split()
    assert saved == words[: len(saved)]
    # A word is drafted every 5 ms: 50 words in 250 ms. Pauses of the machine affect both.
    assert len(words) - len(saved) <= 60
    assert [event.kind for event in await store.events(session_id, after=0)] == ["created", "messageSent", "replyStarted"]
    await asyncio.sleep(0.6)  # its lease is half a second
    assert await store.lapsed_claims() == [session_id]
    claims = await store.change(session_id, lambda change: change.claims)
    assert [(claim.message_id, claim.alive) for claim in claims.values()] == [(reply, False)]
    assert (await texts(store, session_id))[-1] == drafted.text


# -- claims ----------------------------------------------------------------------------------------------------------


async def until_alive(store: SqlStore, session_id: str, reply: str) -> str:
    """Wait until the claim is alive. Returns its process. (A busy machine can be late with renewing such a short lease.)"""
    async with asyncio.timeout(30):
        while not (claim := (await store.change(session_id, lambda change: change.claims))[reply]).alive:  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(0.05)
    return claim.process


async def test_a_claiming_process_renews_its_lease(tmp_path: Path, store: SqlStore) -> None:
    async with SqlStore(url(tmp_path), lease=0.3) as writer:
        session_id = await create(writer)
        reply = await begin(writer, session_id, await say(writer, session_id, "go"))
        for _ in range(3):
            await asyncio.sleep(0.4)  # longer than a lease that is not renewed
            assert await until_alive(store, session_id, reply) == writer.process


async def test_a_lease_is_renewed_long_before_it_ends(tmp_path: Path, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, sleep, renewals = 60.0, asyncio.sleep, asyncio.Semaphore(0)
    pauses: list[float] = []

    async def shorter(seconds: float) -> None:
        if seconds > 5:
            pauses.append(seconds)
            renewals.release()
            seconds = 0.01
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", shorter)
    async with SqlStore(url(tmp_path), lease=lease) as writer:
        session_id = await create(writer)
        await begin(writer, session_id, await say(writer, session_id, "go"))
        async with asyncio.timeout(30):
            for _ in range(3):
                await renewals.acquire()
        assert max(pauses) <= lease / 2
        assert await store.lapsed_claims() == []


async def test_claims_of_a_closed_process_lapse(tmp_path: Path, store: SqlStore) -> None:
    async with SqlStore(url(tmp_path)) as writer:
        session_id = await create(writer)
        reply = await begin(writer, session_id, await say(writer, session_id, "go"))
        assert await store.lapsed_claims() == await writer.lapsed_claims() == []
    assert await store.lapsed_claims() == [session_id]
    await end(store, session_id, reply, status="interrupted")
    assert await store.lapsed_claims() == []


@pytest.mark.engines("sqlite")
async def test_finding_lapsed_claims_does_not_read_all_sessions(tmp_path: Path, store: SqlStore) -> None:
    await create(store)
    statement = f"EXPLAIN QUERY PLAN {reading._LAPSED.compile(dialect=SQLiteDialect())}"
    with closing(sqlite3.connect(tmp_path / "data" / "sessions.db")) as connection:
        plan = [step for *_, step in connection.execute(statement, [0] * statement.count("?"))]
    assert plan and not [step for step in plan if step.startswith("SCAN")]


async def test_a_claim_can_be_taken_over(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    await other.change(session_id, lambda change: change.claim(reply))
    for one in (store, other):
        claims = await one.change(session_id, lambda change: change.claims)
        assert claims[reply].process == other.process and claims[reply].alive


async def test_a_process_that_lost_its_claim_saves_no_drafts(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    message = await say(store, session_id, "go")
    reply = await begin(store, session_id, message)
    await end(other, session_id, reply, status="interrupted")
    await begin(other, session_id, message, reply)
    store.draft(session_id, reply, 0, "text", "stale")
    other.draft(session_id, reply, 0, "text", "fresh")
    await rename(store, session_id, "x")
    await rename(other, session_id, "y")
    for one in (store, other):
        assert await one.drafted(session_id, reply) == [Drafted(0, "text", 0, "fresh")]
        assert (await texts(one, session_id))[-1] == "fresh"


async def test_a_claim_is_renewed_even_if_its_caller_was_cancelled(tmp_path: Path, store: SqlStore) -> None:
    async with SqlStore(url(tmp_path), lease=0.3) as writer:
        session_id = await create(store)
        message, reply = await say(store, session_id, "go"), new_id()
        beginning = asyncio.create_task(begin(writer, session_id, message, reply))

        def cancel(_: object) -> None:  # notified of the commit before the call returns
            beginning.cancel()

        writer.subscribe(cancel)
        with pytest.raises(asyncio.CancelledError):
            await beginning
        await asyncio.sleep(0.5)
        assert await until_alive(store, session_id, reply) == writer.process


# -- the file --------------------------------------------------------------------------------------------------------


async def test_closing_saves_drafts(tmp_path: Path, other: SqlStore) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        store.draft(session_id, reply, 0, "text", "last words")
    assert await other.drafted(session_id, reply) == [Drafted(0, "text", 0, "last words")]
