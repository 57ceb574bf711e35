"""Each text is stored once, in its event; reading gives the same result as before."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect

from older_databases import engine_of, with_texts_everywhere
from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.events import Event
from sessionls.domain.model import Message, TextPart, ToolPart
from sessionls.domain.state import State, apply
from sessionls.store import SqlStore
from sessionls.store.schema import metadata
from stores import ANN, begin, create, end, exchange, exchanges, fork, say, step, url

pytestmark = pytest.mark.usefixtures("engine")

_WORDS = "The parser reads the file line by line and drops the last one, because the range ends one line too early. " * 3


def rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The whole content of the database, by table. (Of full-text indexes only their stored text.)"""
    engine = engine_of(url(folder))
    with engine.connect() as connection:
        there = inspect(connection).get_table_names()
        names = [name for name in there if name in metadata.tables or name.endswith("_content")]
        found = {name: [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')] for name in names}
    engine.dispose()
    return {name: sorted(of_table, key=repr) for name, of_table in found.items()}


def texts_in(found: dict[str, list[tuple[Any, ...]]], text: str) -> int:
    return sum(value.count(text) for of_table in found.values() for row in of_table for value in row if isinstance(value, str))


async def test_a_text_is_written_once(store: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "What is a capybara?", "The largest rodent.")
    waiting = await say(store, session_id, "And a wombat?")
    reply = await begin(store, session_id, waiting)
    await end(store, session_id, reply, "A marsupial,", status="paused")
    await begin(store, session_id, waiting, reply)
    await end(store, session_id, reply, "A marsupial, and", " a digger.")
    found = await asyncio.to_thread(rows, tmp_path)
    for text in ("What is a capybara?", "The largest rodent.", "And a wombat?", "A marsupial, and", " a digger."):
        assert texts_in(found, text) == 1, text


@pytest.mark.engines("sqlite")
async def test_a_message_takes_fewer_than_1500_bytes(store: SqlStore, tmp_path: Path) -> None:
    """The bytes of the database file per message, with alternating questions of 14 characters and answers of 330."""

    def size() -> int:
        with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
            pages, free, page = (
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
            )
        connection.close()
        return int((pages - free) * page)

    session_id = await create(store)
    empty = await asyncio.to_thread(size)
    for _ in range(5):
        await exchanges(store, session_id, [_WORDS] * 100)
    assert await asyncio.to_thread(size) - empty < 1000 * 1500


# -- what is read ----------------------------------------------------------------------------------------------------


def folded(log: list[Event]) -> tuple[State, dict[str, Message]]:
    """The folded state, and every message."""
    state: State | None = None
    messages: dict[str, Message] = {}
    for event in log:
        applied = apply(state, event)
        state = applied.state
        messages |= {entry.message.id: entry.message for entry in applied.touched}
        for message_id in applied.removed:
            del messages[message_id]
    assert state is not None
    return state, messages


def words_in_index(folder: Path) -> tuple[list[Any], list[Any]]:
    """The content of SQLite's full-text index, and the expected content for all messages that are not being written."""
    from sqlalchemy import select

    from sessionls.store.parts import is_growing
    from sessionls.store.rows import MESSAGE_COLUMNS, message_of, with_content
    from sessionls.store.schema import messages as table

    engine = engine_of(url(folder))
    with engine.connect() as connection:
        found = connection.execute(select(table.c.n, *MESSAGE_COLUMNS).select_from(with_content(table))).all()
        connection.exec_driver_sql("CREATE VIRTUAL TABLE temp.anew USING fts5(text, tokenize = 'unicode61 remove_diacritics 2')")
        for row in found:
            if not is_growing(message := message_of(row)):
                connection.exec_driver_sql("INSERT INTO temp.anew (rowid, text) VALUES (?, ?)", (row.n, message.text))
        connection.exec_driver_sql("CREATE VIRTUAL TABLE temp.has USING fts5vocab('main', 'message_text', 'instance')")
        connection.exec_driver_sql("CREATE VIRTUAL TABLE temp.should USING fts5vocab('temp', 'anew', 'instance')")
        has, should = (
            connection.exec_driver_sql(f"SELECT * FROM temp.{name} ORDER BY 1, 2, 4").all() for name in ("has", "should")
        )
        connection.rollback()
    engine.dispose()
    return list(map(tuple, has)), list(map(tuple, should))


actions = st.sampled_from(["say", "steer", "begin", "step", "pause", "resume", "end", "fail", "withdraw", "fork", "delete"])
spoken = st.text(alphabet='ab ß\0\x1aé"\\{}', max_size=8)


@pytest.mark.engines("sqlite")
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(actions, spoken), min_size=3, max_size=25))
def test_messages_always_equal_the_fold_of_their_events_and_are_found_by_search(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    asyncio.run(live_through(folder, history))
    has, should = words_in_index(folder)
    assert has == should


def _add(kind: Callable[..., Event], fields: dict[str, Any], change: Change) -> None:
    change.add(kind, **fields)


async def live_through(folder: Path, history: list[tuple[str, str]]) -> None:
    forks: list[str] = []
    async with SqlStore(url(folder)) as store:
        session_id = await create(store)
        for action, text in history:
            state, messages = folded(await store.events(session_id, after=0, limit=10_000))
            queue = [entry.message.id for entry in state.queue]
            if action == "say":
                await say(store, session_id, text)
            elif action == "steer" and state.reply and queue:
                steered: dict[str, Any] = {"message_id": queue[0], "reply_id": state.reply, "part": 0}
                await store.change(session_id, partial(_add, ev.MessageSteered, steered))
            elif action == "begin" and queue and not state.reply:
                await begin(store, session_id, queue[0])
            elif action == "step" and state.reply:
                parts = len(messages[state.reply].parts)
                await step(store, session_id, state.reply, parts, TextPart(text=text))
            elif action in ("pause", "end", "fail") and state.reply:
                status: Any = {"pause": "paused", "end": "complete", "fail": "failed"}[action]
                await end(store, session_id, state.reply, text, status=status)
            elif action == "resume" and state.resumable and not state.reply:
                reply = messages[state.resumable]
                assert reply.reply_to is not None
                await begin(store, session_id, reply.reply_to, reply.id)
            elif action == "withdraw" and queue:
                gone: dict[str, Any] = {"by": ANN, "message_id": queue[-1]}
                await store.change(session_id, partial(_add, ev.MessageWithdrawn, gone))
            elif action == "fork" and state.settled:
                forks.append(await fork(store, session_id, state.settled))
            elif action == "delete" and forks:
                await store.delete(forks.pop())
        log = await store.events(session_id, after=0, limit=10_000)
    async with SqlStore(url(folder)) as another:
        assert await another.events(session_id, after=0, limit=10_000) == log
        _, messages = folded(log)
        seen, _ = await another.history(session_id, before=None, limit=1000)
        assert {message.id: message for message in seen} == messages


async def test_a_fork_reads_the_texts_of_a_deleted_parent(store: SqlStore) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "What is a capybara?", "The largest rodent.")
    await exchange(store, session_id, "And a wombat?", "A marsupial.")
    child = await fork(store, session_id, 2)
    await store.delete(session_id)
    seen, _ = await store.history(child, before=None, limit=10)
    assert [message.text for message in seen] == ["What is a capybara?", "The largest rodent."]
    assert [(hit.session.id, hit.snippet) for hit in await store.search("rodent", scope=None, limit=5)] == [
        (child, "The largest rodent.")
    ]
    assert await store.search("marsupial", scope=None, limit=5) == []


