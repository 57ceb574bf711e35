"""A session that cannot be read (damaged, written by another version, or by a hostile program) harms no other session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import sqlalchemy as sa

import stores
from logins import TeamDatabase
from sessionls.domain import transitions
from sessionls.domain.errors import NotPermitted, SessionNotFound, SessionUnreadable
from sessionls.domain.model import Participant, Person
from sessionls.ports.store import Notice, SessionNotice
from sessionls.sessions.replies.recovery import Recovery
from sessionls.sessions.replies.timing import Timing
from sessionls.store import SqlStore, maintenance
from stores import ANN, Heard, begin, create, exchange, fork, say, texts

DAMAGE = {
    "no JSON": "UPDATE sessions SET session = '{' WHERE id = :id",
    "no session": "UPDATE sessions SET session = '{}' WHERE id = :id",
    "an unknown state": "UPDATE sessions SET session = replace(session, '\"active\"', '\"asleep\"') WHERE id = :id",
    "deep": "UPDATE sessions SET session = :deep WHERE id = :id",
}
"""What happens to the row of a session."""
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    async with SqlStore(url) as store:
        yield store


@pytest.fixture
def url(engine: str, tmp_path: Any) -> str:
    return stores.url(tmp_path)


def execute(url: str, statement: str, **values: Any) -> None:
    """Run SQL past sessionls, and number the change as sessionls does. For a thread."""
    database = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with database.begin() as connection:
            connection.execute(sa.text(statement), {name: value for name, value in values.items() if f":{name}" in statement})
    finally:
        database.dispose()


async def damage(url: str, statement: str, session_id: str) -> None:
    await asyncio.to_thread(execute, url, statement, id=session_id, deep=DEEP)


async def listed(store: SqlStore) -> set[str]:
    page, _ = await store.sessions(scope=None, state=None, query=None, limit=100, cursor=None)
    return {session.id for session in page}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_it_is_left_out_of_lists_and_says_why_when_it_is_opened(kind: str, store: SqlStore, url: str) -> None:
    whole, damaged = await create(store), await create(store)
    await exchange(store, whole, "elephants", "indeed")
    await exchange(store, damaged, "elephants", "too")
    await damage(url, DAMAGE[kind], damaged)
    async with SqlStore(url) as other:
        assert await listed(other) == {whole}
        assert {hit.session.id for hit in await other.search("elephants", scope=None, limit=9)} == {whole}
        for refused in (
            other.session(damaged),
            other.follow(damaged, limit=5),
            other.change(damaged, lambda change: transitions.rename(change, "Mine", ANN)),
        ):
            with pytest.raises(SessionUnreadable, match=r"damaged, or a newer version .* wrote it"):
                await refused
        await other.change(whole, lambda change: transitions.rename(change, "Still whole", ANN))
    assert set(await asyncio.to_thread(maintenance.check, url, lambda done, of: None)) == {damaged}


async def test_pages_of_a_list_go_on_behind_it(store: SqlStore, url: str) -> None:
    made = [await create(store) for _ in range(7)]
    for session_id in (made[1], made[3], made[4], made[6]):
        await damage(url, DAMAGE["no session"], session_id)
    async with SqlStore(url) as other:
        found: list[str] = []
        cursor = None
        for _ in range(10):
            page, cursor = await other.sessions(scope=None, state=None, query=None, limit=2, cursor=cursor)
            found += [session.id for session in page]
            if cursor is None:
                break
    assert found == [made[5], made[2], made[0]]


async def test_an_event_of_an_unknown_kind_makes_its_session_unreadable_alone(store: SqlStore, url: str) -> None:
    whole, damaged = await create(store), await create(store)
    await damage(
        url,
        "INSERT INTO events (session_id, seq, at, kind, data) "
        "SELECT :id, max(seq) + 1, 'now', 'levitated', '{}' FROM events WHERE session_id = :id",
        damaged,
    )
    assert len(await store.events(whole, after=0)) > 0
    with pytest.raises(SessionUnreadable):
        await store.events(damaged, after=0)
    assert set(await asyncio.to_thread(maintenance.check, url, lambda done, of: None)) == {damaged}


async def test_a_message_that_cannot_be_read_is_left_out_of_a_search(store: SqlStore, url: str) -> None:
    whole, damaged = await create(store), await create(store)
    await exchange(store, whole, "elephants", "indeed")
    await exchange(store, damaged, "elephants", "too")
    await damage(url, "UPDATE events SET message = '{}' WHERE message IS NOT NULL AND session_id = :id", damaged)
    await damage(url, "UPDATE messages SET data = '{}' WHERE session_id = :id", damaged)
    assert {hit.session.id for hit in await store.search("elephants", scope=None, limit=9)} == {whole}
    with pytest.raises(SessionUnreadable):
        await store.history(damaged, before=None, limit=5)


async def test_other_windows_go_on_to_hear_of_all_other_sessions(store: SqlStore, url: str) -> None:
    whole, damaged = await create(store), await create(store)
    async with SqlStore(url) as other:
        renamed = asyncio.Event()

        def hear(notice: Notice) -> None:
            if isinstance(notice, SessionNotice) and notice.session is not None and notice.session.title == "Whole":
                renamed.set()

        other.subscribe(hear)
        await other.follow(damaged, limit=1)
        # (The change is numbered by renaming it, and then it is damaged before the others hear of it.)
        await store.change(damaged, lambda change: transitions.rename(change, "Soon damaged", ANN))
        await damage(url, DAMAGE["no session"], damaged)
        await damage(url, "UPDATE events SET data = '[]' WHERE session_id = :id", damaged)
        await store.change(whole, lambda change: transitions.rename(change, "Whole", ANN))
        await asyncio.wait_for(renamed.wait(), 20)


async def test_a_copy_refuses_it_and_copies_the_others(store: SqlStore, url: str, tmp_path: Any) -> None:
    whole, damaged = await create(store), await create(store)
    await damage(url, DAMAGE["no session"], damaged)
    there = f"sqlite:///{tmp_path / 'copy.db'}"
    report = await asyncio.to_thread(maintenance.copy, url, there, [], lambda done, of: None)
    assert set(report.refused) == {damaged}
    assert "damaged" in report.refused[damaged]
    async with SqlStore(there) as copied:
        assert await listed(copied) == {whole}


async def test_replies_of_a_dead_process_are_recovered_in_all_other_sessions(store: SqlStore, url: str) -> None:
    damaged, whole = sorted([await create(store), await create(store)])  # they are recovered in this order
    async with SqlStore(url) as dead:
        for session_id in (damaged, whole):
            await begin(dead, session_id, await say(dead, session_id, "hello"))
    await damage(url, DAMAGE["no session"], damaged)
    async with SqlStore(url) as other:
        nothing: Callable[[str], None] = lambda session_id: None  # noqa: E731
        recovery = Recovery(other, wake=nothing, on_deleted=nothing, sessions_with_waiters=tuple, timing=Timing())
        try:
            await recovery.sweep()
        finally:
            await recovery.close()
        assert not (await other.session(whole)).replying
        assert (await other.history(whole, before=None, limit=1))[0][0].status == "interrupted"


@pytest.mark.parametrize("kind", DAMAGE)
async def test_its_owner_can_delete_it_and_forks_stay_complete(kind: str, store: SqlStore, url: str) -> None:
    damaged = await create(store)
    await exchange(store, damaged, "elephants", "indeed")
    child = await fork(store, damaged, 2)
    await damage(url, DAMAGE[kind], damaged)
    heard = Heard(store)
    async with SqlStore(url) as other:
        await other.delete(damaged, transitions.delete_check)
        with pytest.raises(SessionNotFound):
            await other.session(damaged)
        assert await texts(other, child) == ["elephants", "indeed"]
    await heard.until(lambda: any((one.session_id, one.session) == (damaged, None) for one in heard.sessions))
    assert set(await asyncio.to_thread(maintenance.check, url, lambda done, of: None)) == set()


async def test_it_is_not_deleted_while_another_process_writes_in_it(store: SqlStore, url: str) -> None:
    """That may be a newer version, which can read it."""
    damaged = await create(store)
    async with SqlStore(url) as newer:
        await begin(newer, damaged, await say(newer, damaged, "hello"))
        await damage(url, DAMAGE["an unknown state"], damaged)
        with pytest.raises(NotPermitted, match="while a reply is being written"):
            await store.delete(damaged, transitions.delete_check)
    await store.delete(damaged, transitions.delete_check)


@pytest.mark.engines("postgres")
async def test_only_its_owner_can_delete_it(tmp_path: Any) -> None:
    team = await asyncio.to_thread(TeamDatabase.make, tmp_path, "ann", "ben")
    async with SqlStore(team.of("ann")) as ann, SqlStore(team.of("ben")) as ben:
        people = [await one.participant(Participant(id="-", name=name)) for one, name in ((ann, "Ann"), (ben, "Ben"))]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(stores, "ANN", people[0])
            session_id = await create(ann)
        person = Person(id=people[1].id, role="writer")
        await ann.change(session_id, lambda change: transitions.share(change, person, people[0]))
        await damage(team.url(f"{team.name}_owner"), DAMAGE["no session"], session_id)
        with pytest.raises(NotPermitted, match="delete"):
            await ben.delete(session_id, transitions.delete_check)
        await ann.delete(session_id, transitions.delete_check)


def test_the_error_says_what_to_do() -> None:
    error = SessionUnreadable("01")
    assert json.dumps(error.wire())
    assert "sessionls store check" in error.hint
    assert "newer version" in error.message
