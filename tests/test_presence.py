"""Presence: everyone sees who has a session open, and participants of ended or killed processes are removed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from in_process_app import ANN, BEN, App, app
from older_databases import as_version
from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.events import ParticipantJoined, ParticipantLeft
from sessionls.domain.model import Participant
from sessionls.store import SqlStore
from sessionls.store.maintenance import copy
from stores import create, database_url

pytestmark = pytest.mark.usefixtures("engine")

OTHER = Path(__file__).with_name("store_process.py")


def database(folder: Path) -> str:
    return database_url(folder.parent / "one.db")


@asynccontextmanager
async def elsewhere(folder: Path, session_id: str, name: str) -> AsyncIterator[Process]:
    """A process in which a participant has the session open."""
    words = ["open", database(folder), session_id, name]
    process = await asyncio.create_subprocess_exec(sys.executable, str(OTHER), *words, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"open\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def names(home: App, session_id: str) -> list[str]:
    return sorted(participant.name for participant in (await home.sessions.get(session_id)).present or ())


async def test_everyone_sees_who_has_the_session_open(folder: Path) -> None:
    async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
        session = await home.sessions.create()
        assert session.present is None
        await home.sessions.open(session.id)
        await home.event("participantJoined")
        opened = await ben.sessions.open(session.id)
        assert opened.participants == opened.session.present == [ANN]
        await home.event("participantJoined")
        assert await names(home, session.id) == ["Ann", "Ben"]
        [listed] = (await home.sessions.list()).sessions
        assert listed.present == [ANN, BEN]
        await ben.sessions.close(session.id)
        await home.event("participantLeft")
        assert await names(home, session.id) == ["Ann"]
        await home.sessions.close(session.id)
        assert (await home.sessions.get(session.id)).present is None


async def test_a_participant_is_no_longer_present_after_their_process_was_killed(folder: Path) -> None:
    async with app(folder, None) as home:
        session = await home.sessions.create()
        await home.sessions.open(session.id)
        await home.event("participantJoined")
        async with elsewhere(folder, session.id, "Ben") as process:
            await home.event("participantJoined")
            assert await names(home, session.id) == ["Ann", "Ben"]
            process.kill()
            left = await home.event("participantLeft")
        assert isinstance(left, ParticipantLeft)
        assert (left.participant_id, left.by) == ("ben", None)
        assert await names(home, session.id) == ["Ann"]


async def test_opening_a_session_removes_participants_of_processes_that_are_gone(folder: Path) -> None:
    async with app(folder, None) as home, SqlStore(database(folder)) as store:
        session = await home.sessions.create()
        async with elsewhere(folder, session.id, "Ben") as process:
            process.kill()
        await asyncio.sleep(0.7)  # its lease is half a second
        snapshot = await store.follow(session.id)
        assert (snapshot.present, snapshot.session.present) == ([], None)
        await home.sessions.open(session.id)
        await home.event("participantJoined")
        assert await names(home, session.id) == ["Ann"]


async def test_a_participant_with_two_editors_stays_present_while_one_is_alive(folder: Path) -> None:
    async with app(folder, None, participant=BEN) as ben:
        session = await ben.sessions.create()
        await ben.sessions.open(session.id)
        await ben.event("participantJoined")
        async with elsewhere(folder, session.id, "Ben") as process:
            process.kill()
        await asyncio.sleep(0.7)
        await ben.built.sessions._replies.sweep()
        async with app(folder, None, participant=BEN) as window:
            await window.sessions.open(session.id)
            await window.sessions.close(session.id)
        assert await names(ben, session.id) == ["Ben"]
        kinds = [event.kind for event in await ben.built.store.events(session.id, after=0)]
        assert kinds.count("participantLeft") == 0


async def test_participants_are_present_again_after_their_machine_wakes_from_sleep(folder: Path) -> None:
    async with app(folder, None) as home, app(folder, None, participant=BEN) as ben:
        session = await home.sessions.create()
        await home.sessions.open(session.id)
        await ben.sessions.open(session.id)
        await home.until(lambda: any(event.kind == "participantJoined" and event.by == BEN for event in home.events))
        home.events.clear()
        # Another process took it for dead, as its lease had run out meanwhile.
        async with SqlStore(database(folder)) as store:
            gone = ben.built.store.process

            def lapse(change: Change) -> None:
                change.presence[:] = [one for one in change.presence if one.process != gone]
                transitions.lapse(change)

            await store.change(session.id, lapse)
        assert (await home.event("participantLeft")).by is None
        assert (await home.event("participantJoined")).by == BEN
        assert await names(home, session.id) == ["Ann", "Ben"]


async def test_presence_writes_no_events(folder: Path) -> None:
    async with SqlStore(database(folder), lease=0.15) as store:
        session_id = await create(store)
        await store.change(session_id, lambda change: transitions.join(change, ANN))
        before = await store.session(session_id)
        await asyncio.sleep(0.6)  # four leases
        assert await store.lapsed_presence() == []
        async with SqlStore(database(folder)) as other:
            assert await other.lapsed_presence() == []
            assert (await other.session(session_id)) == before


async def test_closing_a_store_removes_its_participants_from_presence(folder: Path) -> None:
    async with SqlStore(database(folder)) as store:
        session_id = await create(store)
        async with SqlStore(database(folder)) as other:
            await other.change(session_id, lambda change: transitions.join(change, BEN))
            assert await store.lapsed_presence() == []
        assert await store.lapsed_presence() == [session_id]
        await store.change(session_id, transitions.lapse)
        assert await store.lapsed_presence() == []
        assert (await store.session(session_id)).present is None


async def test_a_copy_in_another_database_has_no_present_participants(folder: Path) -> None:
    there = database_url(folder.parent / "two.db")
    async with SqlStore(database(folder)) as store:
        session_id = await create(store)
        await store.change(session_id, lambda change: transitions.join(change, BEN))
        await asyncio.to_thread(copy, database(folder), there, (), lambda _done, _of: None)
    async with SqlStore(there) as other:
        session = await other.session(session_id)
        assert session.present is None
        assert BEN in session.participants
        assert (await other.follow(session_id)).present == []


async def test_a_deleted_session_has_no_present_participants(folder: Path) -> None:
    async with SqlStore(database(folder)) as store:
        session_id = await create(store)
        async with SqlStore(database(folder)) as other:
            await other.change(session_id, lambda change: transitions.join(change, BEN))
            await store.delete(session_id)
        assert await store.lapsed_presence() == []


@pytest.mark.engines("sqlite")
async def test_participants_of_an_older_version_are_removed_when_somebody_opens_the_session(folder: Path) -> None:
    path = folder.parent / "one.db"
    async with SqlStore(database(folder)) as store:
        session_id = await create(store)

        def as_before(change: Change) -> None:
            change.add(ParticipantJoined, participant=BEN)

        await store.change(session_id, as_before)
    await asyncio.to_thread(as_version, path, "0010")
    async with app(folder, None) as home:
        assert (await home.sessions.open(session_id)).participants == []
        await home.event("participantLeft")
        assert await names(home, session_id) == ["Ann"]


async def test_participants_are_distinguished_by_their_id_not_by_their_name(folder: Path) -> None:
    twin = Participant(id="other-ann", name="Ann")
    async with app(folder, None) as home, app(folder, None, participant=twin) as other:
        session = await home.sessions.create()
        await home.sessions.open(session.id)
        await home.event("participantJoined")
        await other.sessions.open(session.id)
        await home.event("participantJoined")
        assert await names(home, session.id) == ["Ann", "Ann"]
        await other.sessions.close(session.id)
        await home.event("participantLeft")
        assert (await home.sessions.get(session.id)).present == [ANN]
