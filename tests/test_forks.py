"""Forks in the store: shared by reference and unchangeable."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sessionls.domain.errors import MessageNotFound, SessionNotFound
from sessionls.domain.events import Event
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore
from sessionls.store.engine import open_database
from sessionls.store.reading import Reader
from stores import begin, compact, create, end, exchange, fork, rename, say, texts, url

pytestmark = pytest.mark.usefixtures("engine")


async def whole(store: SqlStore, session_id: str) -> tuple[list[str], list[Event], str | None, list[str]]:
    """The whole content of a session: messages, events, and the transcript for a model."""
    transcript = await store.transcript(session_id, through=1000)
    told = [entry.message.text for entry in transcript.entries]
    return await texts(store, session_id), await store.events(session_id, after=0), transcript.summary, told


_INDEXES = ("message_text", "title_pieces")  # full text: virtual tables and their data tables


def rows(folder: Path) -> dict[str, int]:
    """The number of rows of each table, without indexes."""
    with sqlite3.connect(folder / "data" / "sessions.db") as reader:
        every = [name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in every if not name.startswith(_INDEXES)]
        counts = {table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    reader.close()
    return counts


def stored(folder: Path) -> str:
    """Every row of every table, as text."""
    with sqlite3.connect(folder / "data" / "sessions.db") as reader:
        every = [name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in every if not name.startswith(_INDEXES)]
        everything = str([reader.execute(f"SELECT * FROM {table}").fetchall() for table in tables])
    reader.close()
    return everything


async def test_a_fork_never_changes_when_its_parent_does(store: SqlStore) -> None:
    parent = await create(store)
    for n in range(1, 4):
        await exchange(store, parent, f"m{n}", f"r{n}")
    child = await fork(store, parent, 4)
    before = await whole(store, child)
    assert before[0] == before[3] == ["m1", "r1", "m2", "r2"]
    assert [event.seq for event in before[1]] == list(range(1, len(before[1]) + 1))
    assert {event.session_id for event in before[1][:-1]} == {parent} and before[1][-1].session_id == child

    await exchange(store, parent, "m4", "r4")
    await rename(store, parent, "Another title")
    assert await whole(store, child) == before
    await compact(store, parent, 4, "All of it.")
    assert await whole(store, child) == before
    await store.delete(parent)
    assert await whole(store, child) == before
    async with SqlStore(store._url) as other:
        assert await whole(other, child) == before


async def test_a_fork_continues_independently(store: SqlStore) -> None:
    parent = await create(store)
    await exchange(store, parent, "m1", "r1")
    child = await fork(store, parent, 2)
    await exchange(store, child, "own", "answer")
    await exchange(store, parent, "m2", "r2")
    assert await texts(store, child) == ["m1", "r1", "own", "answer"]
    assert await texts(store, parent) == ["m1", "r1", "m2", "r2"]
    numbers = [event.seq for event in await store.events(child, after=0)]
    assert numbers == list(range(1, len(numbers) + 1))
    messages, _ = await store.history(child, before=None, limit=10)
    assert [message.session_id for message in messages] == [parent, parent, child, child]


async def test_a_fork_contains_no_message_after_its_place(store: SqlStore) -> None:
    parent = await create(store)
    first, _ = await exchange(store, parent, "m1", "r1")
    second, _ = await exchange(store, parent, "m2", "r2")
    waiting = await say(store, parent, "waiting")
    child = await fork(store, parent, 2)
    assert (await store.entry(child, first)).message.text == "m1"
    for message in (second, waiting):
        with pytest.raises(MessageNotFound):
            await store.entry(child, message)
        with pytest.raises(MessageNotFound):
            await store.history(child, before=message, limit=5)


async def test_an_empty_fork_and_a_fork_within_the_inherited_part_of_a_fork(store: SqlStore) -> None:
    parent = await create(store)
    for n in range(1, 4):
        await exchange(store, parent, f"m{n}", f"r{n}")
    child = await fork(store, parent, 6)
    await exchange(store, child, "own", "answer")
    grandchild = await fork(store, child, 2)
    nothing = await fork(store, grandchild, 0)
    assert await texts(store, grandchild) == ["m1", "r1"]
    assert await texts(store, nothing) == []
    assert (await store.session(grandchild)).parent is not None
    for one in (grandchild, nothing):
        numbers = [event.seq for event in await store.events(one, after=0)]
        assert numbers == list(range(1, len(numbers) + 1))
    await exchange(store, nothing, "new", "story")
    assert await texts(store, nothing) == ["new", "story"]


async def test_a_fork_is_compacted_like_its_parent(store: SqlStore) -> None:
    parent = await create(store)
    for n in range(1, 4):
        await exchange(store, parent, f"m{n}", f"r{n}")
    await compact(store, parent, 2, "First.")
    early = await fork(store, parent, 6)
    await exchange(store, parent, "m4", "r4")
    await compact(store, parent, 6, "Second.")
    late, before = await fork(store, parent, 8), await fork(store, parent, 4)
    assert (await whole(store, early))[2:] == ("First.", ["m2", "r2", "m3", "r3"])
    assert (await whole(store, late))[2:] == ("Second.", ["m4", "r4"])
    assert (await whole(store, before))[2:] == (None, ["m1", "r1", "m2", "r2"])
    own = await fork(store, late, 8)
    await compact(store, own, 7, "Own.")
    assert (await whole(store, own))[2:] == ("Own.", ["r4"])
    assert (await whole(store, await fork(store, own, 6)))[2:] == ("First.", ["m2", "r2", "m3", "r3"])
    told = await store.transcript(parent, through=5)
    assert (told.summary, [entry.message.text for entry in told.entries]) == ("First.", ["m2", "r2", "m3"])
    await store.delete(parent)
    assert (await whole(store, late))[2:] == ("Second.", ["m4", "r4"])
    assert (await whole(store, early))[2:] == ("First.", ["m2", "r2", "m3", "r3"])


@pytest.mark.engines("sqlite")
async def test_deleted_content_stays_only_as_long_as_a_fork_shares_it(store: SqlStore, tmp_path: Path) -> None:
    parent = await create(store, title="SECRETTITLE", identities=["SECRETPLACE"])
    await exchange(store, parent, "m1", "r1")
    await exchange(store, parent, "m2", "r2")
    await exchange(store, parent, "SECRET", "SECRET")
    await compact(store, parent, 6, "SECRETSUMMARY")
    reply = await begin(store, parent, await say(store, parent, "SECRETWAITING"))
    store.draft(parent, reply, 0, "text", "SECRETDRAFT")
    child = await fork(store, parent, 4)
    grandchild = await fork(store, child, 2)
    seen = await whole(store, child), await whole(store, grandchild)
    await store.delete(parent)
    assert (await whole(store, child), await whole(store, grandchild)) == seen
    # Its forks share the `created` event, but nothing after their places.
    await asyncio.gather(*store._background)
    assert "secret" not in stored(tmp_path).replace("SECRETTITLE", "").replace("SECRETPLACE", "").lower()
    await store.delete(child)
    assert await whole(store, grandchild) == seen[1]
    await asyncio.gather(*store._background)  # the full-text index is cleaned after the call returns
    assert "m1" in stored(tmp_path) and "m2" not in stored(tmp_path) and "r2" not in stored(tmp_path)
    await store.delete(grandchild)
    await asyncio.gather(*store._background)
    counts = rows(tmp_path)
    kept = {"sessions", "alembic_version", "sqlite_sequence", "processes"}
    assert counts["sessions"] == 3
    assert all(count == 0 for table, count in counts.items() if table not in kept)
    assert "secret" not in stored(tmp_path).lower()


async def test_shared_messages_of_a_deleted_session_are_found_in_its_fork(store: SqlStore) -> None:
    parent = await create(store, title="Parent", folders=["file:///a"])
    await exchange(store, parent, "apple", "banana")
    await exchange(store, parent, "cherry", "dates")
    child = await fork(store, parent, 2, title="Child")
    await store.delete(parent)
    for folders in (None, ["file:///a"]):
        scope = None if folders is None else scope_of(folders)
        [hit] = await store.search("apple", scope=scope, limit=5)
        assert (hit.session.title, (await store.entry(child, hit.message_id)).message.text) == ("Child", "apple")
        assert await store.search("cherry", scope=scope, limit=5) == []
    assert await store.search("apple", scope=scope_of(["file:///b"]), limit=5) == []
    await store.delete(child)
    assert await store.search("apple", scope=None, limit=5) == []


async def test_a_deleted_session_cannot_be_forked(store: SqlStore) -> None:
    parent = await create(store)
    await exchange(store, parent, "m1", "r1")
    session = await store.session(parent)
    await store.delete(parent)
    with pytest.raises(SessionNotFound):
        await fork(store, session.id, 2)


@pytest.mark.engines("sqlite")
async def test_forking_writes_the_same_number_of_rows_for_any_length(store: SqlStore, tmp_path: Path) -> None:
    short, long = await create(store), await create(store)
    await exchange(store, short, "m", "r")
    await exchange(store, long, "m", "r")
    _lengthen(tmp_path, long, 10_000)
    written = []
    for session_id, place in ((short, 2), (long, 10_000)):
        before = rows(tmp_path)
        child = await fork(store, session_id, place)
        after = rows(tmp_path)
        written.append({table: after[table] - before[table] for table in after if after[table] != before[table]})
        assert len((await store.history(child, before=None, limit=50))[0]) == min(place, 50)
    assert written[0] == written[1] == {"sessions": 1, "session_places": 1, "titles": 1, "events": 1}


def _lengthen(folder: Path, session_id: str, places: int) -> None:
    """Add messages at all places up to that one, as many exchanges would."""
    with sqlite3.connect(folder / "data" / "sessions.db") as writer:
        content = "SELECT data, content_seq FROM messages WHERE session_id = ? AND place = 2"
        [(data, seq)] = writer.execute(content, (session_id,)).fetchall()
        writer.executemany(
            "INSERT INTO messages (session_id, id, seq, place, ended_seq, sealed_seq, data, content_seq) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(session_id, f"x{n}", 4, n, 4, 4, data, seq) for n in range(3, places + 1)],
        )
        writer.execute("UPDATE sessions SET placed = ? WHERE id = ?", (places, session_id))
    writer.close()


def steps(folder: Path, question: Any, *arguments: object) -> int:
    """The number of steps of SQLite's virtual machine for one query."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    database = open_database(url(folder), 5)
    with database.reading() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(step, 1)
        getattr(Reader(connection), question)(*arguments)
    database.close()
    return count


