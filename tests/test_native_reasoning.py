"""A provider's native reasoning data is stored and sent back only to that provider; nobody else gets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from in_process_app import App, app, write_agent
from model_server import ModelServer
from scripted_models import ask_for, end, script
from sessionls.domain.model import KEEP_NATIVE, KeptReasoning, Message, ReasoningPart
from sessionls.ports.models import ModelRequest, NativeReasoning, ReasoningDelta, TextDelta
from sessionls.sessions.completion import AnsweredCall, ModelMessage, model_reply
from sessionls.sessions.composing import Outgoing
from sessionls.sessions.prompt.native_reasoning import LARGEST

SIGNED = NativeReasoning("anthropic", [{"type": "thinking", "thinking": "let me see", "signature": "c2lnbmVk"}])
SECOND = NativeReasoning("anthropic", [{"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}])
READ = json.dumps({"path": "a.py"})


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "a.py").write_text("answer = 42\n")
    write_agent(folder, "reader", "You read.", tools="[read_file]")
    write_agent(folder, "other", "You read, too.", tools="[read_file]")
    write_agent(folder, "chief", "You are the chief.", tools="[ask_agent, read_file]")
    return folder


def handed_back(request: ModelRequest) -> list[Any]:
    """The reasoning data in the model's own messages; None for a message without any."""
    return [message.get("native_reasoning") for message in request.messages if message["role"] == "assistant"]


def as_sent(native: NativeReasoning) -> dict[str, Any]:
    return {"provider": native.provider, "data": native.data}


async def test_it_is_sent_back_with_its_step_in_later_steps_and_replies(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(
        home,
        monkeypatch,
        [ReasoningDelta("let me see"), TextDelta("I look."), ask_for("read_file", READ), end("tool_calls", SIGNED)],
        [ask_for("read_file", READ, "call_2"), end("tool_calls", SECOND)],  # this reasoning cannot be shown
        [TextDelta("42"), end("stop", SIGNED)],
        [TextDelta("yes"), end()],
    )
    session = await home.sessions.create(agent="reader")
    await home.sessions.message(session.id, "m1")
    await home.sessions.message(session.id, "m2")
    assert [handed_back(request) for request in requests] == [
        [],
        [as_sent(SIGNED)],
        [as_sent(SIGNED), as_sent(SECOND)],
        [as_sent(SIGNED), as_sent(SECOND), as_sent(SIGNED)],
    ]


async def test_it_is_not_sent_to_clients_and_not_exported(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    script(
        home,
        monkeypatch,
        [ReasoningDelta("hm"), ask_for("read_file", READ), end("tool_calls", SIGNED)],
        [TextDelta("42"), end("stop", SECOND)],
    )
    session = await home.sessions.create(agent="reader")
    exchange = await home.sessions.message(session.id, "m1")
    events = await home.built.store.events(session.id, after=0)
    opened = await home.sessions.open(session.id, after=0)
    exports = [(await home.sessions.export(session.id, form)).content or "" for form in ("markdown", "html", "json")]
    sent = json.dumps([exchange.wire(), opened.wire(), *(event.wire() for event in events)])
    for seen in (sent, *exports):
        assert "c2lnbmVk" not in seen and "ZW5jcnlwdGVk" not in seen and '"native"' not in seen
    # Data that is only for the provider is not shown as reasoning.
    assert exports[0].count("<summary>Reasoning") == 1 and exports[1].count("Reasoning") == 1


async def test_it_is_kept_after_a_pause_in_another_process(folder: Path, model_server: ModelServer) -> None:
    with pytest.MonkeyPatch.context() as patch:
        async with app(folder, model_server) as home:
            session = await home.sessions.create(agent="reader")
            script(home, patch, [ReasoningDelta("hm"), ask_for("read_file", READ), end("tool_calls", SIGNED)], [OSError("gone")])
            with pytest.raises(Exception, match="failed unexpectedly"):
                await home.sessions.message(session.id, "m1")
        async with app(folder, model_server) as home:
            requests = script(home, patch, [TextDelta("42"), end()])
            await home.sessions.open(session.id)
            await home.sessions.resume(session.id)
            await home.event("replyFinished")
    assert handed_back(requests[0]) == [as_sent(SIGNED)]


async def test_a_fork_keeps_it(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, [TextDelta("one"), end("stop", SIGNED)], [TextDelta("two"), end()])
    session = await home.sessions.create(agent="reader")
    await home.sessions.message(session.id, "m1")
    fork = await home.sessions.fork(session.id)
    await home.sessions.message(fork.id, "m2")
    assert handed_back(requests[1]) == [as_sent(SIGNED)]


async def test_another_agent_does_not_get_it(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, [TextDelta("one"), end("stop", SIGNED)], [TextDelta("two"), end()])
    session = await home.sessions.create(agent="reader")
    await home.sessions.message(session.id, "m1")
    await home.sessions.message(session.id, Outgoing("m2", agent="other"))
    assert "c2lnbmVk" not in json.dumps([dict(message) for message in requests[1].messages])


async def test_a_subagent_gets_its_own_back_and_the_asking_agent_does_not(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(
        home,
        monkeypatch,
        [ask_for("ask_agent", json.dumps({"agent": "reader", "question": "What?"})), end("tool_calls", SECOND)],
        [ask_for("read_file", READ), end("tool_calls", SIGNED)],
        [TextDelta("42"), end()],
        [TextDelta("It is 42."), end()],
    )
    session = await home.sessions.create(agent="chief")
    await home.sessions.message(session.id, "m1")
    assert handed_back(requests[2]) == [as_sent(SIGNED)]
    assert handed_back(requests[3]) == [as_sent(SECOND)]


@pytest.mark.parametrize("data", ["x" * (LARGEST + 1), float("nan"), "\ud83e"], ids=["large", "nan", "surrogate"])
async def test_what_is_too_large_is_left_out_with_a_notice(home: App, monkeypatch: pytest.MonkeyPatch, data: Any) -> None:
    requests = script(
        home,
        monkeypatch,
        [ReasoningDelta("hm"), ask_for("read_file", READ), end("tool_calls", NativeReasoning("p", data))],
        [TextDelta("42"), end()],
    )
    session = await home.sessions.create(agent="reader")
    reply: Message = (await home.sessions.message(session.id, "m1")).reply
    assert handed_back(requests[1]) == [None]
    reasoning = next(part for part in reply.parts if isinstance(part, ReasoningPart))
    assert reasoning.text.startswith("hm") and "too large to store" in reasoning.text


def test_only_the_store_serializes_it() -> None:
    part = ReasoningPart(text="hm", native=KeptReasoning(provider="p", data={"a": 1}))
    assert "native" not in part.wire() and "native" not in part.model_dump_json()
    assert ReasoningPart.model_validate_json(part.model_dump_json(by_alias=True, context=KEEP_NATIVE)) == part


async def test_model_requests_outside_a_session_return_and_accept_it(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, [ask_for("weather"), end("tool_calls", SIGNED)], [TextDelta("It rains."), end()])
    question = ModelMessage(role="participant", text="Does it rain?")
    first = await model_reply(home.built.models, [question], lambda _: None)
    assert first.calls is not None and first.wire()["reasoning"] == as_sent(SIGNED)
    call = AnsweredCall(**first.calls[0].model_dump(), result="rain")
    own = ModelMessage(role="agent", calls=[call], reasoning=first.reasoning)
    second = await model_reply(home.built.models, [question, own], lambda _: None)
    assert second.text == "It rains." and second.reasoning is None
    assert handed_back(requests[1]) == [as_sent(SIGNED)]
