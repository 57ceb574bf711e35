"""Queued messages: withdrawing, changing and reordering them, and sending one now."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from in_process_app import ANN, BEN, App, app
from model_server import Answer, Hold, ModelServer
from server_client import Connect, SessionClient, refused
from sessionls.domain.errors import MessageNotFound, MessageWithdrawn, NotPermitted, SessionPaused
from sessionls.domain.events import QueueOrdered
from sessionls.domain.model import Message
from sessionls.sessions.composing import Outgoing
from shared_server import key_for, text_of
from terminal_commands import Cli


async def replying(home: App, server: ModelServer, *after: Answer) -> tuple[str, Hold, asyncio.Task[Any]]:
    """A session in which a reply is being written, up to "one"."""
    hold = Hold("one", Answer("."))
    server.script(hold, *after)
    session = await home.sessions.create()
    await home.sessions.open(session.id)
    first = asyncio.create_task(home.sessions.message(session.id, "first"))
    await hold.reached.wait()
    return session.id, hold, first


async def wait_in_queue(home: App, session_id: str, *texts: str, delivery: str = "queue") -> list[asyncio.Task[Any]]:
    tasks: list[asyncio.Task[Any]] = []
    for text in texts:
        before = (await home.sessions.get(session_id)).queued
        send = home.sessions.message(session_id, Outgoing(text, delivery="steer" if delivery == "steer" else "queue"))
        tasks.append(asyncio.create_task(send))
        await home.queued(session_id, before + 1)
    return tasks


async def waiting(home: App, session_id: str) -> list[Message]:
    return [one for one in (await home.sessions.history(session_id)).messages if one.status == "queued"]


async def texts(home: App, session_id: str) -> list[str]:
    return [message.text for message in (await home.sessions.history(session_id)).messages if message.role == "participant"]


async def test_a_queued_message_can_be_withdrawn(home: App, model_server: ModelServer) -> None:
    session, hold, first = await replying(home, model_server, Answer("third."))
    second, third = await wait_in_queue(home, session, "second", "third")
    before = await home.sessions.get(session)
    after = await home.sessions.withdraw(session, (await waiting(home, session))[0].id)
    assert (after.queued, after.message_count) == (1, before.message_count - 1)
    with pytest.raises(MessageWithdrawn):
        await second
    hold.go.set()
    await asyncio.gather(first, third)
    assert await texts(home, session) == ["first", "third"]
    told = [request.messages[-1]["content"] for request in model_server.requests]
    assert told == ["first", "third"], "no model reads it"
    assert (await home.sessions.search("second")).hits == []


async def test_withdrawing_is_an_event_with_the_participant(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as ann, app(folder, model_server, participant=BEN) as ben:
        session, hold, first = await replying(ann, model_server)
        (second,) = await wait_in_queue(ann, session, "second")
        message = (await waiting(ben, session))[0]
        await ben.sessions.withdraw(session, message.id)
        event = await ann.event("messageWithdrawn")
        assert event.by == BEN
        with pytest.raises(MessageWithdrawn):
            await second
        hold.go.set()
        await first


async def test_a_message_that_is_being_answered_cannot_be_withdrawn(home: App, model_server: ModelServer) -> None:
    session, hold, first = await replying(home, model_server)
    asked, reply = (await home.sessions.history(session)).messages
    for message in (asked, reply):
        with pytest.raises(NotPermitted, match="is not queued any more"):
            await home.sessions.withdraw(session, message.id)
    hold.go.set()
    await first
    with pytest.raises(NotPermitted):
        await home.sessions.withdraw(session, asked.id)
    with pytest.raises(MessageNotFound):
        await home.sessions.withdraw(session, "nothing")


async def test_a_withdrawn_message_is_not_in_the_history_or_search(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        session, hold, first = await replying(home, model_server)
        (second,) = await wait_in_queue(home, session, "second")
        message = (await waiting(home, session))[0]
        await home.sessions.withdraw(session, message.id)
        with pytest.raises(MessageNotFound):
            await home.sessions.withdraw(session, message.id)
        await asyncio.wait([second])
        hold.go.set()
        await first
    async with app(folder, model_server) as again:
        assert await texts(again, session) == ["first"]
        assert (await again.sessions.fork(session)).message_count == 2


async def test_a_steering_message_can_be_withdrawn_until_the_reply_receives_it(home: App, model_server: ModelServer) -> None:
    session, hold, first = await replying(home, model_server)
    (second,) = await wait_in_queue(home, session, "left", delivery="steer")
    await home.sessions.withdraw(session, (await waiting(home, session))[0].id)
    with pytest.raises(MessageWithdrawn):
        await second
    hold.go.set()
    await first
    assert len(model_server.requests) == 1


async def test_a_changed_message_keeps_its_position(home: App, model_server: ModelServer) -> None:
    session, hold, first = await replying(home, model_server, Answer("2"), Answer("3"))
    second, third = await wait_in_queue(home, session, "second", "third")
    old = (await waiting(home, session))[0]
    changed = asyncio.create_task(home.sessions.message(session, Outgoing("2nd", replaces=old.id)))
    with pytest.raises(MessageWithdrawn):
        await second
    assert [message.text for message in await waiting(home, session)] == ["2nd", "third"]
    hold.go.set()
    await asyncio.gather(first, changed, third)
    assert await texts(home, session) == ["first", "2nd", "third"]


async def test_a_change_that_comes_too_late_changes_nothing(home: App, model_server: ModelServer) -> None:
    session, hold, first = await replying(home, model_server)
    asked = (await home.sessions.history(session)).messages[0]
    with pytest.raises(NotPermitted, match="is not queued any more"):
        await home.sessions.message(session, Outgoing("1st", replaces=asked.id))
    hold.go.set()
    await first
    assert await texts(home, session) == ["first"]


async def test_only_the_author_can_change_a_message(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as ann, app(folder, model_server, participant=BEN) as ben:
        session, hold, first = await replying(ann, model_server)
        (second,) = await wait_in_queue(ann, session, "second")
        with pytest.raises(NotPermitted, match="Somebody else wrote"):
            await ben.sessions.message(session, Outgoing("not that", replaces=(await waiting(ben, session))[0].id))
        assert [message.author for message in await waiting(ben, session)] == [ANN]
        hold.go.set()
        await asyncio.gather(first, second)


async def test_the_queue_is_answered_in_the_chosen_order(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server) as home:
        session, hold, first = await replying(home, model_server)
        rest = await wait_in_queue(home, session, "a", "b", "c")
        a, _, c = await waiting(home, session)
        await home.sessions.reorder(session, [c.id, a.id])
        assert [message.text for message in await waiting(home, session)] == ["c", "a", "b"]
        async with app(folder, model_server, participant=BEN) as ben:  # as others read it
            assert [message.text for message in await waiting(ben, session)] == ["c", "a", "b"]
            page = await ben.sessions.history(session, before=a.id)
            assert [message.text for message in page.messages if message.status == "queued"] == ["c"]
        hold.go.set()
        await asyncio.gather(first, *rest)
        assert await texts(home, session) == ["first", "c", "a", "b"]


async def test_an_unchanged_order_adds_no_event(home: App, model_server: ModelServer) -> None:
    session, hold, first = await replying(home, model_server)
    rest = await wait_in_queue(home, session, "a", "b")
    await home.sessions.reorder(session, [message.id for message in await waiting(home, session)])
    hold.go.set()
    await asyncio.gather(first, *rest)
    assert not any(isinstance(event, QueueOrdered) for event in home.events)


async def test_a_message_that_is_being_answered_is_ignored_in_an_order(home: App, model_server: ModelServer) -> None:
    session, hold, first = await replying(home, model_server)
    asked = (await home.sessions.history(session)).messages[0]
    with pytest.raises(NotPermitted):
        await home.sessions.reorder(session, [asked.id])
    rest = await wait_in_queue(home, session, "a", "b")
    await home.sessions.reorder(session, [asked.id, (await waiting(home, session))[1].id])
    assert [message.text for message in await waiting(home, session)] == ["b", "a"]
    hold.go.set()
    await asyncio.gather(first, *rest)


@pytest.mark.parametrize("delivery", ["queue", "steer"])
async def test_sending_a_message_now_stops_the_reply_and_answers_it_next(
    home: App, model_server: ModelServer, delivery: str
) -> None:
    session, _, first = await replying(home, model_server, Answer("now."), Answer("later."))
    await home.written("one")
    (later,) = await wait_in_queue(home, session, "later")
    (now,) = await wait_in_queue(home, session, "now", delivery=delivery)
    await home.sessions.send_now(session, (await waiting(home, session))[1].id)
    await asyncio.gather(first, now, later)
    messages = (await home.sessions.history(session)).messages
    assert [(message.status, message.text) for message in messages] == [
        ("complete", "first"),
        ("cancelled", "one"),
        ("complete", "now"),
        ("complete", "now."),
        ("complete", "later"),
        ("complete", "later."),
    ]


async def test_a_message_sent_now_from_another_process_is_answered_in_its_own_process(
    folder: Path, model_server: ModelServer
) -> None:
    async with app(folder, model_server) as ann, app(folder, model_server, participant=BEN) as ben:
        session, _, first = await replying(ann, model_server, Answer("now."))
        (second,) = await wait_in_queue(ann, session, "second")
        await ben.sessions.send_now(session, (await waiting(ben, session))[0].id)
        await asyncio.gather(first, second)
        assert [m.text for m in (await ann.sessions.history(session)).messages][2:] == ["second", "now."]


async def test_a_message_queued_after_a_stopped_reply_can_be_sent_now(home: App, model_server: ModelServer) -> None:
    session, _, first = await replying(home, model_server, Answer("now."))
    (second,) = await wait_in_queue(home, session, "second")
    await home.sessions.pause(session)
    await first
    message = (await waiting(home, session))[0]
    with pytest.raises(SessionPaused):
        await home.sessions.send_now(session, message.id)
    model_server.script(Hold("again"), Answer("now."))
    await home.sessions.resume(session)
    await home.sessions.send_now(session, message.id)
    await second
    assert [m.status for m in (await home.sessions.history(session)).messages] == [
        "complete",
        "cancelled",
        "complete",
        "complete",
    ]


async def test_the_queue_can_be_changed_by_requests(connect: Connect, folder: Path, model_server: ModelServer) -> None:
    hold = Hold("one", Answer("."))
    model_server.script(hold, Answer("b"))
    options = {"participant": {"name": "Ada"}, "model": "openai/test"}
    env = {**key_for(model_server), "SESSIONLS_EMBEDDED": "false"}
    ada = await connect(events=True, options=options, folders=[folder], env=env)
    session = (await ada.ask("session/create"))["id"]
    await ada.ask("session/open", sessionId=session)
    first = asyncio.create_task(ada.ask("session/message", sessionId=session, text="first"))
    await hold.reached.wait()
    a = asyncio.create_task(ada.ask("session/message", sessionId=session, text="a"))
    await ada.until(lambda: len(ada.events_of("messageSent")) == 2)
    b = asyncio.create_task(ada.ask("session/message", sessionId=session, text="b"))
    await ada.until(lambda: len(ada.events_of("messageSent")) == 3)
    ids = [event["message"]["id"] for event in ada.events_of("messageSent")]
    await ada.ask("session/reorder", sessionId=session, messageIds=[ids[2]])
    assert ada.events_of("queueOrdered")[0]["messageIds"] == [ids[2], ids[1]]
    after = await ada.ask("session/withdraw", sessionId=session, messageId=ids[1])
    assert after["queued"] == 1
    with refused(-32050, "messageWithdrawn"):
        await a
    with refused(-32049, "notPermitted"):
        await ada.ask("session/sendNow", sessionId=session, messageId=(await first_reply(ada, session))["id"])
    hold.go.set()
    await first
    assert text_of((await b)["reply"]) == "b"


async def first_reply(client: SessionClient, session: str) -> dict[str, Any]:
    messages = (await client.ask("session/history", sessionId=session))["messages"]
    return next(message for message in messages if message["role"] == "agent")


def test_messages_can_be_withdrawn_and_sent_now_in_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model_server: ModelServer
) -> None:
    for name, value in (*key_for(model_server).items(), ("SESSIONLS_MODEL", "openai/test")):
        monkeypatch.setenv(name, value)
    model_server.script(Hold("so far"), Answer("Now."))
    cli = Cli(folder, monkeypatch, capsys)

    def sent(*words: str, queued: int) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = cli.start("ask", *words)
        deadline = time.monotonic() + 60
        while True:
            sessions = cli("sessions", "--json").data["sessions"]
            if sessions and sessions[0]["replying"] and sessions[0]["queued"] == queued:
                return process, sessions[0]
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.1)

    first, session = sent("first", queued=0)
    unwanted, _ = sent("--session", session["id"], "unwanted", queued=1)
    wanted, _ = sent("--session", session["id"], "wanted", queued=2)
    *_, one, other = cli("show", session["id"], "--json").data["messages"]
    cli("withdraw", session["id"], one["id"][-8:])
    out, err = unwanted.communicate(timeout=60)
    assert (unwanted.returncode, out) == (1, "") and "withdrawn before its reply began" in err
    assert "answered next" in cli("now", session["id"][-8:], other["id"][-8:]).err
    assert wanted.communicate(timeout=60)[0].strip() == "Now."
    first.communicate(timeout=60)
