"""A paused reply keeps its work, and can be resumed later, in another process, or after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from in_process_app import BEN, App, app, last_message, write_agent
from model_server import Answer, Cut, Hold, ModelServer, ToolUse
from sessionls.domain.errors import ModelUnavailable, SessionPaused
from sessionls.domain.model import Message, ToolPart

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    write_agent(folder, "reader", "You read.", tools="[read_file]")
    (folder / "a.py").write_text("answer = 42\n")
    return folder


async def until_ended(home: App, session_id: str) -> Message:
    await home.event("replyFinished")
    return await last_message(home, session_id)


async def test_pause_stops_a_reply_and_resume_continues_it(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("The first half, ")
    model_server.script(hold, Answer("the second half."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        send = asyncio.create_task(home.sessions.message(session.id, "both halves"))
        await home.written("half, ")
        paused = await home.sessions.pause(session.id)
        assert (paused.state, paused.replying) == ("paused", False)
        reply = (await send).reply
        assert (reply.status, reply.text) == ("paused", "The first half, ")
        await model_server.requests[0].closed.wait()
        assert (await home.sessions.get(session.id)).stopped == "paused"
        with pytest.raises(SessionPaused):
            await home.sessions.message(session.id, "more")
    # Later, in another process.
    async with app(folder, model_server, participant=BEN) as home:
        opened = await home.sessions.open(session.id)
        assert opened.messages[-1].text == "The first half, "
        resumed = await home.sessions.resume(session.id)
        assert resumed.state == "active"
        ended = await until_ended(home, session.id)
        assert (ended.id, ended.status, ended.text) == (reply.id, "complete", "The first half, the second half.")
        assert (await home.sessions.get(session.id)).stopped is None
        # The new deltas start at the end of the earlier text.
        assert home.deltas[0].offset == len("The first half, ")
        told = model_server.requests[1].messages
        assert told[2] == {"role": "assistant", "content": "The first half, "}
        assert told[3]["role"] == "user"


async def test_a_finished_tool_call_is_not_made_again(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("Now I know: ")
    model_server.script(Answer("", tools=[ToolUse("read_file", {"path": "a.py"})]), hold, Answer("it is 42."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="reader")
        await home.sessions.open(session.id)
        send = asyncio.create_task(home.sessions.message(session.id, "what is it?"))
        await home.written("know: ")
        await home.sessions.pause(session.id)
        await send
    async with app(folder, model_server) as home:
        await home.sessions.open(session.id)
        await home.sessions.resume(session.id)
        ended = await until_ended(home, session.id)
        assert ended.text == "Now I know: it is 42."
        assert sum(isinstance(part, ToolPart) for part in ended.parts) == 1
        events = await home.built.store.events(session.id, after=0)
        assert sum(event.kind == "toolCalled" for event in events) == 1
        roles = [m["role"] for m in model_server.requests[2].messages]
        assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


async def test_an_interrupted_reply_keeps_its_text_and_continues(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Cut("One, two, "), Answer("three."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        with pytest.raises(ModelUnavailable):
            await home.sessions.message(session.id, "count")
        assert (await last_message(home, session.id)).text == "One, two, "
        assert (await home.sessions.get(session.id)).stopped == "failed"
        home.events.clear()
        await home.sessions.resume(session.id)
        ended = await until_ended(home, session.id)
        assert (ended.status, ended.text) == ("complete", "One, two, three.")


async def test_a_paused_session_is_still_paused_after_unarchiving(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Hold("The first half, "), Answer("the second half."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        send = asyncio.create_task(home.sessions.message(session.id, "both halves"))
        await home.written("half, ")
        await home.sessions.pause(session.id)
        await send
        archived = await home.sessions.archive(session.id)
        assert (archived.state, archived.stopped) == ("archived", None)  # there is nothing to resume now
        [listed] = (await home.sessions.list(state="archived")).sessions
        assert listed.stopped is None
    async with app(folder, model_server) as home:
        back = await home.sessions.unarchive(session.id)
        assert (back.state, back.stopped) == ("paused", "paused")
        with pytest.raises(SessionPaused):
            await home.sessions.message(session.id, "more")
        await home.sessions.open(session.id)
        await home.sessions.resume(session.id)
        assert (await until_ended(home, session.id)).text == "The first half, the second half."


async def test_queued_messages_are_answered_after_resume(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Hold("one"), Answer(" more"), Answer("two"))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        first = asyncio.create_task(home.sessions.message(session.id, "m1"))
        await home.written("one")
        second = asyncio.create_task(home.sessions.message(session.id, "m2"))
        await home.queued(session.id, 1)
        await home.sessions.pause(session.id)
        assert (await first).reply.status == "paused"
        assert not second.done()
        await home.sessions.resume(session.id)
        assert (await second).reply.text == "two"
        texts = [m.text for m in (await home.sessions.history(session.id)).messages]
        assert texts == ["m1", "one more", "m2", "two"]


async def test_closing_interrupts_a_reply_and_a_new_message_settles_it(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("half")
    model_server.script(hold, Answer("fresh"))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        send = asyncio.create_task(home.sessions.message(session.id, "m1"))
        await home.written("half")
    assert (await send).reply.status == "interrupted"
    async with app(folder, model_server) as home:
        assert (await last_message(home, session.id)).status == "interrupted"
        listed, _ = await home.built.store.sessions(scope=None, state=None, query=None, limit=5, cursor=None)
        assert [one.stopped for one in listed] == ["interrupted"]
        fork = await home.sessions.fork(session.id, at=(await last_message(home, session.id)).id)
        assert fork.stopped is None
        assert (await home.sessions.get(session.id)).stopped == "interrupted"
        assert (await home.sessions.message(session.id, "m2")).reply.text == "fresh"
        assert (await home.sessions.get(session.id)).stopped is None
        statuses = [m.status for m in (await home.sessions.history(session.id)).messages]
        assert statuses == ["complete", "cancelled", "complete", "complete"]


@pytest.mark.engines("sqlite")
async def test_a_killed_process_loses_almost_nothing(folder: Path, model_server: ModelServer) -> None:
    """`kill -9` during a reply: the next process finds it interrupted, with its text, and resume completes it."""
    hold = Hold("These words were written, ")
    model_server.script(hold, Answer("and these after it."))
    environment = {**os.environ, "OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": model_server.openai}
    script = Path(__file__).with_name("writer_process.py")
    process = await asyncio.to_thread(
        lambda: subprocess.Popen([sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, env=environment, text=True)
    )
    try:
        assert process.stdout is not None
        session_id = (await asyncio.to_thread(process.stdout.readline)).strip()
        assert (await asyncio.to_thread(process.stdout.readline)).strip() == "written"
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    finally:
        await asyncio.to_thread(process.wait)
        if process.stdout is not None:
            process.stdout.close()
    async with app(folder, model_server) as home:
        await home.sessions.open(session_id)
        if (await last_message(home, session_id)).status == "replying":  # the lease of the dead process has not expired yet
            await home.event("replyFinished", seconds=30)
        found = await last_message(home, session_id)
        assert (found.status, found.text) == ("interrupted", "These words were written, ")
        home.events.clear()
        await home.sessions.resume(session_id)
        ended = await until_ended(home, session_id)
        assert (ended.id, ended.text) == (found.id, "These words were written, and these after it.")
        numbers = [event.seq for event in await home.built.store.events(session_id, after=0)]
        assert numbers == list(range(1, len(numbers) + 1))
