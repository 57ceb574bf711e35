"""The reason why a model ended is stored with the reply and shown wherever a person or an agent reads it."""

from __future__ import annotations

import asyncio
import html
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest
from rich.console import Console

from fake_tool import UseIt, give
from in_process_app import App, app, write_agent
from model_server import Answer, ModelServer, ToolUse
from scripted_models import Step, ask_for, end, script
from sessionls.cli.render import message_lines
from sessionls.domain.model import Message, StopReason, ToolPart
from sessionls.domain.stop_reasons import incomplete
from sessionls.ports.models import TextDelta
from sessionls.ports.tools import ToolCall

WORDS = {
    "length": "limit of output tokens",
    "content_filter": "content filter",
    "refusal": "declined",
    "error": "with an error",
    "unknown": "did not say why",
}


@pytest.fixture
async def home(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[App]:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "plain", "You are plain.", tools="[]")
    write_agent(folder, "user", "You use tools.")
    write_agent(folder, "chief", "You are the chief.", tools="[ask_agent]")
    async with app(folder, model_server) as home:
        yield home


async def reply_of(home: App, agent: str = "plain") -> Message:
    session = await home.sessions.create(agent=agent)
    return (await home.sessions.message(session.id, "m1")).reply


@pytest.mark.parametrize("reason", WORDS)
async def test_an_incomplete_reply_is_marked_in_every_interface(
    home: App, monkeypatch: pytest.MonkeyPatch, reason: StopReason
) -> None:
    script(home, monkeypatch, [TextDelta("half"), end(reason)])
    session = await home.sessions.create(agent="plain")
    await home.sessions.message(session.id, "m1")
    reply = (await home.sessions.history(session.id)).messages[-1]
    assert (reply.status, reply.text, reply.stop_reason) == ("complete", "half", reason)
    drawn = io.StringIO()
    Console(file=drawn, width=200).print(*message_lines(reply, []))
    exports = [(await home.sessions.export(session.id, form)).content or "" for form in ("markdown", "html")]
    for face in (drawn.getvalue(), exports[0], html.unescape(exports[1])):
        assert WORDS[reason] in face
    kept = json.loads((await home.sessions.export(session.id, "json")).content or "")
    assert kept["messages"][-1]["stopReason"] == reply.wire()["stopReason"] == reason
    # It is in the log and in the folded state.
    finished = (await home.built.store.events(session.id, after=0))[-1]
    assert finished.kind == "replyFinished" and finished.message.stop_reason == reason


def test_every_reason_except_stop_has_an_explanation() -> None:
    reply = Message.model_validate(
        {"id": "r", "sessionId": "s", "seq": 1, "role": "agent", "author": {"agent": "a", "model": "m", "definition": ""}}
        | {"status": "complete", "createdAt": ""}
    )
    said = {reason: incomplete(reply.model_copy(update={"stop_reason": reason})) for reason in get_args(StopReason)}
    assert {reason for reason, words in said.items() if words is None} == {"stop", "tool_calls"}


async def test_a_complete_reply_ends_with_stop_without_an_explanation(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    script(home, monkeypatch, [TextDelta("all"), end("stop")])
    reply = await reply_of(home)
    assert reply.stop_reason == "stop" and incomplete(reply) is None


@pytest.mark.parametrize("reason", ["stop", "unknown", "tool_calls"])
@pytest.mark.parametrize("text", ["", " \n"])
async def test_a_response_without_text_or_calls_is_empty(
    home: App, monkeypatch: pytest.MonkeyPatch, reason: StopReason, text: str
) -> None:
    script(home, monkeypatch, [TextDelta(text), end(reason)])
    reply = await reply_of(home)
    assert reply.stop_reason == "empty" and "gave no answer" in (incomplete(reply) or "")


async def test_a_response_that_announces_calls_but_makes_none_is_incomplete(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    script(home, monkeypatch, [TextDelta("I look."), end("tool_calls")])
    assert (await reply_of(home)).stop_reason == "unknown"


async def test_go_on_continues_in_a_new_reply_with_its_own_reason(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = script(home, monkeypatch, [TextDelta("one"), end("length")], [TextDelta("two"), end("stop")])
    session = await home.sessions.create(agent="plain")
    await home.sessions.message(session.id, "m1")
    assert (await home.sessions.message(session.id, "go on")).reply.stop_reason == "stop"
    assert requests[1].messages[-2]["content"] == "one"


async def test_an_agent_learns_that_a_subagents_answer_is_incomplete(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = json.dumps({"agent": "plain", "question": "What is it?"})
    requests = script(
        home,
        monkeypatch,
        [ask_for("ask_agent", ask), end("tool_calls")],
        [TextDelta("It is"), end("length")],
        [ask_for("ask_agent", ask, "call_2"), end("tool_calls")],
        [end("stop")],
        [TextDelta("done"), end("stop")],
    )
    await reply_of(home, "chief")
    told = [message["content"] for message in requests[4].messages if message["role"] == "tool"]
    assert "It is" in told[0] and "limit of output tokens" in told[0]
    assert "gave no answer" in told[1]


# -- calls of tools --------------------------------------------------------------------------------------------------


def noting(ran: list[str]) -> UseIt:
    """A tool that records its calls."""

    async def run(call: ToolCall) -> str:
        ran.append(call.call_id)
        return "ok"

    return UseIt(run)


def calls(reply: Message) -> list[ToolPart]:
    return [part for part in reply.parts if isinstance(part, ToolPart)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ("[]", {}),
        ("{}", {}),
        ('""', {}),
        ('{"how": "well"}', {"how": "well"}),
        (json.dumps('{"how": "well"}'), {"how": "well"}),
        (json.dumps(json.dumps('{"how": "well"}')), {"how": "well"}),
    ],
)
async def test_arguments_with_only_one_possible_meaning_are_read(
    home: App, monkeypatch: pytest.MonkeyPatch, written: str, read: dict[str, Any]
) -> None:
    give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "ok")))
    script(home, monkeypatch, [ask_for("use_it", written), end("tool_calls")], [TextDelta("done"), end()])
    (call,) = calls(await reply_of(home, "user"))
    assert (call.status, call.arguments, call.unreadable) == ("done", read, None)


