"""Forks: at any message, in any state, and independent of later changes of the parent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from in_process_app import App, app, write_agent
from model_server import Answer, Hold, ModelServer, ToolUse
from sessionls.domain.errors import MessageNotFound, SessionNotFound
from sessionls.domain.model import Session
from sessionls.sessions.composing import Outgoing

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "plain", "You are plain.", tools="[]")
    async with app(folder, model_server) as home:
        yield home


async def texts(home: App, session_id: str) -> list[str]:
    return [m.text for m in (await home.sessions.history(session_id)).messages]


async def with_messages(home: App, server: ModelServer, count: int) -> Session:
    session = await home.sessions.create(agent="plain", title="Parent")
    for number in range(1, count + 1):
        server.script(Answer(f"r{number}"))
        await home.sessions.message(session.id, f"m{number}")
    return await home.sessions.get(session.id)


async def test_a_fork_contains_everything_final(home: App, model_server: ModelServer) -> None:
    parent = await with_messages(home, model_server, 2)
    child = await home.sessions.fork(parent.id)
    assert child.parent is not None and child.parent.session_id == parent.id
    assert (child.title, child.agent, child.message_count) == ("Parent (fork)", "plain", 4)
    assert child.usage.input_tokens == 0
    assert await texts(home, child.id) == ["m1", "r1", "m2", "r2"]
    events = await home.built.store.events(parent.id, after=parent.seq)
    assert [event.kind for event in events] == ["forked"]


@pytest.mark.parametrize(("at", "held"), [(0, ["m1"]), (1, ["m1", "r1"]), (2, ["m1", "r1", "m2"]), (3, ["m1", "r1", "m2", "r2"])])
async def test_a_fork_at_a_message_ends_with_it(home: App, model_server: ModelServer, at: int, held: list[str]) -> None:
    parent = await with_messages(home, model_server, 3)
    message = (await home.sessions.history(parent.id)).messages[at]
    child = await home.sessions.fork(parent.id, at=message.id, title="Other way")
    assert (child.title, child.parent and child.parent.message_id) == ("Other way", message.id)
    model_server.script(Answer("another"))
    await home.sessions.message(child.id, "and then?")
    assert await texts(home, child.id) == [*held, "and then?", "another"]
    assert await texts(home, parent.id) == ["m1", "r1", "m2", "r2", "m3", "r3"]
    told = model_server.requests[-1].messages[1:]
    assert "and then?" in told[-1]["content"] and "r3" not in str(told)
    numbers = [event.seq for event in await home.built.store.events(child.id, after=0)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_fork_of_a_fork_can_start_in_the_inherited_part(home: App, model_server: ModelServer) -> None:
    parent = await with_messages(home, model_server, 2)
    first = (await home.sessions.history(parent.id)).messages[1]
    child = await home.sessions.fork(parent.id)
    await home.sessions.message(child.id, "say: own")
    grandchild = await home.sessions.fork(child.id, at=first.id)
    assert await texts(home, grandchild.id) == ["m1", "r1"]


async def test_forking_while_a_reply_is_written_does_not_disturb_it(home: App, model_server: ModelServer) -> None:
    parent = await with_messages(home, model_server, 1)
    hold = Hold("half", Answer(" whole"))
    model_server.script(hold)
    await home.sessions.open(parent.id)
    send = asyncio.create_task(home.sessions.message(parent.id, "m2"))
    await home.written("half")
    settled = await home.sessions.fork(parent.id)
    reply = (await home.sessions.history(parent.id)).messages[-1]
    at_reply = await home.sessions.fork(parent.id, at=reply.id)
    at_message = await home.sessions.fork(parent.id, at=reply.reply_to)
    hold.go.set()
    assert (await send).reply.text == "half whole"
    assert await texts(home, settled.id) == ["m1", "r1"]
    assert await texts(home, at_reply.id) == ["m1", "r1", "m2", "half"]
    assert await texts(home, at_message.id) == ["m1", "r1", "m2"]
    assert (await home.sessions.history(at_reply.id)).messages[-1].status == "cancelled"
    assert (await home.sessions.message(at_message.id, "say: on")).reply.text == "on"


async def test_deleting_the_parent_keeps_its_forks_complete(home: App, model_server: ModelServer) -> None:
    parent = await with_messages(home, model_server, 2)
    child = await home.sessions.fork(parent.id)
    await home.sessions.delete(parent.id)
    with pytest.raises(SessionNotFound):
        await home.sessions.fork(parent.id)
    assert await texts(home, child.id) == ["m1", "r1", "m2", "r2"]
    assert (await home.sessions.message(child.id, "say: alive")).reply.text == "alive"


async def test_a_fork_before_a_compaction_sees_the_original(home: App, model_server: ModelServer) -> None:
    parent = await with_messages(home, model_server, 3)
    early = (await home.sessions.history(parent.id)).messages[3]
    model_server.script(Answer("SUMMARY"))
    await home.sessions.compact(parent.id)
    await home.sessions.message(parent.id, "say: a")
    assert "SUMMARY" in str(model_server.requests[-1].messages)
    assert "m1" not in str(model_server.requests[-1].messages)
    child = await home.sessions.fork(parent.id, at=early.id)
    await home.sessions.message(child.id, "say: b")
    told = str(model_server.requests[-1].messages)
    assert "SUMMARY" not in told and "m1" in told
    later = await home.sessions.fork(parent.id)
    await home.sessions.message(later.id, "say: c")
    assert "SUMMARY" in str(model_server.requests[-1].messages)
    # The log keeps everything.
    assert (await texts(home, parent.id))[:2] == ["m1", "r1"]


@pytest.mark.parametrize("when", ["while it is written", "afterwards"])
async def test_a_fork_at_a_steering_message_contains_it(home: App, model_server: ModelServer, when: str) -> None:
    hold, steered = Hold("one"), Hold("two")
    model_server.script(hold, steered)
    parent = await home.sessions.create(agent="plain")
    first = asyncio.create_task(home.sessions.message(parent.id, "m1"))
    await hold.reached.wait()
    second = asyncio.create_task(home.sessions.message(parent.id, Outgoing("mind this", delivery="steer")))
    await home.queued(parent.id, 1)
    hold.go.set()
    await steered.reached.wait()
    if when == "afterwards":
        steered.go.set()
        await first
    at = next(m for m in (await home.sessions.history(parent.id)).messages if m.text == "mind this")
    child = await home.sessions.fork(parent.id, at=at.id)
    steered.go.set()
    await first, await second
    await home.sessions.message(child.id, "say: yes")
    assert [m["content"] for m in model_server.requests[-1].messages[1:]] == ["m1\n\nmind this\n\nsay: yes"]


async def test_a_fork_at_a_message_that_was_cancelled_during_a_reply(home: App, model_server: ModelServer) -> None:
    parent = await with_messages(home, model_server, 1)
    hold = Hold("half")
    model_server.script(hold)
    await home.sessions.open(parent.id)
    first = asyncio.create_task(home.sessions.message(parent.id, "m2"))
    await home.written("half")
    second = asyncio.create_task(home.sessions.message(parent.id, "m3"))
    await home.queued(parent.id, 1)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    at = next(m for m in (await home.sessions.history(parent.id)).messages if m.text == "m3")
    child = await home.sessions.fork(parent.id, at=at.id)
    assert await texts(home, child.id) == ["m1", "r1", "m2", "half", "m3"]
    hold.go.set()
    await first


async def test_the_usage_of_copied_messages_counts_in_the_parent(home: App, model_server: ModelServer) -> None:
    parent = await home.sessions.create(agent="code")
    hold = Hold("half")
    model_server.script(Answer(tools=[ToolUse("list_files", {})]), hold)
    send = asyncio.create_task(home.sessions.message(parent.id, "m1"))
    await hold.reached.wait()
    reply = (await home.sessions.history(parent.id)).messages[-1]
    child = await home.sessions.fork(parent.id, at=reply.id)
    hold.go.set()
    await send
    assert reply.usage is not None
    copy = (await home.sessions.history(child.id)).messages[-1]
    assert copy.usage == reply.usage
    assert (await home.sessions.get(child.id)).usage.input_tokens == 0


async def test_forking_at_an_unknown_message_is_an_error(home: App, model_server: ModelServer) -> None:
    parent = await with_messages(home, model_server, 1)
    other = await with_messages(home, model_server, 1)
    foreign = (await home.sessions.history(other.id)).messages[0]
    with pytest.raises(MessageNotFound):
        await home.sessions.fork(parent.id, at=foreign.id)
