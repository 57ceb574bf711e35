"""The cost of queries depends on their results, not on the amount of other data.

Costs are counted in steps of SQLite's virtual machine, which are the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.ids import new_id
from sessionls.domain.model import Finding, Position, Range
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore
from sessionls.store.backend import Backend
from stores import begin, create, end, exchange, exchanges, fork, rename, say, step

pytestmark = pytest.mark.usefixtures("engine")

_STEPS = 100  # steps of the virtual machine that count as one


async def report(store: SqlStore, session_id: str, state: str = "open") -> str:
    at = Position(line=1, character=0)
    finding = Finding(
        id=new_id(),
        session_id=session_id,
        message_id=new_id(),
        agent="review",
        uri="file:///work/a.py",
        range=Range(start=at, end=at),
        severity=2,
        title=f"Finding {new_id()}",
        body="",
        state="open",
        created_at="2026-01-01T00:00:00.000Z",
    )
    by = ev.ByAgent(agent="review")

    def decide(change: Any) -> None:
        change.add(ev.FindingReported, by=by, finding=finding)
        if state != "open":
            change.add(ev.FindingChanged, by=by, finding_id=finding.id, state=state, reason=None)

    await store.change(session_id, decide)
    return finding.id


async def steps_of(store: SqlStore, question: Callable[[], Awaitable[object]]) -> int:
    """The number of (hundreds of) steps of the query, when it runs a second time."""
    count = 0

    def counted() -> int:
        nonlocal count
        count += 1
        return 0

    def count_with(handler: Callable[[], int] | None) -> Callable[[Backend], None]:
        def job(backend: Backend) -> None:
            driver = backend.database._connection().connection.driver_connection
            assert driver is not None
            driver.set_progress_handler(handler, _STEPS)

        return job

    await question()
    await store._job(store._reader, count_with(counted))
    await question()
    await store._job(store._reader, count_with(None))
    return count


# -- findings --------------------------------------------------------------------------------------------------------


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("folders", [None, ["file:///work"]])
async def test_listing_findings_costs_the_same_with_many_sessions(store: SqlStore, folders: list[str] | None) -> None:
    session_id = await create(store)
    await report(store, session_id)
    scope = None if folders is None else scope_of(folders)

    async def all_open() -> object:
        return await store.changed_findings(None, scope=scope)

    async def since() -> object:
        now, _ = await store.changed_findings(None, scope=scope)
        return await store.changed_findings(now - 1, scope=scope)

    few = await steps_of(store, all_open), await steps_of(store, since)
    for n in range(300):
        await create(store, title=f"Session {n}")
    many = await steps_of(store, all_open), await steps_of(store, since)
    assert many[0] <= few[0] + 1 and many[1] <= few[1] + 2


@pytest.mark.engines("sqlite")
async def test_listing_open_findings_costs_the_same_with_many_closed_ones(store: SqlStore) -> None:
    session_id = await create(store)
    await report(store, session_id)

    async def open_ones() -> object:
        return await store.findings(state="open", scope=scope_of(["file:///work"]))

    few = await steps_of(store, open_ones)
    for _ in range(200):
        await report(store, session_id, "fixed")
    assert await steps_of(store, open_ones) <= few + 1


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.engines("sqlite")
@pytest.mark.store_options(small_scope_messages=100)
@pytest.mark.parametrize("folders", [None, ["file:///work"]])
async def test_searching_a_common_word_costs_the_same_with_many_matches(store: SqlStore, folders: list[str] | None) -> None:
    scope = None if folders is None else scope_of(folders)
    session_id = await create(store)

    async def search() -> object:
        hits = await store.search("parser", scope=scope, limit=20)
        assert len(hits) == 20
        return hits

    await exchanges(store, session_id, ["The parser."] * 600)
    few = await steps_of(store, search)
    for _ in range(5):
        await exchanges(store, session_id, ["The parser."] * 600)
    assert await steps_of(store, search) <= few * 1.5


@pytest.mark.engines("sqlite")
async def test_a_rare_word_costs_the_same_however_many_messages_the_folder_has(store: SqlStore) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "Where?", "The zebra.")

    async def search() -> object:
        [hit] = await store.search("zebra", scope=scope_of(["file:///work"]), limit=20)
        return hit

    few = await steps_of(store, search)
    for _ in range(5):
        await exchanges(store, session_id, ["The parser."] * 400)
    # The index is written in segments, of which there are now more, now fewer; to count the folder's messages takes hundreds.
    assert await steps_of(store, search) <= few + 20


async def test_the_newest_matches_of_a_common_word_are_found(store: SqlStore) -> None:
    session_id = await create(store)
    await exchanges(store, session_id, [f"The parser number {n}." for n in range(600)])
    for query in ("parser", "pars"):
        hits = await store.search(query, scope=None, limit=3)
        assert [hit.snippet for hit in hits] == [f"The parser number {n}." for n in (599, 598, 597)]


async def test_the_best_match_of_a_rare_word_comes_first(store: SqlStore) -> None:
    session_id = await create(store)
    await exchanges(store, session_id, ["needle " * 5, *["a long answer with many other words and one needle in it"] * 20])
    [best] = await store.search("needle", scope=None, limit=1)
    assert best.snippet.startswith("needle needle")


async def test_a_word_that_is_common_elsewhere_is_found_in_this_folder(store: SqlStore) -> None:
    here = await create(store, folders=["file:///here"])
    await exchange(store, here, "Where?", "The parser.")
    elsewhere = await create(store)
    await exchanges(store, elsewhere, ["The parser."] * 1200)
    hits = await store.search("parser", scope=scope_of(["file:///here"]), limit=5)
    assert [hit.session.id for hit in hits] == [here]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("query", ["zebra", "zz", "q", "number zebra"])
@pytest.mark.parametrize("folders", [None, ["file:///work"]])
async def test_searching_titles_without_a_match_costs_the_same_with_many_titles(
    store: SqlStore, query: str, folders: list[str] | None
) -> None:
    await create(store)
    scope = None if folders is None else scope_of(folders)

    async def titled() -> object:
        return await store.sessions(scope=scope, state=None, query=query, limit=50, cursor=None)

    few = await steps_of(store, titled)
    for n in range(300):
        await create(store, title=f"Session number {n}")
    # The number of segments of the index varies; reading each title would take far more steps.
    assert await steps_of(store, titled) <= few + 10


async def test_only_current_titles_are_found(store: SqlStore) -> None:
    async def found(query: str) -> list[str]:
        page, _ = await store.sessions(scope=scope_of(["file:///work"]), state=None, query=query, limit=9, cursor=None)
        return [session.title for session in page]

    session_id = await create(store, title="A rabbit")
    another = await create(store, title="A squirrel")
    assert await found("abb") == ["A rabbit"]
    await rename(store, session_id, "A hedgehog")
    assert (await found("abb"), await found("HEDGE A")) == ([], ["A hedgehog"])
    await store.delete(another)
    assert await found("squirrel") == []


@pytest.mark.parametrize(
    "rare",
    [
        pytest.param(True, marks=pytest.mark.store_options(rare_titles=100)),
        pytest.param(False, marks=pytest.mark.store_options(rare_titles=0)),
    ],
)
async def test_pages_of_a_title_search_are_complete(store: SqlStore, rare: bool) -> None:
    for n in range(7):
        await create(store, title=f"rabbit {n}", folders=["file:///work"] if n != 3 else ["file:///other"])
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await store.sessions(
            scope=scope_of(["file:///work"]), state="active", query="rabb", limit=2, cursor=cursor
        )
        found += [session.title for session in page]
        if cursor is None:
            break
    assert found == [f"rabbit {n}" for n in (6, 5, 4, 2, 1, 0)]


# -- plans -----------------------------------------------------------------------------------------------------------


def _edit(fields: dict[str, Any], change: Change) -> None:
    change.add(ev.Edited, **fields)


@pytest.mark.engines("sqlite")
async def test_reading_file_changes_costs_the_same_in_a_long_session(store: SqlStore) -> None:
    costs = []
    for count in (5, 200):
        session = await create(store)
        message = await say(store, session, "edit")
        reply = await begin(store, session, message)
        fields: dict[str, Any] = {"message_id": reply, "uri": "file:///a", "summary": "Edit a", "applied": True, "kept": "x"}
        await store.change(session, partial(_edit, fields))
        await end(store, session, reply, "done")
        await exchanges(store, session, ["again"] * count)
        (event,) = await store.changes(session)
        assert isinstance(event, ev.Edited) and event.kept == "x"
        costs.append(await steps_of(store, partial(store.changes, session)))
    assert costs[1] <= costs[0] + 1, costs


@pytest.mark.engines("sqlite")
async def test_frequent_queries_scan_and_sort_no_table(store: SqlStore) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "m1", "r1")
    statements: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool) -> None:
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", statement):
            statements[statement] = parameters[0] if executemany else parameters

    backend = store._backend
    assert backend is not None and backend.database._engine is not None
    event.listen(backend.database._engine, "before_cursor_execute", note)
    await store.follow(session_id, limit=50)
    message = await say(store, session_id, "m2")
    reply = await begin(store, session_id, message)
    store.draft(session_id, reply, 0, "text", "word")
    await step(store, session_id, reply, 0)
    finding = await report(store, session_id)
    await end(store, session_id, reply, "r2")
    child = await fork(store, session_id, 4)
    await store.history(child, before=None, limit=50)
    await store.events(child, after=0)
    await store.transcript(child, through=4)
    await store.entry(child, message)
    await store.lapsed_claims()
    known = await store.finding(finding)
    await store.known_finding(session_id, known)
    for folders in (None, ["file:///work"]):
        scope = None if folders is None else scope_of(folders, ["marker:a:."])
        await store.findings(state="open", scope=scope)
        await store.findings(uri=known.uri, scope=scope)
        await store.changed_findings(1, scope=scope)
        for query in (None, "session", "zebra"):
            await store.sessions(scope=scope, state=None, query=query, limit=50, cursor=None)
        await store.search("r2", scope=scope, limit=20)
    await store.changes(child)
    await store.delete(child)
    assert len(statements) > 40
    bad: dict[str, list[str]] = {}

    def explain(backend: Backend) -> None:
        cursor = backend.database._connection().connection.cursor()
        for statement, parameters in statements.items():
            plan = [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            if wrong := [line for line in plan if _is_costly(line)]:
                bad[statement] = wrong
        cursor.close()

    await store._job(store._writer, explain)
    assert bad == {}


def _is_costly(line: str) -> bool:
    if line.startswith("SCAN"):
        # Allowed: scanning intermediate results (a CTE, a subquery), or querying a full-text index.
        return not re.search(r"VIRTUAL TABLE INDEX \d+:(.*M|=)", line) and not re.search(
            r"lineage|descendants|subquery|anon|CONSTANT", line
        )
    return False
