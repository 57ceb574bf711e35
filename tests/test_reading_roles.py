"""Who may read a session of others in a team's database sees it live, until the access ends, and does nothing in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import stores
from logins import TeamDatabase
from sessionls.domain import transitions
from sessionls.domain.model import Participant, Person, Role
from sessionls.domain.roles import ROLES
from sessionls.sessions.replies.recovery import Recovery
from sessionls.sessions.replies.timing import Timing
from sessionls.store import SqlStore
from stores import Heard, begin, create, end, rename, say


@dataclass
class Member:
    store: SqlStore
    participant: Participant


@pytest.fixture
async def database(tmp_path: Path) -> TeamDatabase:
    return await asyncio.to_thread(TeamDatabase.make, tmp_path, "ann", "ben")


@pytest.fixture
async def members(database: TeamDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Member, Member]]:
    """Ann, who acts in the helpers of `stores.py`, and Ben."""
    async with AsyncExitStack() as open_:
        ann, ben = [await _member(open_, database, name) for name in ("ann", "ben")]
        monkeypatch.setattr(stores, "ANN", ann.participant)
        yield ann, ben


async def _member(open_: AsyncExitStack, database: TeamDatabase, name: str) -> Member:
    store = await open_.enter_async_context(SqlStore(database.of(name)))
    return Member(store, await store.participant(Participant(id="-", name=name.title())))


async def share(ann: Member, session_id: str, ben: Member, role: Role) -> None:
    person = Person(id=ben.participant.id, role=role)
    await ann.store.change(session_id, lambda change: transitions.share(change, person, ann.participant))


async def unshare(ann: Member, session_id: str, ben: Member) -> None:
    await ann.store.change(session_id, lambda change: transitions.unshare(change, ben.participant.id, ann.participant))


@pytest.mark.parametrize("role", ["reader", "writer"])
async def test_nothing_arrives_after_the_access_ended_and_the_end_is_told(members: tuple[Member, Member], role: Role) -> None:
    ann, ben = members
    session_id, marker = await create(ann.store), await create(ann.store)
    reply = await begin(ann.store, session_id, await say(ann.store, session_id, "go"))
    heard = Heard(ben.store)
    for shared in (session_id, marker):
        await share(ann, shared, ben, role)
        await ben.store.follow(shared)
    ann.store.draft(session_id, reply, 0, "text", "for both")
    await heard.until(lambda: heard.joined(reply) == {0: "for both"})
    await unshare(ann, session_id, ben)
    known = len(heard.events)
    for n in range(5):
        ann.store.draft(session_id, reply, 0, "text", f", for Ann {n}")
        await asyncio.sleep(0.02)  # so that each is saved on its own
    await end(ann.store, session_id, reply, "for both" + "".join(f", for Ann {n}" for n in range(5)))
    await rename(ann.store, session_id, "Ann's alone")
    await rename(ann.store, marker, "the last change")
    await heard.until(lambda: len(heard.events) > known)  # changes arrive in their order, so nothing earlier is on its way
    assert {event.session_id for event in heard.events[known:]} == {marker}
    assert heard.joined(reply) == {0: "for both"}
    [told] = [one for one in heard.sessions if one.session_id == session_id and one.session is None]
    assert told.access_lost
    assert "Ann's alone" not in str(heard.notices)


async def test_who_may_only_read_leaves_replies_of_ended_processes_to_others(
    members: tuple[Member, Member], database: TeamDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each of their processes would try in vain, again and again, in every such session."""
    ann, ben = members
    read, commented, written = [await create(ann.store) for _ in range(3)]
    async with SqlStore(database.of("ann")) as ended:
        for session_id, role in zip((read, commented, written), ROLES, strict=False):
            await share(ann, session_id, ben, role)
            await ended.change(session_id, lambda change: transitions.join(change, ann.participant))
            await begin(ended, session_id, await say(ended, session_id, "go"))
    assert await ben.store.lapsed_claims() == [written]
    assert await ben.store.lapsed_presence() == sorted([commented, written])
    changed: list[str] = []
    change = ben.store.change

    async def counted(session_id: str, decide: Callable[[Any], Any]) -> Any:
        changed.append(session_id)
        return await change(session_id, decide)

    monkeypatch.setattr(ben.store, "change", counted)
    nothing: Callable[[str], None] = lambda session_id: None  # noqa: E731
    recovery = Recovery(ben.store, wake=nothing, on_deleted=nothing, sessions_with_waiters=tuple, timing=Timing())
    try:
        await recovery.sweep()
        assert set(changed) == {commented, written}
        changed.clear()
        await recovery.sweep()
        assert changed == []
    finally:
        await recovery.close()
    found = [await ann.store.session(one) for one in (read, commented, written)]
    assert [bool(one.replying) for one in found] == [True, True, False]
    assert [bool(one.present) for one in found] == [True, False, False]
