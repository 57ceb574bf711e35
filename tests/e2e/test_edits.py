"""Edits by an agent, end to end: the editor makes them in its buffers, where they can be undone, or refuses them."""

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
from server_client import SessionClient, uri_of
from shared_server import OpenEditor, SharedServer, key_for, text_of

ALLOWED = {"SESSIONLS_PERMISSIONS": '{"write": "allow"}'}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedServer]:
    """An editor that makes edits, and a server that does not ask for permission, shared by several tests."""
    async with editing_server(tmp_path_factory.mktemp("server"), ALLOWED) as server:
        yield server


@pytest.fixture
def path(folder: Path) -> Path:
    return _path_in(folder)


def _path_in(folder: Path) -> Path:
    path = folder / "a.py"
    path.write_text("on disk\n", encoding="utf-8")
    return path


@dataclass
class EditedSession:
    """The one editor with its buffers, a session, and `a.py`, which is not open yet."""

    client: SessionClient
    buffers: Buffers
    session: str
    models: ModelServer
    path: Path


@pytest_asyncio.fixture(loop_scope="module")
async def edited(one_server: SharedServer) -> AsyncIterator[EditedSession]:
    client = one_server.client
    client.received.clear()
    one_server.models.requests.clear()
    path = await asyncio.to_thread(_path_in, one_server.folder)
    session = (await client.ask("session/create"))["id"]
    await client.ask("session/open", sessionId=session)
    buffers = Buffers(client)
    yield EditedSession(client, buffers, session, one_server.models, path)
    buffers.close()


async def start(
    open_editor: OpenEditor,
    models: ModelServer,
    capabilities: lsp.ClientCapabilities,
    env: Mapping[str, str] = ALLOWED,
    **more: Any,
) -> tuple[SessionClient, Buffers, str]:
    """An editor, its buffers, and a session with an agent that writes."""
    variables = {**key_for(models), "SESSIONLS_EMBEDDED": "false", **env}
    client = await open_editor(capabilities=capabilities, env=variables, **more)
    session = await client.ask("session/create")
    await client.ask("session/open", sessionId=session["id"])
    return client, Buffers(client), session["id"]


def reads(name: str = "a.py") -> Answer:
    return Answer(tools=[ToolUse("read_file", {"path": name})])


def edits(old: str, new: str, name: str = "a.py") -> Answer:
    return Answer(tools=[ToolUse("edit_file", {"path": name, "edits": [{"old": old, "new": new}]})])


def results(exchange: dict[str, Any]) -> list[tuple[str, str]]:
    """The status and result of each call."""
    return [(part["status"], part["result"]) for part in exchange["reply"]["parts"] if part["kind"] == "tool"]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_open_buffer_with_unsaved_changes_is_edited_and_the_edit_can_be_undone(edited: EditedSession) -> None:
    client, buffers, session, path = edited.client, edited.buffers, edited.session, edited.path
    uri = uri_of(path)
    buffers.open(uri, "𝄞 = 'unsaved'; x = 1\r\ny = 2\r\n")
    edited.models.script(reads(), edits("x = 1\ny = 2", "x = 3"), edits("x = 3", "x = 4"), Answer("Done."))
    exchange = await client.ask("session/message", sessionId=session, text="Change x")
    assert [status for status, _ in results(exchange)] == ["done", "done", "done"]
    assert buffers.texts[uri] == "𝄞 = 'unsaved'; x = 4\r\n"
    assert await asyncio.to_thread(path.read_bytes) == b"on disk\n", "nothing happens behind the editor's back"
    assert [(e["uri"], e["applied"]) for e in client.events_of("edited")] == [(uri, True), (uri, True)]
    assert [part["applied"] for part in exchange["reply"]["parts"] if part["kind"] == "edit"] == [True, True]
    first = buffers.asked[0]
    (change,) = first.edit.document_changes or ()
    assert isinstance(change, lsp.TextDocumentEdit) and change.text_document.version == 1
    assert first.label == "Edit a.py" and first.edit.change_annotations is None
    buffers.undo()
    buffers.undo()
    assert buffers.texts[uri] == "𝄞 = 'unsaved'; x = 1\r\ny = 2\r\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_buffer_that_changed_after_the_agent_read_it_is_not_edited(edited: EditedSession) -> None:
    client, buffers, session, path = edited.client, edited.buffers, edited.session, edited.path
    uri = uri_of(path)
    buffers.open(uri, "x = 1\n")
    edited.models.script(reads(), Answer("Read."), edits("x = 1", "x = 2"), reads(), edits("x = 1", "x = 2"), Answer("Done."))
    await client.ask("session/message", sessionId=session, text="Read")
    buffers.change(uri, "x = 1  # mine\n")
    exchange = await client.ask("session/message", sessionId=session, text="Change")
    (status, said), _, (again, _) = results(exchange)
    assert status == "failed" and "has changed since you read it" in said
    assert again == "done" and buffers.texts[uri] == "x = 2  # mine\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_the_editor_checks_the_version_again(edited: EditedSession) -> None:
    client, buffers, session, path = edited.client, edited.buffers, edited.session, edited.path
    uri = uri_of(path)
    buffers.open(uri, "x = 1\n")
    edited.models.script(reads(), edits("x = 1", "x = 2"), Answer("Not done."))
    buffers.versions[uri] = 7  # the person types, but the server does not know it yet
    exchange = await client.ask("session/message", sessionId=session, text="Change")
    status, said = results(exchange)[-1]
    assert status == "failed" and "stale" in said and "-x = 1\n+x = 2\n" in said
    assert buffers.texts[uri] == "x = 1\n"
    assert [e["applied"] for e in client.events_of("edited")] == [False]


