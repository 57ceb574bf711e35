"""Whose sessions are that a member of a team copies into its database, and takes with them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import stores
from logins import TeamDatabase
from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionNotFound
from sessionls.domain.ids import now
from sessionls.domain.model import AgentAuthor, Participant, Person, Session
from sessionls.store import SqlStore, maintenance
from stores import create, exchange, fork

BOB = Participant(id="p-bob", name="Bob", email="bob@example.org")
ANN = Participant(id="p-ann", name="Ann")


def nobody(done: int, of: int) -> None:
    pass


async def copy(source: str, target: str, own: Participant | None = None) -> maintenance.CopyReport:
    return await asyncio.to_thread(maintenance.copy, source, target, (), nobody, own)


@pytest.fixture
async def database(tmp_path: Path) -> TeamDatabase:
    return await asyncio.to_thread(TeamDatabase.make, tmp_path, "ann", "ben")


async def brought(tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A session of Ann's and Bob's and a fork of it, which Ann copied from her file into the team's database."""
    async with SqlStore(f"sqlite:///{tmp_path}/own.db") as own:
        monkeypatch.setattr(stores, "ANN", ANN)
        session_id = await create(own)
        await exchange(own, session_id, "by Ann", "answer")
        monkeypatch.setattr(stores, "ANN", BOB)
        await exchange(own, session_id, "by Bob", "another")
        child = await fork(own, session_id, 2)
    report = await copy(f"sqlite:///{tmp_path}/own.db", database.of("ann"), ANN)
    assert sorted(report.copied) == sorted([session_id, child]) and report.refused == {}
    return session_id, child


