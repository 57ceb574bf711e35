"""An external agent answers messages like any other agent: in the same session, with the same history and questions."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from external_agents import ExternalAgentScript
from in_process_app import App, PlainEditor, app, write_agent
from model_server import Answer, ModelServer
from sessionls.agents.external import KNOWN
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import EditPart, FileContext, Message, PlanPart, ReasoningPart, TextPart, ToolPart
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.sessions.changes.changes import ChangeScope
from sessionls.sessions.composing import Outgoing

RESUMES: dict[str, Any] = {"sessionCapabilities": {"resume": {}}, "promptCapabilities": {"embeddedContext": True}}
EDIT = {"toolCallId": "c1", "kind": "edit", "title": "Edit a.py"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    write_agent(folder, "plain", "You are plain.", tools="[read_file]", temperature=0.25)
    write_agent(folder, "other", "You are another.", tools="[]")
    (folder / "a.py").write_text("answer = 42\n")
    return folder


def scripted(folder: Path, *replies: list[Any], name: str = "guest", **script: Any) -> ExternalAgentScript:
    given = {"announce": RESUMES, **script}
    return ExternalAgentScript(folder.parent / f"{name}.json", {**given, **({"replies": list(replies)} if replies else {})})


async def send(home: App, text: str, session_id: str | None = None, **more: Any) -> Message:
    """Send a message, by default to the external agent and in a new session."""
    if session_id is None:
        session_id = (await home.sessions.create(agent="plain")).id
    await home.sessions.open(session_id)
    return (await home.sessions.message(session_id, Outgoing(text, **{"agent": "guest", **more}))).reply


# -- one message, one agent ------------------------------------------------------------------------------------------


async def test_an_external_agent_answers_one_message_and_the_next_goes_to_the_default_agent(
    folder: Path, model_server: ModelServer
) -> None:
    guest = scripted(folder, [["say", "Hello from "], ["say", "outside."]])
    model_server.script(Answer("One."), Answer("Three."))
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session = await home.sessions.create(agent="plain")
        await send(home, "first", session.id, agent=None)
        reply = await send(home, "second", session.id)
        assert (reply.status, reply.text, reply.stop_reason) == ("complete", "Hello from outside.", "stop")
        assert reply.author.agent == "guest"  # type: ignore[union-attr]
        await send(home, "third", session.id, agent=None)
        assert (await home.sessions.get(session.id)).agent == "plain"
    first, third = model_server.requests
    for name in ("model", "temperature", "tools"):
        assert third.body.get(name) == first.body.get(name)
    assert third.system == first.system
    assert "outside" in json.dumps(third.messages)
    assert not any("tool_calls" in message for message in third.messages)


async def test_another_agents_reply_leaves_the_default_external_agents_session_unchanged(
    folder: Path, model_server: ModelServer
) -> None:
    modes = {"currentModeId": "ask", "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "code", "name": "Code"}]}
    guest = scripted(folder, [["mode"]], modes=modes)
    model_server.script(Answer("Two, by a model."))
    async with app(folder, model_server, agents={"guest": guest.setting(mode="code")}) as home:
        session = await home.sessions.create(agent="guest")
        first = await send(home, "first", session.id, agent=None)
        await send(home, "second", session.id, agent="other")
        third = await send(home, "third", session.id, agent=None)
    assert first.text == third.text == json.dumps({"mode": "code"})
    assert guest.methods.count("session/new") == 1
    assert "You are another." not in json.dumps(guest.prompts)
    assert "Two, by a model." in guest.prompt()
    assert "[the agent other]" in guest.prompt()


async def test_two_external_agents_have_separate_modes_options_and_sessions(folder: Path, model_server: ModelServer) -> None:
    def model(value: str) -> dict[str, Any]:
        values = [{"value": "small", "name": "S"}, {"value": "large", "name": "L"}]
        return {"id": "model", "name": "Model", "category": "model", "type": "select", "currentValue": value, "options": values}

    one = scripted(folder, [["mode"]], name="one", options=[model("small")])
    two = scripted(folder, [["mode"]], name="two", options=[model("small")])
    agents = {"one": one.setting(), "two": two.setting(options={"model": "large"})}
    async with app(folder, model_server, agents=agents) as home:
        session = await home.sessions.create(agent="one")
        texts = [
            (await send(home, text, session.id, agent=agent)).text for text, agent in (("a", None), ("b", "two"), ("c", None))
        ]
        assert (await home.sessions.get(session.id)).agent == "one"
    assert texts == ['{"mode": null, "model": "small"}', '{"mode": null, "model": "large"}', '{"mode": null, "model": "small"}']
    set_by_one = [each["params"]["value"] for each in one.received if each.get("method") == "session/set_config_option"]
    set_by_two = [each["params"]["value"] for each in two.received if each.get("method") == "session/set_config_option"]
    assert (set_by_one, set_by_two) == ([], ["large", "small"])
    assert model_server.requests == []


# -- what it is sent -------------------------------------------------------------------------------------------------


async def test_it_receives_the_unseen_messages_with_their_authors_once(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder, [["say", "From the guest."]])
    model_server.script(Answer("From the default."), Answer("More of the default."))
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session = await home.sessions.create(agent="plain")
        await send(home, "to the default", session.id, agent=None)
        await send(home, "to the guest", session.id)
        await send(home, "again to the default", session.id, agent=None)
        await send(home, "again to the guest", session.id)
    first, second = guest.prompt(0), guest.prompt(1)
    assert "[Ann]\n\nto the default" in first and "[the agent plain]\n\nFrom the default." in first
    assert first.endswith("to the guest")
    assert "again to the default" in second and "More of the default." in second
    assert "From the default." not in second and "From the guest." not in second


async def test_a_context_is_sent_as_a_resource_with_the_editors_text(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder)
    uri = (folder / "a.py").as_uri()
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        home.editor.buffers[uri] = Buffer(uri, "answer = 43  # not saved\n", 7, "python")
        await send(home, "Look", context=[FileContext(uri=uri)])
    resource = next(block["resource"] for block in guest.prompts[0] if block["type"] == "resource")
    assert (resource["uri"], resource["text"]) == (uri, "answer = 43  # not saved\n")


# -- its session -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("announce", "expected"),
    [
        ({"sessionCapabilities": {"resume": {}}}, "session/resume"),
        ({"loadSession": True}, "session/load"),
        ({}, "session/new"),
    ],
)
async def test_its_session_is_reopened_after_a_restart_if_possible(
    folder: Path, model_server: ModelServer, announce: dict[str, Any], expected: str
) -> None:
    guest = scripted(folder, [["say", "First."]], [["say", "Second."]], announce=announce)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        session = await home.sessions.create(agent="guest")
        await send(home, "one", session.id)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        reply = await send(home, "two", session.id)
    assert reply.text == "Second."  # without the replayed messages
    assert guest.methods == ["initialize", "session/new", "session/prompt", "initialize", expected, "session/prompt"]
    assert ("First." in guest.prompt()) == (expected == "session/new")


async def test_one_process_serves_several_sessions_and_a_fork_starts_a_new_one(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        assert guest.received == []  # nothing starts before the first message
        session = await home.sessions.create(agent="guest")
        await send(home, "one", session.id)
        fork = await home.sessions.fork(session.id)
        await send(home, "two", fork.id)
    assert len(guest.processes) == 1
    assert guest.methods.count("session/new") == 2
    assert "one" in guest.prompt()


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


# -- modes, models, options ------------------------------------------------------------------------------------------


async def test_the_messages_model_is_set_and_restored_afterwards(folder: Path, model_server: ModelServer) -> None:
    values = [{"value": "small", "name": "S"}, {"value": "large", "name": "L"}]
    model = {"id": "m", "name": "Model", "category": "model", "type": "select", "currentValue": "small", "options": values}
    guest = scripted(folder, [["mode"]], options=[model])
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        first = await send(home, "one", model="large")
        second = await send(home, "two", first.session_id)
    assert (json.loads(first.text)["m"], json.loads(second.text)["m"]) == ("large", "small")


async def test_options_that_cannot_be_set_are_noted_in_the_reply(folder: Path, model_server: ModelServer) -> None:
    values = [{"value": "low", "name": "L"}, {"value": "high", "name": "H"}]
    effort = {"id": "effort", "name": "Effort", "type": "select", "currentValue": "low", "options": values}
    guest = scripted(folder, [["mode"]], options=[effort], stubborn=True)
    setting = guest.setting(mode="turbo", options={"effort": "high", "speed": "fast"})
    async with app(folder, model_server, agents={"guest": setting}) as home:
        reply = await send(home, "Go", model="large")
    notices = "\n".join(reply.notices or [])
    assert "guest has no mode 'turbo'" in notices
    assert "guest was asked to set effort to 'high', but has 'low'" in notices
    assert "guest has no option 'speed' (it has effort)" in notices
    assert "guest does not let others choose its model: it used its own instead of large" in notices
    assert reply.status == "complete"


# -- which there are -------------------------------------------------------------------------------------------------


async def test_installed_and_configured_ones_are_listed_and_installable_ones_separately(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "codex-acp").write_text("#!/bin/sh\n")
    (programs / "codex-acp").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    guest = scripted(folder)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        found = await home.sessions.agents()
    external = {agent.name: agent for agent in found.agents if agent.runtime == "acp"}
    assert sorted(external) == ["codex", "guest"]
    assert all(agent.available and agent.tools == [] for agent in external.values())
    missing = {agent.name: agent.install for agent in found.installable or []}
    assert set(missing) == {agent.name for agent in KNOWN} - {"codex"}
    assert missing["gemini"] == "npm install -g @google/gemini-cli"
    assert guest.received == []


async def test_one_that_a_workspace_defines_starts_only_with_permission(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder)
    setting = guest.setting()
    write_agent(
        folder, "theirs", "Be brief.", runtime="acp", command=setting["command"], args=json.dumps(setting["args"]), mode="x"
    )
    async with app(folder, model_server) as home:
        home.editor.answers = ["deny"]
        session = await home.sessions.create(agent="plain")
        with pytest.raises(NotPermitted, match="nobody allowed it"):
            await home.sessions.message(session.id, Outgoing("Go", agent="theirs"))
        assert guest.received == []
        [question] = home.editor.questions
        assert "Start the external agent theirs" in question.summary
        assert str(guest.path) in (question.detail or "")
        home.editor.answers = ["once"]
        assert (await send(home, "Go", agent="theirs")).status == "complete"
    assert guest.prompt().startswith("Be brief.")


async def test_in_an_untrusted_workspace_each_one_needs_permission(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder)
    async with app(folder, model_server, trusted=False, agents={"guest": guest.setting()}) as home:
        home.editor.answers = ["session"]
        session = await home.sessions.create(agent="code")
        assert (await send(home, "Go", session.id)).status == "complete"
        assert (await send(home, "Again", session.id)).status == "complete"
        assert len(home.editor.questions) == 1
        assert "not trusted" in (home.editor.questions[0].detail or "")


async def test_none_is_started_if_agents_may_only_read(folder: Path, model_server: ModelServer) -> None:
    guest = scripted(folder)
    async with app(folder, model_server, agents={"guest": guest.setting()}) as home:
        home.built.bounds.read_only = True
        session = await home.sessions.create(agent="plain")
        with pytest.raises(NotPermitted, match="guest was not started"):
            await home.sessions.message(session.id, Outgoing("Go", agent="guest"))
    assert guest.received == []


async def test_it_gets_only_keys_from_the_settings(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-mine")
    monkeypatch.setenv("SESSIONLS_AGENT", "code")
    names = ["MY_API_KEY", "OPENAI_API_KEY", "SESSIONLS_AGENT", "GIVEN", "PATH"]
    guest = scripted(folder, [["environment", *names]])
    async with app(folder, model_server, agents={"guest": guest.setting(env={"GIVEN": "${env:MY_API_KEY}!"})}) as home:
        reply = await send(home, "Go")
    seen = json.loads(reply.text)
    assert seen == {
        "MY_API_KEY": None,
        "OPENAI_API_KEY": None,
        "SESSIONLS_AGENT": None,
        "GIVEN": "sk-mine!",
        "PATH": os.environ["PATH"],
    }
