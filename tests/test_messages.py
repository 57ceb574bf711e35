"""Messages and replies: order, one agent for one message, failures, steering, cancelling."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from in_process_app import ANN, BEN, App, app, write_agent
from model_server import Answer, Hold, ModelServer, Refuse, ToolUse
from sessionls.domain.errors import AgentNotFound, ModelUnavailable, NotPermitted, SessionArchived, SessionNotFound, SessionPaused
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, TextContext, ToolPart
from sessionls.sessions.composing import Outgoing


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "terse", "You are terse.", model="openai/small", temperature=0.1, tools="[read_file]", maxTokens=77)
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


async def test_a_message_gets_a_reply_that_refers_to_it(home: App, model_server: ModelServer) -> None:
    model_server.script(Answer("Hello Ann."))
    session = await home.sessions.create()
    exchange = await home.sessions.message(session.id, "Hello\nthere")
    assert exchange.reply.text == "Hello Ann."
    assert exchange.reply.reply_to == exchange.message.id
    assert (exchange.message.status, exchange.reply.status) == ("complete", "complete")
    assert exchange.message.author == ANN
    author = exchange.reply.author
    assert isinstance(author, AgentAuthor)
    assert (author.agent, author.model, len(author.definition)) == ("code", "openai/test", 64)
    after = await home.sessions.get(session.id)
    assert (after.title, after.message_count, after.replying) == ("Hello", 2, False)
    assert after.usage.input_tokens > 0


async def test_deltas_join_to_exactly_the_text(home: App, model_server: ModelServer) -> None:
    model_server.script(Answer(chunks=["Grüße ", "🦀🦀", "", " und ", "mehr"]))
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    exchange = await home.sessions.message(session.id, "hi")
    await home.event("replyFinished")
    joined = ""
    for delta in home.deltas:
        assert delta.offset == len(joined)
        joined += delta.text
    assert joined == exchange.reply.text == "Grüße 🦀🦀 und mehr"


async def test_another_agent_can_answer_one_message(home: App, model_server: ModelServer) -> None:
    session = await home.sessions.create()
    await home.sessions.message(session.id, "first")
    override = await home.sessions.message(session.id, Outgoing("second", agent="terse"))
    await home.sessions.message(session.id, "third")
    first, second, third = (request.body for request in model_server.requests)
    assert (second["model"], second["temperature"]) == ("small", 0.1)
    assert model_server.requests[1].system.startswith("You are terse.")
    assert model_server.requests[1].tools == ["read_file"]
    assert 77 in (second.get("max_tokens"), second.get("max_completion_tokens"))
    # It does not affect the next message: neither its model, nor its tools, nor its configuration.
    for body, request in ((first, model_server.requests[0]), (third, model_server.requests[2])):
        assert body["model"] == "test"
        assert "temperature" not in body and "max_tokens" not in body and "max_completion_tokens" not in body
        assert "terse" not in request.system and len(request.tools) > 1
    assert isinstance(override.reply.author, AgentAuthor) and override.reply.author.agent == "terse"
    assert (await home.sessions.get(session.id)).agent == "code"
    # The default agent sees the other agent's reply, with its author.
    assert '<reply agent="terse">' in str(third["messages"])


async def test_the_sessions_model_applies_to_its_default_agent(home: App, model_server: ModelServer) -> None:
    session = await home.sessions.create(agent="plain", model="openai/mine")
    await home.sessions.message(session.id, "a")
    await home.sessions.message(session.id, Outgoing("b", agent="terse"))
    await home.sessions.message(session.id, Outgoing("c", agent="terse", model="openai/named"))
    await home.sessions.message(session.id, "d")
    switched = await home.sessions.switch_agent(session.id, "terse")
    assert (switched.agent, switched.model) == ("terse", None)
    await home.sessions.message(session.id, "e")
    assert [request.body["model"] for request in model_server.requests] == ["mine", "small", "named", "mine", "small"]
    assert model_server.requests[0].tools == []


async def test_queued_messages_are_answered_in_order(home: App, model_server: ModelServer) -> None:
    hold = Hold("one", Answer(" more"))
    model_server.script(hold, Answer("two"), Answer("three"))
    session = await home.sessions.create()
    sends = [asyncio.create_task(home.sessions.message(session.id, "m1"))]
    await hold.reached.wait()
    for text in ("m2", "m3"):
        sends.append(asyncio.create_task(home.sessions.message(session.id, text)))
        await home.queued(session.id, len(sends) - 1)
    now = await home.sessions.get(session.id)
    assert (now.replying, now.queued) == (True, 2)
    hold.go.set()
    replies = [(await send).reply.text for send in sends]
    assert replies == ["one more", "two", "three"]
    told = [message["content"] for message in model_server.requests[2].messages[1:]]
    assert told == ["m1", "one more", "m2", "two", "m3"]
    history = await home.sessions.history(session.id)
    assert [message.text for message in history.messages] == ["m1", "one more", "m2", "two", "m3", "three"]


async def test_a_message_can_steer_the_reply_being_written(home: App, model_server: ModelServer) -> None:
    hold = Hold("Red", Answer("."))
    model_server.script(hold, Answer("Blue."))
    session = await home.sessions.create(agent="plain")
    first = asyncio.create_task(home.sessions.message(session.id, "a colour"))
    await hold.reached.wait()
    second = asyncio.create_task(home.sessions.message(session.id, Outgoing("a cold one", delivery="steer")))
    await home.queued(session.id, 1)
    hold.go.set()
    one, two = await first, await second
    assert one.reply == two.reply
    assert [part.kind for part in one.reply.parts] == ["text", "text"]
    assert one.reply.text == "Red.\n\nBlue."
    assert two.message.steered is not None
    assert [m["content"] for m in model_server.requests[1].messages[1:]] == ["a colour", "Red.", "a cold one"]
    await home.sessions.message(session.id, "thanks")
    told = [m["content"] for m in model_server.requests[2].messages[1:]]
    assert told == ["a colour", "Red.", "a cold one", "Blue.", "thanks"]


async def test_a_new_participant_who_steers_a_reply_is_named(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("Red", Answer("."))
    model_server.script(hold, Answer("Blue."))
    async with app(folder, model_server, answer_others=True) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="plain")
        first = asyncio.create_task(ann.sessions.message(session.id, "a colour"))
        await hold.reached.wait()
        second = asyncio.create_task(ben.sessions.message(session.id, Outgoing("a cold one", delivery="steer")))
        await ann.queued(session.id, 1)
        hold.go.set()
        assert (await first).reply == (await second).reply
        told = [m["content"] for m in model_server.requests[1].messages]
        assert "Ann, Ben" in told[0]
        assert told[1:] == ["[Ann] a colour", "Red.", "[Ben] a cold one"]


async def test_cancelling_the_wait_cancels_the_reply_and_keeps_its_text(home: App, model_server: ModelServer) -> None:
    hold = Hold("so far")
    model_server.script(hold, Answer("next"))
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "long"))
    await hold.reached.wait()
    await model_server.received()
    await home.written("so far")
    send.cancel()
    with pytest.raises(asyncio.CancelledError):
        await send
    await model_server.requests[0].closed.wait()
    reply = (await home.sessions.history(session.id)).messages[-1]
    assert (reply.status, reply.text) == ("cancelled", "so far")
    assert not (await home.sessions.get(session.id)).replying
    assert (await home.sessions.message(session.id, "again")).reply.text == "next"


async def test_a_queued_message_can_be_cancelled_separately(home: App, model_server: ModelServer) -> None:
    hold = Hold("one")
    model_server.script(hold)
    session = await home.sessions.create()
    first = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await hold.reached.wait()
    second = asyncio.create_task(home.sessions.message(session.id, "m2"))
    await home.queued(session.id, 1)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    now = await home.sessions.get(session.id)
    assert (now.replying, now.queued) == (True, 0)
    hold.go.set()
    assert (await first).reply.text == "one"
    statuses = [(m.role, m.status) for m in (await home.sessions.history(session.id)).messages]
    assert ("agent", "cancelled") in statuses and len(statuses) == 4


async def test_a_model_that_cannot_answer_fails_the_reply_and_resume_tries_again(home: App, model_server: ModelServer) -> None:
    model_server.script(Refuse.of("unauthorized"), Answer("now it works"))
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    with pytest.raises(ModelUnavailable) as failed:
        await home.sessions.message(session.id, "hello")
    assert failed.value.data["sessionId"] == session.id
    kept, reply = (await home.sessions.history(session.id)).messages
    assert (kept.text, reply.status, reply.error and reply.error.kind) == ("hello", "failed", "modelUnavailable")
    assert "sk-test" not in str(reply.wire())
    home.events.clear()
    await home.sessions.resume(session.id)
    await home.event("replyFinished")
    again = (await home.sessions.history(session.id)).messages
    assert [m.id for m in again] == [kept.id, reply.id]
    assert (again[1].status, again[1].text) == ("complete", "now it works")


async def test_a_message_without_any_model_is_kept(folder: Path) -> None:
    async with app(folder, None, model=None) as home:
        session = await home.sessions.create()
        with pytest.raises(ModelUnavailable) as failed:
            await home.sessions.message(session.id, "hello")
        assert "OPENAI_API_KEY" in failed.value.hint + failed.value.message
        history = (await home.sessions.history(session.id)).messages
        assert [(m.role, m.status) for m in history] == [("participant", "complete"), ("agent", "failed")]


async def test_tools_run_and_each_call_is_in_the_log_before_and_after(home: App, folder: Path, model_server: ModelServer) -> None:
    await asyncio.to_thread((folder / "a.py").write_text, "answer = 42\n")
    model_server.script(
        Answer("Let me look.", tools=[ToolUse("read_file", {"path": "a.py"}), ToolUse("no_such", {})]), Answer("It is 42.")
    )
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    exchange = await home.sessions.message(session.id, "what is it?")
    kinds = [part.kind for part in exchange.reply.parts]
    assert kinds == ["text", "tool", "tool", "text"]
    read, missing = (part for part in exchange.reply.parts if isinstance(part, ToolPart))
    assert read.status == "done" and "answer = 42" in (read.result or "")
    assert missing.status == "failed" and "no_such" in (missing.result or "")
    told = model_server.requests[1].messages
    assert [m["role"] for m in told[1:]] == ["user", "assistant", "tool", "tool"]
    await home.until(lambda: any(event.kind == "replyFinished" for event in home.events))
    log = [event.kind for event in home.events]
    assert log.index("stepFinished") < log.index("toolCalled") < log.index("toolFinished") < log.index("replyFinished")


async def test_each_step_is_sent_unchanged_in_later_prompts(home: App, folder: Path, model_server: ModelServer) -> None:
    """Consecutive calls are not joined in later prompts, and each has a unique id, whatever ids the model uses."""
    call = ToolUse("list_files", {}, "call_0")
    model_server.script(Answer(tools=[call]), Answer(tools=[call, call]), Answer("done"))
    session = await home.sessions.create()
    await home.sessions.message(session.id, "look")
    first, second = (request.messages for request in model_server.requests[1:])
    assert [m["role"] for m in second[1:]] == ["user", "assistant", "tool", "assistant", "tool", "tool"]
    assert second[: len(first)] == first, "what was told before stays as it was, so that a provider can cache it"
    asked = [called["id"] for m in second for called in m.get("tool_calls") or ()]
    answered = [m["tool_call_id"] for m in second if m["role"] == "tool"]
    assert asked == answered and len(set(asked)) == 3


async def test_bad_input_gets_a_clear_error_and_changes_nothing(home: App, model_server: ModelServer) -> None:
    session = await home.sessions.create()
    with pytest.raises(AgentNotFound) as unknown:
        await home.sessions.message(session.id, Outgoing("hi", agent="nobody"))
    assert "code" in unknown.value.hint
    with pytest.raises(SessionNotFound):
        await home.sessions.message(new_id(), "hi")
    await home.sessions.pause(session.id)
    with pytest.raises(SessionPaused):
        await home.sessions.message(session.id, "hi")
    await home.sessions.resume(session.id)
    await home.sessions.archive(session.id)
    with pytest.raises(SessionArchived):
        await home.sessions.message(session.id, "hi")
    assert (await home.sessions.history(session.id)).messages == []
    assert model_server.requests == []


async def test_a_session_is_not_archived_or_deleted_during_a_reply(home: App, model_server: ModelServer) -> None:
    hold = Hold("x")
    model_server.script(hold)
    session = await home.sessions.create()
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await hold.reached.wait()
    for verb in (home.sessions.archive, home.sessions.delete):
        with pytest.raises(NotPermitted):
            await verb(session.id)
    hold.go.set()
    await send
    await home.sessions.delete(session.id)
    with pytest.raises(SessionNotFound):
        await home.sessions.get(session.id)


async def test_two_participants_can_use_a_session_in_two_processes(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("to ann"), Answer("to ben"))
    async with app(folder, model_server) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create()
        await ben.sessions.open(session.id)
        await ann.sessions.message(session.id, "I am here")
        await ben.event("replyFinished")
        assert "".join(delta.text for delta in ben.deltas) == "to ann"
        reply = (await ben.sessions.message(session.id, "me too")).reply
        assert reply.text == "to ben"
        assert [p.name for p in (await ann.sessions.get(session.id)).participants] == ["Ann", "Ben"]
        told = [m["content"] for m in model_server.requests[1].messages]
        assert told[1:] == ["[Ann] I am here", "to ann", "[Ben] me too"]
        assert "Ann, Ben" in told[0]


async def test_a_message_waits_for_the_reply_of_another_process(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("one")
    model_server.script(hold, Answer("two"))
    async with app(folder, model_server) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create()
        first = asyncio.create_task(ann.sessions.message(session.id, "m1"))
        await hold.reached.wait()
        second = asyncio.create_task(ben.sessions.message(session.id, "m2"))
        await ann.queued(session.id, 1)
        hold.go.set()
        assert (await first).reply.text == "one"
        assert (await second).reply.text == "two"


async def test_another_process_can_cancel_a_reply(folder: Path, model_server: ModelServer) -> None:
    hold = Hold("one")
    model_server.script(hold)
    async with app(folder, model_server) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create()
        first = asyncio.create_task(ann.sessions.message(session.id, "m1"))
        await hold.reached.wait()
        await ben.sessions.cancel(session.id)
        assert (await first).reply.status == "cancelled"
        await model_server.requests[0].closed.wait()


async def test_context_is_sent_to_the_model_and_stored_with_the_message(home: App, model_server: ModelServer) -> None:
    session = await home.sessions.create()
    context = [TextContext(title="A note", text="mind the gap")]
    exchange = await home.sessions.message(session.id, Outgoing("see?", context=context))
    assert "mind the gap" in model_server.requests[0].text
    assert exchange.message.context == context
