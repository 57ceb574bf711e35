"""Lists of sessions in stable pages, and the search for words in titles and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessionls.domain import events as ev
from sessionls.domain.errors import InvalidParams
from sessionls.domain.scope import scope_of
from sessionls.ports.store import Hit
from sessionls.store import SqlStore
from stores import ANN, all_sessions, begin, create, end, exchange, rename, say, url

pytestmark = pytest.mark.usefixtures("engine")


# -- lists -----------------------------------------------------------------------------------------------------------


async def test_sessions_are_listed_newest_first_in_stable_pages(store: SqlStore) -> None:
    ids = [await create(store, title=f"{n}") for n in range(7)]
    assert await all_sessions(store) == [f"{n}" for n in reversed(range(7))]
    first, cursor = await store.sessions(scope=None, state=None, query=None, limit=3, cursor=None)
    await create(store, title="new")
    await asyncio.sleep(0.002)  # times are kept in milliseconds
    await rename(store, ids[2], "2 changed")
    rest, _ = await store.sessions(scope=None, state=None, query=None, limit=50, cursor=cursor)
    assert [session.title for session in first + rest] == ["6", "5", "4", "3", "1", "0"]
    assert (await all_sessions(store))[:2] == ["2 changed", "new"]


async def test_sessions_are_found_by_a_folder_or_by_a_repository(store: SqlStore) -> None:
    await create(store, title="by both", identities=["marker:a:"], folders=["file:///a"])
    await create(store, title="by folder", folders=["file:///a", "file:///b"])
    await create(store, title="by another", folders=["file:///c"])
    await create(store, title="by none", folders=[])
    places: dict[str, tuple[list[str], list[str]]] = {
        "by both": (["file:///a"], ["marker:a:"]),
        "by folder": (["file:///a", "file:///b"], []),
        "by another": (["file:///c"], []),
        "by none": ([], []),
    }
    for scope, found in (
        (scope_of([], ["marker:a:"]), ["by both"]),
        (scope_of(["file:///a/", "FILE://localhost/%62"]), ["by folder", "by both"]),
        (scope_of(["file:///b"], ["marker:a:", "marker:b:"]), ["by folder", "by both"]),
        (scope_of(["file:///c"], ["marker:b:"]), ["by another"]),
        (scope_of([]), []),
        (None, ["by none", "by another", "by folder", "by both"]),
    ):
        assert await all_sessions(store, scope=scope) == found
        if scope is not None:
            assert all(scope_of(*where).overlaps(scope) is (title in found) for title, where in places.items())


async def test_archived_sessions_are_listed_only_when_asked_for(store: SqlStore) -> None:
    ids = {title: await create(store, title=title) for title in ("active", "paused", "archived")}
    await store.change(ids["paused"], lambda change: change.add(ev.Paused))
    await store.change(ids["archived"], lambda change: change.add(ev.Archived))
    for scope in (None, scope_of(["file:///work"])):
        assert set(await all_sessions(store, scope=scope)) == {"active", "paused"}
        for state in ids:
            assert await all_sessions(store, scope=scope, state=state) == [state]


async def test_titles_are_found_by_their_words(store: SqlStore) -> None:
    for title in ("Über die Brücke", "100% of _it_", "Nothing"):
        await create(store, title=title)
    for scope in (None, scope_of(["file:///work"])):
        assert await all_sessions(store, scope=scope, query="brücke ÜBER") == ["Über die Brücke"]
        assert await all_sessions(store, scope=scope, query="0%") == ["100% of _it_"]
        assert await all_sessions(store, scope=scope, query="_") == ["100% of _it_"]
        assert len(await all_sessions(store, scope=scope, query="  ")) == 3


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "e30", "WzFd", "WzIsICJhIiwgImIiXQ", "WzEsIDIsIDNd", "[" * 5000, "=", "bnVsbA=="]
)
async def test_an_invalid_cursor_is_refused(store: SqlStore, cursor: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        await store.sessions(scope=None, state=None, query=None, limit=3, cursor=cursor)
    assert refused.value.data == {"fields": ["cursor"]}


# -- search ----------------------------------------------------------------------------------------------------------


async def found(store: SqlStore, query: str, folders: list[str] | None = None) -> list[tuple[str, str]]:
    hits = await store.search(query, scope=None if folders is None else scope_of(folders), limit=20)
    return [(hit.session.title, hit.snippet) for hit in hits]


async def test_messages_are_found_by_their_words(store: SqlStore) -> None:
    session_id = await create(store, title="One")
    await exchange(store, session_id, "The café is open", "It closes at noon")
    another = await create(store, title="Two", folders=["file:///other"])
    await exchange(store, another, "Where is a cafe?", "No idea")
    assert {title for title, _ in await found(store, "CAFE")} == {"One", "Two"}
    assert await found(store, "clos") == [("One", "It closes at noon")]
    assert await found(store, "noon closes") == [("One", "It closes at noon")]
    assert await found(store, "cafe", ["file:///other"]) == [("Two", "Where is a cafe?")]
    assert await found(store, "closes cafe") == []
    assert await found(store, "   ") == await found(store, '"*^') == []


async def test_a_reply_is_found_once_it_has_stopped_and_as_it_is_then(store: SqlStore) -> None:
    session_id = await create(store)
    message = await say(store, session_id, "go")
    reply = await begin(store, session_id, message)
    await end(store, session_id, reply, "apple", status="paused")
    await begin(store, session_id, message, reply)
    await end(store, session_id, reply, "banana")
    assert await found(store, "apple") == []
    assert [hit.message_id for hit in await store.search("banana", scope=None, limit=5)] == [reply]


async def test_a_long_message_gives_a_short_snippet(store: SqlStore) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "word " * 5000 + "needle " + "word " * 5000, "x")
    [(_, snippet)] = await found(store, "needle")
    assert "needle" in snippet and len(snippet) < 300


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Hit]]]:
    """Search in a store with one message and one reply."""
    store = SqlStore(url(tmp_path_factory.mktemp("searched")))

    async def fill() -> None:
        await exchange(store, await create(store), "AND OR NOT near", "é ² x")

    with asyncio.Runner() as runner:
        runner.run(fill())
        yield lambda query: runner.run(store.search(query, scope=scope_of(["file:///work"]), limit=5))
        runner.run(store.close())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(st.characters(), max_size=30) | st.text('"*^():+-{} ANDORTx\0', max_size=20))
def test_no_search_query_is_an_error(query: str, searched: Callable[[str], list[Hit]]) -> None:
    assert len(searched(query)) <= 2


# -- the file --------------------------------------------------------------------------------------------------------


async def test_joining_and_leaving_do_not_change_the_order(store: SqlStore) -> None:
    older, _newer = await create(store, title="older"), await create(store, title="newer")
    await store.change(older, lambda change: change.add(ev.ParticipantJoined, participant=ANN))
    assert await all_sessions(store) == await all_sessions(store, scope=scope_of(["file:///work"])) == ["newer", "older"]