@pytest.mark.asyncio(loop_scope="module")
async def test_files_are_created_edited_and_deleted_through_the_editor(edited: EditedSession) -> None:
    client, buffers, session, path = edited.client, edited.buffers, edited.session, edited.path
    new = uri_of(path.parent / "new folder" / "b.py")
    edited.models.script(
        Answer(tools=[ToolUse("create_file", {"path": "new folder/b.py", "text": "b = 1\n"})]),
        edits("1", "2", "new folder/b.py"),
        reads(),
        edits("on disk", "edited"),
        Answer(tools=[ToolUse("delete_file", {"path": "a.py"})]),
        Answer("Done."),
    )
    exchange = await client.ask("session/message", sessionId=session, text="Write")
    *made, deleted = results(exchange)
    assert [status for status, _ in made] == ["done"] * 4
    assert buffers.texts == {new: "b = 2\n"}, "the editor closed what was deleted"
    assert made[3][1].startswith("Edited a.py")
    assert deleted[0] == "done", "the edit was saved, so nothing of it is lost"
    first = [type(one) for one in buffers.asked[0].edit.document_changes or ()]
    assert first == [lsp.CreateFile, lsp.TextDocumentEdit]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_file_is_deleted(edited: EditedSession) -> None:
    client, buffers, session, path = edited.client, edited.buffers, edited.session, edited.path
    edited.models.script(Answer(tools=[ToolUse("delete_file", {"path": "a.py"})]), Answer("Done."))
    await client.ask("session/message", sessionId=session, text="Delete")
    (change,) = buffers.asked[0].edit.document_changes or ()
    assert isinstance(change, lsp.DeleteFile) and not await asyncio.to_thread(path.exists)


async def test_clients_with_change_annotations_get_a_label_and_can_be_made_to_ask(
    open_editor: OpenEditor, model_server: ModelServer, path: Path
) -> None:
    env = {**ALLOWED, "SESSIONLS_CONFIRM_EDITS": "true"}
    client, buffers, session = await start(open_editor, model_server, able(annotations=True), env)
    buffers.open(uri_of(path), "x = 1\n")
    model_server.script(reads(), edits("x = 1", "x = 2"), Answer("Done."))
    await client.ask("session/message", sessionId=session, text="Change")
    edit = buffers.asked[0].edit
    assert [(a.label, a.needs_confirmation) for a in (edit.change_annotations or {}).values()] == [("Edit a.py", True)]
    assert buffers.texts[uri_of(path)] == "x = 2\n"


