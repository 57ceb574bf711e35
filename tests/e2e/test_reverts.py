"""Listing and reverting changes of agents, through a server and an editor: by reply, file and hunk, and after restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types as lsp

from editing_client import Buffers, able, editing_server
from model_server import Answer, ModelServer, ToolUse
from server_client import SessionClient, refused, stop, uri_of
from shared_server import OpenEditor, SharedServer, key_for

ALLOWED = {"SESSIONLS_PERMISSIONS": '{"write": "allow", "execute": "allow"}'}
TEXT = "".join(f"line {number}\n" for number in range(1, 21))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedServer]:
    """An editor that makes edits and saves, and a server that does not ask for permission, shared by several tests."""
    async with editing_server(tmp_path_factory.mktemp("server"), ALLOWED) as server:
        yield server


@dataclass
class EditorSession:
    """An editor with its buffers, and a session."""

    client: SessionClient
    buffers: Buffers
    session: str
    models: ModelServer
    folder: Path

    async def write(self, name: str, text: str | bytes) -> str:
        """Write a file on disk. Returns its URI."""
        path = self.folder / name
        await asyncio.to_thread(path.write_bytes, text.encode() if isinstance(text, str) else text)
        return uri_of(path)

    async def person_writes(self, uri: str, text: str) -> None:
        """Type in the editor, which has had the file open since the agent's edit."""
        self.buffers.change(uri, text)
        await self.buffers.save(uri)

    async def bytes_of(self, name: str) -> bytes | None:
        path = self.folder / name
        return await asyncio.to_thread(lambda: path.read_bytes() if path.exists() else None)

    async def reply(self, *answers: Answer) -> str:
        """Let the agent do this in a reply. Returns the reply's id."""
        self.models.script(*answers, Answer("Done."))
        exchange = await self.client.ask("session/message", sessionId=self.session, text="Do it")
        calls = [part for part in exchange["reply"]["parts"] if part["kind"] == "tool"]
        assert all(call["status"] == "done" for call in calls), calls
        return str(exchange["reply"]["id"])

    async def changes(self, **scope: Any) -> dict[str, Any]:
        """The changed files, by name."""
        listed = await self.client.ask("change/list", sessionId=self.session, **scope)
        return {file["uri"].rpartition("/")[2]: file for file in listed["files"]}

    async def revert(self, **what: Any) -> dict[str, Any]:
        done: dict[str, Any] = await self.client.ask("change/revert", sessionId=self.session, **what)
        return done


@pytest_asyncio.fixture(loop_scope="module")
async def editor(one_server: SharedServer) -> AsyncIterator[EditorSession]:
    client = one_server.client
    client.received.clear()
    session = (await client.ask("session/create"))["id"]
    await client.ask("session/open", sessionId=session)
    buffers = Buffers(client)
    yield EditorSession(client, buffers, session, one_server.models, one_server.folder)
    buffers.close()
    for name in ("a.py", "b.py", "new.py"):
        await asyncio.to_thread((one_server.folder / name).unlink, missing_ok=True)


async def start(
    open_editor: OpenEditor,
    models: ModelServer,
    folder: Path,
    capabilities: lsp.ClientCapabilities,
    session: str | None = None,
    env: Mapping[str, str] = ALLOWED,
    **more: Any,
) -> EditorSession:
    variables = {**key_for(models), "SESSIONLS_EMBEDDED": "false", **env}
    client = await open_editor(capabilities=capabilities, env=variables, **more)
    session = session or (await client.ask("session/create"))["id"]
    await client.ask("session/open", sessionId=session)
    return EditorSession(client, Buffers(client), session, models, folder)


def reads(name: str = "a.py") -> Answer:
    return Answer(tools=[ToolUse("read_file", {"path": name})])


def edits(*changes: tuple[str, str], name: str = "a.py") -> Answer:
    return Answer(tools=[ToolUse("edit_file", {"path": name, "edits": [{"old": old, "new": new} for old, new in changes]})])


