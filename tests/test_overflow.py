"""If a model says that a prompt is too long, a shorter one is sent, and never the same again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_process_app import App, app, write_agent
from model_server import ModelServer
from scripted_models import Step, ask_for, end, script, too_long
from sessionls.domain.errors import ModelUnavailable
from sessionls.ports.models import ModelRequest, TextDelta
from sessionls.sessions.prompt.transcript import ModelMessages, estimate_tokens
from sessionls.sessions.prompt.window import cut_last_results


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.txt").write_text(f"file {number}: " + "word " * 2_000)
    write_agent(folder, "plain", "You are plain.", tools="[]")
    write_agent(folder, "reader", "You read.", tools="[read_file]")
    async with app(folder, model_server) as home:
        yield home


def read(number: int) -> Step:
    return [ask_for("read_file", json.dumps({"path": f"{number}.txt"}), f"call_{number}"), end("tool_calls")]


def size(request: ModelRequest) -> int:
    return estimate_tokens(request.messages)


async def test_a_prompt_that_cannot_be_shortened_is_sent_once_and_the_error_says_what_to_do(
    home: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = script(home, monkeypatch, [too_long()])
    session = await home.sessions.create(agent="plain")
    with pytest.raises(ModelUnavailable, match="nothing more can be left out") as raised:
        await home.sessions.message(session.id, "m1")
    assert len(requests) == 1
    assert "shorter message" in raised.value.hint


async def test_requests_become_shorter_until_one_fits(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, read(0), read(1), read(2), [too_long()], [too_long()], [TextDelta("done"), end()])
    session = await home.sessions.create(agent="reader")
    assert (await home.sessions.message(session.id, "m1")).reply.text == "done"
    sizes = [size(request) for request in requests[3:]]
    assert sizes[0] > sizes[1] > sizes[2]
    # First older results are left out; then those of the last step are cut with a notice.
    assert "file 2" in str(requests[4].messages) and "characters were omitted to save space" in str(requests[5].messages)


async def test_the_next_step_starts_with_the_length_that_fitted(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, read(0), read(1), [too_long()], read(2), [TextDelta("done"), end()])
    session = await home.sessions.create(agent="reader")
    assert (await home.sessions.message(session.id, "m1")).reply.text == "done"
    assert size(requests[4]) < size(requests[2])


async def test_a_prompt_that_is_always_too_long_ends_with_an_error(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, read(0), *[[too_long()]] * 10)
    session = await home.sessions.create(agent="reader")
    with pytest.raises(ModelUnavailable, match="nothing more can be left out"):
        await home.sessions.message(session.id, "m1")
    sizes = [size(request) for request in requests[1:]]
    assert sizes == sorted(set(sizes), reverse=True)


async def test_an_overflow_during_a_stream_continues_without_duplicate_text(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(
        home,
        monkeypatch,
        read(0),
        read(1),
        [TextDelta("The first half, "), too_long()],
        [TextDelta("and the second."), end()],
    )
    session = await home.sessions.create(agent="reader")
    await home.sessions.open(session.id)
    reply = (await home.sessions.message(session.id, "m1")).reply
    assert reply.text == "The first half, and the second." and reply.stop_reason == "stop"
    assert "Continue exactly where it stops" in str(requests[3].messages[-1]["content"])
    assert "".join(delta.text for delta in home.deltas) == "The first half, and the second."


async def test_messages_that_are_too_long_for_one_summary_are_summarized_in_pieces(
    home: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "x " * 9_000
    answers: list[Step] = [[TextDelta("ok"), end()]] * 3
    answers += [[too_long()], [too_long()], *[[TextDelta("SUMMARY"), end()]] * 40]
    requests = script(home, monkeypatch, *answers)
    session = await home.sessions.create(agent="plain")
    for number in range(3):
        await home.sessions.message(session.id, f"m{number} {long}")
    assert (await home.sessions.message(session.id, "m4")).reply.status == "complete"
    assert size(requests[5]) < size(requests[4])  # (request 3 is the message, 4 the first attempt of a summary)
    assert "SUMMARY" in str(requests[-1].messages)


@given(sizes=st.lists(st.integers(0, 5_000), max_size=5), room=st.integers(1, 3_000))
def test_only_the_results_of_the_last_step_are_cut_and_no_more_than_needed(sizes: list[int], room: int) -> None:
    messages: ModelMessages = [{"role": "user", "content": "q" * 3_000}]
    messages.append({"role": "assistant", "content": "", "tool_calls": [{"id": "c"}]})
    messages += [{"role": "tool", "tool_call_id": "c", "content": "r" * length} for length in sizes]
    cut: list[dict[str, Any]] = cut_last_results(messages, room)
    assert cut[:2] == messages[:2] and len(cut) == len(messages)
    for before, after in zip(messages[2:], cut[2:], strict=True):
        assert after == before or len(before["content"]) > 1_000
    if estimate_tokens(messages) <= room:
        assert cut == messages
