"""Compaction: messages that do not fit the context window are summarized for the model; the session keeps everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from in_process_app import App, app, write_agent
from model_server import Answer, ModelServer, Received, Refuse
from sessionls.domain.errors import ModelUnavailable

LONG = "word " * 300


def summary_asked(request: Received) -> bool:
    return "You summarise sessions" in request.system


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "plain", "You are plain.", tools="[]")
    model_server.default = lambda request: Answer("SUMMARY" if summary_asked(request) else f"reply to {request.text[-2:]}")
    async with app(folder, model_server) as home:
        yield home


async def test_messages_that_do_not_fit_are_summarized_before_the_request(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home.built.models, "window", lambda model: 2_000)
    session = await home.sessions.create(agent="plain")
    for number in range(1, 6):
        await home.sessions.message(session.id, f"{LONG} m{number}")
    last = model_server.requests[-1]
    told = str(last.messages)
    assert "SUMMARY" in told and "m1" not in told and "m5" in told
    assert len(told) < 2_000 * 4
    events = await home.built.store.events(session.id, after=0)
    compacted = [event for event in events if event.kind == "compacted"]
    assert compacted
    numbers = {event.seq: event.kind for event in events}
    assert numbers[compacted[0].through_seq] == "replyFinished"
    # People still see everything, and the usage of summaries counts for the replies that needed them.
    texts = [m.text for m in (await home.sessions.history(session.id)).messages]
    assert [text[-2:] for text in texts[::2]] == ["m1", "m2", "m3", "m4", "m5"]
    summaries = [request for request in model_server.requests if summary_asked(request)]
    replies = [m.usage.input_tokens for m in (await home.sessions.history(session.id)).messages if m.usage]
    assert summaries
    assert (await home.sessions.get(session.id)).usage.input_tokens == sum(replies)
    assert max(replies) > replies[0] * 2


async def test_a_summary_is_summarized_again_with_later_messages(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home.built.models, "window", lambda model: 2_000)
    session = await home.sessions.create(agent="plain")
    for number in range(1, 9):
        await home.sessions.message(session.id, f"{LONG} m{number}")
    summaries = [request.text for request in model_server.requests if summary_asked(request)]
    assert len(summaries) > 1 and "SUMMARY" in summaries[-1] and "m1" not in summaries[-1]


async def test_a_shorter_prompt_is_sent_if_the_model_says_it_was_too_long(home: App, model_server: ModelServer) -> None:
    session = await home.sessions.create(agent="plain")
    for number in range(1, 4):
        await home.sessions.message(session.id, f"m{number} {'x ' * 9_000}")
    model_server.script(Refuse.of("overflow"))
    exchange = await home.sessions.message(session.id, "m4")
    assert exchange.reply.status == "complete"
    refused, again = model_server.requests[3], model_server.requests[-1]
    assert len(str(again.messages)) < len(str(refused.messages))
    assert "SUMMARY" in str(again.messages)


async def test_a_single_message_that_is_too_long_fails_with_an_explanation(home: App, model_server: ModelServer) -> None:
    session = await home.sessions.create(agent="plain")
    model_server.script(Refuse.of("overflow"), Refuse.of("overflow"))
    with pytest.raises(ModelUnavailable) as failed:
        await home.sessions.message(session.id, "m1")
    assert failed.value.hint


async def test_compact_keeps_the_newest_exchange_and_does_nothing_in_a_short_session(
    home: App, model_server: ModelServer
) -> None:
    session = await home.sessions.create(agent="plain")
    await home.sessions.compact(session.id)
    await home.sessions.message(session.id, "m1")
    before = (await home.sessions.get(session.id)).seq
    await home.sessions.compact(session.id)
    assert (await home.sessions.get(session.id)).seq == before
    for number in (2, 3):
        await home.sessions.message(session.id, f"m{number}")
    await home.sessions.compact(session.id)
    assert (await home.sessions.get(session.id)).seq > before
    await home.sessions.message(session.id, "m4")
    told = [message["content"] for message in model_server.requests[-1].messages[1:]]
    assert "SUMMARY" in told[0] and told[0].endswith("m3")  # consecutive messages of the same role are joined
    assert told[1:] == ["reply to m3", "m4"]
    assert "m1" not in str(told)


async def test_the_use_of_the_context_window_and_the_summary_are_reported(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.built.models, "window", lambda model: 100_000)
    session = await home.sessions.create(agent="plain")
    empty = await home.sessions.window(session.id)
    assert (empty.window, empty.summarised_at, empty.summarised, empty.summary) == (100_000, 80_000, 0, None)
    for number in range(1, 4):
        await home.sessions.message(session.id, f"{LONG} m{number}")
    full = await home.sessions.window(session.id)
    assert full.used > empty.used + 3 * len(LONG) // 5
    await home.sessions.compact(session.id)
    less = await home.sessions.window(session.id)
    assert (less.summarised, less.summary) == (4, "SUMMARY")
    assert empty.used < less.used < full.used


async def test_the_window_of_a_model_that_is_not_known_is_left_out(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.built.models, "window", lambda model: None)
    session = await home.sessions.create(agent="plain")
    use = await home.sessions.window(session.id)
    assert use.window is None and use.summarised_at is None and use.used > 0
