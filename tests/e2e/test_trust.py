"""Untrusted workspaces and agents that may only read, and changes of both while the server runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from in_process_app import write_agent
from model_server import Answer, Hold, ModelServer, ToolUse
from server_client import SessionClient
from shared_server import PATIENCE, OpenEditor, text_of

LOOSE = {"SESSIONLS_PERMISSIONS": '{"write": "allow", "execute": "allow", "network": "allow"}'}
RESTRICTED = {"workspaceTrusted": False, "readOnly": True}


def change(client: SessionClient, settings: Any) -> None:
    client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(settings=settings))


async def terse(client: SessionClient) -> dict[str, Any]:
    """The agent that the workspace defines, as it is listed."""
    agents: list[dict[str, Any]] = (await client.ask("agent/list"))["agents"]
    return next(agent for agent in agents if agent["name"] == "terse")


def tools_of(reply: dict[str, Any]) -> dict[str, str]:
    return {part["name"]: part["status"] for part in reply["parts"] if part["kind"] == "tool"}


async def message(client: SessionClient, text: str = "Do it.") -> dict[str, Any]:
    session = await client.ask("session/create")
    reply: dict[str, Any] = (await client.ask("session/message", sessionId=session["id"], text=text))["reply"]
    return reply


@pytest.fixture
def loose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that allow everything."""
    for name, value in LOOSE.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("loose")
async def test_in_restricted_mode_other_tools_are_denied_with_the_reason(
    open_editor: OpenEditor, folder: Path, model_server: ModelServer
) -> None:
    (folder / "a.txt").write_text("the content", encoding="utf-8")
    wishes = [
        ToolUse("read_file", {"path": "a.txt"}),
        ToolUse("create_file", {"path": "b.txt", "text": "b"}),
        ToolUse("run_command", {"command": "echo done > c.txt"}),
        ToolUse("scan", {}),
    ]
    model_server.script(Answer(tools=wishes), Answer("I could only read."))
    client = await open_editor(permissions=True, options={"readOnly": True})
    reply = await message(client)
    assert tools_of(reply) == {"read_file": "done", "create_file": "denied", "run_command": "denied", "scan": "denied"}
    told = str(model_server.requests[1].messages)
    assert "the content" in told and told.count("Agents may only read here") == 3
    assert text_of(reply) == "I could only read."
    assert client.questions == [] and not (folder / "b.txt").exists() and not (folder / "c.txt").exists()


@pytest.mark.usefixtures("loose")
async def test_restricted_mode_applies_to_subagents(open_editor: OpenEditor, folder: Path, model_server: ModelServer) -> None:
    model_server.script(
        Answer(tools=[ToolUse("ask_agent", {"agent": "test", "question": "Run it."})]),
        Answer(tools=[ToolUse("run_command", {"command": "echo done > c.txt"})]),
        Answer("Not allowed."),
        Answer("It may not."),
    )
    client = await open_editor(options={"readOnly": True})
    reply = await message(client)
    assert text_of(reply) == "It may not."
    assert "Agents may only read here" in str(model_server.requests[2].messages)
    assert not (folder / "c.txt").exists()


@pytest.mark.usefixtures("loose")
async def test_in_restricted_mode_a_review_continues_without_the_scan(
    open_editor: OpenEditor, folder: Path, model_server: ModelServer
) -> None:
    (folder / "a.py").write_text("import os\n", encoding="utf-8")
    model_server.script(Answer("Looks good."))
    client = await open_editor(options=RESTRICTED)
    session = await client.command("sessionls.review", {"uri": (folder / "a.py").as_uri()})
    await model_server.received(1, PATIENCE)  # the agent, after the scanners
    history = await client.ask("session/history", sessionId=session["id"])
    scans = [tools_of(one) for one in history["messages"] if one["role"] == "agent" and tools_of(one)]
    assert scans == [{"scan": "denied"}]


