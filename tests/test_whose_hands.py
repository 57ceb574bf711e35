"""Whose process answers a message, with that person's keys, workspace and permissions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from in_process_app import ANN, BEN, App, app, write_agent
from model_server import Answer, Hold, ModelServer
from sessionls.domain import transitions
from sessionls.domain.ids import new_id
from sessionls.domain.model import Message, Participant, TextPart
from sessionls.sessions.composing import Outgoing
from sessionls.store import SqlStore
from stores import database_url

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


async def left_behind(folder: Path, session_id: str, author: Participant, text: str) -> str:
    """Queue a message of a process that is gone. Returns its id."""
    message = Message(
        id=new_id(),
        session_id=session_id,
        seq=0,
        role="participant",
        author=author,
        parts=[TextPart(text=text)],
        status="queued",
        created_at="",
    )
    async with SqlStore(database_url(folder.parent / "one.db")) as store:
        await store.change(session_id, lambda change: transitions.send(change, message, None))
    return message.id


async def answered(home: App, session_id: str) -> list[str]:
    """Open the session and send a message. Returns the texts of all messages that were answered by then."""
    await home.sessions.open(session_id)
    await home.sessions.message(session_id, "and mine")
    messages = (await home.sessions.history(session_id)).messages
    replied = {message.reply_to for message in messages}
    return [message.text for message in messages if message.id in replied]


async def test_a_queued_message_is_answered_by_another_process_of_its_author(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("one"), Answer("two"))
    async with app(folder, model_server) as ann:
        session = await ann.sessions.create(agent="plain")
        await left_behind(folder, session.id, ANN, "left")
        assert await answered(ann, session.id) == ["left", "and mine"]


async def test_another_participants_message_keeps_waiting_and_blocks_no_other(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("mine"))
    async with app(folder, model_server, participant=BEN) as ben:
        session = await ben.sessions.create(agent="plain")
        await left_behind(folder, session.id, ANN, "left")
        assert await answered(ben, session.id) == ["and mine"]
        assert (await ben.sessions.get(session.id)).queued == 1
    model_server.script(Answer("left"))
    async with app(folder, model_server) as ann:
        await ann.sessions.open(session.id)
        await ann.event("replyFinished")
        assert (await ann.sessions.history(session.id)).messages[-1].text == "left"


async def test_a_participant_can_choose_to_answer_for_others(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("one"), Answer("two"))
    async with app(folder, model_server, participant=BEN, answer_others=True) as ben:
        session = await ben.sessions.create(agent="plain")
        await left_behind(folder, session.id, ANN, "left")
        assert await answered(ben, session.id) == ["left", "and mine"]


async def test_sending_somebody_elses_message_now_answers_it_here_if_its_process_is_gone(
    folder: Path, model_server: ModelServer
) -> None:
    model_server.script(Answer("one"))
    async with app(folder, model_server, participant=BEN) as ben:
        session = await ben.sessions.create(agent="plain")
        message = await left_behind(folder, session.id, ANN, "left")
        await ben.sessions.open(session.id)
        await ben.sessions.send_now(session.id, message)
        await ben.event("replyFinished")
        reply = (await ben.sessions.history(session.id)).messages[-1]
        assert (reply.reply_to, reply.text) == (message, "one")


async def test_sending_somebody_elses_message_now_leaves_it_to_its_process_if_that_is_alive(
    folder: Path, model_server: ModelServer
) -> None:
    hold = Hold("first")
    model_server.script(hold, Answer("second"))
    async with app(folder, model_server) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="plain")
        first = asyncio.create_task(ben.sessions.message(session.id, "one"))
        await hold.reached.wait()
        second = asyncio.create_task(ann.sessions.message(session.id, "two"))
        await ann.queued(session.id, 1)
        waiting = (await ann.sessions.history(session.id)).messages[-1]
        await ben.sessions.send_now(session.id, waiting.id)
        assert (await first).reply.status == "cancelled"
        assert (await second).reply.text == "second"
        assert ben.sessions._replies._writers == {}


@pytest.mark.parametrize("helpful", [False, True])
async def test_a_message_steers_somebody_elses_reply_only_if_they_allow_it(
    folder: Path, model_server: ModelServer, helpful: bool
) -> None:
    hold = Hold("Red", Answer("."))
    model_server.script(hold, Answer("Blue."))
    settings: dict[str, Any] = {"answer_others": helpful}
    async with app(folder, model_server, **settings) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="plain")
        first = asyncio.create_task(ann.sessions.message(session.id, "a colour"))
        await hold.reached.wait()
        second = asyncio.create_task(ben.sessions.message(session.id, Outgoing("a cold one", delivery="steer")))
        await ann.queued(session.id, 1)
        hold.go.set()
        one, two = await first, await second
        assert (one.reply.id == two.reply.id) == helpful
        assert two.reply.text == ("Red.\n\nBlue." if helpful else "Blue.")
