"""The limits of an agent include the work of its subagents, before and after a pause."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fake_tool import UseIt, give
from in_process_app import App, app, last_message, write_agent
from model_server import ModelServer
from scripted_models import Step, ask_for, end, script
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Message, ToolPart
from sessionls.ports.models import TextDelta, ToolRequest
from sessionls.ports.tools import ToolCall
from sessionls.runtimes.loop.tool_calls import MOST_AGENTS, MOST_CALLS

pytestmark = pytest.mark.usefixtures("litellm_ready")


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "frugal", "You are frugal.", maxCost="0.10", maxSteps="2")
    write_agent(folder, "cheap", "You are cheap.", maxCost="0.10")
    write_agent(folder, "quick", "You are quick.", maxSteps="4")
    write_agent(folder, "chief", "You are the chief.")
    write_agent(folder, "helper", "You help.")
    async with app(folder, model_server) as home:
        yield home


@pytest.fixture
def tool(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "ok")))


def ask(number: int = 1, agent: str = "helper") -> ToolRequest:
    return ask_for("ask_agent", json.dumps({"agent": agent, "question": "What is it?"}), f"ask_{number}")


def use(number: int = 1) -> ToolRequest:
    return ask_for("use_it", "{}", f"use_{number}")


async def fails(home: App, agent: str, words: str) -> Message:
    """The reply of that agent, which ends at a limit."""
    session = await home.sessions.create(agent=agent)
    with pytest.raises(NotPermitted, match=words):
        await home.sessions.message(session.id, "m1")
    return await last_message(home, session.id)


@pytest.mark.usefixtures("tool")
async def test_steps_of_subagents_count_for_the_asking_agent(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, [ask(), end("tool_calls")], *[[use(n), end("tool_calls")] for n in range(50)])
    reply = await fails(home, "quick", "quick took 4 steps")
    assert len(requests) == 4 and reply.steps == 4


@pytest.mark.usefixtures("tool")
async def test_costs_of_subagents_count_before_each_request(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Step = [ask(), end("tool_calls", cost=0.04)]
    requests = script(home, monkeypatch, asked, *[[use(n), end("tool_calls", cost=0.04)] for n in range(50)])
    reply = await fails(home, "cheap", r"cost 0\.12 US dollars\. Its limit is 0\.10")
    assert len(requests) == 3
    assert reply.usage is not None and reply.usage.cost == pytest.approx(0.12)


@pytest.mark.usefixtures("tool")
async def test_nested_subagents_are_limited_by_the_top_agent(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, *[[ask(n), ask(n + 100), end("tool_calls", cost=0.001)] for n in range(250)])
    await fails(home, "frugal", "frugal took 2 steps")
    assert len(requests) == 2


@pytest.mark.usefixtures("tool")
async def test_a_subagent_has_its_own_limits_and_the_asking_agent_learns_when_it_reaches_them(
    home: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = script(
        home,
        monkeypatch,
        [ask(agent="frugal"), end("tool_calls")],
        [use(), end("tool_calls")],
        [use(2), end("tool_calls")],
        [TextDelta("It was too much for it."), end()],
    )
    session = await home.sessions.create(agent="chief")
    reply = (await home.sessions.message(session.id, "m1")).reply
    assert reply.steps == 4
    assert "frugal took 2 steps" in str(requests[3].messages[-1]["content"])


@pytest.mark.usefixtures("tool")
async def test_usage_before_a_pause_counts_after_it(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def wait(call: ToolCall) -> str:
        reached.set()
        await go.wait()
        return "ok"

    give(home, monkeypatch, UseIt(wait))
    requests = script(
        home, monkeypatch, [ask(), end("tool_calls", cost=0.03)], *[[use(n), end("tool_calls", cost=0.03)] for n in range(50)]
    )
    session = await home.sessions.create(agent="quick")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await reached.wait()  # the subagent is working
    await home.sessions.pause(session.id)
    stopped = (await send).reply
    assert (stopped.status, stopped.steps) == ("paused", 2)
    assert stopped.usage is not None and stopped.usage.cost == pytest.approx(0.06)
    go.set()
    await home.sessions.resume(session.id)
    await home.until(lambda: sum(event.kind == "replyFinished" for event in home.events) == 2)
    ended = await last_message(home, session.id)
    assert ended.error is not None and "quick took 4 steps" in ended.error.message
    assert len(requests) == 4 and ended.usage is not None and ended.usage.cost == pytest.approx(0.12)
    assert (await home.sessions.get(session.id)).usage.cost == pytest.approx(0.12)


@pytest.mark.usefixtures("tool")
async def test_resuming_at_the_step_limit_allows_as_many_steps_again(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, *[[use(n), end("tool_calls")] for n in range(50)])
    session = await home.sessions.create(agent="quick")
    await home.sessions.open(session.id)
    with pytest.raises(NotPermitted):
        await home.sessions.message(session.id, "m1")
    await home.sessions.resume(session.id)
    await home.until(lambda: sum(event.kind == "replyFinished" for event in home.events) == 2)
    assert len(requests) == 8


async def test_the_agents_and_calls_of_one_step_are_limited(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    async def run(call: ToolCall) -> str:
        ran.append(call.call_id)
        return "ok"

    give(home, monkeypatch, UseIt(run))
    many: Step = [*(ask(n) for n in range(100)), end("tool_calls")]
    more: Step = [*(use(n) for n in range(100)), end("tool_calls")]
    requests = script(home, monkeypatch, many, *[[TextDelta("It is 42."), end()]] * MOST_AGENTS, more, [TextDelta("done"), end()])
    session = await home.sessions.create(agent="chief")
    reply = (await home.sessions.message(session.id, "m1")).reply
    calls = [part for part in reply.parts if isinstance(part, ToolPart)]
    asked, used = calls[:100], calls[100:]
    assert [part.status for part in asked] == ["done"] * MOST_AGENTS + ["denied"] * (100 - MOST_AGENTS)
    assert [part.status for part in used] == ["done"] * MOST_CALLS + ["denied"] * (100 - MOST_CALLS)
    assert len(ran) == MOST_CALLS and len(requests) == MOST_AGENTS + 3
    assert f"at most {MOST_AGENTS} calls of ask_agent" in (asked[-1].result or "")
    assert f"at most {MOST_CALLS} calls" in (used[-1].result or "")
