"""The store: accepted events are never lost and are numbered, whichever processes write."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import InvalidParams, MessageNotFound, SessionNotFound, StoreUnavailable
from sessionls.domain.ids import new_id
from sessionls.domain.model import TextPart
from sessionls.domain.scope import scope_of
from sessionls.domain.state import Drafted, Entry, State, apply
from sessionls.ports.store import Hit
from sessionls.store import SqlStore, reading
from sessionls.store.backend import Backend
from sessionls.store.engine.sqlite.database import _configure
from stores import ANN, begin, create, end, exchange, rename, say, step, texts, url

pytestmark = pytest.mark.usefixtures("engine")

WRITER = Path(__file__).with_name("store_process.py")


async def all_sessions(store: SqlStore, **filters: object) -> list[str]:
    """The titles of all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        arguments = {"scope": None, "state": None, "query": None, "limit": 2, "cursor": cursor, **filters}
        sessions, cursor = await store.sessions(**arguments)  # type: ignore[arg-type]
        found += [session.title for session in sessions]
        if cursor is None:
            return found


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
    assert await store.lapsed() == [session_id]
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
        assert await store.lapsed() == []


async def test_claims_of_a_closed_process_lapse(tmp_path: Path, store: SqlStore) -> None:
    async with SqlStore(url(tmp_path)) as writer:
        session_id = await create(writer)
        reply = await begin(writer, session_id, await say(writer, session_id, "go"))
        assert await store.lapsed() == await writer.lapsed() == []
    assert await store.lapsed() == [session_id]
    await end(store, session_id, reply, status="interrupted")
    assert await store.lapsed() == []


@pytest.mark.engines("sqlite")
async def test_finding_lapsed_claims_does_not_read_all_sessions(tmp_path: Path, store: SqlStore) -> None:
    await create(store)
    statement = f"EXPLAIN QUERY PLAN {reading._LAPSED.compile(dialect=SQLiteDialect())}"
    with closing(sqlite3.connect(tmp_path / "data" / "sessions.db")) as connection:
        plan = [step for *_, step in connection.execute(statement, (0, 0, 0, ""))]
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
            assert all(scope_of(*where).meets(scope) is (title in found) for title, where in places.items())


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
        assert await one.lapsed() == []
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


@pytest.mark.engines("sqlite")
@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
async def test_the_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with SqlStore(url(tmp_path)) as store:
            await create(store)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    finally:
        os.umask(before)
    assert modes == {"sessions.db": 0o600, "sessions.db-wal": 0o600, "sessions.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.engines("sqlite")
async def test_an_unused_store_opens_nothing(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        stop = store.subscribe(lambda notice: None)
        await asyncio.sleep(0)
        stop()
    assert not (tmp_path / "data").exists()


async def test_importing_the_store_does_not_import_sqlalchemy(tmp_path: Path) -> None:
    code = "import sys, sessionls.store; print([m for m in ('sqlalchemy', 'alembic', 'watchfiles') if m in sys.modules])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"[]"


@pytest.mark.engines("sqlite")
async def test_a_file_loads_no_module_of_other_databases(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1]); from stores import create; from sessionls.store import SqlStore\n"
        "async def main():\n"
        "    async with SqlStore(sys.argv[2]) as store:\n"
        "        await create(store)\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if 'postgres' in name or 'psycopg' in name or name == 'alembic'])"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), url(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"[]"


@pytest.mark.engines("sqlite")
async def test_a_locked_database_is_an_explained_error_until_it_is_unlocked(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path), patience=0.05) as store:
        session_id = await create(store)
        lock = sqlite3.connect(tmp_path / "data" / "sessions.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another program") as locked:
            await rename(store, session_id, "x")
        assert str(tmp_path) not in f"{locked.value}{locked.value.hint}" and locked.value.__cause__ is None
        assert (await store.session(session_id)).title == "A session"  # reading still works
        lock.execute("ROLLBACK")
        lock.close()
        assert await rename(store, session_id, "x") == 2


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("database", "words"),
    [
        ("postgresql://ann:secret@127.0.0.1:1/db", "cannot be reached"),
        ("mysql://host/db", "is not supported"),
        ("secret", "is not supported"),
        ("sqlite://", "is not supported"),
    ],
)
async def test_an_unusable_database_is_an_explained_error(database: str, words: str) -> None:
    async with SqlStore(database) as store:
        with pytest.raises(StoreUnavailable, match=words) as refused:
            await store.session("x")
        assert "secret" not in f"{refused.value}{refused.value.hint}"


@pytest.mark.engines("sqlite")
async def test_a_file_that_is_not_a_database_is_an_explained_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sessions.db").write_text("words " * 1000, encoding="utf-8")
    async with SqlStore(url(tmp_path)) as store:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="damaged, or the file is not a database"):
                await store.session("x")