def creates(text: str, name: str = "new.py") -> Answer:
    return Answer(tools=[ToolUse("create_file", {"path": name, "text": text})])


def deletes(name: str = "b.py") -> Answer:
    return Answer(tools=[ToolUse("delete_file", {"path": name})])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_reply_is_listed_by_file_and_reverted_as_one_undo_step(editor: EditorSession) -> None:
    a = await editor.write("a.py", TEXT)
    await editor.write("b.py", "old\n")
    editor.buffers.open(a, TEXT)
    reply = await editor.reply(reads(), edits(("line 3\n", "three\n3\n"), ("line 18\n", "")), creates("new\n"), deletes())
    files = await editor.changes(messageId=reply)
    assert {name: (file["kind"], file["state"], file["added"], file["removed"]) for name, file in files.items()} == {
        "a.py": ("edited", "applied", 2, 2),
        "new.py": ("created", "applied", 1, 0),
        "b.py": ("deleted", "applied", 0, 1),
    }
    assert [(hunk["line"], hunk["patch"]) for hunk in files["a.py"]["hunks"]] == [
        (2, "-line 3\n+three\n+3\n"),
        (18, "-line 18\n"),
    ]
    before = len(editor.buffers.asked)
    done = await editor.revert(messageId=reply)
    assert len(done["uris"]) == 3 and "notices" not in done
    assert len(editor.buffers.asked) == before + 1, "one step to undo"
    assert [await editor.bytes_of(name) for name in ("a.py", "b.py", "new.py")] == [TEXT.encode(), b"old\n", None]
    assert editor.buffers.texts[a] == TEXT
    assert {file["state"] for file in (await editor.changes(messageId=reply)).values()} == {"reverted"}
    (event,) = editor.client.events_of("changesReverted")
    assert (event["by"]["name"], event["messageId"], event["revertId"]) == ("Ada", reply, done["revertId"])
    assert "-three\n-3\n+line 3\n" in event["files"][0]["patch"] and "kept" not in event["files"][0]
    with refused(-32049, "notPermitted"):
        await editor.revert(messageId=reply)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_revert_can_be_reverted(editor: EditorSession) -> None:
    await editor.write("a.py", TEXT)
    await editor.write("b.py", "old\n")
    reply = await editor.reply(reads(), edits(("line 3", "three")), creates("new\n"), deletes())
    first = await editor.revert(messageId=reply)
    second = await editor.revert(revertId=first["revertId"])
    assert [await editor.bytes_of(name) for name in ("a.py", "b.py", "new.py")] == [
        TEXT.replace("line 3\n", "three\n").encode(), None, b"new\n",
    ]  # fmt: skip
    assert {file["state"] for file in (await editor.changes(messageId=reply)).values()} == {"applied"}
    listed = await editor.client.ask("change/list", sessionId=editor.session)
    assert [(one["revertId"], one.get("of")) for one in listed["reverts"]] == [
        (first["revertId"], None),
        (second["revertId"], first["revertId"]),
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_one_file_or_one_hunk_can_be_reverted_alone(editor: EditorSession) -> None:
    a, b = await editor.write("a.py", TEXT), await editor.write("b.py", TEXT)
    change = edits(("line 3\n", "three\n"), ("line 18\n", "eighteen\n"))
    reply = await editor.reply(reads(), change, reads("b.py"), edits(("line 9\n", ""), name="b.py"))
    second = (await editor.changes(messageId=reply))["a.py"]["hunks"][1]["id"]
    await editor.revert(messageId=reply, uri=a, hunk=second)
    assert await editor.bytes_of("a.py") == TEXT.replace("line 3\n", "three\n").encode()
    files = await editor.changes(messageId=reply)
    assert (files["a.py"]["state"], files["b.py"]["state"]) == ("partly", "applied")
    assert [hunk["state"] for hunk in files["a.py"]["hunks"]] == ["applied", "reverted"]
    await editor.revert(messageId=reply, uri=b)
    assert await editor.bytes_of("b.py") == TEXT.encode()
    await editor.revert(messageId=reply)
    assert await editor.bytes_of("a.py") == TEXT.encode(), "the rest"
    with refused(-32602, "invalidParams"):
        await editor.revert(messageId=reply, uri=a, hunk="nothing")
    with refused(-32602, "invalidParams"):
        await editor.revert(messageId=reply, hunk=second)


@pytest.mark.asyncio(loop_scope="module")
async def test_changes_elsewhere_in_the_file_are_kept_and_unsaved_ones_are_not_saved(editor: EditorSession) -> None:
    a = await editor.write("a.py", TEXT)
    editor.buffers.open(a, TEXT)
    reply = await editor.reply(reads(), edits(("line 3\n", "three\n")))
    editor.buffers.change(a, "mine\n" + editor.buffers.texts[a].replace("line 18", "eighteen"))
    assert (await editor.changes(messageId=reply))["a.py"]["hunks"][0]["line"] == 3
    done = await editor.revert(messageId=reply)
    assert editor.buffers.texts[a] == "mine\n" + TEXT.replace("line 18", "eighteen")
    assert done["notices"] == ["a.py is not saved."]
    assert await editor.bytes_of("a.py") == TEXT.replace("line 3\n", "three\n").encode(), "what a person typed is theirs to save"


@pytest.mark.asyncio(loop_scope="module")
async def test_later_changes_of_the_same_lines_are_reported_as_conflicts(editor: EditorSession) -> None:
    a = await editor.write("a.py", TEXT)
    reply = await editor.reply(reads(), edits(("line 3\n", "three\n")), creates("new\n"))
    now = TEXT.replace("line 3\n", "mine\n")
    await editor.person_writes(a, now)
    assert (await editor.changes(messageId=reply))["a.py"]["state"] == "overwritten"
    with refused(-32049, "notPermitted") as refusal:
        await editor.revert(messageId=reply)
    (blocked,) = refusal.data["files"]
    assert blocked["uri"] == a and "-three\n+mine\n" in blocked["patch"]
    assert [await editor.bytes_of(name) for name in ("a.py", "new.py")] == [now.encode(), b"new\n"], "all of it, or nothing"
    assert not editor.client.events_of("changesReverted")
    await editor.revert(messageId=reply, uri=uri_of(editor.folder / "new.py"))
    assert await editor.bytes_of("new.py") is None


@pytest.mark.asyncio(loop_scope="module")
async def test_files_can_be_restored_to_before_a_message(editor: EditorSession) -> None:
    """Later replies' changes of the same lines are reverted too; the person's changes in between are kept."""
    a = await editor.write("a.py", TEXT)
    first = await editor.reply(reads(), edits(("line 1\n", "one\n")))
    second = await editor.reply(edits(("line 3\n", "three\n")))
    await editor.person_writes(a, editor.buffers.texts[a].replace("line 18", "eighteen"))
    await editor.reply(reads(), edits(("three\n", "3\n")))
    with refused(-32049, "notPermitted"):
        await editor.revert(messageId=second)
    message = (await editor.client.ask("session/history", sessionId=editor.session))["messages"][2]
    assert message["role"] == "participant"
    listed = (await editor.changes(since=message["id"], texts=True))["a.py"]
    wanted = TEXT.replace("line 1\n", "one\n").replace("line 18", "eighteen")
    assert (listed["state"], listed["before"]) == ("applied", wanted)
    await editor.revert(since=message["id"])
    assert await editor.bytes_of("a.py") == wanted.encode()
    assert (await editor.changes(messageId=first))["a.py"]["state"] == "applied"


@pytest.mark.asyncio(loop_scope="module")
async def test_every_byte_is_restored(editor: EditorSession) -> None:
    """A byte order mark, several kinds of line ends, and no line end at the end."""
    a, b = b"\xef\xbb\xbfone\r\ntwo\nthree\r\nfour", b"\xef\xbb\xbf\r\n\n\x0cend"
    await editor.write("a.py", a)
    await editor.write("b.py", b)
    reply = await editor.reply(reads(), edits(("two\nthree", "2"), ("four", "4\n")), deletes())
    assert await editor.bytes_of("b.py") is None
    await editor.revert(messageId=reply)
    assert [(await editor.bytes_of(name) or b"").removeprefix(b"\xef\xbb\xbf") for name in ("a.py", "b.py")] == [a[3:], b[3:]]


@pytest.mark.asyncio(loop_scope="module")
async def test_commands_are_listed_as_unknown_changes(editor: EditorSession) -> None:
    reply = await editor.reply(Answer(tools=[ToolUse("run_command", {"command": "echo hello"})]))
    listed = await editor.client.ask("change/list", sessionId=editor.session, messageId=reply)
    assert listed["files"] == []
    assert listed["commands"] == [{"messageId": reply, "tool": "run_command", "summary": "echo hello"}]
    with refused(-32049, "notPermitted"):
        await editor.revert(messageId=reply)


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_plugin_list_and_revert_are_commands(editor: EditorSession) -> None:
    await editor.write("a.py", TEXT)
    reply = await editor.reply(reads(), edits(("line 3\n", "")))
    arguments: list[Any] = [{"sessionId": editor.session, "messageId": reply}]

    async def command(name: str) -> Any:
        return await editor.client.workspace_execute_command_async(lsp.ExecuteCommandParams(command=name, arguments=arguments))

    listed = await command("sessionls.changes")
    assert len(listed["files"]) == 1
    arguments[0]["messageId"] = "last"
    await command("sessionls.revert")
    assert editor.client.events_of("changesReverted")[0]["messageId"] == reply
    assert await editor.bytes_of("a.py") == TEXT.encode()


async def test_after_a_restart_changes_are_reverted_on_disk_for_editors_without_edits(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path
) -> None:
    first = await start(open_editor, model_server, folder, able(), saves=True)
    await first.write("a.py", TEXT)
    await first.write("b.py", b"\xef\xbb\xbfold\r\n")
    reply = await first.reply(reads(), edits(("line 3\n", "three\n")), creates("new\n"), deletes())
    await stop(first.client)
    again = await start(open_editor, model_server, folder, able(applies=False), session=first.session)
    await again.revert(messageId=reply)
    assert [await again.bytes_of(name) for name in ("a.py", "b.py", "new.py")] == [TEXT.encode(), b"\xef\xbb\xbfold\r\n", None]


async def test_a_fork_can_revert_changes_of_its_parent(open_editor: OpenEditor, model_server: ModelServer, folder: Path) -> None:
    editor = await start(open_editor, model_server, folder, able(), saves=True)
    await editor.write("a.py", TEXT)
    reply = await editor.reply(reads(), edits(("line 3\n", "three\n")))
    editor.session = (await editor.client.ask("session/fork", sessionId=editor.session))["id"]
    await editor.revert(messageId=reply)
    assert await editor.bytes_of("a.py") == TEXT.encode()


async def test_nothing_is_written_in_restricted_mode_or_outside_the_folders(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path, tmp_path: Path
) -> None:
    editor = await start(open_editor, model_server, folder, able(), saves=True)
    await editor.write("a.py", TEXT)
    reply = await editor.reply(reads(), edits(("line 3\n", "three\n")))
    settings = {"sessionls": {"readOnly": True}}
    editor.client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(settings=settings))
    with refused(-32049, "notPermitted"):
        await editor.revert(messageId=reply)
    await stop(editor.client)
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = await start(open_editor, model_server, folder, able(), session=editor.session, folders=[other])
    listed = (await elsewhere.changes(messageId=reply))["a.py"]
    assert "outside of the workspace folders" in listed["notice"] and "state" not in listed
    with refused(-32049, "notPermitted"):
        await elsewhere.revert(messageId=reply)
    assert await editor.bytes_of("a.py") == TEXT.replace("line 3\n", "three\n").encode()
