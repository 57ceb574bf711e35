"""Storing a reply that is being written: each event writes only what changed, however long the reply is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event

from older_databases import as_version
from sessionls.domain import events as ev
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Message, Part, TextPart, ToolPart
from sessionls.store import SqlStore
from sessionls.store.parts import load_parts, write_parts
from sessionls.store.schema import metadata
from stores import begin, create, end, say, step, url

pytestmark = pytest.mark.usefixtures("engine")

LONG = "x" * 20_000


def call(number: int, result: str | None = None, work: list[Part] | None = None) -> ToolPart:
    status = "waiting" if result is None else "done"
    return ToolPart(call_id=f"c{number}", name="read_file", arguments={}, status=status, result=result, step=number, parts=work)


async def called(store: SqlStore, session_id: str, reply: str, number: int, result: str) -> None:
    """One step: the model calls a tool with this result."""
    await step(store, session_id, reply, number, call(number))
    fields: dict[str, Any] = {"message_id": reply, "index": number, "part": call(number, result)}
    await store.change(session_id, lambda change: change.add(ev.ToolFinished, **fields))


async def worked(store: SqlStore, session_id: str, reply: str, path: list[int], index: int, *parts: Part) -> None:
    fields: dict[str, Any] = {"message_id": reply, "path": path, "index": index, "parts": list(parts)}
    await store.change(session_id, lambda change: change.add(ev.AgentWorked, **fields))


@contextmanager
def written() -> Iterator[list[int]]:
    """The number of characters in the parameters of each statement."""
    sizes: list[int] = []

    def note(_c: object, _cursor: object, _statement: str, parameters: Any, _context: object, _many: bool) -> None:
        sizes.append(len(str(parameters)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sizes
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def seen_by_another(store: SqlStore, session_id: str, reply: str) -> list[Part]:
    async with SqlStore(store._url) as fresh:  # with an empty cache
        whole = await fresh.change(session_id, lambda change: change.now.entry(reply).message.parts)
        history, _ = await fresh.history(session_id, before=None, limit=5)
        (shown,) = [one for one in history if one.id == reply]
        assert shown.parts == whole == (await fresh.entry(session_id, reply)).message.parts
        return whole


async def test_a_step_writes_the_same_amount_in_a_long_reply(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    sizes: list[int] = []
    for number in range(30):
        with written() as one:
            await called(store, session_id, reply, number, LONG)
        sizes.append(sum(one))
    assert max(sizes[1:]) < 1.2 * sizes[1]
    parts = await seen_by_another(store, session_id, reply)
    assert parts == [call(number, LONG) for number in range(30)]


async def test_a_step_of_a_subagent_writes_the_same_amount_in_a_long_reply(store: SqlStore) -> None:
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    await step(store, session_id, reply, 0, TextPart(text="I ask."), call(1))
    sizes: list[int] = []
    for number in range(30):
        with written() as one:
            await worked(store, session_id, reply, [1], number, call(number, LONG))
        sizes.append(sum(one))
    assert max(sizes[1:]) < 1.2 * sizes[1]
    await worked(store, session_id, reply, [1, 29], 0, TextPart(text="deeper"))
    _, asking = await seen_by_another(store, session_id, reply)
    assert isinstance(asking, ToolPart) and asking.parts is not None and len(asking.parts) == 30
    deepest = asking.parts[29]
    assert isinstance(deepest, ToolPart) and deepest.parts == [TextPart(text="deeper")]


@pytest.mark.engines("sqlite")
async def test_a_stopped_reply_is_stored_in_one_row_until_it_is_resumed(store: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store)
    message = await say(store, session_id, "go")
    reply = await begin(store, session_id, message)
    await called(store, session_id, reply, 0, "one")

    def rows() -> int:
        with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
            (count,) = connection.execute("SELECT count(*) FROM parts").fetchone()
        connection.close()
        return int(count)

    assert await asyncio.to_thread(rows) == 1
    await end(store, session_id, reply, call(0, "one"), "two", status="paused")
    assert await asyncio.to_thread(rows) == 0
    assert await seen_by_another(store, session_id, reply) == [call(0, "one"), TextPart(text="two")]
    await begin(store, session_id, message, reply)
    assert await asyncio.to_thread(rows) == 2
    await step(store, session_id, reply, 1, TextPart(text="two, and more"))
    assert await seen_by_another(store, session_id, reply) == [call(0, "one"), TextPart(text="two, and more")]
    await store.delete(session_id)
    assert await asyncio.to_thread(rows) == 0


@pytest.mark.engines("sqlite")
async def test_a_reply_in_progress_survives_an_update_of_sessionls(tmp_path: Path) -> None:
    work: list[Part] = [TextPart(text="found"), call(2, "more", [TextPart(text="deep")])]
    parts: list[Part] = [TextPart(text="wörds"), call(0, "one"), call(1, "asked", work)]
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        await step(store, session_id, reply, 0, *parts)

    def put_back() -> None:
        """Convert the database to the previous version."""
        with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
            (data,) = connection.execute("SELECT data FROM messages WHERE id = ?", (reply,)).fetchone()
            whole = json.loads(data) | {"parts": [one.model_dump(by_alias=True, exclude_none=True) for one in parts]}
            connection.execute("UPDATE messages SET data = ? WHERE id = ?", (json.dumps(whole), reply))
        connection.close()
        as_version(tmp_path / "data" / "sessions.db", "0001")

    await asyncio.to_thread(put_back)
    async with SqlStore(url(tmp_path)) as store:
        assert await seen_by_another(store, session_id, reply) == parts
        await step(store, session_id, reply, 3, TextPart(text="more"))
        assert await seen_by_another(store, session_id, reply) == [*parts, TextPart(text="more")]


texts = st.builds(TextPart, text=st.text(max_size=3))
calls = st.builds(call, st.integers(0, 9), st.none() | st.text(max_size=3))
trees = st.lists(
    texts
    | calls
    | st.builds(
        call, st.integers(0, 9), st.just("asked"), st.lists(texts | st.builds(call, st.just(1), st.just("a"), st.lists(texts)))
    ),
    max_size=4,
)


@pytest.mark.engines("sqlite")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(trees, st.booleans()), min_size=1, max_size=6), st.data())
def test_the_stored_parts_always_equal_the_parts_of_the_reply(
    history: list[tuple[list[Part], bool]], data: st.DataObject
) -> None:
    engine = create_engine("sqlite://")
    author = AgentAuthor(agent="code", model="test", definition="0" * 64)
    before: Message | None = None
    empty = Message(
        id=new_id(),
        session_id=new_id(),
        seq=1,
        role="agent",
        author=author,
        status="replying",
        created_at="2026-01-01T00:00:00.000Z",
    )
    with engine.begin() as connection:
        metadata.create_all(connection)
        for parts, growing in history:
            # Some parts stay the same objects.
            kept = [] if before is None else before.parts[: data.draw(st.integers(0, len(before.parts)))]
            after = empty.model_copy(update={"parts": [*kept, *parts], "status": "replying" if growing else "paused"})
            write_parts(connection, before, after)
            loaded = load_parts(connection, after)
            assert loaded == (_plain(after.parts) if growing else [])
            before = after
    engine.dispose()


def _plain(parts: list[Part]) -> list[Part]:
    """An empty list of a subagent's parts equals none."""
    return [
        one.model_copy(update={"parts": _plain(one.parts) if one.parts else None}) if isinstance(one, ToolPart) else one
        for one in parts
    ]