@pytest.mark.engines("sqlite")
async def test_a_folder_that_cannot_be_created_is_an_explained_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    async with SqlStore(url(tmp_path)) as store:
        with pytest.raises(StoreUnavailable, match="cannot be opened") as refused:
            await store.session("x")
        assert str(tmp_path) not in f"{refused.value}{refused.value.hint}"
        (tmp_path / "data").unlink()
        assert await create(store)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("SQLITE_PROTOCOL", "does not support the file locks", "SESSIONLS_DATA_DIR to a folder on a disk of this machine"),
        ("SQLITE_IOERR_LOCK", "does not support the file locks", "SESSIONLS_DATA_DIR to a folder on a disk of this machine"),
        ("SQLITE_IOERR_SHMMAP", "does not support the file locks", "SESSIONLS_DATA_DIR to a folder on a disk of this machine"),
        ("SQLITE_BUSY_RECOVERY", "locked by another program", "SESSIONLS_DATA_DIR"),
        ("SQLITE_READONLY_DIRECTORY", "cannot be written", "SESSIONLS_DATA_DIR"),
        ("SQLITE_READONLY_DBMOVED", "database is gone", "Put the file back"),
        ("SQLITE_CANTOPEN_ISDIR", "cannot be opened", "SESSIONLS_DATA_DIR"),
        ("SQLITE_FULL", "disk is full", "SESSIONLS_DATA_DIR"),
        ("SQLITE_IOERR_SHMSIZE", "disk is full", "SESSIONLS_DATA_DIR"),
        ("SQLITE_IOERR_FSYNC", "disk could not be read or written", "SESSIONLS_DATA_DIR"),
        ("SQLITE_CORRUPT_INDEX", "damaged", "SESSIONLS_DATA_DIR"),
        ("SQLITE_NOTADB", "damaged", "SESSIONLS_DATA_DIR"),
    ],
)
async def test_every_database_error_says_what_is_wrong_and_what_to_do(store: SqlStore, name: str, words: str, hint: str) -> None:
    failure = sqlite3.OperationalError("secret words of the library")
    failure.sqlite_errorname = name

    def fail(_: Change) -> None:
        raise failure

    session_id = await create(store)
    with pytest.raises(StoreUnavailable, match=words) as told:
        await store.change(session_id, fail)
    assert hint in told.value.hint and "secret" not in f"{told.value}{told.value.hint}"
    assert await rename(store, session_id, "x") == 2


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "cannot be written"),
        (errno.ENOLCK, "does not support the file locks"),
        (errno.EIO, "disk could not be read or written"),
        (errno.EACCES, "cannot be opened"),
    ],
)
async def test_every_disk_error_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "words of the system")

    async with SqlStore(url(tmp_path)) as store:
        monkeypatch.setattr(Path, "mkdir", fail)
        with pytest.raises(StoreUnavailable, match=words) as told:
            await store.session("x")
        assert "SESSIONLS_DATA_DIR" in told.value.hint


@pytest.mark.engines("sqlite")
def test_a_database_that_cannot_be_shared_is_not_used() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(StoreUnavailable, match="shared memory"):
        _configure(connection, 1.0, durable=False)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("durable", [False, True])
async def test_commits_survive_a_power_failure_if_requested(tmp_path: Path, durable: bool) -> None:
    async with SqlStore(url(tmp_path), durable=durable) as store:
        await create(store)

        def synchronous(backend: Backend) -> int:
            with backend.database.writing() as connection:
                return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

        assert await store._job(store._writer, synchronous) == (2 if durable else 1)


@pytest.mark.engines("sqlite")
@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be deleted there")
async def test_nothing_is_written_to_a_deleted_file(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
        for path in (tmp_path / "data").iterdir():
            path.unlink()
        with pytest.raises(StoreUnavailable, match="database is gone"):
            await rename(store, session_id, "x")
        with pytest.raises(SessionNotFound):
            await store.session(session_id)
        await create(store)


async def test_using_a_closed_store_is_an_error(tmp_path: Path) -> None:
    store = SqlStore(url(tmp_path))
    session_id = await create(store)
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.session(session_id)


async def test_closing_saves_drafts(tmp_path: Path, other: SqlStore) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
        reply = await begin(store, session_id, await say(store, session_id, "go"))
        store.draft(session_id, reply, 0, "text", "last words")
    assert await other.drafted(session_id, reply) == [Drafted(0, "text", 0, "last words")]


async def test_joining_and_leaving_do_not_change_the_order(store: SqlStore) -> None:
    older, _newer = await create(store, title="older"), await create(store, title="newer")
    await store.change(older, lambda change: change.add(ev.ParticipantJoined, participant=ANN))
    assert await all_sessions(store) == await all_sessions(store, scope=scope_of(["file:///work"])) == ["newer", "older"]


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
