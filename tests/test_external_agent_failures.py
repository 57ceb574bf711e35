"""Whatever external agents do wrong, the session keeps their output and reports what went wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from external_agents import ExternalAgentScript, is_running
from in_process_app import App, app, write_agent
from model_server import ModelServer
from sessionls.domain.errors import AgentUnavailable
from sessionls.domain.model import EditPart, Message, ToolPart
from sessionls.runtimes.acp import our_tools, requests
from sessionls.runtimes.acp.connection import Patience
from sessionls.sessions.composing import Outgoing

RESUMES: dict[str, Any] = {"sessionCapabilities": {"resume": {}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


def scripted(folder: Path, *replies: list[Any], **script: Any) -> ExternalAgentScript:
    given = {"announce": RESUMES, **script}
    return ExternalAgentScript(folder.parent / "guest.json", {**given, **({"replies": list(replies)} if replies else {})})


def patience(home: App, **seconds: float) -> None:
    assert home.built.external is not None
    home.built.external.pool.patience = Patience(**seconds)


async def begin(home: App, text: str = "Go") -> tuple[str, asyncio.Task[Message]]:
    """Send a message to the external agent in a new session."""
    session = await home.sessions.create(agent="plain")
    await home.sessions.open(session.id)

    async def send() -> Message:
        return (await home.sessions.message(session.id, Outgoing(text, agent="guest"))).reply

    return session.id, asyncio.create_task(send())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # of another process
            await asyncio.sleep(0.02)


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
        patience(home, start=0.5)
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
        patience(home, cancel=0.2)
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


# -- it says odd things ----------------------------------------------------------------------------------------------


async def test_unknown_updates_are_ignored(folder: Path, model_server: ModelServer) -> None:
    steps: list[Any] = [
        ["raw", "this is no JSON"],
        ["raw", "[1, 2]"],
        ["raw", '{"jsonrpc": "2.0", "id": [], "result": 1}'],
        ["raw", '{"jsonrpc": "2.0", "id": 99, "method": "x/y"}'],
        ["raw", "[" * 100_000],
        ["update", "something_new", {"data": {"a": [1]}}],
        ["update", "tool_call", {"title": "without an id"}],
        ["update", "tool_call", {"toolCallId": "c", "title": 5, "kind": "dance", "status": "asleep", "content": "none"}],
        ["update", "tool_call_update", {"toolCallId": "c", "status": "completed", "rawInput": [1, 2]}],
        ["update", "tool_call_update", {"toolCallId": "c", "status": "in_progress"}],
        ["update", "plan", {"entries": ["no entry", {"content": "One"}]}],
        ["update", "usage_update", {"used": -1, "size": "large", "cost": {"amount": "much", "currency": "USD"}}],
        ["update", "agent_message_chunk", {"content": {"type": "hologram"}}],
        ["say", "\ud83d and a half"],
        ["say", "Done."],
    ]
    guest = scripted(folder, steps)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        _, sending = await begin(home)
        reply = await sending
    assert reply.status == "complete" and reply.text.endswith("Done.")
    [call] = [part for part in reply.parts if isinstance(part, ToolPart)]
    assert (call.name, call.status, call.title) == ("other", "done", None)


async def test_a_message_that_is_too_long_is_dropped_and_the_next_is_read(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["raw", "x" * 1_000_000, 20], ["say", "Still here."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        _, sending = await begin(home)
        assert (await sending).text == "Still here."


async def test_huge_diffs_and_results_are_cut(folder: Path, model_server: ModelServer) -> None:
    path = folder / "large.txt"
    content = [
        {"type": "diff", "path": str(path), "oldText": "a\n", "newText": "b\n" * 1_500_000},
        {"type": "content", "content": {"type": "text", "text": "z" * 500_000}},
    ]
    call = {"toolCallId": "c", "kind": "edit", "title": "t" * 10_000, "status": "completed", "content": content}
    guest = scripted(folder, [["write_by_itself", str(path), "b\n"], ["update", "tool_call", call], ["say", "Done."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        _, sending = await begin(home)
        reply = await sending
    [tool] = [part for part in reply.parts if isinstance(part, ToolPart)]
    [edit] = [part for part in reply.parts if isinstance(part, EditPart)]
    assert len(tool.result or "") < 70_000 and len(tool.title or "") <= 300
    # The huge diff is not kept: the edit has the file as it is on disk.
    assert edit.applied and edit.patch == "--- /dev/null\n+++ b/large.txt\n@@ -0,0 +1 @@\n+b\n"
    assert len(reply.model_dump_json()) < 100_000


async def test_the_number_of_questions_is_limited(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["storm", 60]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        home.editor.answers = ["once"] * 60
        _, sending = await begin(home)
        reply = await sending
    assert reply.text.count("<yes>") == 60
    assert len(home.editor.questions) == 60


async def test_its_questions_are_asked_one_at_a_time(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["storm", 5]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        for _ in range(5):
            await home.event("permissionAsked")
            [question] = (await home.sessions.get(session_id)).asking or []
            await home.sessions.answer(session_id, question.request_id, "once")
        assert (await sending).text.count("<yes>") == 5


async def test_its_standard_error_is_written_to_a_private_log(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["complain", "Something is wrong.\n", 3], ["say", "Done."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        _, sending = await begin(home)
        reply = await sending
        log = folder.parent / "logs" / "guest.log"
        await until(lambda: log.exists() and log.read_text().count("Something is wrong.") == 3)
    assert reply.text == "Done."
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_the_log_of_its_standard_error_is_limited(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["complain", "x" * 1023 + "\n", 6_000], ["say", "Done."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        _, sending = await begin(home)
        assert (await sending).text == "Done."
    assert (folder.parent / "logs" / "guest.log").stat().st_size < 3 << 20


async def test_a_too_long_response_or_request_is_an_error_and_nothing_waits_for_it(
    folder: Path, model_server: ModelServer
) -> None:
    length = 9 << 20
    guest = scripted(folder, [["write_large", str(folder / "a.txt"), length]], [["stop_at_length", length]], [["say", "Short."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"write": "allow"}) as home:
        _, sending = await begin(home)
        reply = await sending
        assert reply.text == "<The message was longer than 8 MiB.>"
        assert "guest sent messages that are too long to be read. They are left out." in (reply.notices or [])
        session_id, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match="longer than 8 MiB"):
            await sending
        assert (await home.sessions.message(session_id, Outgoing("Again", agent="guest"))).reply.text == "Short."
    assert len(guest.processes) == 1 and not (folder / "a.txt").exists()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"error": "It broke."}, "answered with an error: It broke."),
        ({"error": {"code": "none", "message": ["no", "text"]}}, "answered with an error: It gave no reason."),
        ({"error": None}, "answered with an error: It gave no reason."),
    ],
)
async def test_a_malformed_error_is_an_error_of_one_message(
    folder: Path, model_server: ModelServer, answer: dict[str, Any], says: str
) -> None:
    guest = scripted(folder, [["answer", answer]], [["say", "Better."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match=says):
            await sending
        assert (await home.sessions.message(session_id, Outgoing("Again", agent="guest"))).reply.text == "Better."
    assert len(guest.processes) == 1


async def test_output_after_the_end_of_a_reply_is_dropped_and_the_next_reply_reports_it(
    folder: Path, model_server: ModelServer
) -> None:
    guest = scripted(folder, [["say", "One."], ["later", ["say", "Late."]]], [["say", "Two."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        assert (await sending).text == "One."
        await until(lambda: any("later" in one for one in guest.received))
        second = (await home.sessions.message(session_id, Outgoing("Again", agent="guest"))).reply
    assert second.text == "Two."
    assert any("went on after the end of its last reply" in notice for notice in second.notices or [])


async def test_a_flood_of_updates_delays_no_request_no_end_and_no_later_reply(folder: Path, model_server: ModelServer) -> None:
    ask = ["ask", {"toolCallId": "c", "kind": "execute", "title": "make"}]
    guest = scripted(folder, [["flood"], ask, ["stop", "end_turn"]], [ask, ["stop", "end_turn"]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"execute": "allow"}) as home:
        session_id, sending = await begin(home)
        async with asyncio.timeout(60):
            replies = [await sending]
            replies.append((await home.sessions.message(session_id, Outgoing("Again", agent="guest"))).reply)
    assert all(reply.status == "complete" and "<yes>" in reply.text for reply in replies)
    assert len(guest.processes) == 1 and not is_running(guest.processes[0])


async def test_an_agent_that_reads_nothing_more_can_be_cancelled(folder: Path, model_server: ModelServer) -> None:
    (folder / "large.txt").write_text("x" * 1_000_000)
    guest = scripted(folder, [["read_unheard", str(folder / "large.txt"), 5], ["say", "Asked."], ["hang"]], reads=3)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        patience(home, cancel=0.2)
        session_id, sending = await begin(home)
        await home.written("Asked.")
        await asyncio.sleep(0.3)  # so that the answers wait for it
        await home.sessions.cancel(session_id)
        assert (await sending).status == "cancelled"
        await until(lambda: not is_running(guest.processes[0]))


async def test_a_session_id_that_is_used_twice_is_refused(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, one_id=True)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        first, sending = await begin(home)
        await sending
        _, sending = await begin(home)
        with pytest.raises(AgentUnavailable, match="gave a new session the id of another one"):
            await sending
        assert (await home.sessions.message(first, Outgoing("Again", agent="guest"))).reply.status == "complete"


async def test_the_number_of_terminals_is_limited_also_if_they_are_created_at_once(
    folder: Path, model_server: ModelServer
) -> None:
    guest = scripted(folder, [["terminals", 60]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"execute": "allow"}) as home:
        _, sending = await begin(home)
        assert (await sending).text == "32"


async def test_no_path_leads_out_of_the_workspace(folder: Path, model_server: ModelServer) -> None:
    outside = folder.parent / "outside.txt"
    outside.write_text("SECRET")
    (folder / "link.txt").symlink_to(outside)
    (folder / "up").symlink_to("..")
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    paths = [
        str(outside),
        "../outside.txt",
        str(folder / "link.txt"),
        str(folder / "up" / "outside.txt"),
        str(folder / "pipe"),
        str(folder / "loop"),
        str(folder),
        "/dev/zero",
        "a\0b",
        "x" * 5_000,
        outside.as_uri(),
        "~/.ssh/id_rsa",
        "/proc/self/environ",
    ]
    guest = scripted(folder, [step for path in paths for step in (["read", path], ["write", path, "changed"], ["say", "|"])])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"write": "allow"}) as home:
        _, sending = await begin(home)
        async with asyncio.timeout(30):
            reply = await sending
    assert reply.status == "complete"
    refused = reply.text.split("|")[:-1]
    assert len(refused) == len(paths) and all(one.count("<") >= 2 for one in refused)
    assert "SECRET" not in reply.text and outside.read_text() == "SECRET"


async def test_odd_files_that_it_creates_end_no_reply(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(
        folder, [["write_odd_files", str(folder)], ["write_by_itself", str(folder / "z.txt"), "z"], ["say", "Done."]]
    )
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session_id, sending = await begin(home)
        async with asyncio.timeout(30):
            reply = await sending
        assert (reply.status, reply.text) == ("complete", "Done.")
        shown = (await home.sessions.history(session_id)).messages[-1]
    edits = [part.uri for part in shown.parts if isinstance(part, EditPart)]
    assert (folder / "z.txt").as_uri() in edits
    assert not any("passwd" in uri or uri.endswith("/link") for uri in edits)


async def test_the_number_of_its_actions_and_of_calls_of_our_tools_is_limited(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(our_tools, "_CALLS", 2)
    monkeypatch.setattr(requests, "_ACTIONS", 2)
    finding = {"path": "a.txt", "line": 1, "severity": "warning", "title": "A finding", "body": "It is wrong."}
    calls: list[Any] = [["mcp", "report_finding", finding]] * 3
    writes: list[Any] = [["write", str(folder / "a.txt"), f"{number}\n"] for number in range(4)]
    guest = scripted(folder, [*writes, *calls])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"write": "allow"}) as home:
        _, sending = await begin(home)
        reply = await sending
    assert reply.text.count("This editor applies no edits.") == 2
    assert reply.text.count("written files and run commands more than 2 times. End your reply.") == 2
    assert reply.text.count("called these tools more than 2 times. End your reply.") == 1


# -- its modes and permissions ---------------------------------------------------------------------------------------

MODES = {"currentModeId": "ask", "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "yolo", "name": "Yolo"}]}


async def test_a_mode_that_the_agent_itself_changes_is_reported_and_restored(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["switch", "yolo"]], [["later", ["switch", "yolo"]]], [["mode"]], [["mode"]], modes=MODES)
    async with app(folder, model_server, agents={"guest": guest.setting(mode="ask")}) as home:
        session_id, sending = await begin(home)
        assert "guest changed its mode to 'yolo' by itself during this reply." in ((await sending).notices or [])
        await home.sessions.message(session_id, Outgoing("Two", agent="guest"))
        await until(lambda: any("later" in one for one in guest.received))
        third = (await home.sessions.message(session_id, Outgoing("Three", agent="guest"))).reply
    assert third.text == '{"mode": "ask"}'
    assert [one["params"]["modeId"] for one in guest.received if one.get("method") == "session/set_mode"] == [
        "ask",
        "ask",
        "yolo",
    ]


async def test_a_reply_is_complete_if_the_agent_dies_before_its_mode_is_set_back(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["say", "Done."], ["dies_at", "session_set_mode"]], modes=MODES)
    async with app(folder, model_server, agents={"guest": guest.setting(mode="yolo")}) as home:
        _, sending = await begin(home)
        reply = await sending
    assert (reply.status, reply.text) == ("complete", "Done.")
    assert any("were not restored" in notice for notice in reply.notices or [])


async def test_an_always_option_without_any_other_is_chosen_only_by_a_person_who_knows(
    folder: Path, model_server: ModelServer
) -> None:
    only = [{"optionId": "always", "name": "Always", "kind": "allow_always"}]
    call = {"toolCallId": "c", "kind": "execute", "title": "make", "rawInput": {"command": "make"}}
    neither = [{"optionId": "x", "name": "X", "kind": "allow_sometimes"}, {"optionId": "no", "name": "No", "kind": "reject_once"}]
    guest = scripted(folder, [["ask", call, only], ["ask", call, only], ["ask", call, neither]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"execute": "allow"}) as home:
        home.editor.answers = ["once", "deny"]
        _, sending = await begin(home)
        reply = await sending
    assert reply.text == "<always><cancelled><no>"
    assert ["can only be allowed to do this always" in (question.detail or "") for question in home.editor.questions] == [
        True
    ] * 2
    assert any("without a way to allow it" in notice for notice in reply.notices or [])


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