async def test_a_resumed_reply_is_indexed_again_when_it_stops(store: SqlStore) -> None:
    session_id = await create(store)
    message = await say(store, session_id, "Go on.")
    reply = await begin(store, session_id, message)
    await end(store, session_id, reply, "a capybara", status="paused")
    await begin(store, session_id, message, reply)
    await end(store, session_id, reply, "a wombat")
    assert await store.search("capybara", scope=None, limit=5) == []
    assert [hit.message_id for hit in await store.search("wombat", scope=None, limit=5)] == [reply]


# -- databases from before -------------------------------------------------------------------------------------------


async def test_a_migrated_database_equals_a_new_one(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store, title="Größe")
        _, first = await exchange(store, session_id, "What is a capybara?", "The largest “rodent”\0.")
        message = await say(store, session_id, "And a wombat?")
        reply = await begin(store, session_id, message)
        await step(store, session_id, reply, 0, TextPart(text="A marsupial"), tool())
        steering = await say(store, session_id, "in Australia")
        await store.change(session_id, lambda change: change.add(ev.MessageSteered, message_id=steering, reply_id=reply, part=1))
        await end(store, session_id, reply, "A marsupial", status="failed")
        child = await fork(store, session_id, 2)
        await exchange(store, child, "And here?", "Here too.")
        gone = await create(store)
        await exchange(store, gone, "Forget it.", "Forgotten.")
        heir = await fork(store, gone, 2)
        await store.delete(gone)
        growing = await create(store)
        written = await begin(store, growing, await say(store, growing, "Write."))
        await step(store, growing, written, 0, TextPart(text="being written"))
        await say(store, growing, "It waits.")

        async def seen(store: SqlStore) -> list[Any]:
            sessions = (session_id, child, heir, growing)
            words = ("capybara", "rodent", "marsup", "australia", "too", "forgotten", "written", "waits")
            return [
                *[await store.events(one, after=0, limit=1000) for one in sessions],
                *[await store.history(one, before=None, limit=100) for one in sessions],
                *[await store.transcript(one, through=9) for one in sessions],
                *[[hit.message_id for hit in await store.search(word, scope=None, limit=9)] for word in words],
            ]

        before = await seen(store)
        assert before[1] and first in str(before)
    made = await asyncio.to_thread(rows, tmp_path)
    await asyncio.to_thread(with_texts_everywhere, url(tmp_path))
    assert texts_in(await asyncio.to_thread(rows, tmp_path), "What is a capybara?") >= 2
    async with SqlStore(url(tmp_path)) as store:
        assert await seen(store) == before
        await exchange(store, child, "And now?", "It goes on.")
        await store.delete(child)
        assert await store.search("goes", scope=None, limit=5) == []
    again = await asyncio.to_thread(rows, tmp_path)
    assert [row for row in again["events"] if row[0] == session_id and row[3] != "forked"] == [
        row for row in made["events"] if row[0] == session_id and row[3] != "forked"
    ]
    assert [row for row in again["messages"] if row[1] != child] == [row for row in made["messages"] if row[1] != child]


def tool() -> ToolPart:
    return ToolPart(call_id="1", name="read_file", arguments={"path": "ö.py"}, status="done", result="print(1)")
