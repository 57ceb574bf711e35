"""An external agent answers messages like any other agent: in the same session, with the same history and questions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from external_agents import scripted, send, with_agents
from in_process_app import app, write_agent
from model_server import Answer, ModelServer
from sessionls.agents.external import KNOWN
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import FileContext
from sessionls.ports.editor import Buffer
from sessionls.sessions.composing import Outgoing


@pytest.fixture
def folder(folder: Path) -> Path:
    return with_agents(folder)


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
