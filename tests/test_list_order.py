"""The list of sessions begins with those that need the person who lists them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from older_databases import as_version
from sessionls.cli.names import newest_session
from sessionls.domain import events as ev
from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import Participant
from sessionls.domain.results import SessionList
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore
from stores import ANN, ask, begin, create, end, say, url

BEN = Participant(id="ben", name="Ben")
HERE = scope_of(["file:///work"])


async def asking(store: SqlStore, title: str) -> str:
    session_id = await create(store, title=title)
    await ask(store, session_id, await begin(store, session_id, await say(store, session_id, "go")), "make")
    return session_id


async def ended(store: SqlStore, title: str, how: str) -> str:
    session_id = await create(store, title=title)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    await end(store, session_id, reply, "half", status=how)  # type: ignore[arg-type]
    return session_id


async def hand_over(store: SqlStore, title: str, to: Participant) -> str:
    session_id = await create(store, title=title)
    await store.change(session_id, lambda change: change.add(ev.HandedOver, by=ANN, to=to))
    return session_id


async def listed(store: SqlStore, who: Participant | None = None, *, limit: int = 50, **filters: object) -> list[str]:
    """The titles on all pages."""
    found: list[str] = []
    cursor: str | None = None
    given = {"scope": None, "state": None, "query": None, "participant_id": who and who.id, **filters}
    while True:
        page, cursor = await store.sessions(**given, limit=limit, cursor=cursor)  # type: ignore[arg-type]
        assert 0 < len(page) <= limit or cursor is None
        found += [session.title for session in page]
        if cursor is None:
            return found


async def fill(store: SqlStore) -> None:
    await create(store, title="old")
    await ended(store, "failed", "failed")
    await ended(store, "interrupted", "interrupted")
    await asking(store, "asks")
    await hand_over(store, "for Ben", BEN)
    await hand_over(store, "for Ann", ANN)
    await ended(store, "paused reply", "paused")
    await ended(store, "cancelled", "cancelled")
    await create(store, title="new")


REST = ["new", "cancelled", "paused reply"]
FOR_ANN = ["for Ann", "asks", "interrupted", "failed", *REST, "for Ben", "old"]
FOR_BEN = ["for Ben", "asks", "interrupted", "failed", *REST, "for Ann", "old"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 50])
async def test_questions_and_what_is_for_me_come_first_then_replies_that_stopped(store: SqlStore, limit: int) -> None:
    await fill(store)
    assert await listed(store, ANN, limit=limit) == FOR_ANN
    assert await listed(store, BEN, limit=limit, scope=HERE) == FOR_BEN
    assert await listed(store, limit=limit) == ["asks", "interrupted", "failed", *REST, "for Ann", "for Ben", "old"]


async def test_the_newest_session_is_found_behind_those_that_need_somebody(store: SqlStore) -> None:
    class Sessions:
        async def list(self, *, workspace_folder: str, limit: int, cursor: str | None) -> SessionList:
            page, after = await store.sessions(scope=scope_of([workspace_folder]), state=None, query=None, limit=2, cursor=cursor)
            return SessionList(sessions=page, next_cursor=after)

    for how in ("failed", "interrupted", "failed", "interrupted", "failed"):
        await ended(store, how, how)
    await create(store, title="newest")
    assert (await newest_session(Sessions(), "file:///work")).title == "newest"  # type: ignore[arg-type]


async def test_a_session_goes_back_to_its_place_when_it_needs_nobody(store: SqlStore) -> None:
    failed = await ended(store, "failed", "failed")
    archived = await ended(store, "archived", "interrupted")
    await create(store, title="new")
    assert await listed(store) == ["archived", "failed", "new"]
    await store.change(archived, lambda change: change.add(ev.Archived, by=ANN))
    assert await listed(store) == ["failed", "new"]
    assert await listed(store, state="archived") == ["archived"]
    await end(store, failed, await begin(store, failed, await say(store, failed, "again")), "whole")
    await create(store, title="newest")
    assert await listed(store) == ["newest", "failed", "new"]
    await store.delete(failed)
    assert await listed(store) == ["newest", "new"]


async def test_words_of_the_title_are_searched_in_the_same_order(store: SqlStore) -> None:
    await fill(store)
    assert await listed(store, BEN, query="for") == ["for Ben", "for Ann"]
    assert await listed(store, query="failed") == ["failed"]


@pytest.mark.store_options(stopped_sessions=2)
async def test_only_the_newest_replies_that_stopped_come_first(store: SqlStore) -> None:
    for title in ("a", "b", "c"):
        await ended(store, title, "failed")
    await create(store, title="new")
    for limit in (1, 2, 3, 50):
        assert await listed(store, limit=limit) == ["c", "b", "new", "a"]


async def test_they_are_found_without_reading_all_sessions(store: SqlStore) -> None:
    await create(store)

    def plan(connection: object) -> str:
        where = "attention = 1 AND session > '' ORDER BY updated_at DESC, id DESC LIMIT 200"
        rows = connection.execute(text(f"EXPLAIN QUERY PLAN SELECT session FROM sessions WHERE {where}"))  # type: ignore[attr-defined]
        return " ".join(str(row[-1]) for row in rows)

    found = await store._read(lambda reader: plan(reader._connection))
    assert "USING INDEX sessions_by_attention" in found and "TEMP B-TREE" not in found


async def test_a_database_of_an_earlier_version_has_the_same_order(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        await fill(store)
    await asyncio.to_thread(as_version, tmp_path / "data" / "sessions.db", "0013")

    def columns() -> list[str]:
        with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
            found = [row[1] for row in connection.execute("PRAGMA table_info(sessions)")]
        connection.close()
        return found

    assert "attention" not in await asyncio.to_thread(columns)
    async with SqlStore(url(tmp_path)) as store:
        assert await listed(store, ANN) == FOR_ANN


@pytest.mark.parametrize("last", [[3], ["2"], [1, 2], [-1], [None]])
async def test_a_position_of_no_list_is_refused(store: SqlStore, last: list[object]) -> None:
    import base64

    text = json.dumps([1, "2026-01-01T00:00:00.000Z", "a", *last])
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    with pytest.raises(InvalidParams):
        await store.sessions(scope=None, state=None, query=None, limit=5, cursor=cursor)