async def test_trust_that_is_given_later_applies_at_once_and_stops_no_reply(
    open_editor: OpenEditor, folder: Path, model_server: ModelServer
) -> None:
    client = await open_editor(options=RESTRICTED)
    assert not (await terse(client))["available"]
    run = ToolUse("run_command", {"command": "echo yes > c.txt"})
    hold = Hold("While it is written, ", Answer("trust is given.", tools=[run]))
    model_server.script(hold, Answer("Done."), Answer("Terse."))
    session = await client.ask("session/create")
    sending = asyncio.ensure_future(client.ask("session/message", sessionId=session["id"], text="Go."))
    await hold.reached.wait(PATIENCE)
    change(client, {"sessionls": {"workspaceTrusted": True, "readOnly": False}})
    await client.until(lambda: client.all_of("agent/changed"))
    assert (await terse(client))["available"]
    hold.go.set()
    await client.until(lambda: client.questions)  # the policy applies again, and it asks
    client.decisions.put_nowait(next(action for action in client.questions[0]["actions"] if action.title == "Allow once"))
    reply = (await sending)["reply"]
    assert (reply["status"], tools_of(reply)) == ("complete", {"run_command": "done"})
    assert text_of(reply).startswith("While it is written, trust is given.")
    assert (folder / "c.txt").exists()
    exchange = await client.ask("session/message", sessionId=session["id"], text="And you?", agent="terse")
    assert text_of(exchange["reply"]) == "Terse."


async def test_trust_can_be_revoked(open_editor: OpenEditor) -> None:
    client = await open_editor()
    assert (await terse(client))["available"]
    change(client, {"sessionls": {"workspaceTrusted": False}})
    await client.until(lambda: client.all_of("agent/changed"))
    agent = await terse(client)
    assert not agent["available"] and not agent["trusted"] and agent["problem"]


async def test_permission_does_not_count_after_a_change_to_restricted_mode(
    open_editor: OpenEditor, folder: Path, model_server: ModelServer
) -> None:
    model_server.script(Answer(tools=[ToolUse("run_command", {"command": "echo yes > c.txt"})]), Answer("Not."))
    client = await open_editor(permissions=True)
    session = await client.ask("session/create")
    sending = asyncio.ensure_future(client.ask("session/message", sessionId=session["id"], text="Go."))
    await client.until(lambda: client.questions)
    change(client, {"sessionls": {"readOnly": True}})
    await client.until(lambda: client.all_of("agent/changed"))
    client.decisions.put_nowait({"decision": "once"})
    assert tools_of((await sending)["reply"]) == {"run_command": "denied"}
    assert not (folder / "c.txt").exists()


async def test_changes_during_the_start_of_the_server_are_not_lost(open_editor: OpenEditor) -> None:
    client = await open_editor(options=RESTRICTED)
    change(client, {"sessionls": {"workspaceTrusted": True}})
    await client.until(lambda: client.all_of("agent/changed"))
    assert (await terse(client))["available"]


@pytest.mark.parametrize("settings", [None, [], {}, {"other": 1}, {"sessionls": 5}, {"sessionls": {"readOnly": "perhaps"}}])
async def test_an_empty_configuration_changes_nothing(open_editor: OpenEditor, settings: Any) -> None:
    client = await open_editor()
    change(client, settings)
    assert (await terse(client))["available"]


async def test_clients_without_trust_options_are_asked_as_usual(
    open_editor: OpenEditor, folder: Path, model_server: ModelServer
) -> None:
    write_agent(folder, "unused", "You are not used.")
    model_server.script(Answer(tools=[ToolUse("run_command", {"command": "echo yes > c.txt"})]), Answer("Done."))
    client = await open_editor(permissions=True, options={"workspaceTrusted": False})
    client.decisions.put_nowait({"decision": "once"})
    assert tools_of(await message(client)) == {"run_command": "done"}
    assert (folder / "c.txt").exists()
