"""Agents of every runtime ask each other: with `ask_agent`, at the same depth, on the same budget, under the rules of both."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from external_agents import ExternalAgentScript
from in_process_app import App, app, write_agent
from model_server import Answer, Hold, ModelServer, ToolUse
from sessionls.domain.model import Message, ToolPart
from sessionls.sessions.composing import Outgoing


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "chief", "You are the chief.")
    write_agent(folder, "reader", "You only read.", tools="[ask_agent, read_file]")
    write_agent(folder, "scout", "You are the scout.", model="openai/scout", tools="[read_file, run_command]")
    (folder / "a.py").write_text("answer = 42\n")
    return folder


ALLOWED = {"edit_file": "allow", "run_command": "allow"}


def external(folder: Path, *replies: list[Any], name: str = "guest", **script: Any) -> ExternalAgentScript:
    return ExternalAgentScript(folder.parent / f"{name}.json", {"replies": list(replies), **script})


def asks(agent: str, question: str = "What is it?") -> list[Any]:
    """What an external agent does to ask another one."""
    return ["mcp", "ask_agent", {"agent": agent, "question": question}]


def asked(agent: str, question: str = "What is it?") -> Answer:
    """What a model says to ask another agent."""
    return Answer(tools=[ToolUse("ask_agent", {"agent": agent, "question": question})])


async def send(home: App, agent: str, text: str = "Go") -> Message:
    session = await home.sessions.create(agent=agent)
    await home.sessions.open(session.id)
    return (await home.sessions.message(session.id, text)).reply


def call(reply: Message, name: str = "ask_agent") -> ToolPart:
    (part,) = (part for part in reply.parts if isinstance(part, ToolPart) and part.name == name)
    return part


# -- an external agent asks one of ours ------------------------------------------------------------------------------


async def test_the_asking_agent_gets_the_answer_and_the_call_shows_the_work(folder: Path, model_server: ModelServer) -> None:
    guest = external(folder, [["say", "I ask."], asks("scout")])
    model_server.script(Answer("Looking.", tools=[ToolUse("read_file", {"path": "a.py"})]), Answer("It is 42."))
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "guest")
        events = [event.kind for event in await home.built.store.events(reply.session_id, after=0)]
    said = json.loads(reply.text.partition("\n\n")[2])
    assert "ask_agent" in said["tools"] and "It is 42." in said["text"] and not said["failed"]
    part = call(reply)
    assert (part.status, part.arguments) == ("done", {"agent": "scout", "question": "What is it?"})
    assert [one.kind for one in part.parts or ()] == ["text", "tool", "text"]
    assert [one.kind for one in reply.parts] == ["text", "tool", "text"]
    assert "agentWorked" in events
    request = model_server.requests[0]
    assert request.body["model"] == "scout" and "`guest` asks" in request.text and "I ask." not in str(request.messages)
    assert reply.usage is not None and reply.usage.input_tokens > 0 and reply.steps == 2


async def test_the_rules_of_the_asking_agent_apply_to_the_asked_agent(folder: Path, model_server: ModelServer) -> None:
    guest = external(folder, [asks("scout")])
    model_server.script(Answer(tools=[ToolUse("run_command", {"command": "touch made"})]), Answer("Not done."))
    setting = {"guest": guest.setting()}
    async with app(folder, model_server, agents=setting, permissions={"run_command": "deny"}) as home:
        reply = await send(home, "guest")
    assert [one.status for one in call(reply).parts or () if isinstance(one, ToolPart)] == ["denied"]
    assert not (folder / "made").exists()


@pytest.mark.parametrize(
    ("rule", "answer", "status"),
    [("deny", None, None), ("ask", "deny", "denied"), ("ask", "once", "done"), ("ask", "session", "done")],
)
async def test_asking_another_agent_requires_permission_like_any_tool(
    folder: Path, model_server: ModelServer, rule: str, answer: Any, status: str | None
) -> None:
    guest = external(folder, [asks("scout")])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"ask_agent": rule}) as home:
        home.editor.answers = [answer]
        reply = await send(home, "guest")
    said = json.loads(reply.text)
    assert said["failed"] is (status != "done")
    assert len(model_server.requests) == (1 if status == "done" else 0)
    assert [part.status for part in reply.parts if isinstance(part, ToolPart)] == ([status] if status else [])


async def test_the_asked_agent_stops_when_the_message_ends(folder: Path, model_server: ModelServer) -> None:
    guest = external(folder, [asks("scout")])
    hold = Hold("hm")
    model_server.script(hold)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session = await home.sessions.create(agent="guest")
        sending = asyncio.create_task(home.sessions.message(session.id, "Go"))
        await hold.reached.wait()
        await home.sessions.cancel(session.id)
        reply = (await sending).reply
        await model_server.requests[0].closed.wait()
    assert (reply.status, call(reply).status) == ("cancelled", "failed")


async def test_an_unknown_agent_cannot_be_asked(folder: Path, model_server: ModelServer) -> None:
    guest = external(folder, [asks("nobody")])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "guest")
    assert call(reply).status == "failed" and "scout" in json.loads(reply.text)["text"]


async def test_an_external_agent_searches_earlier_sessions_with_our_tool(folder: Path, model_server: ModelServer) -> None:
    guest = external(folder, [["mcp", "search_sessions", {"query": "mongoose"}]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        earlier = await home.sessions.create(agent="chief", title="About animals")
        await home.sessions.message(earlier.id, "say: A mongoose eats snakes.")
        said = json.loads((await send(home, "guest")).text)
    assert not said["failed"] and "About animals" in said["text"] and "mongoose" in said["text"]


# -- one of ours asks an external agent ------------------------------------------------------------------------------


async def test_an_external_agent_answers_a_question_in_a_separate_session(folder: Path, model_server: ModelServer) -> None:
    edit = {"toolCallId": "c", "kind": "read", "title": "Read a.py", "status": "completed"}
    guest = external(folder, [["update", "tool_call", edit], ["say", "It is 42."]])
    model_server.script(asked("guest"), Answer("The guest says 42."), asked("guest"), Answer("Again."))
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions=ALLOWED) as home:
        reply = await send(home, "chief", "secret words")
        await home.sessions.message(reply.session_id, "again")
        # The session continues as if the agent had not been asked.
        await home.sessions.message(reply.session_id, Outgoing("and you", agent="guest"))
    part = call(reply)
    assert part.status == "done" and part.result is not None and "It is 42." in part.result
    assert [one.kind for one in part.parts or ()] == ["tool", "text"]
    assert reply.text == "The guest says 42."
    assert guest.methods.count("session/new") == 3 and len(guest.processes) == 1
    assert guest.prompt(0) == "The agent `chief` asks:\n\nWhat is it?"
    assert "secret words" in guest.prompt(2)


async def test_an_agent_without_edit_and_run_rights_cannot_ask_an_agent_that_has_them(
    folder: Path, model_server: ModelServer
) -> None:
    guest = external(folder, [["say", "no"]])
    model_server.script(asked("guest"), Answer("Well."))
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions=ALLOWED) as home:
        reply = await send(home, "reader")
    assert call(reply).status == "failed" and "reader has no tools for that" in (call(reply).result or "")
    assert guest.received == [] and reply.text == "Well."


@pytest.mark.parametrize(("answer", "status"), [("once", "done"), ("deny", "failed")])
async def test_people_are_asked_for_permission_if_the_rules_say_so(
    folder: Path, model_server: ModelServer, answer: Any, status: str
) -> None:
    guest = external(folder, [["say", "Done."]])
    model_server.script(asked("guest"), Answer("Well."))
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:  # edits and commands are asked for
        home.editor.answers = [answer]
        reply = await send(home, "chief")
        [question] = home.editor.questions
    assert question.summary == "Ask the external agent guest: What is it?" and "What is it?" in (question.detail or "")
    assert call(reply).status == status and (guest.received != []) == (status == "done")


async def test_one_external_agent_asks_another(folder: Path, model_server: ModelServer) -> None:
    guest = external(folder, [asks("other")])
    other = external(folder, [["say", "From the other."]], name="other")
    settings = {"guest": guest.setting(), "other": other.setting()}
    async with app(folder, model_server, agents=settings, permissions=ALLOWED) as home:
        reply = await send(home, "guest")
    assert "From the other." in json.loads(reply.text)["text"] and call(reply).status == "done"
    assert other.prompt() == "The agent `guest` asks:\n\nWhat is it?"


async def test_agents_cannot_ask_each_other_endlessly(folder: Path, model_server: ModelServer) -> None:
    guest = external(folder, [asks("guest")])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions=ALLOWED) as home:
        reply = await send(home, "guest")
    assert len(guest.prompts) == 4  # that of the message, and three levels of questions
    assert "not permitted" in json.dumps([part.model_dump() for part in reply.parts])
