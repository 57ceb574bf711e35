"""What an external agent says and does: parts of its reply, edits, permission, files, commands and our tools."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from external_agents import RESUMES, scripted, send, with_agents
from in_process_app import PlainEditor, app
from model_server import Answer, ModelServer
from sessionls.domain.model import EditPart, PlanPart, ReasoningPart, TextPart, ToolPart
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.sessions.changes.changes import ChangeScope

EDIT = {"toolCallId": "c1", "kind": "edit", "title": "Edit a.py"}


@pytest.fixture
def folder(folder: Path) -> Path:
    return with_agents(folder)


# -- what it says ----------------------------------------------------------------------------------------------------


async def test_its_updates_become_parts_of_the_reply_in_order(folder: Path, model_server: ModelServer) -> None:
    path = str(folder / "a.py")
    diff = {"type": "diff", "path": path, "oldText": "answer = 42\n", "newText": "answer = 43\n"}
    steps: list[Any] = [
        ["think", "Hm. "],
        ["think", "I see."],
        ["say", "I will change it."],
        ["update", "plan", {"entries": [_entry("Change it", "in_progress"), _entry("Test it", "pending")]}],
        ["update", "tool_call", {**EDIT, "status": "in_progress", "rawInput": {"file_path": path}}],
        ["write_by_itself", path, "answer = 43\n"],
        ["update", "tool_call_update", {"toolCallId": "c1", "status": "completed", "content": [diff]}],
        ["update", "plan", {"entries": [_entry("Change it", "completed"), _entry("Test it", "pending")]}],
        ["say", "Done."],
    ]
    usage = {"totalTokens": 15, "inputTokens": 10, "outputTokens": 5}
    guest = scripted(folder, steps, usage=usage)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "Go")
        history = (await home.sessions.history(reply.session_id)).messages[-1]
    assert history.parts == reply.parts
    reasoning, words, plan, call, edit, end = reply.parts
    assert reasoning == ReasoningPart(text="Hm. I see.")
    assert words == TextPart(text="I will change it.") and end == TextPart(text="Done.")
    assert isinstance(plan, PlanPart)
    assert [(entry.content, entry.status) for entry in plan.entries] == [("Change it", "completed"), ("Test it", "pending")]
    assert isinstance(call, ToolPart)
    assert (call.name, call.title, call.status, call.arguments) == ("edit", "Edit a.py", "done", {"file_path": path})
    assert isinstance(edit, EditPart) and edit.applied
    assert edit.patch is not None and "-answer = 42\n+answer = 43\n" in edit.patch
    assert reply.usage is not None and (reply.usage.input_tokens, reply.usage.output_tokens) == (10, 5)


def _entry(content: str, status: str) -> dict[str, str]:
    return {"content": content, "priority": "medium", "status": status}


async def test_each_of_its_messages_is_a_separate_part(folder: Path, model_server: ModelServer) -> None:
    def chunk(text: str, message: str) -> list[Any]:
        return ["update", "agent_message_chunk", {"content": {"type": "text", "text": text}, "messageId": message}]

    guest = scripted(folder, [chunk("One", "a"), chunk(" warning.", "a"), chunk("Hello.", "b")])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "Go")
    assert reply.parts == [TextPart(text="One warning."), TextPart(text="Hello.")]


async def test_files_that_the_agent_itself_changes_are_recorded_as_edits(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["write_by_itself", str(folder / "new.txt"), "new"], ["say", "Written."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "Go")
    edits = [part for part in reply.parts if isinstance(part, EditPart)]
    assert [(edit.uri, edit.summary, edit.applied) for edit in edits] == [
        ((folder / "new.txt").as_uri(), "Create new.txt (on disk, by itself)", True)
    ]
    assert any("its own rules apply" in notice for notice in reply.notices or [])


async def test_its_own_edits_are_reverted_exactly_where_their_text_is_known(folder: Path, model_server: ModelServer) -> None:
    path, other, new = (str(folder / name) for name in ("a.py", "b.py", "new.txt"))
    whole = "one\r\ntwo\r\nthree\r\n"
    (folder / "b.py").write_bytes(whole.encode())

    def diff(number: int, path: str, old: str, new: str) -> list[Any]:
        content = [{"type": "diff", "path": path, "oldText": old, "newText": new}]
        return ["update", "tool_call", {"toolCallId": f"c{number}", "kind": "edit", "status": "completed", "content": content}]

    guest = scripted(
        folder,
        [
            ["write_by_itself", path, "answer = 43\n"],
            diff(1, path, "answer = 42\n", "answer = 43\n"),
            ["read", path],  # answered when the change before it is recorded
            ["write_by_itself", path, "answer = 43\nmore = 1\n"],
            diff(2, path, "answer = 43\n", "answer = 43\nmore = 1\n"),
            ["write_by_itself", other, whole.replace("two", "2")],
            diff(3, other, "two", "2"),
            ["write_by_itself", new, "new"],
            ["say", "Done."],
        ],
    )
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "Go")
        listed = (await home.sessions.changes(reply.session_id, ChangeScope(message_id=reply.id))).files
        states = {file.uri.rpartition("/")[2]: file.state for file in listed}
        assert states == dict.fromkeys(("a.py", "b.py", "new.txt"), "applied")
        await home.sessions.revert(reply.session_id, ChangeScope(message_id=reply.id))
    assert (folder / "a.py").read_text() == "answer = 42\n"
    assert (folder / "b.py").read_bytes() == whole.encode()
    assert not (folder / "new.txt").exists()


FORKS: dict[str, Any] = {"sessionCapabilities": {"resume": {}, "fork": {}}}


@pytest.mark.parametrize("deeper", [False, True])
async def test_a_fork_at_the_newest_turn_continues_in_a_fork_of_the_agents_session(
    folder: Path, model_server: ModelServer, deeper: bool
) -> None:
    guest = scripted(folder, announce=FORKS)
    model_server.script(Answer("A model's words."))
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        first = await send(home, "first")
        await send(home, "by a model", first.session_id, agent="plain")
        child = await home.sessions.fork(first.session_id)
        if deeper:
            child = await home.sessions.fork(child.id)
        await send(home, "in the fork", child.id)
        await send(home, "in the parent", first.session_id)
        await send(home, "again in the fork", child.id)
    assert guest.methods.count("session/new") == guest.methods.count("session/fork") == 1
    [fork] = [one["params"] for one in guest.received if one.get("method") == "session/fork"]
    assert (fork["sessionId"], fork["cwd"]) == ("theirs-1", str(folder))
    sent = [one["params"]["sessionId"] for one in guest.received if one.get("method") == "session/prompt"]
    assert sent == ["theirs-1", "theirs-2", "theirs-1", "theirs-2"]
    assert "by a model" in guest.prompt(1) and "first" not in guest.prompt(1)  # only what it has not seen
    assert "in the fork" not in guest.prompt(2) and guest.prompt(3) == "again in the fork"


@pytest.mark.parametrize("how", ["before its newest turn", "it cannot fork", "it refuses"])
async def test_a_fork_starts_with_the_transcript_if_the_agents_session_cannot_be_forked(
    folder: Path, model_server: ModelServer, how: str
) -> None:
    lacks = ["session/fork"] if how == "it refuses" else []
    guest = scripted(folder, announce=RESUMES if how == "it cannot fork" else FORKS, lacks=lacks)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        first = await send(home, "first")
        at = first.id if how == "before its newest turn" else None
        await send(home, "second", first.session_id)
        child = await home.sessions.fork(first.session_id, at=at)
        await send(home, "in the fork", child.id)
    assert guest.methods.count("session/new") == 2
    assert guest.methods.count("session/fork") == (1 if how == "it refuses" else 0)
    assert "first" in guest.prompt() and ("second" in guest.prompt()) is (at is None)


# -- permission ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "chosen"), [("once", "yes"), ("session", "yes"), ("deny", "no")])
async def test_its_permission_requests_are_shown_as_ours_and_its_always_option_is_never_chosen(
    folder: Path, model_server: ModelServer, answer: Any, chosen: str
) -> None:
    call = {"toolCallId": "x", "kind": "execute", "title": "make all", "rawInput": {"command": "make all"}}
    guest = scripted(folder, [["ask", call]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        home.editor.answers = [answer]
        reply = await send(home, "Go")
        assert reply.text == f"<{chosen}>"
        [question] = home.editor.questions
        assert (question.agent, question.tool, question.risk, question.detail) == ("guest", "run_command", "execute", "make all")
        assert "make all" in question.scope
        # The same request again: only an answer for the session covers it.
        home.editor.asked.clear()
        again = asyncio.create_task(send(home, "Again", reply.session_id))
        if answer == "session":
            assert (await again).text == "<yes>"
            assert len(home.editor.questions) == 1
        else:
            await asyncio.wait_for(home.editor.asked.wait(), 30)
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)


@pytest.mark.parametrize(("rule", "chosen"), [("allow", "yes"), ("deny", "no")])
async def test_a_rule_answers_instead_of_people(folder: Path, model_server: ModelServer, rule: Any, chosen: str) -> None:
    guest = scripted(folder, [["ask", {"toolCallId": "x", "kind": "execute", "title": "make"}]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"run_command": rule}) as home:
        assert (await send(home, "Go")).text == f"<{chosen}>"
        assert home.editor.questions == []


async def test_it_may_read_the_workspace_without_permission_and_nothing_else(folder: Path, model_server: ModelServer) -> None:
    def read(path: object) -> dict[str, Any]:
        return {"toolCallId": "x", "kind": "read", "title": "Read", "locations": [{"path": str(path)}]}

    guest = scripted(folder, [["ask", read(folder / "a.py")], ["ask", read(folder.parent / "secret")]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        home.editor.answers = ["deny"]
        assert (await send(home, "Go")).text == "<yes><no>"
        assert len(home.editor.questions) == 1


async def test_it_can_never_write_files_that_configure_agents(folder: Path, model_server: ModelServer) -> None:
    target = str(folder / ".sessionls" / "agents" / "plain.md")
    call = {**EDIT, "content": [{"type": "diff", "path": target, "oldText": "a", "newText": "b"}]}
    guest = scripted(folder, [["ask", call], ["write", target, "You are evil."]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"write": "allow"}) as home:
        reply = await send(home, "Go")
    assert reply.text.startswith("<no>") and "only people may change it" in reply.text
    assert "evil" not in (folder / ".sessionls" / "agents" / "plain.md").read_text("utf-8")


# -- files and commands through us -----------------------------------------------------------------------------------


def editing(editor: PlainEditor) -> None:
    """An editor that makes edits in its buffers, and files."""
    from sessionls.domain import uris
    from sessionls.sessions.workspace.positions import Lines

    async def apply(label: str, changes: Any, *, confirm: bool = False) -> EditOutcome:
        for change in changes:
            assert isinstance(change, DocumentChange)
            path = Path(uris.to_path(change.uri) or "")
            buffer = editor.buffers.get(change.uri)
            if change.kind == "create":
                await asyncio.to_thread(path.write_text, change.text, "utf-8")
                continue
            text = buffer.text if buffer else await asyncio.to_thread(path.read_text, "utf-8")
            lines = Lines(text, editor.encoding)
            for range_, new in reversed(change.edits):
                start, end = lines.span(range_)
                text = text[:start] + new + text[end:]
            if buffer:
                editor.buffers[change.uri] = Buffer(change.uri, text, (buffer.version or 0) + 1, buffer.language)
            else:
                await asyncio.to_thread(path.write_text, text, "utf-8")
        return EditOutcome(applied=True)

    editor.apply = apply  # type: ignore[method-assign]


async def test_it_reads_and_writes_files_through_the_editor(folder: Path, model_server: ModelServer) -> None:
    path = str(folder / "a.py")
    uri = Path(path).as_uri()
    guest = scripted(folder, [["say", "I read: "], ["read", path], ["write", path, "one\n2\nthree\n"], ["read", path, 2, 1]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        editing(home.editor)
        home.editor.buffers[uri] = Buffer(uri, "one\ntwo\nthree\n", 1, "python")
        home.editor.answers = ["once"]
        reply = await send(home, "Go")
        assert home.editor.buffers[uri].text == "one\n2\nthree\n"
        assert (folder / "a.py").read_text() == "answer = 42\n"  # unsaved changes of a person are not saved for them
    [question] = home.editor.questions
    assert (question.tool, question.risk) == ("edit_file", "write")
    assert "-two\n+2\n" in (question.detail or "")
    words, edit, end = reply.parts
    assert (words, end) == (TextPart(text="I read: one\ntwo\nthree\n"), TextPart(text="2\n"))
    assert isinstance(edit, EditPart) and edit.applied and "-two\n+2\n" in (edit.patch or "")


async def test_it_does_not_overwrite_unsaved_changes_that_it_has_not_read(folder: Path, model_server: ModelServer) -> None:
    path = str(folder / "a.py")
    uri = Path(path).as_uri()
    guest = scripted(folder, [["write", path, "mine\n"]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"write": "allow"}) as home:
        editing(home.editor)
        home.editor.buffers[uri] = Buffer(uri, "typed by a person\n", 1, "python")
        reply = await send(home, "Go")
        assert home.editor.buffers[uri].text == "typed by a person\n"
    assert "unsaved changes in the editor" in reply.text


async def test_a_permitted_action_is_not_asked_about_again(folder: Path, model_server: ModelServer) -> None:
    path = str(folder / "new.txt")
    call = {**EDIT, "content": [{"type": "diff", "path": path, "newText": "new\n"}]}
    run = {"toolCallId": "r", "kind": "execute", "title": "echo", "rawInput": {"command": "echo done"}}
    guest = scripted(folder, [["ask", call], ["write", path, "new\n"], ["ask", run], ["terminal", "echo", ["done"]]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        editing(home.editor)
        home.editor.answers = ["once", "once"]
        reply = await send(home, "Go")
        assert len(home.editor.questions) == 2
    assert reply.text.replace("\n", "").endswith("0: done")
    assert (folder / "new.txt").read_text() == "new\n"


async def test_it_writes_nothing_outside_the_workspace(folder: Path, model_server: ModelServer) -> None:
    outside = folder.parent / "outside.txt"
    guest = scripted(folder, [["write", str(outside), "x"], ["read", str(folder.parent / "guest.json")]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"write": "allow"}) as home:
        editing(home.editor)
        reply = await send(home, "Go")
    assert reply.text.count("outside of the workspace folders") == 2
    assert not outside.exists()


async def test_its_commands_follow_our_rules_and_get_no_keys(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-secret")
    guest = scripted(folder, [["terminal", "sh", ["-c", 'echo "key:$MY_API_KEY"; exit 3']]], [["terminal", "echo", ["no"]]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        home.editor.answers = ["once", "deny"]
        reply = await send(home, "Go")
        assert reply.text == "3: key:\n"
        denied = await send(home, "Again", reply.session_id)
        assert "not permitted" in denied.text


# -- our tools for it ------------------------------------------------------------------------------------------------


async def test_findings_that_it_reports_with_our_tool_belong_to_its_reply(folder: Path, model_server: ModelServer) -> None:
    finding = {"path": "a.py", "start_line": 1, "severity": "warning", "title": "A magic number", "body": "Name it."}
    call = {"toolCallId": "x", "title": "mcp__sessionls__report_finding", "kind": "other"}
    guest = scripted(folder, [["say", "Look:"], ["ask", call], ["mcp", "report_finding", finding]])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "Review it")
        [found] = (await home.sessions.findings(session_id=reply.session_id)).findings
    assert (found.title, found.agent, found.message_id) == ("A magic number", "guest", reply.id)
    assert [part.kind for part in reply.parts] == ["text", "finding", "text"]
    assert reply.parts[0] == TextPart(text="Look:<yes>")
    said = json.loads(reply.text.rpartition("\n\n")[2])
    assert said["tools"] == ["ask_agent", "diagnostics", "report_finding", "search_sessions", "symbols"] and not said["failed"]


async def test_it_cannot_use_our_tool_if_a_rule_denies_it(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["mcp", "symbols", {"path": "a.py"}]])
    async with app(folder, model_server, agents={"guest": guest.setting()}, permissions={"symbols": "deny"}) as home:
        said = json.loads((await send(home, "Go")).text)
    assert said["failed"] and "not permitted" in said["text"]
