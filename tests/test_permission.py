"""Nothing dangerous happens without permission: policy, questions, answers from anywhere, and withdrawn questions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from in_process_app import BEN, App, app, write_agent
from model_server import Answer, ModelServer, ToolUse
from sessionls.domain.agent import Definition, Permission
from sessionls.domain.errors import NotPermitted
from sessionls.domain.events import PermissionAsked
from sessionls.domain.model import Message, ToolPart
from sessionls.domain.permission import PermissionRequest, Policy, Risk
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.replies.writer import ReplyWriter
from sessionls.settings.settings import config_dir, config_file
from sessionls.tools.toolbox import Toolbox


class Writes:
    """A tool that counts its calls."""

    name = "write_it"
    description = "Writes."
    schema: Mapping[str, Any] = {"type": "object", "properties": {"what": {"type": "string"}}}
    risk: Literal["write"] = "write"
    runs_programs = False

    def __init__(self) -> None:
        self.done: list[str] = []

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        return PermissionRequest(f"Write {arguments['what']}", detail="+ it")

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        self.done.append(arguments["what"])
        return "written"


def agent(origin: Literal["builtin", "user", "workspace"] = "builtin", **permissions: Permission) -> Definition:
    return Definition(name="a", prompt="", origin=origin, permissions=permissions)


@pytest.mark.parametrize(
    ("settings", "definition", "tool", "risk", "decision"),
    [
        ({}, agent(), "read_file", "read", "allow"),
        ({}, agent(), "edit_file", "write", "ask"),
        ({}, agent(), "run_command", "execute", "ask"),
        ({}, agent(), "web/fetch", "network", "ask"),
        ({"write": "allow"}, agent(), "edit_file", "write", "allow"),
        ({"write": "allow", "edit_file": "deny"}, agent(), "edit_file", "write", "deny"),
        ({"web/*": "deny"}, agent(), "web/fetch", "network", "deny"),
        ({}, agent(write="allow"), "edit_file", "write", "allow"),
        ({"edit_file": "deny"}, agent(write="allow"), "edit_file", "write", "deny"),
        ({"write": "allow"}, agent(edit_file="ask"), "edit_file", "write", "ask"),
        ({}, agent("workspace", write="allow"), "edit_file", "write", "ask"),
        ({"write": "allow"}, agent("workspace", write="deny"), "edit_file", "write", "deny"),
    ],
)
def test_the_most_specific_rule_applies(
    settings: dict[str, Permission], definition: Definition, tool: str, risk: Risk, decision: Permission
) -> None:
    assert Policy(settings).decide(definition, tool, risk) == decision


@pytest.fixture
def tool() -> Writes:
    return Writes()


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "writer", "You write.")
    return folder


@pytest.fixture
async def home(folder: Path, model_server: ModelServer, tool: Writes, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    async with app(folder, model_server) as home:
        give(home, tool, monkeypatch)
        yield home


def give(home: App, tool: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.sessions._replies, "_tools", Toolbox([tool]))


def calls(*names: str) -> Answer:
    return Answer(tools=[ToolUse("write_it", {"what": name}) for name in names])


def statuses(reply: Message) -> list[str]:
    return [part.status for part in reply.parts if isinstance(part, ToolPart)]


async def test_once_allows_one_call_and_session_all_calls(home: App, model_server: ModelServer, tool: Writes) -> None:
    model_server.script(calls("a", "b"), calls("c"), Answer("done"))
    home.editor.answers += ["once", "session"]
    session = await home.sessions.create(agent="writer")
    reply = (await home.sessions.message(session.id, "write")).reply
    assert tool.done == ["a", "b", "c"]
    assert [(q.summary, q.detail, q.risk) for q in home.editor.questions] == [
        ("Write a", "+ it", "write"),
        ("Write b", "+ it", "write"),
    ]
    assert statuses(reply) == ["done", "done", "done"]
    kinds = [event.kind for event in await home.built.store.events(session.id, after=0)]
    assert kinds.count("permissionAsked") == kinds.count("permissionAnswered") == 2
    assert kinds.index("permissionAnswered") < kinds.index("toolCalled")


async def test_a_bound_that_changes_while_the_call_is_stored_applies_to_it(
    home: App, model_server: ModelServer, tool: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_server.script(calls("a"), Answer("then not"))
    home.editor.answers += ["once"]
    keep = ReplyWriter.keep_call

    async def and_bind(self: ReplyWriter, *call: Any) -> None:
        home.built.bounds.read_only = True
        await keep(self, *call)

    monkeypatch.setattr(ReplyWriter, "keep_call", and_bind)
    session = await home.sessions.create(agent="writer")
    reply = (await home.sessions.message(session.id, "write")).reply
    assert (tool.done, statuses(reply)) == ([], ["denied"])
    assert "may only read" in model_server.requests[1].text


@pytest.mark.skipif(os.name == "nt", reason="Windows does not ask the environment where the configuration is")
async def test_agents_cannot_write_the_persons_own_configuration(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))  # if the home folder itself is the workspace
    for name in ("XDG_CONFIG_HOME", "SESSIONLS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    async with app(folder, model_server) as home:
        (create,) = home.built.sessions._replies._tools.offer(["create_file"])
        for path in (config_file(), config_dir() / "agents" / "me.md", folder / ".config" / "opencode" / "agent" / "me.md"):
            with pytest.raises(ToolFailed, match="only people may change it"):
                await create.permission_request({"path": str(path), "text": "x"})


async def test_a_denied_call_is_not_made_and_the_agent_learns_it(home: App, model_server: ModelServer, tool: Writes) -> None:
    model_server.script(calls("a"), Answer("then not"))
    home.editor.answers += ["deny"]
    session = await home.sessions.create(agent="writer")
    reply = (await home.sessions.message(session.id, "write")).reply
    assert (tool.done, statuses(reply), reply.text) == ([], ["denied"], "then not")
    assert "not permitted" in model_server.requests[1].text


async def test_a_timeout_denies_the_request(home: App, model_server: ModelServer, tool: Writes) -> None:
    model_server.script(calls("a"), Answer("then not"))
    home.sessions._replies._approvals._seconds = 0.05
    session = await home.sessions.create(agent="writer")
    reply = (await home.sessions.message(session.id, "write")).reply
    assert (tool.done, statuses(reply)) == ([], ["denied"])
    assert home.editor.withdrawn


async def test_any_participant_may_answer_and_the_first_counts(
    home: App, folder: Path, model_server: ModelServer, tool: Writes
) -> None:
    model_server.script(calls("a"), Answer("done"))
    async with app(folder, model_server, participant=BEN) as ben:
        session = await home.sessions.create(agent="writer")
        await ben.sessions.open(session.id)
        send = asyncio.create_task(home.sessions.message(session.id, "write"))
        asked = await ben.event("permissionAsked")
        assert isinstance(asked, PermissionAsked) and asked.summary == "Write a"
        await home.editor.asked.wait()
        await ben.sessions.answer(session.id, asked.request_id, "once")
        assert (await send).reply.text == "done"
        assert tool.done == ["a"]
        assert home.editor.withdrawn == [asked.request_id]
        with pytest.raises(NotPermitted):
            await home.sessions.answer(session.id, asked.request_id, "deny")


@pytest.mark.parametrize("how", ["pause", "cancel"])
async def test_pause_and_cancel_withdraw_the_question(home: App, model_server: ModelServer, tool: Writes, how: str) -> None:
    model_server.script(calls("a"), Answer("done"))
    session = await home.sessions.create(agent="writer")
    await home.sessions.open(session.id)
    send = asyncio.create_task(home.sessions.message(session.id, "write"))
    await home.editor.asked.wait()
    asked = await home.event("permissionAsked")
    await (home.sessions.pause if how == "pause" else home.sessions.cancel)(session.id)
    reply = (await send).reply
    assert home.editor.withdrawn
    assert isinstance(asked, PermissionAsked)
    with pytest.raises(NotPermitted):
        await home.sessions.answer(session.id, asked.request_id, "once")
    assert tool.done == []
    if how == "cancel":
        assert (reply.status, statuses(reply)) == ("cancelled", ["failed"])
        return
    assert (reply.status, statuses(reply)) == ("paused", ["waiting"])
    home.editor.answers += ["once"]
    home.events.clear()
    await home.sessions.resume(session.id)  # and it asks again
    await home.event("replyFinished")
    assert tool.done == ["a"]


async def test_invalid_arguments_fail_before_anybody_is_asked(home: App, model_server: ModelServer) -> None:
    model_server.script(Answer(tools=[ToolUse("write_it", "{not json")]), Answer("sorry"))
    session = await home.sessions.create(agent="writer")
    reply = (await home.sessions.message(session.id, "write")).reply
    assert statuses(reply) == ["failed"] and home.editor.questions == []
