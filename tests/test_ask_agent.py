"""Subagents: in the same session, shown under the call, and never with more permissions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fake_tool import UseIt, give, use
from in_process_app import App, app, write_agent
from model_server import Answer, Hold, ModelServer, ToolUse
from sessionls.domain import uris
from sessionls.domain.events import AgentWorked
from sessionls.domain.ids import new_id
from sessionls.domain.model import Anchor, Finding, Part, Position, Range, ToolPart
from sessionls.domain.state import with_work
from sessionls.ports.tools import ToolCall


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_text("answer = 42\n")
    write_agent(folder, "chief", "You are the chief.", tools="[ask_agent, read_file]")
    write_agent(folder, "lone", "You are alone.", tools="[ask_agent]")
    write_agent(folder, "scout", "You are the scout.", model="openai/scout", tools="[read_file, list_files, search]")
    write_agent(folder, "deputy", "You are the deputy.", tools="[ask_agent, read_file]")
    write_agent(folder, "hand", "You do it.")
    write_agent(folder, "loop", "You ask yourself.", tools="[ask_agent]")
    async with app(folder, model_server) as home:
        yield home


def ask(agent: str, question: str = "What is it?") -> Answer:
    return Answer(tools=[ToolUse("ask_agent", {"agent": agent, "question": question})])


def call(parts: list[object]) -> ToolPart:
    (part,) = (part for part in parts if isinstance(part, ToolPart))
    return part


async def test_its_answer_goes_to_the_agent_and_its_work_is_shown_under_the_call(home: App, model_server: ModelServer) -> None:
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
    # It has its own prompt and model, and those of its tools that the asking agent has, too.
    request = model_server.requests[1]
    assert request.body["model"] == "scout" and "You are the scout." in request.system
    assert request.tools == ["read_file"]
    assert "`chief` asks" in request.text and "find out" not in str(request.messages)
    assert reply.usage is not None
    spent = sum(1 for _ in model_server.requests)
    assert spent == 4


async def test_it_gets_no_tool_that_the_asking_agent_lacks(home: App, model_server: ModelServer) -> None:
    model_server.script(ask("scout"), Answer("I can not look."), Answer("ok"))
    session = await home.sessions.create(agent="lone")
    await home.sessions.message(session.id, "find out")
    assert model_server.requests[1].tools == []


async def test_the_depth_of_subagents_is_limited(home: App, model_server: ModelServer) -> None:
    model_server.default = lambda request: ask("loop") if "ask_agent" in request.tools else Answer("enough")
    model_server.script(ask("loop"), ask("loop"), ask("loop"), Answer("deep"), Answer("b"), Answer("a"), Answer("done"))
    session = await home.sessions.create(agent="loop")
    reply = (await home.sessions.message(session.id, "go")).reply
    assert reply.text == "done"
    assert [("ask_agent" in request.tools) for request in model_server.requests[:4]] == [True, True, True, False]


async def test_asking_an_agent_that_does_not_exist_fails_with_a_message(home: App, model_server: ModelServer) -> None:
    model_server.script(ask("nobody"), Answer("ok"))
    session = await home.sessions.create(agent="chief")
    reply = (await home.sessions.message(session.id, "go")).reply
    asked = call(list(reply.parts))
    assert asked.status == "failed" and "scout" in (asked.result or "")


async def test_cancelling_the_reply_cancels_it(home: App, model_server: ModelServer) -> None:
    hold = Hold("hm")
    model_server.script(ask("scout"), hold)
    session = await home.sessions.create(agent="chief")
    send = asyncio.create_task(home.sessions.message(session.id, "go"))
    await hold.reached.wait()
    await home.sessions.cancel(session.id)
    assert (await send).reply.status == "cancelled"
    await model_server.requests[1].closed.wait()


async def test_an_agent_that_can_only_ask_gets_the_answer(home: App, model_server: ModelServer) -> None:
    model_server.script(ask("scout"), Answer("It is 42."), Answer("ok"))
    session = await home.sessions.create(agent="lone")
    await home.sessions.message(session.id, "find out")
    assert [m["role"] for m in model_server.requests[2].messages[1:]] == ["user", "assistant", "tool"]
    assert "It is 42." in model_server.requests[2].text


async def test_calls_with_the_same_id_in_different_steps_are_kept_apart(home: App, model_server: ModelServer) -> None:
    """Some models number their calls from the start in each step."""

    def same(question: str) -> Answer:
        return Answer(tools=[ToolUse("ask_agent", {"agent": "scout", "question": question}, "call_0")])

    model_server.script(same("first?"), Answer("one"), same("second?"), Answer("two"), Answer("done"))
    session = await home.sessions.create(agent="chief")
    reply = (await home.sessions.message(session.id, "go")).reply
    calls = [part for part in reply.parts if isinstance(part, ToolPart)]
    assert [(part.status, part.result) for part in calls] == [("done", "one"), ("done", "two")]
    assert [[inner.kind for inner in part.parts or ()] for part in calls] == [["text"], ["text"]]


async def test_its_work_is_visible_while_it_runs(home: App, model_server: ModelServer) -> None:
    hold = Hold("42.")
    model_server.script(ask("scout"), Answer("Reading.", tools=[ToolUse("read_file", {"path": "a.py"})]), hold, Answer("ok"))
    session = await home.sessions.create(agent="chief")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "go"))
    await hold.reached.wait()
    asked = call(list((await home.sessions.history(session.id)).messages[-1].parts))
    assert asked.status == "running"
    assert [(part.kind, getattr(part, "status", None)) for part in asked.parts or ()] == [("text", None), ("tool", "done")]
    hold.go.set()
    reply = (await send).reply
    # Folding the received events gives the same result.
    worked = [event for event in home.events if isinstance(event, AgentWorked)]
    folded: list[Part] = [asked.model_copy(update={"parts": None})]
    for event in worked:
        assert (event.message_id, event.path) == (reply.id, [0])
        folded = with_work(folded, event.path, event.index, event.parts)
    assert call(list(folded)).parts == call(list(reply.parts)).parts


async def test_the_work_of_a_nested_subagent_is_shown_under_its_call(home: App, model_server: ModelServer) -> None:
    read = Answer(tools=[ToolUse("read_file", {"path": "a.py"})])
    model_server.script(ask("deputy"), ask("scout"), read, Answer("42."), Answer("It says 42."), Answer("ok"))
    session = await home.sessions.create(agent="chief")
    await home.sessions.open(session.id)
    reply = (await home.sessions.message(session.id, "go")).reply
    deputy = call(list(reply.parts))
    scout = call(list(deputy.parts or ()))
    assert [part.kind for part in deputy.parts or ()] == ["tool", "text"]
    assert [part.kind for part in scout.parts or ()] == ["tool", "text"]
    assert (scout.status, scout.result) == ("done", "42.")
    assert [0, 0] in [event.path for event in home.events if isinstance(event, AgentWorked)]


async def test_its_work_is_logged_only_once(home: App, model_server: ModelServer) -> None:
    (Path(uris.to_path(home.editor.folders[0]) or "") / "a.py").write_text("answer = 42  # and some more\n" * 300)
    read = Answer(tools=[ToolUse("read_file", {"path": "a.py"})])

    async def logged(calls: int) -> int:
        model_server.script(ask("scout"), *[read] * calls, Answer("42."), Answer("ok"))
        session = await home.sessions.create(agent="chief")
        await home.sessions.message(session.id, "go")
        return sum(len(event.model_dump_json()) for event in await home.built.store.events(session.id, after=0))

    few, twice, thrice = [await logged(calls) for calls in (4, 8, 12)]
    assert thrice - twice < 1.1 * (twice - few)


async def test_calls_that_do_more_than_read_run_one_at_a_time_across_agents(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    under_way, most = 0, 0

    async def write(_: ToolCall) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        begun.set()
        await go.wait()
        under_way -= 1
        return "written"

    give(home, monkeypatch, UseIt(write, "write"))
    home.editor.answers = ["once", "once"]
    both = [ToolUse("ask_agent", {"agent": "hand", "question": f"{one}?"}, one) for one in ("one", "two")]
    model_server.default = lambda request: use() if request.text.endswith("?") else Answer("ok")
    model_server.script(Answer(tools=both))
    session = await home.sessions.create(agent="hand")
    send = asyncio.create_task(home.sessions.message(session.id, "Go."))
    await begun.wait()
    await model_server.received(3)
    for _ in range(20):  # the other one has come as far as it can
        await home.built.store.session(session.id)
    go.set()
    calls = [part for part in (await send).reply.parts if isinstance(part, ToolPart)]
    assert [call(list(one.parts or ())).result for one in calls] == ["written", "written"]
    assert most == 1


async def test_a_known_finding_that_it_reports_is_not_added_again(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Position(line=0, character=0)

    async def report(made: ToolCall) -> str:
        finding = Finding(
            id=new_id(),
            session_id=made.session_id,
            message_id=made.message_id,
            agent=made.agent,
            uri=f"{home.editor.folders[0]}/a.py",
            range=Range(start=at, end=Position(line=0, character=6)),
            severity=2,
            title="It answers",
            body="",
            rule="answers",
            anchor=Anchor(quote="answer"),
        )
        return (await made.report(finding)).id

    give(home, monkeypatch, UseIt(report))
    model_server.script(use(), Answer("found"), ask("hand"), use(), Answer("found"), Answer("ok"))
    first = (await home.sessions.message((await home.sessions.create(agent="hand")).id, "go")).reply
    session = await home.sessions.create(agent="hand")
    with home.sessions.collect_known_findings(session.id) as met:
        await home.sessions.message(session.id, "go")
        assert [finding.id for finding in met] == [call([part for part in first.parts if part.kind == "tool"]).result]
