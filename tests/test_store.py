"""The store: accepted events are never lost and are numbered, whichever processes write, and deleted content is erased."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import MessageNotFound, SessionNotFound, StoreUnavailable
from sessionls.domain.ids import new_id
from sessionls.domain.model import TextPart
from sessionls.domain.state import Entry, State, apply
from sessionls.store import SqlStore
from stores import all_sessions, begin, create, end, exchange, rename, say, step, texts, url

pytestmark = pytest.mark.usefixtures("engine")
WRITER = Path(__file__).with_name("store_process.py")


# -- changes ---------------------------------------------------------------------------------------------------------


async def test_a_session_starts_with_its_created_event(store: SqlStore) -> None:
    session_id = await create(store, title="First")
    session = await store.session(session_id)
    assert (session.title, session.seq, session.state) == ("First", 1, "active")
    assert [event.kind for event in await store.events(session_id, after=0)] == ["created"]


async def test_a_session_that_does_not_exist_is_not_found(store: SqlStore) -> None:
    for question in (
        store.session("x"),
        store.history("x", before=None, limit=1),
        store.events("x", after=0),
        store.transcript("x", through=1),
        store.entry("x", "y"),
        store.delete("x"),
        store.follow("x"),
        store.change("x", lambda change: None),
    ):
        with pytest.raises(SessionNotFound):
            await question


async def test_an_error_in_a_decision_changes_nothing(store: SqlStore) -> None:
    session_id = await create(store)

    def decide(change: Change) -> None:
        change.add(ev.Renamed, title="Never")
        change.claim("message")
        raise MessageNotFound("message")

    with pytest.raises(MessageNotFound):
        await store.change(session_id, decide)
    assert (await store.session(session_id)).title == "A session"
    assert len(await store.events(session_id, after=0)) == 1
    assert await store.change(session_id, lambda change: dict(change.claims)) == {}


@pytest.mark.engines("sqlite")
async def test_a_decision_that_adds_nothing_writes_nothing(store: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store)
    with sqlite3.connect(tmp_path / "data" / "sessions.db") as reader:
        before = reader.execute("PRAGMA data_version").fetchone()
        assert await store.change(session_id, lambda change: change.now.session.title) == "A session"
        assert reader.execute("PRAGMA data_version").fetchone() == before
    reader.close()


async def test_event_numbers_have_no_gaps_or_duplicates_with_two_stores(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    given = await asyncio.gather(*(rename(one, session_id, f"{n}") for n in range(40) for one in (store, other)))
    assert sorted(given) == list(range(2, 82))
    assert [event.seq for event in await other.events(session_id, after=0)] == list(range(1, 82))


async def test_event_numbers_have_no_gaps_with_a_second_process(store: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), "rename", url(tmp_path), session_id, "50", stdout=subprocess.PIPE
    )
    mine = [await rename(store, session_id, f"mine {n}") for n in range(50)]
    out, _ = await process.communicate()
    theirs = [int(number) for number in out.split()]
    assert process.returncode == 0
    assert sorted(mine + theirs) == list(range(2, 102))
    assert mine == sorted(mine) and theirs == sorted(theirs)


async def test_a_change_by_another_process_is_seen_by_the_next_decision(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store)
    await rename(store, session_id, "One")
    await rename(other, session_id, "Two")
    assert await store.change(session_id, lambda change: change.now.session.title) == "Two"


async def test_the_stored_state_equals_the_fold_of_the_log(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store, identities=["marker:1:"])
    await exchange(store, session_id, "one", "1")
    waiting = await say(other, session_id, "two")
    reply = await begin(store, session_id, waiting)
    await step(store, session_id, reply, 0, TextPart(text="2"))
    await say(other, session_id, "three")
    await end(store, session_id, reply, "2", "2", status="paused")
    await begin(other, session_id, waiting, reply)

    state: State | None = None
    entries: dict[str, Entry] = {}
    for event in await store.events(session_id, after=0):
        applied = apply(state, event)
        state = applied.state
        entries.update((entry.message.id, entry) for entry in applied.touched)
    for one in (store, other):
        assert await one.change(session_id, lambda change: change.state) == state
        for message_id, entry in entries.items():
            assert await one.entry(session_id, message_id) == entry
    async with SqlStore(store._url) as fresh:  # with an empty cache
        loaded = await fresh.change(session_id, lambda change: change.now)
    assert state is not None and (loaded, list(loaded.open)) == (state, list(state.open))


# -- history ---------------------------------------------------------------------------------------------------------


async def test_history_is_read_page_by_page(store: SqlStore) -> None:
    session_id = await create(store)
    for n in range(5):
        await exchange(store, session_id, f"m{n}", f"r{n}")
    await say(store, session_id, "w1")
    await say(store, session_id, "w2")
    whole = [text for n in range(5) for text in (f"m{n}", f"r{n}")] + ["w1", "w2"]
    for page in (1, 2, 3, 5, 11, 12, 500):
        assert await texts(store, session_id, page=page) == whole
    assert await store.history(session_id, before=None, limit=12) == (
        (await store.history(session_id, before=None, limit=500))[0],
        False,
    )


async def test_an_empty_session_has_an_empty_history(store: SqlStore) -> None:
    assert await store.history(await create(store), before=None, limit=5) == ([], False)


async def test_a_message_of_another_session_is_not_found(store: SqlStore) -> None:
    session_id, another = await create(store), await create(store)
    message, _ = await exchange(store, another, "theirs", "reply")
    for question in (store.entry(session_id, message), store.history(session_id, before=message, limit=5)):
        with pytest.raises(MessageNotFound):
            await question


async def test_messages_are_in_the_order_in_which_they_were_answered(store: SqlStore) -> None:
    session_id = await create(store)
    first = await say(store, session_id, "first")
    reply = await begin(store, session_id, first)
    second = await say(store, session_id, "second")
    assert await texts(store, session_id) == ["first", "", "second"]
    await end(store, session_id, reply, "to first")
    await begin(store, session_id, second)
    assert await texts(store, session_id) == ["first", "to first", "second", ""]


async def test_seq_at_includes_the_end_of_a_resumed_reply(store: SqlStore) -> None:
    session_id = await create(store)
    first, second = await say(store, session_id, "first"), await say(store, session_id, "second")
    stopped = await begin(store, session_id, first)
    await end(store, session_id, stopped, "half", status="paused")
    cancelled = new_id()

    def cancel(change: Change) -> None:  # the second message is cancelled in the queue
        reply = change.now.entry(stopped).message.model_copy(
            update={"id": cancelled, "reply_to": second, "status": "cancelled", "seq": change.now.next_seq}
        )
        change.add(ev.ReplyFinished, message=reply)

    await store.change(session_id, cancel)
    await begin(store, session_id, first, stopped)
    await end(store, session_id, stopped, "whole")
    last = (await store.session(session_id)).seq
    assert [await store.seq_at(session_id, place) for place in range(5)] == [0, 3, last, last, last]


# -- deleting --------------------------------------------------------------------------------------------------------


@pytest.mark.engines("sqlite")
async def test_the_content_of_a_deleted_session_is_erased(store: SqlStore, other: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store, title="SECRETTITLE", identities=["SECRETPLACE"])
    await exchange(store, session_id, "SECRETMESSAGE", "SECRETREPLY")
    reply = await begin(store, session_id, await say(store, session_id, "SECRETWAITING"))
    store.draft(session_id, reply, 0, "text", "SECRETDRAFT")
    await rename(store, session_id, "SECRETOTHER")
    await other.delete(session_id)
    for one in (store, other):
        with pytest.raises(SessionNotFound):
            await rename(one, session_id, "x")
        with pytest.raises(SessionNotFound):
            await one.session(session_id)
        assert await all_sessions(one) == []
        assert await one.search("SECRETMESSAGE", scope=None, limit=5) == []
        assert await one.lapsed_claims() == []
    with pytest.raises(SessionNotFound):
        await create(store, session_id=session_id)
    with pytest.raises(SessionNotFound):
        await store.delete(session_id)
    await other.close()  # the full-text index is cleaned after the call returns
    with sqlite3.connect(tmp_path / "data" / "sessions.db") as reader:
        tables = [name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables.remove("title_pieces")  # its data is in other tables
        rows = {table: reader.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    reader.close()
    assert "secret" not in str(rows).lower()
    assert {row[0] for row in rows["title_pieces_data"]} == {1, 10}  # what FTS5 stores for an empty index


# -- the file --------------------------------------------------------------------------------------------------------


async def test_using_a_closed_store_is_an_error(tmp_path: Path) -> None:
    store = SqlStore(url(tmp_path))
    session_id = await create(store)
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.session(session_id)


@pytest.mark.engines("sqlite")
async def test_a_session_from_before_the_stopped_field_gets_it_with_its_next_event(
    tmp_path: Path,
) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "hi"))
        await end(store, session_id, reply, "so far", status="interrupted")
        assert (await store.session(session_id)).stopped == "interrupted"
    with closing(sqlite3.connect(tmp_path / "data" / "sessions.db")) as connection:
        connection.execute("UPDATE sessions SET session = json_remove(session, '$.stopped')")
        connection.commit()
    async with SqlStore(url(tmp_path)) as store:
        assert (await store.session(session_id)).stopped is None
        await rename(store, session_id, "Another")
        assert (await store.session(session_id)).stopped == "interrupted"
