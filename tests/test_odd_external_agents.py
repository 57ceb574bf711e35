"""External agents that send odd, huge or endless things: the session keeps what is of use, within limits."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from external_agents import begin, is_running, scripted, set_timeouts, until
from in_process_app import app, write_agent
from model_server import ModelServer
from sessionls.domain.errors import AgentUnavailable
from sessionls.domain.model import EditPart, ToolPart
from sessionls.sessions.composing import Outgoing


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


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
        set_timeouts(home, cancel=0.2)
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


async def test_the_number_of_its_actions_and_of_calls_of_our_tools_is_limited(folder: Path, model_server: ModelServer) -> None:
    finding = {"path": "a.txt", "line": 1, "severity": "warning", "title": "A finding", "body": "It is wrong."}
    calls: list[Any] = [["mcp", "report_finding", finding]] * 3
    writes: list[Any] = [["write", str(folder / "a.txt"), f"{number}\n"] for number in range(4)]
    guest = scripted(folder, [*writes, *calls])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"write": "allow"}) as home:
        assert home.built.external is not None
        home.built.external.tools.calls_per_reply = home.built.external.actions_per_reply = 2
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