@pytest.mark.engines("sqlite")
async def test_reading_from_a_long_session_costs_the_same_as_from_a_short_one(store: SqlStore, tmp_path: Path) -> None:
    costs = []
    for places in (100, 10_000):
        session_id = await create(store)
        await exchange(store, session_id, "m", "r")
        _lengthen(tmp_path, session_id, places)
        await compact(store, session_id, places - 20, "All before.")
        for one in (session_id, await fork(store, session_id, places)):
            questions: list[tuple[object, ...]] = [
                ("history", one, None, 50),
                ("history", one, "x99", 50),
                ("seq_at", one, 50),
                ("seq_at", one, places),
                ("transcript", one, places, 0),
                ("saved", one, "x99"),
            ]
            costs += [await asyncio.to_thread(steps, tmp_path, *question) for question in questions]
    half = len(costs) // 2
    assert [long for long, short in zip(costs[half:], costs[:half], strict=True) if long > short + 100] == []


@pytest.mark.engines("sqlite")
async def test_a_page_of_the_list_costs_the_same_with_more_sessions(store: SqlStore, tmp_path: Path) -> None:
    session_id = await create(store, folders=["file:///work"])
    costs = []
    for count in (100, 10_000):
        with sqlite3.connect(tmp_path / "data" / "sessions.db") as writer:
            [row] = writer.execute("SELECT * FROM sessions WHERE id = ?", (session_id,)).fetchall()
            marks = ", ".join("?" * len(row))
            copies = [(f"{count}-{n}", -count * n - n, *row[2:]) for n in range(1, count)]
            writer.executemany(f"INSERT INTO sessions VALUES ({marks})", copies)
            places = [(copy[0], "folder", "file:///work", "active", row[8]) for copy in copies]
            writer.executemany("INSERT INTO session_places VALUES (?, ?, ?, ?, ?)", places)
        writer.close()
        for scope in (None, scope_of(["file:///work", "file:///b"])):
            for state in (None, "paused"):
                page = scope, state, None, 50, None, "ann"
                costs.append(await asyncio.to_thread(steps, tmp_path, "sessions", *page))
    assert [more for more, few in zip(costs[4:], costs[:4], strict=True) if more > few + 100] == []


@pytest.mark.engines("sqlite")
async def test_a_chain_of_a_thousand_forks_works(store: SqlStore, tmp_path: Path) -> None:
    session_id = root = await create(store)
    costs: list[int] = []
    place = 0
    for depth in range(1, 1001):
        message = await say(store, session_id, f"m{depth}")
        await end(store, session_id, await begin(store, session_id, message), f"r{depth}")
        place += 2
        if depth in (100, 1000):
            costs.append(await asyncio.to_thread(steps, tmp_path, "history", session_id, None, 50))
        if depth < 1000:
            session_id = await fork(store, session_id, place)
    assert await texts(store, session_id) == [text for n in range(1, 1001) for text in (f"m{n}", f"r{n}")]
    assert costs[1] <= costs[0] + 100  # the last page is read without walking up to the root
    first = (await store.history(root, before=None, limit=1))[0][0]
    assert (await store.entry(session_id, first.id)).message == first
    numbers = [event.seq for event in await store.events(session_id, after=0)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert await store.seq_at(session_id, 2) == await store.seq_at(root, 2)
    await store.delete(root)
    assert len(await texts(store, session_id)) == 2000
