"""Our sessions in editors that speak the Agent Client Protocol: the real `sessionls acp`, driven by the SDK's own client."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest
from acp.core import RequestError

from acp_client import AcpEditor, Editors, mode
from external_agents import ExternalAgentScript
from model_server import Answer, Hold, ModelServer
from server_client import Connect

pytestmark = pytest.mark.usefixtures("provider")


def completed(editor: AcpEditor, session: str) -> bool:
    return any(call.get("status") == "completed" for call in editor.calls(session).values())


async def test_the_announced_capabilities_work(start_editor: Editors) -> None:
    editor = await start_editor()
    told = editor.answer.agent_capabilities
    assert told is not None and told.load_session and told.session_capabilities is not None
    able = told.session_capabilities
    assert None not in (able.list, able.delete, able.fork, able.resume, able.close, able.additional_directories)
    assert told.prompt_capabilities is not None
    assert (told.prompt_capabilities.image, told.prompt_capabilities.embedded_context) == (True, True)
    assert editor.answer.agent_info is not None and editor.answer.agent_info.name == "sessionls"


async def test_a_reply_is_streamed(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    hold = Hold("Hello ", Answer("world.", reasoning=""))
    model_server.script(hold)
    prompting = asyncio.create_task(editor.prompt(session, "Greet."))
    await editor.until(lambda: "Hello" in editor.text(session))
    assert not prompting.done()
    hold.go.set()
    assert await prompting == "end_turn"
    assert editor.text(session) == "Hello world."
    assert editor.text(session, "user_message_chunk") == ""  # the client shows its own prompt itself
    used = (await editor.until(lambda: [one for one in editor.of(session, "usage_update") if "cost" in one]))[-1]
    assert used["size"] == 128_000 and 0 < used["used"] < 128_000 and used["cost"]["currency"] == "USD"


async def test_reasoning_titles_and_commands_are_shown(start_editor: Editors, folder: Path) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    await editor.prompt(session, "think: deeply | Done.")
    assert editor.text(session, "agent_thought_chunk") == "deeply"
    await editor.until(lambda: [one for one in editor.of(session, "session_info_update") if "think" in one.get("title", "")])
    names = {one["name"] for one in editor.of(session, "available_commands_update")[-1]["availableCommands"]}
    assert {"fork", "pause", "resume", "agent", "review", "export"} <= names


async def test_naming_an_agent_in_a_prompt_does_not_change_the_mode(
    start_editor: Editors, folder: Path, model_server: ModelServer
) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    await editor.prompt(session, "one")
    await editor.prompt(session, "@review two")
    await editor.prompt(session, "three")
    first, second, third = (await model_server.received(1), model_server.requests[1], model_server.requests[2])
    assert first.system == third.system != second.system
    assert first.tools == third.tools
    assert second.text.endswith("two")
    assert mode(editor, session) == "code" and not editor.of(session, "current_mode_update")
    with pytest.raises(RequestError, match="There is no agent 'nobody'"):
        await editor.prompt(session, "@nobody four")


async def test_a_mode_is_the_sessions_default_agent(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    editor = await start_editor()
    made = await editor.agent.new_session(str(folder))
    session = made.session_id
    assert made.modes is not None and made.modes.current_mode_id == "code"
    assert {"code", "review"} <= {one.id for one in made.modes.available_modes}
    await editor.agent.set_session_mode(session, "review")
    await editor.until(lambda: mode(editor, session) == "review")
    await editor.prompt(session, "one")
    changed = await editor.agent.set_config_option("agent", session, "code")
    assert {one.id: one.current_value for one in changed.config_options} == {"agent": "code", "model": "agent-default"}
    await editor.prompt(session, "two")
    assert model_server.requests[0].system != model_server.requests[1].system
    with pytest.raises(RequestError, match="There is no agent"):
        await editor.agent.set_session_mode(session, "nobody")


async def test_a_model_is_an_option_of_the_session(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    await editor.agent.set_config_option("model", session, "openai/gpt-4o")
    await editor.prompt(session, "one")
    await editor.agent.set_config_option("model", session, "agent-default")
    await editor.prompt(session, "two")
    assert [one.body["model"] for one in model_server.requests] == ["gpt-4o", "gpt-4o-mini"]


async def test_a_tool_asks_for_permission_and_its_edit_is_a_diff(start_editor: Editors, folder: Path) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    editor.permit = "once"
    arguments = json.dumps({"path": "new.txt", "text": "hello\n"})
    await editor.prompt(session, f"tool: create_file {arguments}")
    assert (folder / "new.txt").read_text() == "hello\n"
    asked = editor.asked[0]
    assert set(asked["options"]) == {"once", "session", "deny"}
    assert asked["options"]["deny"].kind == "reject_once" and asked["options"]["session"].kind == "allow_always"
    call = editor.calls(session)[asked["call"]["toolCallId"]]
    assert (call["kind"], call["status"]) == ("edit", "completed")
    assert call["locations"] == [{"path": str(folder / "new.txt")}]
    assert call["content"] == [{"type": "diff", "path": str(folder / "new.txt"), "newText": "hello\n"}]
    assert editor.written == {str(folder / "new.txt"): "hello\n"}


async def test_a_denied_tool_does_nothing(start_editor: Editors, folder: Path) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    editor.permit = "deny"
    await editor.prompt(session, 'tool: create_file {"path": "new.txt", "text": ""}')
    assert not (folder / "new.txt").exists()
    assert [call["status"] for call in editor.calls(session).values()] == ["failed"]


@pytest.mark.parametrize("answer", [None, "allow_everything"])
async def test_a_question_that_was_not_answered_stays_open(start_editor: Editors, folder: Path, answer: str | None) -> None:
    editor, other = await start_editor(), await start_editor()
    session = await editor.new(folder)
    editor.permit = answer
    prompting = asyncio.create_task(editor.prompt(session, 'tool: create_file {"path": "new.txt", "text": "x"}'))
    await editor.until(lambda: "stays open" in editor.text(session))
    assert not prompting.done() and not (folder / "new.txt").exists()
    other.permit = "once"
    await other.agent.load_session(str(folder), session)
    assert await prompting == "end_turn"
    assert (folder / "new.txt").read_text() == "x"


async def test_cancel_ends_the_prompt_and_keeps_what_was_written(
    start_editor: Editors, folder: Path, model_server: ModelServer
) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    model_server.script(Hold("Half "))
    prompting = asyncio.create_task(editor.prompt(session, "Write."))
    await editor.until(lambda: "Half" in editor.text(session))
    await editor.agent.cancel(session)
    assert await prompting == "cancelled"
    assert await editor.prompt(session, "say: next") == "end_turn"
    again = await start_editor()
    await again.agent.load_session(str(folder), session)
    assert again.text(session, "user_message_chunk") == "Write.say: next"
    assert again.text(session).startswith("Half") and again.text(session).endswith("next")


async def test_a_session_continues_in_another_process(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    first = await start_editor()
    session = await first.new(folder)
    await first.prompt(session, "tool: list_files {}")
    assert await first.leave() == 0
    second = await start_editor()
    listed = (await second.agent.list_sessions(cwd=str(folder))).sessions
    assert [(one.session_id, one.cwd) for one in listed] == [(session, str(folder))]
    await second.agent.load_session(str(folder), session)
    assert second.text(session, "user_message_chunk") == "tool: list_files {}"
    assert [(call["title"], call["kind"], call["status"]) for call in second.calls(session).values()] == [
        ("list_files", "search", "completed")
    ]
    assert second.text(session) == first.text(session)
    third = await start_editor()
    await third.agent.resume_session(session, str(folder))
    await third.prompt(session, "say: more")
    assert third.text(session) == "more"  # a resumed session is not told again
    assert len(model_server.requests[-1].messages) > 3


async def test_a_fork_leaves_its_parent_alone(start_editor: Editors, folder: Path) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    await editor.prompt(session, "say: before")
    child = (await editor.agent.fork_session(session, str(folder))).session_id
    await editor.prompt(child, "say: in the copy")
    again = await start_editor()
    await again.agent.load_session(str(folder), session)
    await again.agent.load_session(str(folder), child)
    assert again.text(session) == "before"
    assert again.text(child).startswith("before") and again.text(child).endswith("in the copy")


async def test_a_session_that_is_loaded_again_continues_its_reply(
    start_editor: Editors, folder: Path, model_server: ModelServer
) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    hold = Hold("Half ", Answer("and whole."))
    model_server.script(hold)
    prompting = asyncio.create_task(editor.prompt(session, "Write."))
    await editor.until(lambda: "Half" in editor.text(session))
    editor.updates.clear()
    await editor.agent.load_session(str(folder), session)
    assert (editor.text(session, "user_message_chunk"), editor.text(session)) == ("Write.", "Half ")
    hold.go.set()
    assert await prompting == "end_turn"
    assert editor.text(session) == "Half and whole."


async def test_sessions_are_closed_and_deleted(start_editor: Editors, folder: Path) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    await editor.prompt(session, "say: hello")
    await editor.agent.close_session(session)
    with pytest.raises(RequestError, match="is not open here"):
        await editor.prompt(session, "say: more")
    await editor.raw("session/delete", sessionId=session)
    assert (await editor.agent.list_sessions(cwd=str(folder))).sessions == []
    with pytest.raises(RequestError, match="There is no session"):
        await editor.agent.load_session(str(folder), session)


async def test_two_clients_see_each_other_in_one_session(start_editor: Editors, folder: Path, model_server: ModelServer) -> None:
    zed, emacs = await start_editor(), await start_editor()
    session = await zed.new(folder)
    await zed.prompt(session, "say: first")
    await emacs.agent.load_session(str(folder), session)
    hold = Hold("Growing ", Answer("and done."))
    model_server.script(hold)
    prompting = asyncio.create_task(zed.prompt(session, "Write."))
    await emacs.until(lambda: "Growing" in emacs.text(session))
    assert emacs.text(session, "user_message_chunk") == "say: firstWrite."
    hold.go.set()
    await prompting
    await emacs.until(lambda: emacs.text(session).endswith("and done."))
    await emacs.agent.set_session_mode(session, "review")
    await zed.until(lambda: mode(zed, session) == "review")


async def test_a_question_answered_in_one_client_is_withdrawn_in_the_other(start_editor: Editors, folder: Path) -> None:
    zed, emacs = await start_editor(), await start_editor()
    session = await zed.new(folder)
    await emacs.agent.load_session(str(folder), session)
    prompting = asyncio.create_task(zed.prompt(session, 'tool: create_file {"path": "new.txt", "text": "x"}'))
    await zed.until(lambda: zed.asked)
    await emacs.until(lambda: emacs.asked)
    third = await start_editor()
    third.permit = "once"
    await third.agent.load_session(str(folder), session)
    assert await prompting == "end_turn"
    for one in (zed, emacs):
        await one.until(partial(completed, one, session))
    assert (folder / "new.txt").read_text() == "x"


async def test_the_end_of_stdin_interrupts_the_reply_which_can_be_resumed(
    start_editor: Editors, folder: Path, model_server: ModelServer
) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    model_server.script(Hold("Half "))
    prompting = asyncio.create_task(editor.prompt(session, "Write."))
    await editor.until(lambda: "Half" in editor.text(session))
    assert await editor.leave() == 0
    await asyncio.wait([prompting])
    again = await start_editor()
    await again.agent.load_session(str(folder), session)
    assert "interrupted" in again.text(session)
    model_server.script(Answer("and whole."))
    assert await again.prompt(session, "/resume") == "end_turn"
    assert again.text(session).endswith("and whole.")


async def test_errors_are_json_rpc_errors_in_plain_words(start_editor: Editors, folder: Path, tmp_path: Path) -> None:
    editor = await start_editor()
    with pytest.raises(RequestError, match="must be an absolute path"):
        await editor.agent.new_session("relative")
    with pytest.raises(RequestError, match="is not a folder"):
        await editor.agent.new_session(str(tmp_path / "missing"))
    with pytest.raises(RequestError) as refused:
        await editor.raw("session/prompt", sessionId=1)
    assert refused.value.code == -32602 and "sessionId" in str(refused.value)
    with pytest.raises(RequestError) as unknown:
        await editor.raw("session/nothing")
    assert unknown.value.code == -32601
    with pytest.raises(RequestError) as gone:
        await editor.agent.load_session(str(folder), "no-such-session")
    assert gone.value.code == -32041 and gone.value.data is not None and gone.value.data["kind"] == "sessionNotFound"


async def test_a_failed_reply_is_an_error_with_our_message(start_editor: Editors, folder: Path) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    with pytest.raises(RequestError) as failed:
        await editor.prompt(session, "fail: 401")
    assert failed.value.code == -32046
    assert failed.value.data is not None and failed.value.data["kind"] == "modelUnavailable"


async def test_a_session_started_over_acp_continues_in_an_lsp_editor(
    start_editor: Editors, folder: Path, connect: Connect, model_server: ModelServer
) -> None:
    editor = await start_editor()
    session = await editor.new(folder)
    await editor.prompt(session, "say: here")
    code = await connect(folders=[folder])
    opened = await code.ask("session/open", sessionId=session)
    assert [message["parts"][0]["text"] for message in opened["messages"]] == ["say: here", "here"]
    hold = Hold("Growing ", Answer("there."))
    model_server.script(hold)
    asking = asyncio.create_task(code.ask("session/message", sessionId=session, text="Write."))
    await editor.until(lambda: "Growing" in editor.text(session))
    assert editor.text(session, "user_message_chunk") == "Write."
    hold.go.set()
    await asking
    await editor.until(lambda: editor.text(session).endswith("there."))


async def test_an_external_agent_answers_one_prompt_and_its_plan_is_shown(
    start_editor: Editors, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
) -> None:
    entries = [{"content": "Look", "status": "completed", "priority": "high"}, {"content": "Act", "status": "in_progress"}]
    call = {"toolCallId": "c1", "kind": "fetch", "title": "Get a page", "status": "completed"}
    reply = [["update", "plan", {"entries": entries}], ["update", "tool_call", call], ["say", "From outside."]]
    guest = ExternalAgentScript(tmp_path / "guest.json", {"replies": [reply]})
    config = tmp_path / "config.toml"
    setting = guest.setting()
    command, args = json.dumps(setting["command"]), json.dumps(setting["args"])
    config.write_text(f"[agents.guest]\ncommand = {command}\nargs = {args}\n")
    monkeypatch.setenv("SESSIONLS_CONFIG", str(config))
    editor = await start_editor()
    session = await editor.new(folder)
    editor.permit = "once"  # to start a program where the folder is not trusted
    assert await editor.prompt(session, "@guest act") == "end_turn"
    assert editor.text(session).endswith("From outside.") and "is an external agent" in editor.text(session)
    plan = editor.of(session, "plan")[-1]["entries"]
    assert [(entry["content"], entry["status"]) for entry in plan] == [("Look", "completed"), ("Act", "in_progress")]
    shown = [(call["title"], call["kind"], call["status"]) for call in editor.calls(session).values() if "title" in call]
    assert shown == [("Get a page", "fetch", "completed")]
    await editor.prompt(session, "say: mine")
    assert mode(editor, session) == "code" and len(model_server.requests) == 1
