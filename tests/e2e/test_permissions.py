"""An agent that must ask: the person at the editor answers, with a plugin or without one, or somebody else does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from model_server import Answer, ModelServer, ToolUse
from office import OpenEditor, text_of
from rooms import write_agent
from server_client import refused


@pytest.fixture
def careful(folder: Path, model_server: ModelServer) -> Path:
    """An agent that asks before it reads, and wants to read."""
    write_agent(folder, "careful", "You are careful.", tools="[read_file]", permissions="{read: ask}")
    (folder / "a.txt").write_text("the content", encoding="utf-8")
    model_server.script(Answer(tools=[ToolUse("read_file", {"path": "a.txt"})]), Answer("Done."))
    return folder


@pytest.mark.usefixtures("careful")
async def test_a_plugin_is_asked_with_a_request_of_its_own(open_editor: OpenEditor, model_server: ModelServer) -> None:
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
    assert [action.title for action in question["actions"]] == ["Allow once", "Allow for this session", "Deny"]
    assert "careful" in question["message"] and "A yes for this session covers: read_file" in question["message"]
    assert "the content" not in model_server.requests[1].text


@pytest.mark.usefixtures("careful")
async def test_whoever_else_is_in_the_session_may_answer_and_the_first_answer_counts(
    open_editor: OpenEditor, model_server: ModelServer
) -> None:
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