@pytest.mark.parametrize(
    "written", ['{"how": "we', "well", "[1]", "3", '"well"', '{"n": NaN}', '{"n": 1e999}', "{} {}", "{'how': 1}"]
)
async def test_unreadable_arguments_fail_the_call_and_are_not_sent_on(
    home: App, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    ran: list[str] = []
    give(home, monkeypatch, noting(ran))
    requests = script(home, monkeypatch, [ask_for("use_it", written), end("tool_calls")], [TextDelta("sorry"), end()])
    session = await home.sessions.create(agent="user")
    (call,) = calls((await home.sessions.message(session.id, "m1")).reply)
    assert (call.status, call.arguments, call.unreadable, ran) == ("failed", {}, written, [])
    assert call.result is not None and "not a JSON object" in call.result and written in call.result
    # The model gets valid JSON and the reason.
    asked, told = requests[1].messages[-2:]
    assert [one["function"]["arguments"] for one in asked["tool_calls"]] == ["{}"]
    assert told["content"] == call.result
    everything = json.dumps([event.wire() for event in await home.built.store.events(session.id, after=0)])
    assert "\\u0000" not in everything and "\\u0000" not in json.dumps(requests[1].messages)


async def test_only_the_beginning_of_very_long_arguments_is_kept(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "ok")))
    script(home, monkeypatch, [ask_for("use_it", "x" * 1_000_000), end("tool_calls")], [TextDelta("sorry"), end()])
    (call,) = calls(await reply_of(home, "user"))
    assert len(call.unreadable or "") < 10_000 and len(call.result or "") < 10_000


@pytest.mark.parametrize("reason", ["length", "content_filter", "error", "unknown"])
@pytest.mark.parametrize("written", ["", "{}", '{"how": "we'])
async def test_a_truncated_call_is_not_made(home: App, monkeypatch: pytest.MonkeyPatch, reason: StopReason, written: str) -> None:
    ran: list[str] = []
    give(home, monkeypatch, noting(ran))
    cut: Step = [ask_for("use_it", '{"how": "well"}', "whole"), ask_for("use_it", written, "cut"), end(reason)]
    script(home, monkeypatch, cut, [TextDelta("again"), end()])
    reply = await reply_of(home, "user")
    assert [(call.call_id, call.status) for call in calls(reply)] == [("whole", "done"), ("cut", "failed")]
    assert "cut off" in (calls(reply)[1].result or "") and ran == ["whole"]
    assert reply.stop_reason == "stop"


def test_unreadable_arguments_from_an_older_version_are_reported() -> None:
    old = {"kind": "tool", "callId": "c", "name": "t", "status": "failed", "arguments": {"\0invalid": '{"half'}}
    part = ToolPart.model_validate(old)
    assert (part.arguments, part.unreadable) == ({}, '{"half')
    assert "\\u0000" not in json.dumps(part.wire())


async def test_an_incomplete_reply_ends_with_the_providers_reason(home: App, model_server: ModelServer) -> None:
    model_server.script(
        Answer("and so", reason="length"), Answer(tools=[ToolUse("use_it", '{"ha')], reason="length"), Answer("ok")
    )
    assert (await reply_of(home)).stop_reason == "length"
    assert [call.status for call in calls(await reply_of(home, "user"))] == ["failed"]