async def test_copies_belong_only_to_the_person_who_copied_and_other_authors_are_not_confused(
    tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, child = await brought(tmp_path, database, monkeypatch)
    ann_login = database.login("ann")
    async with SqlStore(database.of("ann")) as ann, SqlStore(database.of("ben")) as ben:
        messages, _ = await ann.history(session_id, before=None, limit=9)
        authors = [message.author for message in messages if not isinstance(message.author, AgentAuthor)]
        assert authors == [
            Participant(id=ann_login, name="Ann"),
            Participant(id=f"via:{ann_login}:p-bob", name=f"Bob (copied by {ann_login})"),
        ]
        session = await ann.session(session_id)
        assert session.people == [Person(id=ann_login, role="owner", name="Ann")]
        assert [one.name for one in session.participants] == ["Ann", f"Bob (copied by {ann_login})"]
        assert [hit.session.id for hit in await ann.search("Bob", scope=None, limit=5)] == [session_id]
        with pytest.raises(SessionNotFound):
            await ben.session(session_id)
        me = await ann.participant(ANN)
        await ann.change(session_id, lambda change: transitions.rename(change, "mine", me))
        assert len((await ann.history(child, before=None, limit=9))[0]) == 2


async def test_to_copy_again_changes_nothing_and_what_went_on_is_named(
    tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, child = await brought(tmp_path, database, monkeypatch)
    again = await copy(f"sqlite:///{tmp_path}/own.db", database.of("ann"), ANN)
    assert (again.copied, again.unchanged, again.refused) == ([], 2, {})
    async with SqlStore(f"sqlite:///{tmp_path}/own.db") as own:
        await exchange(own, session_id, "later", "answer")
    report = await copy(f"sqlite:///{tmp_path}/own.db", database.of("ann"), ANN)
    assert set(report.refused) == {session_id, child}, "a fork is copied with the session that it came from"
    assert all("owner of the tables" in reason for reason in report.refused.values())


_KEY = "AKIA" + "IOSFODNN7EXAMPLQ"  # (what looks like a key must not stand in a file as one)


async def with_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A session in Ann's file with a key in its title, in a message, in an answer and in a finding."""
    monkeypatch.setattr(stores, "ANN", ANN)
    async with SqlStore(f"sqlite:///{tmp_path}/own.db") as own:
        session_id = await create(own)
        await exchange(own, session_id, f"use {_KEY}", f"I used {_KEY}")
        await own.change(session_id, lambda change: transitions.rename(change, f"Key {_KEY}", ANN))
        await fork(own, session_id, 2)
    return session_id


async def test_keys_are_masked_in_all_that_reaches_the_teams_database(
    tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await with_a_key(tmp_path, monkeypatch)
    report = await copy(f"sqlite:///{tmp_path}/own.db", database.of("ann"), ANN)
    assert len(report.copied) == 2 and report.masked >= 3
    owner = f"{database.name}_owner"
    columns = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    for (table,) in await asyncio.to_thread(database.run, owner, columns):
        rows = await asyncio.to_thread(database.run, owner, f'SELECT * FROM "{table}"')
        assert _KEY.casefold() not in str(rows).casefold(), table
    async with SqlStore(database.of("ann")) as ann:
        assert (await ann.session(session_id)).title == "Key [masked: AWS Access Key]"
        texts = [message.text for message in (await ann.history(session_id, before=None, limit=9))[0]]
        assert texts == ["use [masked: AWS Access Key]", "I used [masked: AWS Access Key]"]
    assert await asyncio.to_thread(maintenance.check, database.url(owner), nobody) == {}, "it is what its log makes of it"
    again = await copy(f"sqlite:///{tmp_path}/own.db", database.of("ann"), ANN)
    assert (again.copied, again.unchanged, again.refused, again.masked) == ([], 2, {}, 0)


async def test_keys_stay_for_who_wants_that_and_in_a_backup_that_comes_back(
    tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await with_a_key(tmp_path, monkeypatch)
    source = f"sqlite:///{tmp_path}/own.db"
    report = await asyncio.to_thread(maintenance.copy, source, database.of("ann"), (), nobody, ANN, masks=False)
    assert len(report.copied) == 2 and report.masked == 0
    async with SqlStore(database.of("ann")) as ann:
        assert (await ann.session(session_id)).title == f"Key {_KEY}"
    again = await copy(source, database.of("ann"), ANN)
    assert (again.copied, again.refused) == ([], {}), "what was copied unmasked is the same session"
    await copy(database.of("ann"), f"sqlite:///{tmp_path}/back.db")
    async with SqlStore(f"sqlite:///{tmp_path}/back.db") as back:
        assert (await back.session(session_id)).title == f"Key {_KEY}"


async def test_who_leaves_takes_what_they_may_read_with_them(
    tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(database.of("ann")) as ann, SqlStore(database.of("ben")) as ben:
        me, other = await ann.participant(ANN), await ben.participant(BOB)
        monkeypatch.setattr(stores, "ANN", me)
        private, shared = await create(ann), await create(ann)
        await exchange(ann, private, "before", "answer")
        child = await fork(ann, private, 2)
        await exchange(ann, private, "secret", "answer")
        for one in (shared, child):
            await ann.change(one, lambda change: transitions.share(change, Person(id=other.id, role="reader"), me))
    report = await copy(database.of("ben"), f"sqlite:///{tmp_path}/ben.db")
    assert sorted(report.copied) == sorted([shared, child])
    async with SqlStore(f"sqlite:///{tmp_path}/ben.db") as own:
        assert [message.text for message in (await own.history(child, before=None, limit=9))[0]] == ["before", "answer"]
        with pytest.raises(SessionNotFound):
            await own.session(private)
    assert b"secret" not in (tmp_path / "ben.db").read_bytes()
    back = await copy(f"sqlite:///{tmp_path}/ben.db", database.of("ann"))
    assert back.copied == [] and shared not in back.refused


async def test_a_backup_that_the_owner_of_the_tables_brings_back_has_the_same_owners(
    tmp_path: Path, database: TeamDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = database.url(f"{database.name}_owner")
    async with SqlStore(database.of("ann")) as ann, SqlStore(database.of("ben")) as ben:
        me, other = await ann.participant(ANN), await ben.participant(BOB)
        monkeypatch.setattr(stores, "ANN", me)
        session_id = (await ann.change("01a00000-0000-7000-8000-000000000001", lambda change: _create(change, me))).id
        await ann.change(session_id, lambda change: transitions.share(change, Person(id=other.id, role="reader"), me))
        await asyncio.to_thread(maintenance.backup, owner, tmp_path / "backup.db", nobody)
        await ann.delete(session_id)
    await asyncio.to_thread(database.run, f"{database.name}_owner", "DELETE FROM access")
    await asyncio.to_thread(database.run, f"{database.name}_owner", "DELETE FROM sessions")
    assert (await copy(f"sqlite:///{tmp_path}/backup.db", owner)).copied == [session_id]
    async with SqlStore(database.of("ann")) as ann, SqlStore(database.of("ben")) as ben:
        roles = [await one.change(session_id, lambda change: change.role) for one in (ann, ben)]
    assert roles == ["owner", "reader"]


def _create(change: Change, owner: Participant) -> Session:
    at = now()
    people = [Person(id=owner.id, role="owner", name=owner.name)]
    session = Session(id=change.session_id, title="T", agent="code", people=people, created_at=at, updated_at=at)
    return transitions.create(change, session, [], owner)
