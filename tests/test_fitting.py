"""In a long reply, the oldest tool results are left out of the prompt; the session keeps them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_process_app import App, app, write_agent
from model_server import Answer, ModelServer, Received, Refuse, ToolUse
from sessionls.domain.model import Message, ToolPart
from sessionls.sessions.prompt.transcript import ModelMessages, estimate_tokens
from sessionls.sessions.prompt.window import LEFT_OUT, trim_tool_results

FILES = 12


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}.txt").write_text(f"file {number}: " + "word " * 300)
    write_agent(folder, "reader", "You read.", tools="[read_file, ask_agent]")
    write_agent(folder, "chief", "You ask.", tools="[read_file, ask_agent]")
    async with app(folder, model_server) as home:
        yield home


def read(number: int) -> Answer:
    return Answer(tools=[ToolUse("read_file", {"path": f"{number}.txt"})])


def results(request: Received) -> list[str]:
    """The tool results in the prompt: the number of each file, or that it was left out."""
    told = [message["content"] for message in request.messages if message["role"] == "tool"]
    return ["left out" if one == LEFT_OUT else one.partition("file ")[2].partition(":")[0] for one in told]


async def read_all(home: App, model_server: ModelServer) -> Message:
    model_server.script(*(read(number) for number in range(FILES)), Answer("All is read."))
    session = await home.sessions.create(agent="reader")
    return (await home.sessions.message(session.id, "read all")).reply


async def test_the_oldest_results_are_left_out_when_the_window_is_full(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home.built.models, "window", lambda model: 6_000)
    reply = await read_all(home, model_server)
    assert reply.text == "All is read."
    first, last = results(model_server.requests[3]), results(model_server.requests[-1])
    assert first == ["0", "1", "2"]
    left_out = last.count("left out")
    assert 0 < left_out < FILES - 2
    assert last == ["left out"] * left_out + [str(number) for number in range(left_out, FILES)]
    assert all(estimate_tokens(request.messages) < 6_000 * 0.8 for request in model_server.requests)
    # The session still has all of them.
    kept = [part.result or "" for part in reply.parts if isinstance(part, ToolPart)]
    assert all(f"file {number}" in result for number, result in enumerate(kept))


async def test_messages_stay_the_same_for_several_steps(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beginning of the prompt stays the same, so that a provider can cache it."""
    monkeypatch.setattr(home.built.models, "window", lambda model: 6_000)
    await read_all(home, model_server)
    counts = [results(request).count("left out") for request in model_server.requests]
    assert counts == sorted(counts)
    assert len(set(counts)) < len(counts) - counts.count(0)


async def test_older_results_are_left_out_if_the_model_says_the_prompt_was_too_long(home: App, model_server: ModelServer) -> None:
    model_server.script(*(read(number) for number in range(5)), Refuse.of("overflow"), Answer("Done."))
    session = await home.sessions.create(agent="reader")
    reply = (await home.sessions.message(session.id, "read some")).reply
    assert reply.text == "Done."
    refused, again = model_server.requests[-2], model_server.requests[-1]
    assert results(refused) == ["0", "1", "2", "3", "4"]
    assert results(again)[0] == "left out" and results(again)[-1] == "4"


async def test_a_subagent_can_work_as_long(home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.built.models, "window", lambda model: 6_000)
    asks = Answer(tools=[ToolUse("ask_agent", {"agent": "reader", "question": "What is in them?"})])
    model_server.script(asks, *(read(number) for number in range(FILES)), Answer("Words."), Answer("It says: words."))
    session = await home.sessions.create(agent="chief")
    assert (await home.sessions.message(session.id, "find out")).reply.text == "It says: words."
    assert "left out" in results(model_server.requests[-2])


def step(number: int, sizes: list[int]) -> ModelMessages:
    calls: list[dict[str, Any]] = [{"id": f"{number}.{i}", "function": {"name": "read_file"}} for i in range(len(sizes))]
    told = [{"role": "tool", "tool_call_id": call["id"], "content": "x" * size} for call, size in zip(calls, sizes, strict=True)]
    return [{"role": "assistant", "content": "", "tool_calls": calls}, *told]


@given(st.lists(st.lists(st.integers(0, 5_000), min_size=1, max_size=4), max_size=12), st.integers(-100, 20_000))
def test_only_results_before_the_last_step_are_left_out(sizes: list[list[int]], room: int) -> None:
    steps = [step(number, each) for number, each in enumerate(sizes)]
    messages: ModelMessages = [{"role": "user", "content": "go"}, *(one for each in steps for one in each)]
    told = trim_tool_results(messages, room)
    assert [{**one, "content": ""} for one in told] == [{**one, "content": ""} for one in messages]
    changed = [i for i, one in enumerate(told) if one != messages[i]]
    assert all(told[i]["role"] == "tool" and told[i]["content"] == LEFT_OUT for i in changed)
    assert not changed or changed[-1] < len(messages) - len(steps[-1])
    assert trim_tool_results(messages, room) == told
    if estimate_tokens(messages) <= room:
        assert told == messages
    elif estimate_tokens(told) > room:  # no more can be left out
        rest = told[: len(told) - len(steps[-1])] if steps else []
        assert all(one["role"] != "tool" or len(one["content"]) <= len(LEFT_OUT) for one in rest)
