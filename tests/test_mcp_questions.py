"""What a reply does without a misbehaving MCP server, and questions that servers ask."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from in_process_app import app
from model_server import Answer, ModelServer, ToolUse
from odd_mcp import ANY, ODD, odd
from sessionls.domain.agent import Definition
from sessionls.domain.permission import Bounds
from sessionls.tools.mcp import McpServers
from sessionls.tools.mcp.connection import library
from tool_calls import LoneCall

# -- what a reply has to do without ----------------------------------------------------------------------------------


async def test_a_reply_has_notices_about_missing_servers(tmp_path: Path, model_server: ModelServer, litellm_ready: None) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    servers = {
        "gone": {"command": "no-such-program"},
        "unset": {"command": "x", "env": {"KEY": "${NO_SUCH_VARIABLE_HERE}"}},
        "off": {"command": "x", "disabled": True},
        "slow": {"command": sys.executable, "args": ["-c", "import sys; sys.stdin.read()"]},
    }
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    model_server.script(Answer("Done."))
    await asyncio.to_thread(library)  # importing the SDK takes longer than the patience below
    async with app(folder, model_server) as home:
        assert home.built.servers is not None
        home.built.servers._patience = 1.0
        session = await home.sessions.create()
        reply = (await home.sessions.message(session.id, "go")).reply
        assert reply.status == "complete"
        missing = "The tools of the MCP server {} are missing: {}."
        assert reply.notices == [
            missing.format("gone", "it failed to start: its program is not installed, or its folder does not exist"),
            missing.format(
                "unset", "its configuration in .mcp.json is wrong: the environment variable NO_SUCH_VARIABLE_HERE is not set"
            ),
            missing.format("slow", "it was not ready after 1 s; it continues to start"),
        ]
        kept = (await home.sessions.open(session.id)).messages[-1]
        assert kept.notices == reply.notices
        exported = [(await home.sessions.export(session.id, form)).content or "" for form in ("markdown", "html")]
        assert all("no-such" not in text and "The tools of the MCP server gone are missing" in text for text in exported)


async def test_a_reply_has_no_notices_about_forbidden_servers(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"x": {"command": "no-such-program"}}}))
    bounds = Bounds(trusted=False)
    servers = McpServers(folders=lambda: [tmp_path], trusted=lambda: bounds.trusted, patience=30)
    assert await servers.prepare(ANY) == []
    bounds.trusted = True
    assert await servers.prepare(Definition(name="reader", prompt="", tools=("read_file",))) == []
    assert len(await servers.prepare(ANY)) == 1
    await servers.close()


# -- questions of servers --------------------------------------------------------------------------------------------


def form(message: str, properties: Any, required: Any = None) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, **({} if required is None else {"required": required})}
    return {"message": message, "requestedSchema": schema}


BOOL, TEXT_FIELD = {"type": "boolean"}, {"type": "string"}
LINK = {"mode": "url", "message": "Sign in", "url": "https://example.org/a?x=1", "elicitationId": "1"}


@pytest.mark.parametrize(
    ("asks", "answer", "detail"),
    [
        (
            form("Really\x1b[2J delete\nall?", {"sure": BOOL}, ["sure"]),
            {"sure": True},
            "Really\\x1b[2J delete\nall?\n\nA yes sends: sure = true",
        ),
        (form("Go on?", {}), {}, "Go on?\n\nA yes sends: nothing more"),
        (
            form("Push?", {"branch": {**TEXT_FIELD, "default": "main"}, "force": {**BOOL, "default": False}}),
            {"branch": "main", "force": False},
            'Push?\n\nA yes sends: branch = "main", force = false',
        ),
        (form("Sure?", {"sure": BOOL, "why": TEXT_FIELD}, ["sure"]), {"sure": True}, "Sure?\n\nA yes sends: sure = true"),
        (LINK, None, "Sign in\n\nIt wants you to open this address:\nhttps://example.org/a?x=1\n"),
    ],
)
@pytest.mark.parametrize("yes", [True, False])
async def test_a_question_of_a_server_is_shown_to_the_person(
    tmp_path: Path, asks: Any, answer: Any, detail: str, yes: bool
) -> None:
    version = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
    async with odd(tmp_path, [{"tools": [{"name": "ask"}]}], initialize=version, asks={"ask": asks}) as servers:
        await servers.prepare(ANY)
        lone = LoneCall(answer=yes)
        result = json.loads(await servers.tools[0].run({}, lone))
        ((summary, shown),) = lone.asked
        assert summary.startswith("the MCP server odd asks: ") and "\n" not in summary and "\x1b" not in summary
        assert shown.startswith(detail)
        if yes:
            assert (result["action"], result.get("content")) == ("accept", answer)
        else:
            assert (result["action"], result.get("content")) == ("decline", None)


@pytest.mark.parametrize(
    ("asks", "needs"),
    [
        (form("Where?", {"street": TEXT_FIELD, "sure": BOOL}, ["street"]), "street"),
        (form("Which?", {"one": {"type": "string", "enum": ["a", "b"]}}), "one"),
        (form("Which?", {"one": BOOL, "two": BOOL}, ["one", "two"]), "one, two"),
        (form("How many?", {"n": {"type": "integer"}}, ["n"]), "n"),
    ],
)
async def test_a_form_that_needs_more_than_a_yes_is_declined_and_reported_to_the_agent(
    tmp_path: Path, asks: Any, needs: str
) -> None:
    async with odd(tmp_path, [{"tools": [{"name": "ask"}]}], asks={"ask": asks}) as servers:
        await servers.prepare(ANY)
        lone = LoneCall(answer=True)
        assert await servers.tools[0].run({}, lone) == (
            f'{{"action": "decline"}}\n[The server asked the person for {needs}. This is not supported, so it was declined.]'
        )
        assert lone.asked == []


async def test_a_question_in_the_newest_protocol_version_is_shown(tmp_path: Path) -> None:
    asks = {"method": "elicitation/create", "params": {"mode": "form", **form("Sure?", {"sure": BOOL}, ["sure"])}}
    calls = {"ask": [{"resultType": "input_required", "inputRequests": {"q": asks}, "requestState": "s"}, {"content": "asked"}]}
    discover = {
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {}},
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    }
    async with odd(tmp_path, [{"tools": [{"name": "ask"}]}], calls, discover=discover) as servers:
        assert await servers.prepare(ANY) == []
        lone = LoneCall(answer=True)
        assert await servers.tools[0].run({}, lone) == "asked"
        assert len(lone.asked) == 1
        last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
        assert last["params"]["inputResponses"]["q"]["content"] == {"sure": True}


async def test_a_yes_to_a_servers_question_applies_only_to_that_question(
    tmp_path: Path, model_server: ModelServer, litellm_ready: None
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    script = {
        "log": str(tmp_path / "log"),
        "pages": [{"tools": [{"name": "ask"}]}],
        "asks": {"ask": form("Sure?", {"sure": BOOL})},
    }
    (tmp_path / "script.json").write_text(json.dumps(script))
    server = {"command": sys.executable, "args": [ODD, str(tmp_path / "script.json")]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"odd": server}}))
    ask = Answer(tools=[ToolUse("odd__ask", {})])
    model_server.script(ask, ask, Answer("Done."))
    async with app(folder, model_server) as home:
        assert home.built.servers is not None
        home.built.servers._patience = 30.0
        home.editor.answers.extend(["session", "session", "deny"])
        session = await home.sessions.create()
        reply = (await home.sessions.message(session.id, "go")).reply
        called = [part.result for part in reply.parts if part.kind == "tool"]
        assert called == ['{"action": "accept", "content": {"sure": true}}', '{"action": "decline"}']
        # The tool was allowed for the session, but each question of the server was shown.
        assert [bool(question.scope) for question in home.editor.questions] == [True, False, False]
