"""Images in the database: outside of the events, held by forks, copied with a session, and gone with the last that uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from images import digest_of, encoded, png
from in_process_app import App, app, write_agent
from model_server import Answer, Hold, ModelServer
from sessionls.domain.model import ImageContext
from sessionls.sessions.composing import Outgoing
from sessionls.store import SqlStore, maintenance
from stores import database_url

pytestmark = pytest.mark.usefixtures("engine")

A, B = png(30, 20, shade=10), png(30, 20, shade=20)


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


@pytest.fixture
async def home(folder: Path, model_server: ModelServer) -> AsyncIterator[App]:
    async with app(folder, model_server, model="openai/gpt-4o-mini") as home:
        yield home


@pytest.fixture
def database(tmp_path: Path) -> str:
    return database_url(tmp_path / "one.db")


async def send(home: App, session_id: str, *images: bytes) -> str:
    context = [ImageContext(data=encoded(image)) for image in images]
    return (await home.sessions.message(session_id, Outgoing("look", context=context))).message.id


async def start(home: App, *images: bytes) -> str:
    session_id = (await home.sessions.create(agent="plain")).id
    await send(home, session_id, *images)
    return session_id


async def rows(address: str, what: str = "count(*) FROM images") -> list[tuple[object, ...]]:
    def job() -> Sequence[tuple[object, ...]]:
        engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            found = [tuple(row) for row in connection.execute(text(f"SELECT {what}"))]
        engine.dispose()
        return found

    return list(await asyncio.to_thread(job))


async def has(store: SqlStore, session_id: str, image: bytes) -> bool:
    found = await store.image(session_id, digest_of(image))
    assert found in (None, image)
    return found is not None


async def test_the_bytes_of_an_image_are_not_in_events_or_messages(home: App, database: str) -> None:
    session_id = await start(home, A)
    await send(home, session_id, A)  # the same one again is kept once
    assert await rows(database) == [(1,)]
    stored = str([await rows(database, f"* FROM {table}") for table in ("events", "messages")])
    assert digest_of(A) in stored and encoded(A)[40:90] not in stored


async def test_a_fork_keeps_shared_images_until_the_last_session_is_deleted(home: App, database: str) -> None:
    parent = await start(home, A)
    at = (await home.sessions.history(parent)).messages[-1].id
    await send(home, parent, B)
    child = (await home.sessions.fork(parent, at=at)).id
    store = home.built.store
    assert [await has(store, child, A), await has(store, child, B)] == [True, False]
    await home.sessions.delete(parent)
    assert [await has(store, child, A), await has(store, child, B)] == [True, False]
    assert await rows(database) == [(1,)]
    await send(home, child)  # what the model is sent has the image of the deleted parent
    await home.sessions.delete(child)
    assert await rows(database) == [(0,)]


async def test_a_fork_of_a_message_that_is_not_final_has_its_images(home: App, model_server: ModelServer) -> None:
    hold = Hold("one", Answer("."))
    model_server.script(hold)
    parent = (await home.sessions.create(agent="plain")).id
    await home.sessions.open(parent)
    first = asyncio.create_task(send(home, parent, A))
    await hold.reached.wait()
    second = asyncio.create_task(send(home, parent, B))
    await home.queued(parent, 1)
    waiting = (await home.sessions.history(parent)).messages[-1]
    child = (await home.sessions.fork(parent, at=waiting.id)).id
    hold.go.set()
    await asyncio.gather(first, second)
    await home.sessions.delete(parent)
    assert [await has(home.built.store, child, image) for image in (A, B)] == [True, True]


async def test_the_images_of_a_refused_message_are_not_stored(home: App, database: str) -> None:
    session_id = (await home.sessions.create(agent="plain")).id
    await home.sessions.pause(session_id)
    with pytest.raises(Exception, match="paused"):
        await send(home, session_id, A)
    assert await rows(database) == [(0,)]


async def test_images_are_copied_with_their_session_and_its_forks(home: App, database: str, tmp_path: Path) -> None:
    parent = await start(home, A)
    child = (await home.sessions.fork(parent)).id
    await send(home, child, B)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    for _ in range(2):
        await asyncio.to_thread(maintenance.copy, database, other, (child,), lambda done, of: None)
    async with SqlStore(other) as there:
        assert [await has(there, child, A), await has(there, child, B), await has(there, parent, B)] == [True, True, False]
    await send(home, child, png(shade=30))
    await asyncio.to_thread(maintenance.copy, database, other, (child,), lambda done, of: None)
    async with SqlStore(other) as there:
        assert await has(there, child, png(shade=30))
