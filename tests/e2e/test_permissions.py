"""An agent that must ask for permission: the person at the editor answers, with or without a plugin, or somebody else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound

from in_process_app import write_agent
from model_server import Answer, ModelServer, ToolUse
from server_client import SessionClient, refused, uri_of
from shared_server import OpenEditor, text_of


@pytest.fixture
def careful(folder: Path, model_server: ModelServer) -> Path:
    """An agent that asks before it reads, and wants to read."""
    write_agent(folder, "careful", "You are careful.", tools="[read_file]", permissions="{read: ask}")
    (folder / "a.txt").write_text("the content", encoding="utf-8")
    model_server.script(Answer(tools=[ToolUse("read_file", {"path": "a.txt"})]), Answer("Done."))
    return folder


@pytest.mark.usefixtures("careful")
async def test_a_plugin_is_asked_with_a_custom_request(open_editor: OpenEditor, model_server: ModelServer) -> None:
    client = await open_editor(permissions=True)
    session = await client.ask("session/create", agent="careful")
    client.decisions.put_nowait({"decision": "once"})
    exchange = await client.ask("session/message", sessionId=session["id"], text="Read a.txt")
    (question,) = client.questions
    assert (question["sessionId"], question["agent"], question["tool"]) == (session["id"], "careful", "read_file")
    assert question["risk"] == "read" and question["summary"] and question["requestId"] and question["scope"] == "read_file"
    assert "the content" in model_server.requests[1].text
    assert text_of(exchange["reply"]) == "Done."


@pytest.mark.usefixtures("careful")
async def test_an_editor_with_no_plugin_is_asked_with_a_message(open_editor: OpenEditor, model_server: ModelServer) -> None:
    client = await open_editor(events=False)
    session = await client.ask("session/create", agent="careful")
    client.decisions.put_nowait(lsp.MessageActionItem(title="Deny"))
    await client.ask("session/message", sessionId=session["id"], text="Read a.txt")
    (question,) = client.questions
    assert [action.title for action in question["actions"]] == ["Deny", "Allow once", "Allow for this session"]
    assert "careful" in question["message"] and "read_file, in replies to your messages" in question["message"]
    assert "the content" not in model_server.requests[1].text


@pytest.mark.usefixtures("careful")
async def test_any_participant_may_answer_and_the_first_answer_counts(open_editor: OpenEditor, model_server: ModelServer) -> None:
    ada = await open_editor("Ada", permissions=True)
    session = await ada.ask("session/create", agent="careful")
    ben = await open_editor("Ben")
    await ben.ask("session/open", sessionId=session["id"])
    sending = asyncio.ensure_future(ada.ask("session/message", sessionId=session["id"], text="Read a.txt"))
    await ben.until(lambda: ben.events_of("permissionAsked"))
    request = ben.events_of("permissionAsked")[0]["requestId"]
    await ben.ask("session/answer", sessionId=session["id"], requestId=request, decision="once")
    assert text_of((await sending)["reply"]) == "Done."
    assert "the content" in model_server.requests[1].text
    with refused(-32049, "notPermitted"):
        await ada.ask("session/answer", sessionId=session["id"], requestId=request, decision="deny")


# -- without a plugin --------------------------------------------------------------------------------------------------

ALLOW = lsp.MessageActionItem(title="Allow once")


async def begin(client: SessionClient) -> tuple[str, asyncio.Future[Any]]:
    session = await client.ask("session/create", agent="careful")
    return session["id"], asyncio.ensure_future(client.ask("session/message", sessionId=session["id"], text="Read a.txt"))


async def said(client: SessionClient, words: str) -> str:
    """Wait for the message to the person that contains this text."""
    await client.until(lambda: [one for one in client.all_of("window/showMessage") if words in one["message"]])
    messages: list[str] = [one["message"] for one in client.all_of("window/showMessage")]
    return next(message for message in messages if words in message)


@pytest.mark.usefixtures("careful")
async def test_keys_typed_ahead_do_not_grant_permission(open_editor: OpenEditor, model_server: ModelServer) -> None:
    client = await open_editor(events=False)
    client.hasty = True
    client.decisions.put_nowait(ALLOW)  # it is there before the question can be read
    _, sending = await begin(client)
    await client.until(lambda: len(client.questions) == 2)
    assert "Asked again" in client.questions[1]["message"] and len(model_server.requests) == 1
    client.decisions.put_nowait(None)
    await said(client, "stays open")
    assert not sending.done()
    sending.cancel()


@pytest.mark.usefixtures("careful")
async def test_no_question_appears_while_typing(open_editor: OpenEditor, folder: Path) -> None:
    client = await open_editor(events=False)
    uri, version = uri_of(folder / "a.py"), 1
    client.open_document(uri, "")
    session_id, sending = await begin(client)
    asking: list[Any] = []
    while not asking:  # the question is open, and the keys go on
        version += 1
        client.change_document(uri, version, lsp.TextDocumentContentChangeWholeDocument(text="x" * version))
        asking = (await client.ask("session/questions", sessionId=session_id))["questions"]
        await asyncio.sleep(0.05)
    for _ in range(20):
        version += 1
        client.change_document(uri, version, lsp.TextDocumentContentChangeWholeDocument(text="x" * version))
        await asyncio.sleep(0.05)
        assert client.questions == []
    await client.until(lambda: client.questions)
    client.decisions.put_nowait(ALLOW)
    assert text_of((await sending)["reply"]) == "Done."


async def test_message_boxes_are_shown_one_at_a_time(open_editor: OpenEditor, folder: Path, model_server: ModelServer) -> None:
    write_agent(folder, "careful", "You are careful.", tools="[read_file]", permissions="{read: ask}")
    reads = [ToolUse("read_file", {"path": path}) for path in ("a.txt", "b.txt")]
    model_server.script(Answer(tools=reads), Answer("Done."))
    client, other = await open_editor(events=False), await open_editor("Ben")
    session = await client.ask("session/create", agent="careful")
    await other.ask("session/open", sessionId=session["id"])
    sending = asyncio.ensure_future(client.ask("session/message", sessionId=session["id"], text="Read both"))
    await other.until(lambda: len(other.events_of("permissionAsked")) == 2)
    await client.until(lambda: client.questions)
    assert len(client.questions) == 1, "keys typed into the first box would answer the second one"
    client.decisions.put_nowait(ALLOW)
    await client.until(lambda: len(client.questions) == 2)
    client.decisions.put_nowait(ALLOW)
    assert text_of((await sending)["reply"]) == "Done."


@pytest.mark.parametrize(
    "answer",
    [
        None,
        lsp.MessageActionItem(title="Something else"),
        JsonRpcMethodNotFound.of("window/showMessageRequest"),
        JsonRpcException("no"),
    ],
    ids=["dismissed", "unknown", "no such method", "an error"],
)
@pytest.mark.usefixtures("careful")
async def test_an_unanswered_question_stays_open_and_the_person_learns_how_to_answer(
    open_editor: OpenEditor, model_server: ModelServer, folder: Path, answer: Any
) -> None:
    client = await open_editor(events=False)
    client.decisions.put_nowait(answer)
    session_id, sending = await begin(client)
    told = await said(client, "Answer with")
    (asked,) = (await client.command("sessionls.questions"))["questions"]
    request = asked["question"]["requestId"]
    assert f"sessionls answer {session_id[-8:]} {request[-8:]} once|session|deny" in told
    document = (await client.raw("workspace/textDocumentContent", {"uri": f"sessionls:/{session_id}.md"}))["text"]
    assert "careful waits for permission to continue its reply to Ada" in document
    assert f"sessionls answer {session_id[-8:]} {request[-8:]} once|session|deny" in document

    async def actions(uri: str) -> list[dict[str, Any]]:
        at = {"line": 0, "character": 0}
        params = {"textDocument": {"uri": uri}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
        found = await client.raw("textDocument/codeAction", params)
        return [action for action in found if action.get("kind") == "sessionls.answer"]

    other = await client.ask("session/create")
    assert await actions(f"sessionls:/{other['id']}.md") == []
    offered = await actions(f"sessionls:/{session_id}.md")
    assert [one["title"].partition(":")[0] for one in offered] == ["Deny", "Allow once", "Allow for this session"]
    assert await actions(uri_of(folder / "a.txt")) == offered
    command = offered[1]["command"]
    await client.command(command["command"], *command["arguments"])
    assert text_of((await sending)["reply"]) == "Done."
    assert "the content" in model_server.requests[1].text
    assert await actions(uri_of(folder / "a.txt")) == []


@pytest.mark.usefixtures("careful")
async def test_a_message_box_is_withdrawn_when_somebody_else_answers(open_editor: OpenEditor) -> None:
    client = await open_editor(events=False)
    session_id, sending = await begin(client)
    await client.until(lambda: client.questions)
    other = await open_editor("Ben")
    await other.ask("session/answer", sessionId=session_id, decision="deny")
    await client.until(lambda: client.withdrawn)
    assert text_of((await sending)["reply"]) == "Done."
    with refused(-32049, "notPermitted"):
        await other.ask("session/answer", sessionId=session_id, decision="deny")


@pytest.mark.usefixtures("careful")
async def test_a_client_that_refuses_the_custom_request_is_asked_with_a_message(
    open_editor: OpenEditor,
) -> None:
    client = await open_editor(permissions=True)
    client.decisions.put_nowait(JsonRpcMethodNotFound.of("session/requestPermission"))
    _, sending = await begin(client)
    await client.until(lambda: len(client.questions) == 2)
    client.decisions.put_nowait(ALLOW)
    assert text_of((await sending)["reply"]) == "Done."


@pytest.mark.usefixtures("careful")
async def test_lists_and_notifications_include_open_questions(open_editor: OpenEditor) -> None:
    client = await open_editor(permissions=True)
    session_id, sending = await begin(client)
    await client.until(lambda: client.questions)
    (question,) = client.questions
    await client.ask("session/create", title="newer")
    listed = (await client.ask("session/list"))["sessions"]
    assert listed[0]["id"] == session_id and len(listed) == 2
    opened = await client.ask("session/open", sessionId=session_id)
    for session in (listed[0], opened["session"], await client.ask("session/get", sessionId=session_id)):
        (asked,) = session["asking"]
        assert (asked["requestId"], asked["messageId"]) == (question["requestId"], question["messageId"])
        assert (asked["agent"], asked["tool"], asked["risk"], asked["scope"]) == ("careful", "read_file", "read", "read_file")
    await client.until(lambda: any(one["session"].get("asking") for one in client.all_of("session/changed")))
    client.decisions.put_nowait({"decision": "deny"})
    await sending
    await client.until(lambda: "asking" not in client.all_of("session/changed")[-1]["session"])
