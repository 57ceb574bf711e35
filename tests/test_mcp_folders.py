"""MCP servers that a workspace folder defines: which of them run, and until when."""

from __future__ import annotations

import asyncio
import json
import pkgutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from in_process_app import app
from mcp_calls import ANY, alive, call, program, tool
from model_server import Answer, ModelServer, ToolUse
from preloaded import mcp_server
from sessionls.domain.permission import Bounds
from sessionls.ports.tools import ToolFailed
from sessionls.programs import McpServer
from sessionls.tools.mcp import McpServers
from sessionls.tools.mcp.config import own_server, read_folder
from sessionls.tools.mcp.server import Server
from tool_calls import LoneCall

# -- of workspaces ---------------------------------------------------------------------------------------------------


def write(folder: Path, name: str, data: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")


async def test_an_untrusted_workspace_starts_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    trap = {"command": sys.executable, "args": ["-c", f"open({str(mark)!r}, 'w')"]}
    for name in (".sessionls/mcp.json", ".mcp.json", ".vscode/mcp.json"):
        write(tmp_path, name, {"mcpServers": {"trap": trap}})
    servers = McpServers(folders=lambda: [tmp_path], trusted=lambda: False, patience=30)
    await servers.prepare(ANY)
    assert [(status.name, status.problem) for status in await servers.check()] == [("trap", "the workspace is not trusted")]
    await servers.close()
    assert not mark.exists()
    trusting = McpServers(folders=lambda: [tmp_path], trusted=lambda: True, patience=30)
    await trusting.prepare(ANY)
    await trusting.close()
    assert mark.exists()  # the trap works


async def test_no_server_runs_while_agents_may_only_read() -> None:
    bounds = Bounds(trusted=True)
    servers = McpServers({"workshop": program()}, read_only=lambda: bounds.read_only, patience=30)
    try:
        await servers.prepare(ANY)
        pid = int((await call(servers, "workshop/pid")).split()[0])
        bounds.read_only = True
        await servers.follow()
        assert not alive(pid) and servers.tools == []
        await servers.prepare(ANY)
        assert [(status.name, status.problem) for status in await servers.check()] == [("workshop", "agents may only read here")]
        assert servers.tools == []
        bounds.read_only = False
        await servers.follow()
        await servers.prepare(ANY)
        assert await call(servers, "workshop/add", a=2, b=3) == "5"
    finally:
        await servers.close()


class Workshop:
    """A workspace folder that defines a server, and its bounds. `mark` has a line for each start."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "mark"
        self.bounds = Bounds(trusted=True)
        self.folders = [folder]
        server = {**mcp_server(), "env": {"MARK": str(self.mark)}}
        write(folder, ".mcp.json", {"mcpServers": {"workshop": server}})
        self.servers = McpServers(
            folders=lambda: self.folders,
            trusted=lambda: self.bounds.trusted,
            read_only=lambda: self.bounds.read_only,
            patience=30,
        )

    def bind(self, how: str) -> None:
        match how:
            case "untrusted":
                self.bounds.trusted = False
            case "read only":
                self.bounds.read_only = True
            case "folder":
                self.folders = []

    @property
    def starts(self) -> int:
        return len(self.mark.read_text().split()) if self.mark.exists() else 0


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    await workshop.servers.close()


BINDING = pytest.mark.parametrize("how", ["untrusted", "read only", "folder"])


@BINDING
async def test_a_tool_that_a_reply_still_has_does_not_restart_a_forbidden_server(workshop: Workshop, how: str) -> None:
    await workshop.servers.prepare(ANY)
    held = tool(workshop.servers, "workshop/add")
    workshop.bind(how)
    with pytest.raises(ToolFailed, match="is not allowed to run any more"):
        await held.run({"a": 2, "b": 3}, LoneCall())  # even before any notification
    await workshop.servers.follow()
    with pytest.raises(ToolFailed, match="is not allowed to run any more"):
        await held.run({"a": 2, "b": 3}, LoneCall())
    workshop.bounds.trusted, workshop.bounds.read_only = True, False
    with pytest.raises(ToolFailed, match="is not allowed to run any more: it was ended"):
        await held.run({"a": 2, "b": 3}, LoneCall())
    assert workshop.starts == 1


async def test_a_tool_that_a_reply_still_has_does_not_restart_a_server_after_close(workshop: Workshop) -> None:
    await workshop.servers.prepare(ANY)
    held = tool(workshop.servers, "workshop/add")
    await workshop.servers.close()
    with pytest.raises(ToolFailed, match="is not allowed to run any more"):
        await held.run({"a": 2, "b": 3}, LoneCall())
    assert workshop.starts == 1


@BINDING
@pytest.mark.parametrize("moment", ["servers.read_folder", "server.library"])
async def test_a_server_that_is_forbidden_just_before_its_start_does_not_start(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, how: str, moment: str
) -> None:
    place = f"sessionls.tools.mcp.{moment}"
    real = pkgutil.resolve_name(place)

    def and_meanwhile(*arguments: Any) -> Any:
        workshop.bind(how)
        return real(*arguments)

    monkeypatch.setattr(place, and_meanwhile)
    await workshop.servers.prepare(ANY)
    assert (workshop.starts, workshop.servers.tools) == (0, [])


async def test_forbidden_servers_are_ended_before_definitions_are_read(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await workshop.servers.prepare(ANY)
    pid = int((await call(workshop.servers, "workshop/pid")).split()[0])
    lived: list[bool] = []

    def read(_: Path) -> list[object]:
        lived.append(alive(pid))
        return []

    monkeypatch.setattr("sessionls.tools.mcp.servers.read_folder", read)
    workshop.bind("untrusted")
    await workshop.servers.follow()
    assert lived == [False]


async def test_a_server_that_is_stopped_before_it_started_blocks_nothing(workshop: Workshop) -> None:
    await workshop.servers.prepare(ANY)
    (server,) = workshop.servers._running.values()
    fresh = Server(server.named, lambda _: None)
    waiting = asyncio.create_task(fresh.up())
    await asyncio.sleep(0)  # its task exists, but has not run yet
    await fresh.close()
    await asyncio.wait_for(waiting, 10)


async def test_each_folder_has_separate_servers_that_end_with_it(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        write(folder, ".mcp.json", {"mcpServers": {"workshop": mcp_server()}})
    servers = McpServers(folders=lambda: folders, trusted=lambda: True, patience=30)
    try:
        await servers.prepare(ANY)
        first = (await call(servers, "workshop/pid")).split()
        second = (await call(servers, "workshop-2/pid")).split()
        assert (first[0] != second[0], first[3], second[3]) == (True, str(folders[0]), str(folders[1]))
        folders.pop()
        await servers.prepare(ANY)
        assert {tool.name.partition("/")[0] for tool in servers.tools} == {"workshop"}
        assert not alive(int(second[0]))
    finally:
        await servers.close()


def test_configuration_files_of_other_programs_are_read(tmp_path: Path) -> None:
    write(tmp_path, ".sessionls/mcp.json", {"mcpServers": {"one": {"command": "own"}}})
    write(
        tmp_path,
        ".mcp.json",
        {"mcpServers": {"one": {"command": "hidden"}, "two": {"command": "x", "args": ["${X:-y}", "${HOST}"], "other": 1}}},
    )
    write(
        tmp_path,
        ".vscode/mcp.json",
        """{ // what VS Code writes
          "inputs": [{"id": "key", "type": "promptString"}],
          "servers": {
            "web": {"type": "http", "url": "https://example.org//mcp", "headers": {"A": "b ${env:HOST}"}},
            "local": {"type": "stdio", "command": "${workspaceFolder}/run", "cwd": "${workspaceFolder}",},
            "asks": {"command": "x", "env": {"KEY": "${input:key}"}},
            "neither": {"type": "sse"}, /* "no": {} */
          },
        }""",
    )
    found = {one.name: one for one in read_folder(tmp_path, {"HOST": "h"})}
    assert list(found) == ["one", "two", "web", "local", "asks", "neither"]
    commands = {name: one.server.command for name, one in found.items() if one.server}
    assert commands == {"one": "own", "two": "x", "web": None, "local": f"{tmp_path}/run"}
    assert found["two"].server and found["two"].server.args == ["y", "h"]
    web = found["web"].server
    assert web and (web.url, web.headers, web.remote) == ("https://example.org//mcp", {"A": "b h"}, True)
    assert found["asks"].problem == "it asks for an input (key), which is not supported: use ${env:…}"
    assert found["neither"].problem == "it needs either a command or a url"


def test_a_key_for_a_server_of_the_settings_can_stay_in_the_environment() -> None:
    web = McpServer(url="https://example.org/mcp", headers={"Authorization": "Bearer ${env:TOKEN}"})
    found = own_server("web", web, {"TOKEN": "t0p"})
    assert found.server is not None and found.server.headers == {"Authorization": "Bearer t0p"}
    lost = own_server("web", web, {})
    assert (lost.server, lost.problem) == (None, "the environment variable TOKEN is not set")
    empty = own_server("empty", McpServer(command="${env:PROGRAM}"), {"PROGRAM": ""})  # the start of others does not fail
    assert empty.server is None and empty.problem is not None and empty.problem.startswith("command: ")
    here = own_server("files", McpServer(command="x", args=["${workspaceFolder}"]), {})
    assert (here.server, here.problem) == (
        None,
        "the environment variable workspaceFolder is not set",
    )  # they belong to no folder


@pytest.mark.parametrize("text", ["", "[]", "{", '{"mcpServers": 3}', "[" * 100_000, '{"mcpServers": {"x": 3}}', "\x00"])
def test_an_invalid_file_is_reported_and_causes_no_failure(tmp_path: Path, text: str) -> None:
    write(tmp_path, ".mcp.json", text)
    assert [one.server for one in read_folder(tmp_path, {})] == [None]
    assert read_folder(tmp_path, {})[0].problem


# -- helpers ---------------------------------------------------------------------------------------------------------


async def test_an_agent_calls_a_servers_tool_after_permission(tmp_path: Path, model_server: ModelServer) -> None:
    folder = tmp_path / "work"
    write(folder, ".mcp.json", {"mcpServers": {"workshop": mcp_server()}})
    model_server.script(Answer(tools=[ToolUse("workshop__add", {"a": 2, "b": 3})]), Answer("It is 5."))
    async with app(folder, model_server) as home:
        assert home.built.servers is not None
        home.built.servers._patience = 30.0
        home.editor.answers.append("once")
        session = await home.sessions.create()
        exchange = await home.sessions.message(session.id, "add")
        assert [question.tool for question in home.editor.questions] == ["workshop/add"]
        called = [part for part in exchange.reply.parts if part.kind == "tool"]
        assert [(part.name, part.result) for part in called] == [("workshop/add", "5")]


async def test_servers_end_with_the_trust_even_if_agents_cannot_be_read(
    tmp_path: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    write(folder, ".mcp.json", {"mcpServers": {"workshop": mcp_server()}})
    async with app(folder, model_server) as home:
        servers = home.built.servers
        assert servers is not None
        servers._patience = 30.0
        await servers.prepare(ANY)
        pid = int((await call(servers, "workshop/pid")).split()[0])

        async def fails(*_: Any, **__: Any) -> None:
            raise OSError("the disk is gone")

        monkeypatch.setattr(home.built.catalog, "reload", fails)
        home.built.bounds.trusted = False
        with pytest.raises(OSError, match="the disk is gone"):
            await home.built.follow()
        assert not alive(pid)
