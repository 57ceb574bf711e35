"""Agents that ask agents: in the same session, shown under the call, never with more permission."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model_server import Answer, Hold, ModelServer, ToolUse
from rooms import House, house, write_agent
from sessionls.sessions.model import ToolPart

pytestmark = pytest.mark.usefixtures("litellm_ready")


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[House]:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_text("answer = 42\n")
    write_agent(folder, "chief", "You are the chief.", tools="[ask_agent, read_file]")
    write_agent(folder, "lone", "You are alone.", tools="[ask_agent]")
    write_agent(folder, "scout", "You are the scout.", model="openai/scout", tools="[read_file, list_files, search]")
    write_agent(folder, "loop", "You ask yourself.", tools="[ask_agent]")
    async with house(folder, model_server) as home:
        yield home


def ask(agent: str, question: str = "What is it?") -> Answer:
    return Answer(tools=[ToolUse("ask_agent", {"agent": agent, "question": question})])


def call(parts: list[object]) -> ToolPart:
    (part,) = (part for part in parts if isinstance(part, ToolPart))
    return part


async def test_its_answer_goes_to_the_agent_and_its_work_is_shown_under_the_call(home: House, model_server: ModelServer) -> None:
    model_server.script(
        ask("scout"),
        Answer("Reading.", tools=[ToolUse("read_file", {"path": "a.py"})]),
        Answer("42."),
        Answer("The scout says 42."),
    )
    session = await home.sessions.create(agent="chief")
    reply = (await home.sessions.message(session.id, "find out")).reply
    assert reply.text == "The scout says 42."
    asked = call(list(reply.parts))
    assert [part.kind for part in asked.parts or ()] == ["text", "tool", "text"]
    assert asked.result is not None and "42." in asked.result
    # It ran as itself: its prompt, its model, and of its tools those that the chief has too.
    request = model_server.requests[1]
    assert request.body["model"] == "scout" and "You are the scout." in request.system
    assert request.tools == ["read_file"]
    assert "`chief` asks" in request.text and "find out" not in str(request.messages)
    assert reply.usage is not None
    spent = sum(1 for _ in model_server.requests)
    assert spent == 4


async def test_it_gets_no_tool_that_the_asking_agent_has_not(home: House, model_server: ModelServer) -> None:
    model_server.script(ask("scout"), Answer("I can not look."), Answer("ok"))
    session = await home.sessions.create(agent="lone")
    await home.sessions.message(session.id, "find out")
    assert model_server.requests[1].tools == []


async def test_it_does_not_go_on_for_ever(home: House, model_server: ModelServer) -> None:
    model_server.default = lambda request: ask("loop") if "ask_agent" in request.tools else Answer("enough")
    model_server.script(ask("loop"), ask("loop"), ask("loop"), Answer("deep"), Answer("b"), Answer("a"), Answer("done"))
    session = await home.sessions.create(agent="loop")
    reply = (await home.sessions.message(session.id, "go")).reply
    assert reply.text == "done"
    assert [("ask_agent" in request.tools) for request in model_server.requests[:4]] == [True, True, True, False]


async def test_an_agent_that_does_not_exist_is_told(home: House, model_server: ModelServer) -> None:
    model_server.script(ask("nobody"), Answer("ok"))
    session = await home.sessions.create(agent="chief")
    reply = (await home.sessions.message(session.id, "go")).reply
    asked = call(list(reply.parts))
    assert asked.status == "failed" and "scout" in (asked.result or "")


async def test_cancelling_reaches_it(home: House, model_server: ModelServer) -> None:
    hold = Hold("hm")
    model_server.script(ask("scout"), hold)
    session = await home.sessions.create(agent="chief")
    send = asyncio.create_task(home.sessions.message(session.id, "go"))
    await hold.reached.wait()
    await home.sessions.cancel(session.id)
    assert (await send).reply.status == "cancelled"
    await model_server.requests[1].closed.wait()


async def test_an_agent_that_can_only_ask_is_told_the_answer(home: House, model_server: ModelServer) -> None:
    model_server.script(ask("scout"), Answer("It is 42."), Answer("ok"))
    session = await home.sessions.create(agent="lone")
    await home.sessions.message(session.id, "find out")
    assert [m["role"] for m in model_server.requests[2].messages[1:]] == ["user", "assistant", "tool"]
    assert "It is 42." in model_server.requests[2].text


async def test_calls_of_one_id_in_different_steps_are_told_apart(home: House, model_server: ModelServer) -> None:
    """Some models count their calls anew in each step."""

    def same(question: str) -> Answer:
        return Answer(tools=[ToolUse("ask_agent", {"agent": "scout", "question": question}, "call_0")])

    model_server.script(same("first?"), Answer("one"), same("second?"), Answer("two"), Answer("done"))
    session = await home.sessions.create(agent="chief")
    reply = (await home.sessions.message(session.id, "go")).reply
    calls = [part for part in reply.parts if isinstance(part, ToolPart)]
    assert [(part.status, part.result) for part in calls] == [("done", "one"), ("done", "two")]
    assert [[inner.kind for inner in part.parts or ()] for part in calls] == [["text"], ["text"]]
