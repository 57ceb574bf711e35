"""What lists and searches cost where rows are hidden: no more for all the sessions that somebody does not see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

import stores
from logins import TeamDatabase
from sessionls.domain.model import Participant
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore
from stores import create, exchange

_HIDDEN = 200  # sessions of somebody else, in the same folder


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TeamDatabase:
    made = await asyncio.to_thread(TeamDatabase.make, tmp_path, "ann", "ben")
    for name, number in (("ben", _HIDDEN), ("ann", 3)):
        async with SqlStore(made.of(name)) as store:
            monkeypatch.setattr(stores, "ANN", await store.participant(Participant(id="-", name=name.title())))
            for n in range(number):
                session_id = await create(store, title=f"Title {n}")
                if n % 10 == 0:
                    await exchange(store, session_id, f"zebra of {name}", "common words")
    await asyncio.to_thread(made.run, f"{made.name}_owner", "ANALYZE")
    return made


def read_rows(plan: dict[str, Any]) -> int:
    """How many rows the scans of a plan read, those included that were filtered out."""
    own = 0
    if "Scan" in plan["Node Type"]:
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(own) + sum(map(read_rows, plan.get("Plans", [])))


async def statements(store: SqlStore, ask: Callable[[], Coroutine[Any, Any, object]]) -> dict[str, Any]:
    """The statements that a question makes, with their parameters."""
    await ask()
    assert store._backend is not None and store._backend.database._engine is not None
    engine, found = store._backend.database._engine, {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        found[statement] = parameters

    event.listen(engine, "before_cursor_execute", note)
    await ask()
    event.remove(engine, "before_cursor_execute", note)
    return {statement: parameters for statement, parameters in found.items() if statement.lstrip().startswith(("SELECT", "WITH"))}


async def test_a_page_of_a_list_reads_what_it_shows_and_not_what_others_have(database: TeamDatabase) -> None:
    scope = scope_of(["file:///work"])
    async with SqlStore(database.of("ann")) as store:

        async def ask() -> None:
            for one in (None, scope):
                page, _ = await store.sessions(scope=one, state=None, query=None, limit=50, cursor=None)
                assert [session.title for session in page] == ["Title 2", "Title 1", "Title 0"]

        found = await statements(store, ask)
    lists = {statement: values for statement, values in found.items() if "reader_places" in statement}
    assert lists

    def explain(statement: str, values: Any) -> dict[str, Any]:
        with psycopg.connect(database.of("ann")) as connection:
            row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), values).fetchone()
            assert row is not None
            plan: dict[str, Any] = row[0][0]["Plan"]
            return plan

    for statement, values in lists.items():
        plan = await asyncio.to_thread(explain, statement, values)
        assert "reader_places_by_update" in str(plan)
        assert read_rows(plan) < 40, plan


async def test_a_search_uses_the_index_of_words(database: TeamDatabase) -> None:

    def plan() -> str:
        """The plan of the query in `sessionls_matches`, as its owner makes it."""
        query = "SELECT n FROM message_text AS f WHERE f.words @@ '''zebra'''::tsquery"
        owner = database.url(f"{database.name}_owner")
        with psycopg.connect(owner) as connection:
            connection.execute("SET enable_seqscan = off")
            return str(connection.execute(f"EXPLAIN {query}".encode()).fetchall())

    assert "message_text_by_words" in await asyncio.to_thread(plan)
    async with SqlStore(database.of("ann")) as store:
        hits = await store.search("zebra", scope=None, limit=50)
        assert [hit.snippet for hit in hits] == ["zebra of ann"]
        page, _ = await store.sessions(scope=None, state=None, query="title 1", limit=50, cursor=None)
        assert [session.title for session in page] == ["Title 1"]
