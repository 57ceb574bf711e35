""" "Allow for this session" covers replies to messages of the participant who granted it, in their own processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from in_process_app import ANN, BEN, app, questions_during_reply, write_agent
from model_server import Answer, ModelServer
from sessionls.sessions.composing import Outgoing
from tool_calls import runs


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "runner", "You run.")
    return folder


COMMAND = "echo a >> log"


async def test_a_grant_covers_later_messages_of_the_same_person_in_all_their_processes(
    folder: Path, model_server: ModelServer
) -> None:
    async with app(folder, model_server, participant=ANN) as ann:
        session = await ann.sessions.create(agent="runner")
        model_server.script(runs(COMMAND), Answer("done"))
        ann.editor.answers += ["session"]
        assert await questions_during_reply(ann, session.id) == [COMMAND]
        model_server.script(runs(COMMAND), Answer("done"))
        assert await questions_during_reply(ann, session.id) == []
        async with app(folder, model_server, participant=ANN) as elsewhere:
            model_server.script(runs(COMMAND), Answer("done"))
            assert await questions_during_reply(elsewhere, session.id) == []
    async with app(folder, model_server, participant=ANN) as tomorrow:
        model_server.script(runs(COMMAND), Answer("done"))
        assert await questions_during_reply(tomorrow, session.id) == []


async def test_a_grant_does_not_cover_another_persons_messages(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server, participant=ANN) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="runner")
        model_server.script(runs(COMMAND), Answer("done"))
        ann.editor.answers += ["session"]
        assert await questions_during_reply(ann, session.id) == [COMMAND]
        model_server.script(runs(COMMAND), Answer("done"))
        ben.editor.answers += ["deny"]
        assert await questions_during_reply(ben, session.id) == [COMMAND]


async def test_a_grant_by_another_participant_covers_that_call_and_their_own_messages(
    folder: Path, model_server: ModelServer
) -> None:
    async with app(folder, model_server, participant=ANN) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="runner")
        model_server.script(runs(COMMAND, COMMAND), Answer("done"))
        sending = asyncio.create_task(ann.sessions.message(session.id, "run"))
        await ann.editor.asked.wait()
        ann.editor.answers += ["deny"]  # for all further questions
        (question,) = (await ben.sessions.questions(session_id=session.id)).questions
        await ben.sessions.answer(session.id, question.question.request_id, "session")
        await sending
        assert [one.detail for one in ann.editor.questions] == [COMMAND, COMMAND], "the second call asked again"
        assert await asyncio.to_thread((folder / "log").read_text) == "a\n"
        model_server.script(runs(COMMAND), Answer("done"))
        assert await questions_during_reply(ben, session.id) == []


async def test_resuming_another_persons_reply_asks_again(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server, participant=ANN) as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="runner")
        for home in (ann, ben):  # each has granted it for their own messages
            model_server.script(runs(COMMAND), Answer("done"))
            home.editor.answers += ["session"]
            assert await questions_during_reply(home, session.id) == [COMMAND]
        model_server.script(runs("echo b >> log"), runs(COMMAND), Answer("done"))
        ann.editor.asked.clear()
        sending = asyncio.create_task(ann.sessions.message(session.id, "run"))
        await ann.editor.asked.wait()
        await ben.sessions.pause(session.id)
        await sending
        ben.editor.answers += ["once", "deny"]
        await ben.sessions.open(session.id)
        ben.events.clear()
        await ben.sessions.resume(session.id)
        await ben.event("replyFinished")
        assert [one.detail for one in ben.editor.questions] == [COMMAND, "echo b >> log", COMMAND]


async def test_a_reply_steered_by_another_person_asks_again(folder: Path, model_server: ModelServer) -> None:
    helpful = app(folder, model_server, participant=ANN, answer_others=True)
    async with helpful as ann, app(folder, model_server, participant=BEN) as ben:
        session = await ann.sessions.create(agent="runner")
        model_server.script(runs(COMMAND), Answer("done"))
        ann.editor.answers += ["session"]
        assert await questions_during_reply(ann, session.id) == [COMMAND]
        model_server.script(runs("echo b >> log"), runs(COMMAND), Answer("done"))
        ann.editor.asked.clear()
        sending = asyncio.create_task(ann.sessions.message(session.id, "run"))
        await ann.editor.asked.wait()
        steering = asyncio.create_task(ben.sessions.message(session.id, Outgoing("run it again", delivery="steer")))
        await ann.queued(session.id, 1)
        ann.editor.answers += ["deny"]
        (question,) = (await ann.sessions.questions(session_id=session.id)).questions
        await ann.sessions.answer(session.id, question.question.request_id, "once")
        await asyncio.gather(sending, steering)
        # The message is received when the next step ends, so calls of that step need permission.
        assert [one.detail for one in ann.editor.questions] == [COMMAND, "echo b >> log", COMMAND]


async def test_a_fork_inherits_no_grant(folder: Path, model_server: ModelServer) -> None:
    async with app(folder, model_server, participant=ANN) as ann:
        session = await ann.sessions.create(agent="runner")
        model_server.script(runs(COMMAND), Answer("done"))
        ann.editor.answers += ["session"]
        assert await questions_during_reply(ann, session.id) == [COMMAND]
        child = await ann.sessions.fork(session.id)
        model_server.script(runs(COMMAND), Answer("done"))
        ann.editor.answers += ["deny"]
        assert await questions_during_reply(ann, child.id) == [COMMAND]