async def test_a_client_without_versions_gets_plain_changes_and_no_new_files(
    open_editor: OpenEditor, model_server: ModelServer, path: Path
) -> None:
    client, buffers, session = await start(open_editor, model_server, able(versions=False, files=False))
    buffers.open(uri_of(path), "x = 1\n")
    model_server.script(
        reads(),
        edits("x = 1", "x = 2"),
        Answer(tools=[ToolUse("create_file", {"path": "b.py", "text": "b"})]),
        Answer("Done."),
    )
    exchange = await client.ask("session/message", sessionId=session, text="Change")
    assert buffers.asked[0].edit.document_changes is None and buffers.texts[uri_of(path)] == "x = 2\n"
    status, said = results(exchange)[-1]
    assert status == "failed" and "creates no files" in said and "+b" in said
    assert not (path.parent / "b.py").exists()


@pytest.mark.parametrize("why", ["cannot", "declines"])
async def test_a_change_that_the_editor_refuses_is_returned_as_a_patch(
    open_editor: OpenEditor, model_server: ModelServer, path: Path, why: str
) -> None:
    client, buffers, session = await start(open_editor, model_server, able(applies=why == "declines"))
    buffers.open(uri_of(path), "x = 1\n")
    buffers.reason = "The person declined."
    model_server.script(reads(), edits("x = 1", "x = 2"), Answer("Here is the patch."))
    exchange = await client.ask("session/message", sessionId=session, text="Change")
    status, said = results(exchange)[-1]
    assert status == "failed" and "-x = 1\n+x = 2\n" in said
    assert ("takes no edits" if why == "cannot" else "The person declined.") in said
    assert len(buffers.asked) == (why == "declines")
    assert [part["applied"] for part in exchange["reply"]["parts"] if part["kind"] == "edit"] == [False]
    assert text_of(exchange["reply"]).endswith("Here is the patch.")


async def test_nothing_is_edited_without_permission(open_editor: OpenEditor, model_server: ModelServer, path: Path) -> None:
    client, buffers, session = await start(open_editor, model_server, able(), {}, permissions=True)
    buffers.open(uri_of(path), "x = 1\n")
    model_server.script(reads(), edits("x = 1", "x = 2"), edits("x = 1", "x = 3"), Answer("Done."))
    for decision in ("deny", "once"):
        client.decisions.put_nowait({"decision": decision})
    exchange = await client.ask("session/message", sessionId=session, text="Change")
    assert [status for status, _ in results(exchange)] == ["done", "denied", "done"]
    question = client.questions[0]
    assert (question["tool"], question["risk"], question["summary"]) == ("edit_file", "write", "Edit a.py")
    assert "-x = 1\n+x = 2\n" in question["detail"]
    assert buffers.texts[uri_of(path)] == "x = 3\n" and len(buffers.asked) == 1


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("how", ["pause", "cancel"])
async def test_a_reply_can_be_stopped_while_the_editor_is_asked_to_edit(edited: EditedSession, how: str) -> None:
    client, buffers, session, path = edited.client, edited.buffers, edited.session, edited.path
    buffers.open(uri_of(path), "x = 1\n")
    asked, never = asyncio.Event(), asyncio.Event()

    async def on_apply(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
        asked.set()
        await never.wait()
        return lsp.ApplyWorkspaceEditResult(applied=False)

    client.protocol.fm.features[lsp.WORKSPACE_APPLY_EDIT] = on_apply
    edited.models.script(reads(), edits("x = 1", "x = 2"), Answer("Done."))
    sending = asyncio.ensure_future(client.ask("session/message", sessionId=session, text="Change"))
    async with asyncio.timeout(60):
        await asked.wait()
    await client.ask(f"session/{how}", sessionId=session)
    exchange = await sending
    if how == "cancel":
        assert exchange["reply"]["status"] == "cancelled" and results(exchange)[-1][0] == "failed"
        return
    assert (exchange["reply"]["status"], exchange["reply"]["parts"][-1]["status"]) == ("paused", "running")
    await client.ask("session/resume", sessionId=session)
    await client.until(lambda: len(client.events_of("replyFinished")) == 2)
    reply = client.events_of("replyFinished")[-1]["message"]
    status, said = results({"reply": reply})[-1]
    assert status == "failed" and "not known" in said, "it is not repeated"
    assert client.events_of("edited") == []
