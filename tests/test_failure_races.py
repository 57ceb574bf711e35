"""Races: stops, failures and deletions between any two steps of a reply. Nothing waits forever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from fake_tool import UseIt, give, use
from in_process_app import ANN, BEN, App, app, last_message, write_agent
from model_server import Answer, Hold, ModelServer, ToolUse
from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted, SessionNotFound, StoreUnavailable
from sessionls.domain.model import AgentAuthor, Message, ToolPart
from sessionls.ports.tools import ToolCall
from sessionls.sessions.composing import Outgoing
from sessionls.sessions.replies.timing import Timing
from sessionls.tools.toolbox import Toolbox

T = TypeVar("T")


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    write_agent(folder, "user", "You use tools.")
    write_agent(folder, "other", "You are another.", tools="[]", model="openai/other")
    return folder


@pytest.fixture
async def home(folder: Path, model_server: ModelServer) -> AsyncIterator[App]:
    async with app(folder, model_server, timing=Timing(store_retries=(0.01,), first_end_retry=0.05)) as home:
        yield home


# -- a store that fails ----------------------------------------------------------------------------------------------


class Trouble:
    """Makes the store's changes fail while `on`."""

    def __init__(self, home: App, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on = False
        change = home.built.store.change

        async def troubled(session_id: str, decide: Callable[[Change], T]) -> T:
            if self.on:
                raise StoreUnavailable("The disk is full.", hint="Make room.")
            return await change(session_id, decide)

        monkeypatch.setattr(home.built.store, "change", troubled)


async def test_a_reply_whose_end_could_not_be_stored_is_ended_when_the_store_works_again(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = Trouble(home, monkeypatch)
    hold = Hold("half", Answer(" whole"))
    model_server.script(hold, Answer("next"))
    session = await home.sessions.create(agent="plain")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await home.written("half")
    trouble.on = True
    hold.go.set()
    with pytest.raises(StoreUnavailable):
        await send
    trouble.on = False
    await home.event("replyFinished")
    ended = await last_message(home, session.id)
    assert (ended.status, ended.text) == ("interrupted", "half whole")
    assert (await home.sessions.message(session.id, "m2")).reply.text == "next"


async def test_tools_that_cannot_be_offered_fail_the_reply(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Toolbox):
        def offer(self, names: Any) -> Any:
            raise RuntimeError("no tools today")

    monkeypatch.setattr(home.sessions._replies, "_tools", Broken([]))
    session = await home.sessions.create(agent="plain")
    async with asyncio.timeout(10):
        with pytest.raises(Exception, match="failed unexpectedly"):
            await home.sessions.message(session.id, "m1")
    monkeypatch.setattr(home.sessions._replies, "_tools", Toolbox([]))
    model_server.script(Answer("fine"))
    async with asyncio.timeout(10):
        assert (await home.sessions.message(session.id, "m2")).reply.text == "fine"


# -- nobody waits for ever -------------------------------------------------------------------------------------------


async def test_waiting_for_a_reply_fails_when_the_session_is_deleted(home: App, folder: Path, model_server: ModelServer) -> None:
    hold = Hold("one")
    model_server.script(hold)
    async with app(folder, model_server, participant=BEN) as ben:
        session = await home.sessions.create(agent="plain")
        first = asyncio.create_task(home.sessions.message(session.id, "m1"))
        await hold.reached.wait()
        second = asyncio.create_task(home.sessions.message(session.id, "m2"))
        await home.queued(session.id, 1)
        await home.sessions.pause(session.id)
        await first
        await ben.sessions.delete(session.id)
        async with asyncio.timeout(10):
            with pytest.raises(SessionNotFound):
                await second


async def test_a_message_sent_just_before_its_session_is_deleted_is_kept(
    home: App, folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold("one")
    model_server.script(hold)
    session = await home.sessions.create(agent="plain")
    delete = home.built.store.delete
    async with app(folder, model_server, participant=BEN) as ben:
        sending: list[asyncio.Task[Any]] = []

        async def late(session_id: str, *checks: Any) -> None:
            sending.append(asyncio.create_task(ben.sessions.message(session_id, "m1")))
            await model_server.received()
            await delete(session_id, *checks)

        monkeypatch.setattr(home.built.store, "delete", late)
        with pytest.raises(NotPermitted):
            await home.sessions.delete(session.id)
        hold.go.set()
        assert (await sending[0]).reply.text == "one"


async def test_waiting_for_another_process_ends_with_this_process(home: App, folder: Path, model_server: ModelServer) -> None:
    hold = Hold("one")
    model_server.script(hold, Answer("two"))
    session = await home.sessions.create(agent="plain")
    first = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await hold.reached.wait()
    async with app(folder, model_server) as elsewhere:
        second = asyncio.create_task(elsewhere.sessions.message(session.id, "m2"))
        await home.queued(session.id, 1)
    async with asyncio.timeout(10):
        with pytest.raises(StoreUnavailable):
            await second
    hold.go.set()
    await first
    # It was accepted, so it gets its reply from the other process of the same person.
    await home.until(lambda: home.known[session.id].queued == 0 and not home.known[session.id].replying)
    assert (await last_message(home, session.id)).text == "two"


async def test_a_queued_message_of_a_dead_process_is_answered_by_another(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app(folder, model_server, timing=Timing(sweep=0.05)) as home:
        hold = Hold("one")
        model_server.script(hold, Answer("two"))
        session = await home.sessions.create(agent="plain")
        await home.sessions.open(session.id)
        first = asyncio.create_task(home.sessions.message(session.id, "m1"))
        await hold.reached.wait()
        second = asyncio.create_task(home.sessions.message(session.id, "m2"))
        await home.queued(session.id, 1)
        # Like a process that dies some time after the previous reply has ended.
        dead = False
        original = transitions.next_waiting

        def next_waiting(change: Change, runner: transitions.Runner) -> Message | None:
            message = original(change, runner)
            return message if dead or message is None or message.text != "m2" else None

        monkeypatch.setattr(transitions, "next_waiting", next_waiting)
        *_, of_second = home.sessions._replies._waiters._futures.values()
        of_second.set_exception(StoreUnavailable("gone", hint="gone"))
        with pytest.raises(StoreUnavailable):
            await second
        hold.go.set()
        await first
        await home.event("replyFinished")
        dead = True
        await home.event("replyFinished", seconds=5)
        assert (await last_message(home, session.id)).text == "two"


# -- stopping --------------------------------------------------------------------------------------------------------


async def test_a_reply_that_is_resumed_before_it_has_stopped_continues(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, stopping, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow_to_stop(call: ToolCall) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopping.set()
            await go.wait()
            raise
        return ""

    give(home, monkeypatch, UseIt(slow_to_stop))
    model_server.script(use(), Answer("done"))
    session = await home.sessions.create(agent="user")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await started.wait()
    pause = asyncio.create_task(home.sessions.pause(session.id))
    await stopping.wait()
    await home.sessions.resume(session.id)
    give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "used")))
    home.sessions._replies._writers[session.id].tools = [UseIt(lambda call: asyncio.sleep(0, "used"))]
    go.set()
    async with asyncio.timeout(10):
        await pause
        assert (await send).reply.status == "complete"
    assert (await home.sessions.get(session.id)).state == "active"


async def test_a_cancel_does_not_wait_for_a_summary(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await home.sessions.create(agent="plain")
    for number in range(3):
        await home.sessions.message(session.id, f"{'word ' * 300} {number}")
    monkeypatch.setattr(home.built.models, "window", lambda model: 1_000)
    hold = Hold("SUMMARY")
    model_server.script(hold)
    send = asyncio.create_task(home.sessions.message(session.id, "and now?"))
    await hold.reached.wait()
    async with asyncio.timeout(10):
        await home.sessions.cancel(session.id)
        assert (await send).reply.status == "cancelled"


@pytest.mark.parametrize("how", ["pause", "cancel"])
async def test_a_stop_does_not_wait_for_tools_that_are_still_starting(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    starting = asyncio.Event()

    class Slow(Toolbox):
        async def prepare(self, definition: Definition) -> Sequence[str]:
            starting.set()
            await asyncio.Event().wait()
            return ()

    monkeypatch.setattr(home.sessions._replies, "_tools", Slow([]))
    session = await home.sessions.create(agent="plain")
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await starting.wait()
    async with asyncio.timeout(10):
        stopped = await (home.sessions.pause if how == "pause" else home.sessions.cancel)(session.id)
        assert not stopped.replying
        assert (await send).reply.status == ("paused" if how == "pause" else "cancelled")


async def test_logged_parts_stay_in_a_reply_that_is_stopped_at_that_moment(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The editor applied the edit, and the pause comes while that is being stored."""
    recording = asyncio.Event()

    async def edits(call: ToolCall) -> str:
        recording.set()
        await call.edited("file:///a.py", "mended", applied=True)
        await asyncio.Event().wait()
        return ""

    give(home, monkeypatch, UseIt(edits))
    model_server.script(use())
    session = await home.sessions.create(agent="user")
    store, change, slow = home.built.store, home.built.store.change, asyncio.Event()

    async def slowly(session_id: str, decide: Callable[[Change], T]) -> T:
        late = recording.is_set() and not slow.is_set()
        if late:
            slow.set()
        result = await change(session_id, decide)
        if late:
            await asyncio.sleep(0.05)
        return result

    monkeypatch.setattr(store, "change", slowly)
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await slow.wait()
    await home.sessions.pause(session.id)
    assert [part.kind for part in (await send).reply.parts] == ["tool", "edit"]


async def test_cancelling_a_stopped_reply_ends_its_running_calls(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def endless(call: ToolCall) -> str:
        started.set()
        await asyncio.Event().wait()
        return ""

    give(home, monkeypatch, UseIt(endless))
    model_server.script(use())
    session = await home.sessions.create(agent="user")
    send = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await started.wait()
    await home.sessions.pause(session.id)
    await send
    fork = await home.sessions.fork(session.id, at=(await last_message(home, session.id)).id)
    await home.sessions.cancel(session.id)
    for held in (session.id, fork.id):
        ended = await last_message(home, held)
        (part,) = (part for part in ended.parts if isinstance(part, ToolPart))
        assert (ended.status, part.status) == ("cancelled", "failed")


async def test_cancelling_a_queued_message_names_its_own_agent(home: App, model_server: ModelServer) -> None:
    hold = Hold("one")
    model_server.script(hold)
    session = await home.sessions.create(agent="plain", model="openai/mine")
    first = asyncio.create_task(home.sessions.message(session.id, "m1"))
    await hold.reached.wait()
    second = asyncio.create_task(home.sessions.message(session.id, Outgoing("m2", agent="other")))
    await home.queued(session.id, 1)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    hold.go.set()
    await first
    author = (await last_message(home, session.id)).author
    assert isinstance(author, AgentAuthor)
    assert (author.agent, author.model) == ("other", "")


# -- being there -----------------------------------------------------------------------------------------------------


async def test_a_participant_who_closes_one_of_two_windows_is_still_present(
    home: App, folder: Path, model_server: ModelServer
) -> None:
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    await home.event("participantJoined")
    async with app(folder, model_server) as window:
        await window.sessions.open(session.id)
        await window.sessions.close(session.id)
    assert (await home.sessions.get(session.id)).present == [ANN]
    assert all(event.kind != "participantLeft" for event in home.events)


async def test_a_participant_who_closes_right_after_opening_has_left(home: App, folder: Path, model_server: ModelServer) -> None:
    session = await home.sessions.create()
    async with app(folder, model_server, participant=BEN) as ben:
        await ben.sessions.open(session.id)
        await ben.sessions.close(session.id)
    assert (await home.sessions.open(session.id)).participants == []
    assert [p.name for p in (await home.sessions.get(session.id)).participants] == ["Ann", "Ben"]


async def test_a_participant_who_closes_while_opening_has_left(home: App, folder: Path, model_server: ModelServer) -> None:
    session = await home.sessions.create()
    async with app(folder, model_server, participant=BEN) as ben:
        opening = asyncio.create_task(ben.sessions.open(session.id))
        await asyncio.sleep(0)
        await ben.sessions.close(session.id)
        assert opening.done()
        await home.sessions.rename(session.id, "Without Ben")
        await ben.until(lambda: ben.known[session.id].title == "Without Ben")
        assert not any(event.kind == "renamed" for event in ben.events)
        assert (await home.sessions.open(session.id)).participants == []


# -- what a model or a tool may do wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("half", ["text", "arguments", "result"])
async def test_lone_surrogates_cause_no_errors(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, half: Literal["text", "arguments", "result"]
) -> None:
    give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "got \ud83e" if half == "result" else "ok")))
    arguments = '{"how": "\\ud83e"}' if half == "arguments" else "{}"
    model_server.script(
        Answer(chunks=["a ", "\ud83e", " b"] if half == "text" else ["a"], tools=[ToolUse("use_it", arguments)]), Answer("end")
    )
    session = await home.sessions.create(agent="user")
    async with asyncio.timeout(10):
        ended = (await home.sessions.message(session.id, "m1")).reply
    assert ended.status == "complete" and ended.text.endswith("end")


@pytest.mark.parametrize(
    "arguments",
    [*('{"a": ' + "[" * deep + "]" * deep + "}" for deep in (198, 300, 100_000)), '{"a": 1'],
    ids=len,
)
async def test_invalid_json_arguments_are_reported_to_the_agent(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "ok")))
    model_server.script(Answer(tools=[ToolUse("use_it", arguments)]), Answer("sorry"))
    session = await home.sessions.create(agent="user")
    assert (await home.sessions.message(session.id, "m1")).reply.text == "sorry"
    assert (await home.built.store.events(session.id, after=0))[-1].kind == "replyFinished"  # and all of it can be read


@pytest.mark.parametrize("arguments", [{"secret": True}, {"wrong": True}])
async def test_a_tool_that_cannot_describe_its_action_is_not_run(
    home: App, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    give(home, monkeypatch, UseIt(lambda call: asyncio.sleep(0, "ok"), "write"))
    model_server.script(use(**arguments), Answer("then not"))
    session = await home.sessions.create(agent="user")
    ended = (await home.sessions.message(session.id, "m1")).reply
    assert ended.text == "then not"
    assert [part.status for part in ended.parts if isinstance(part, ToolPart)] == ["failed"]
    assert home.editor.questions == []
