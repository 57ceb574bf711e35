"""External agents that do not start, break off or have to be stopped: the session keeps their output and says what went wrong."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from external_agents import begin, is_running, scripted, set_timeouts, until
from in_process_app import app, write_agent
from model_server import ModelServer
from sessionls.domain.errors import AgentUnavailable
from sessionls.domain.model import ToolPart
from sessionls.sessions.composing import Outgoing


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


# -- it failed to start -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"command": "no-such-program-anywhere"}, "'no-such-program-anywhere' is not installed"),
        ({"command": "/bin/echo", "args": ["not the protocol"]}, "its program ended with exit code 0"),
        ({"command": "/bin/sh", "args": ["-c", "exit 7"]}, "its program ended with exit code 7"),
        ({"command": "/bin/sh", "cwd": "nowhere"}, "its working folder does not exist"),
        ({"command": "/bin/sh", "env": {"A": "${env:NO_SUCH_VARIABLE}"}}, "the environment variable NO_SUCH_VARIABLE is not set"),
    ],
)
async def test_a_program_that_does_not_start_fails_the_reply_with_what_to_do(
    folder: Path, model_server: ModelServer, setting: dict[str, Any], says: str
) -> None:
    async with app(folder, model_server, agents={"guest": setting}) as home:
        _, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match=says) as refused:
            await sending
        assert refused.value.hint


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ([{"id": "web", "name": "Sign in", "description": "in the browser"}], "Sign in (in the browser)"),
        ([{"id": "t", "name": "Log in", "type": "terminal", "args": ["--login"]}], "--login`)"),
        ([{"id": "k", "name": "Key", "type": "env_var", "vars": [{"name": "THEIR_KEY"}]}], "set THEIR_KEY in `env`"),
        ([], "Sign in with its own program"),
    ],
)
async def test_an_agent_that_is_not_signed_in_is_an_error_that_says_how_to_sign_in(
    folder: Path, model_server: ModelServer, auth: list[dict[str, Any]], says: str
) -> None:
    guest = scripted(folder, auth=auth, signed_out=True)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match="not signed in") as refused:
            await sending
        assert says in refused.value.hint
        reply = (await home.sessions.history(session_id)).messages[-1]
        assert reply.error is not None and says in (reply.error.hint or "")


async def test_one_that_speaks_another_version_is_refused(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, version=2)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        _, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match="speaks version 2"):
            await sending
    await until(lambda: not any(is_running(pid) for pid in guest.processes))


async def test_an_agent_that_never_answers_is_killed_after_a_timeout(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, silent=True)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        set_timeouts(home, start=0.5)
        _, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match="did not answer initialize"):
            await sending
        await until(lambda: not any(is_running(pid) for pid in guest.processes))


async def test_a_slow_start_can_be_cancelled(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, slow=60)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        await until(lambda: "initialize" in guest.methods)
        await home.sessions.cancel(session_id)
        assert (await sending).status == "cancelled"
        await until(lambda: not any(is_running(pid) for pid in guest.processes))


async def test_its_own_errors_are_reported_as_its_own(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["say", "I will"], ["fail", -32603, "The quota is used up"]], [["say", "Better."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match="answered with an error: The quota is used up"):
            await sending
        reply = (await home.sessions.history(session_id)).messages[-1]
        assert (reply.status, reply.text) == ("failed", "I will")
        again = await home.sessions.message(session_id, Outgoing("Again", agent="guest"))
        assert again.reply.text == "Better."
    assert len(guest.processes) == 1


# -- it breaks off ---------------------------------------------------------------------------------------------------


async def test_text_is_kept_if_the_agent_is_killed_and_the_reply_can_be_resumed(folder: Path, model_server: ModelServer) -> None:
    call = {"toolCallId": "c", "kind": "execute", "title": "make", "status": "in_progress"}
    guest = scripted(
        folder, [["say", "The first half, "], ["update", "tool_call", call], ["child"], ["wait"]], [["say", "the second half."]]
    )
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        await until(lambda: "child" in "".join(delta.text for delta in home.deltas))
        child = int("".join(delta.text for delta in home.deltas).rpartition("child ")[2])
        assert is_running(child)
        os.kill(guest.processes[0], signal.SIGKILL)
        reply = await sending
        assert reply.status == "interrupted"
        assert reply.text.startswith("The first half, ")
        assert any("ended with a signal (9)" in notice for notice in reply.notices or [])
        await until(lambda: not is_running(child))
        assert (await home.sessions.get(session_id)).stopped == "interrupted"
        await home.sessions.resume(session_id)
        await until(lambda: len(guest.prompts) == 2)
        await home.until(lambda: not home.known[session_id].replying)
        whole = (await home.sessions.history(session_id)).messages[-1]
        assert (whole.status, whole.text.endswith("the second half.")) == ("complete", True)
        [tool] = [part for part in whole.parts if isinstance(part, ToolPart)]
        assert tool.status == "failed" and "not known" in (tool.result or "")
    assert "Continue exactly where it stopped" in guest.prompt()
    assert len(guest.processes) == 2 and "session/resume" in guest.methods


async def test_pause_cancels_its_turn_and_resume_continues(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["say", "The first half, "], ["wait"]], [["say", "the second half."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        await home.written("half, ")
        await home.sessions.pause(session_id)
        reply = await sending
        assert (reply.status, reply.text) == ("paused", "The first half, ")
        assert "session/cancel" in guest.methods
        await home.sessions.resume(session_id)
        await until(lambda: len(guest.prompts) == 2)
        await home.until(lambda: not home.known[session_id].replying)
        whole = (await home.sessions.history(session_id)).messages[-1]
        assert whole.status == "complete" and whole.text == "The first half, \n\nthe second half."
    assert len(guest.processes) == 1
    assert "Continue exactly where it stopped" in guest.prompt()


async def test_a_cancelled_question_is_withdrawn_and_answered_as_cancelled(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["ask", {"toolCallId": "c", "kind": "execute", "title": "make"}]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        await home.event("permissionAsked")
        await home.sessions.cancel(session_id)
        assert (await sending).status == "cancelled"
        assert (await home.sessions.get(session_id)).asking is None
        assert (await home.sessions.message(session_id, Outgoing("Again", agent="plain"))).reply.status == "complete"
    answers = [one["answer"]["result"]["outcome"] for one in guest.received if one.get("to") == "session/request_permission"]
    assert answers == [{"outcome": "cancelled"}]


async def test_an_agent_that_ignores_a_cancel_is_killed_with_its_children(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["child"], ["hang"]], [["say", "Back."]], deaf=True)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        set_timeouts(home, cancel=0.2)
        session_id, sending = await begin(home)
        await until(lambda: "child" in "".join(delta.text for delta in home.deltas))
        child = int("".join(delta.text for delta in home.deltas).rpartition("child ")[2])
        await home.sessions.cancel(session_id)
        assert (await sending).status == "cancelled"
        await until(lambda: not is_running(child) and not is_running(guest.processes[0]))
        assert (await home.sessions.message(session_id, Outgoing("Again", agent="guest"))).reply.text == "Back."


async def test_its_commands_end_with_the_reply(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["terminal", "sh", ["-c", "echo $$ > pid; sleep 600"], False], ["say", "Started."], ["wait"]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"execute": "allow"}) as home:
        session_id, sending = await begin(home)
        await home.written("Started.")
        await until(lambda: (folder / "pid").exists() and (folder / "pid").read_text().strip() != "")
        pid = int((folder / "pid").read_text())
        assert is_running(pid)
        await home.sessions.cancel(session_id)
        assert (await sending).status == "cancelled"
        await until(lambda: not is_running(pid))


# -- its process -----------------------------------------------------------------------------------------------------


async def test_its_process_ends_when_idle_and_at_exit(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        assert home.built.external is not None
        home.built.external.pool.idle = 0.05
        _, sending = await begin(home)
        await sending
        await until(lambda: not is_running(guest.processes[0]))
        home.built.external.pool.idle = 600
        _, sending = await begin(home)
        await sending
        assert is_running(guest.processes[1])
    assert not is_running(guest.processes[1])


async def test_closing_during_its_reply_interrupts_it_and_another_process_continues(
    folder: Path, model_server: ModelServer
) -> None:
    guest = scripted(folder, [["say", "Here "], ["wait"]], [["say", "and there."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        await home.written("Here ")
    assert (await sending).status == "interrupted"
    assert not is_running(guest.processes[0])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        await home.sessions.open(session_id)
        await home.sessions.resume(session_id)
        await until(lambda: len(guest.prompts) == 2)
        await home.event("replyFinished")
        assert (await home.sessions.history(session_id)).messages[-1].text == "Here \n\nand there."


async def test_a_steering_message_waits_and_is_answered_in_the_same_reply(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["say", "One."], ["ask", {"toolCallId": "c", "kind": "execute", "title": "x"}]], [["say", "Two."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home, "first")
        question = await home.event("permissionAsked")
        steering = asyncio.create_task(home.sessions.message(session_id, Outgoing("and this", delivery="steer")))
        await home.queued(session_id, 1)
        await home.sessions.answer(session_id, question.request_id, "once")  # type: ignore[union-attr]
        reply = await sending
        assert (await steering).reply.id == reply.id
    assert reply.text.startswith("One.") and reply.text.endswith("Two.")
    assert guest.prompt(0).endswith("first") and guest.prompt(1).endswith("and this")
    assert len(guest.prompts) == 2
