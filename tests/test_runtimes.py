"""Any `AgentRuntime` can write replies: what it sends to its sink becomes the reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from in_process_app import App, app, write_agent
from model_server import Answer, ModelServer, ToolUse
from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable, NotPermitted
from sessionls.domain.model import AgentAuthor, TextPart, ToolPart, Usage
from sessionls.ports.models import ImageSupport
from sessionls.ports.runtime import AgentQuestion, ReplySink, ReplyToWrite, RuntimeAbilities
from sessionls.runtimes.text_collector import TextCollector
from sessionls.sessions.composing import Outgoing

Write = Callable[[ReplyToWrite, ReplySink], Awaitable[None]]


class Scripted:
    """A runtime with a script for each call."""

    name = "scripted"

    def __init__(self, *writes: Write, abilities: RuntimeAbilities | None = None) -> None:
        self.abilities = abilities or RuntimeAbilities(own_model=True)
        self.writes = [*writes]
        self.replies: list[ReplyToWrite] = []

    async def image_support(self, definition: Definition, model: str | None) -> ImageSupport:
        return ImageSupport()

    async def answer(self, question: AgentQuestion, sink: ReplySink) -> str:
        answer = f"{question.asking.name} asks: {question.text}"
        sink.parts.append(TextPart(text=answer))
        return answer

    async def write(self, reply: ReplyToWrite, sink: ReplySink) -> None:
        self.replies.append(reply)
        await self.writes.pop(0)(reply, sink)


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "asks", "You ask other agents.")
    return folder


@pytest.fixture
def give(home: App, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scripted], None]:
    """Let this runtime run the agent `other`."""
    get = home.built.catalog.get

    def give(runtime: Scripted) -> None:
        home.sessions._selection._runtimes[runtime.name] = runtime
        other = Definition(name="other", prompt="", runtime="scripted")
        monkeypatch.setattr(home.built.catalog, "get", lambda name: other if name == "other" else get(name))

    return give


def says(text: str) -> Write:
    async def write(reply: ReplyToWrite, sink: ReplySink) -> None:
        words = TextCollector(sink)
        words.add("text", text)
        words.end()

    return write


async def test_text_and_usage_of_a_runtime_become_the_reply(
    home: App, give: Callable[[Scripted], None], model_server: ModelServer
) -> None:
    async def write(reply: ReplyToWrite, sink: ReplySink) -> None:
        words = TextCollector(sink)
        words.add("reasoning", "Let me see. ")
        words.add("text", f"You said: {reply.message.text}")
        await home.written("You said: hello")  # everybody sees them at once
        words.end()
        sink.spending.spend(Usage(input_tokens=3, output_tokens=4))

    give(Scripted(write))
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    reply = (await home.sessions.message(session.id, Outgoing("hello", agent="other"))).reply
    assert (reply.status, [part.kind for part in reply.parts], reply.text) == (
        "complete",
        ["reasoning", "text"],
        "You said: hello",
    )
    assert reply.usage is not None and reply.usage.output_tokens == 4
    assert model_server.requests == []


@pytest.mark.parametrize("model", [None, "its/own"])
async def test_no_model_is_chosen_for_a_runtime_with_its_own(
    home: App, give: Callable[[Scripted], None], model: str | None
) -> None:
    runtime = Scripted(says("done"))
    give(runtime)
    session = await home.sessions.create(agent="other")
    reply = (await home.sessions.message(session.id, Outgoing("hello", model=model))).reply
    assert runtime.replies[0].model == model
    assert isinstance(reply.author, AgentAuthor) and reply.author.model == (model or "")


async def test_calls_and_edits_are_between_the_surrounding_text(home: App, give: Callable[[Scripted], None]) -> None:
    async def write(reply: ReplyToWrite, sink: ReplySink) -> None:
        call = ToolPart(call_id="1", name="edit", arguments={}, status="running")
        sink.parts += [TextPart(text="before"), call]
        await sink.keep_step(0)
        await sink.edited("file:///a.py", "Changed a line", agent="other", applied=True, patch="-a\n+b\n")
        await sink.keep_call(1, call.model_copy(update={"status": "done", "result": "ok"}))
        sink.parts.append(TextPart(text="after"))

    give(Scripted(write))
    session = await home.sessions.create()
    reply = (await home.sessions.message(session.id, Outgoing("hello", agent="other"))).reply
    assert [part.kind for part in reply.parts] == ["text", "tool", "edit", "text"]
    assert isinstance(reply.parts[1], ToolPart) and reply.parts[1].status == "done"


async def test_parts_that_are_not_kept_yet_are_not_lost_when_an_edit_is_recorded(
    home: App, give: Callable[[Scripted], None]
) -> None:
    async def write(reply: ReplyToWrite, sink: ReplySink) -> None:
        sink.parts.append(TextPart(text="unkept"))
        await sink.edited("file:///a.py", "Changed a line", agent="other", applied=True)

    give(Scripted(write))
    session = await home.sessions.create()
    reply = (await home.sessions.message(session.id, Outgoing("hello", agent="other"))).reply
    assert [part.kind for part in reply.parts] == ["edit", "text"]


async def test_a_runtime_can_ask_the_people_in_the_session(home: App, give: Callable[[Scripted], None]) -> None:
    answers: list[str] = []

    async def write(reply: ReplyToWrite, sink: ReplySink) -> None:
        async def ask() -> str:
            return await sink.ask_permission(agent="other", tool="run", risk="execute", summary="Run make", scope="make")

        answers.extend([await ask(), await ask(), await ask()])

    give(Scripted(write))
    home.editor.answers += ["deny", "session"]
    session = await home.sessions.create()
    await home.sessions.message(session.id, Outgoing("hello", agent="other"))
    assert answers == ["deny", "session", "session"]
    assert [question.summary for question in home.editor.questions] == ["Run make", "Run make"]


async def test_a_runtime_can_add_notices(home: App, give: Callable[[Scripted], None]) -> None:
    async def write(reply: ReplyToWrite, sink: ReplySink) -> None:
        for notice in ("No network.", "No images.", "No network."):
            await sink.add_notice(notice)

    give(Scripted(write))
    session = await home.sessions.create()
    reply = (await home.sessions.message(session.id, Outgoing("hello", agent="other"))).reply
    assert reply.notices == ["No network.", "No images."]


async def test_a_paused_runtime_continues_with_its_earlier_parts(home: App, give: Callable[[Scripted], None]) -> None:
    cleaned_up = asyncio.Event()
    working = asyncio.Event()

    async def works(reply: ReplyToWrite, sink: ReplySink) -> None:
        async def work() -> None:
            sink.parts.append(TextPart(text="half"))
            working.set()
            try:
                await asyncio.Event().wait()
            finally:
                cleaned_up.set()

        await sink.stoppable(work())

    runtime = Scripted(works, says("whole"))
    give(runtime)
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, Outgoing("hello", agent="other")))
    await working.wait()
    await home.sessions.pause(session.id)
    assert ((await send).reply.status, cleaned_up.is_set()) == ("paused", True)
    await home.sessions.resume(session.id)
    await home.event("replyFinished")
    finished = await home.event("replyFinished")
    assert [part.kind for part in runtime.replies[1].reply.parts] == ["text"]
    assert finished.message.text == "half\n\nwhole"  # type: ignore[union-attr]


async def test_a_runtime_without_steering_gets_the_message_after_its_turn(home: App, give: Callable[[Scripted], None]) -> None:
    kept: list[list[str]] = []

    async def first(reply: ReplyToWrite, sink: ReplySink) -> None:
        await home.queued(reply.session.id, 1)
        sink.parts.append(TextPart(text="first."))
        await sink.keep_step(0)
        kept.append([message.text for message in sink.steered])

    async def second(reply: ReplyToWrite, sink: ReplySink) -> None:
        kept.append([message.text for message in sink.steered])
        sink.parts.append(TextPart(text="second."))

    give(Scripted(first, second, abilities=RuntimeAbilities(steer=False, own_model=True)))
    session = await home.sessions.create(agent="other")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "hello"))
    await home.event("replyStarted")
    steering = await home.sessions.message(session.id, Outgoing("and this", delivery="steer"))
    assert (kept, steering.reply.id) == ([[], ["and this"]], (await send).reply.id)
    assert steering.reply.text == "first.\n\nsecond."


async def test_a_steering_message_gets_a_separate_reply_if_the_runtime_cannot_resume(
    home: App, give: Callable[[Scripted], None]
) -> None:
    async def first(reply: ReplyToWrite, sink: ReplySink) -> None:
        await home.queued(reply.session.id, 1)
        sink.parts.append(TextPart(text="first"))
        await sink.keep_step(0)

    give(Scripted(first, says("second"), abilities=RuntimeAbilities(steer=False, resume=False, own_model=True)))
    session = await home.sessions.create(agent="other")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "hello"))
    await home.event("replyStarted")
    steering = await home.sessions.message(session.id, Outgoing("and this", delivery="steer"))
    assert ((await send).reply.text, steering.reply.text) == ("first", "second")


async def test_resuming_a_reply_that_cannot_continue_is_explained(home: App, give: Callable[[Scripted], None]) -> None:
    async def fails(reply: ReplyToWrite, sink: ReplySink) -> None:
        raise NotPermitted("Not today.", hint="Come back tomorrow.")

    give(Scripted(fails, abilities=RuntimeAbilities(resume=False, own_model=True)))
    session = await home.sessions.create(agent="other")
    await home.sessions.open(session.id)
    with pytest.raises(NotPermitted, match="Not today"):
        await home.sessions.message(session.id, "hello")
    await home.event("replyFinished")
    await home.sessions.resume(session.id)
    finished = await home.event("replyFinished")
    assert finished.message.error.message == "A stopped reply of other cannot be resumed."  # type: ignore[union-attr]


async def test_an_agent_with_an_unknown_runtime_cannot_answer(home: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.built.catalog, "get", lambda name: Definition(name="code", prompt="", runtime="missing"))
    session = await home.sessions.create()
    with pytest.raises(AgentUnavailable, match="no runtime 'missing'"):
        await home.sessions.message(session.id, "hello")


async def test_a_definition_cannot_use_the_scanner_runtime(folder: Path, model_server: ModelServer) -> None:
    write_agent(folder, "sly", "You scan.", runtime="scanner")
    async with app(folder, model_server) as home:
        (problem,) = [agent.problem for agent in (await home.sessions.agents()).agents if agent.name == "sly"]
    assert problem is not None and "runtime: must be acp" in problem


async def test_the_runtime_of_an_agent_answers_the_questions_of_other_agents(
    home: App, give: Callable[[Scripted], None], model_server: ModelServer
) -> None:
    give(Scripted())
    model_server.script(Answer(tools=[ToolUse("ask_agent", {"agent": "other", "question": "Why?"})]), Answer("I see."))
    session = await home.sessions.create(agent="asks")
    reply = (await home.sessions.message(session.id, "ask other")).reply
    (call,) = [part for part in reply.parts if isinstance(part, ToolPart)]
    assert (call.status, call.result) == ("done", "asks asks: Why?")
    assert [part.kind for part in call.parts or ()] == ["text"]
    assert reply.text == "I see."
