"""Real MCP servers over stdio and HTTP: when they start and end, and what agents get from them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from in_process_app import app
from model_server import Answer, ModelServer, ToolUse
from preloaded import mcp_server
from sessionls.domain.agent import Definition
from sessionls.domain.permission import Bounds
from sessionls.models.naming import Naming, model_tool_name
from sessionls.ports.models import ModelRequest, ToolRequest
from sessionls.ports.tools import Tool, ToolFailed
from sessionls.programs import McpServer
from sessionls.tools.base import RESULT_LIMIT
from sessionls.tools.mcp import McpServers
from sessionls.tools.mcp.config import own_server, read_folder
from sessionls.tools.mcp.server import RETRY_SECONDS, Server
from tool_calls import LoneCall

ANY = Definition(name="any", prompt="")


def program(**env: str) -> McpServer:
    return McpServer(**mcp_server(), env=env)


@asynccontextmanager
async def running_servers(retry_seconds: tuple[float, float] = RETRY_SECONDS, /, **named: McpServer) -> AsyncIterator[McpServers]:
    servers = McpServers(named, patience=30, retry_seconds=retry_seconds)
    try:
        yield servers
    finally:
        await servers.close()


def tool(servers: McpServers, name: str) -> Tool:
    return next(tool for tool in servers.tools if tool.name == name)


async def call(servers: McpServers, name: str, **arguments: Any) -> str:
    return await tool(servers, name).run(arguments, LoneCall())


# -- over stdio ------------------------------------------------------------------------------------------------------


async def test_tools_of_a_program_are_listed_and_called() -> None:
    async with running_servers(workshop=program(GIVEN="given")) as servers:
        assert servers.tools == []
        await servers.prepare(ANY)
        add = tool(servers, "workshop/add")
        assert (add.description, add.risk) == ("Add two numbers.", "execute")
        assert set(add.schema["properties"]) == {"a", "b"}
        assert await call(servers, "workshop/add", a=2, b=3) == "5"
        assert (await add.permission_request({"a": 2, "b": 3})).summary == 'workshop/add with {"a": 2, "b": 3}'


async def test_failures_are_reported_to_the_agent() -> None:
    async with running_servers(workshop=program()) as servers:
        await servers.prepare(ANY)
        with pytest.raises(ToolFailed, match="out of paint"):
            await call(servers, "workshop/refuse", reason="out of paint")
        with pytest.raises(ToolFailed, match=r"(?i)valid"):
            await call(servers, "workshop/add", a="many")
        assert await call(servers, "workshop/add", a=1, b=1) == "2"


async def test_results_are_limited_text_and_other_content_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_servers(workshop=program()) as servers:
        await servers.prepare(ANY)
        assert await call(servers, "workshop/picture") == "[image, image/png, about 3 bytes: not shown]\na picture"
        flood = await call(servers, "workshop/flood")
        assert len(flood) <= RESULT_LIMIT + 200 and flood.endswith(" END") and "omitted" in flood


async def test_a_server_gets_only_the_keys_in_its_definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    server = McpServer(**mcp_server(), env={"GIVEN": "yes"}, cwd=str(tmp_path))
    async with running_servers(workshop=server) as servers:
        await servers.prepare(ANY)
        _, key, given, folder = (await call(servers, "workshop/pid")).split(" ", 3)
        assert (key, given, Path(folder)) == ("None", "yes", tmp_path)


async def test_tool_names_fit_model_apis_and_map_back() -> None:
    async with running_servers(**{"my tools": program()}) as servers:
        await servers.prepare(ANY)
        assert await call(servers, "my_tools/odd_name_with_spaces") == "odd"
    offered = {"type": "function", "function": {"name": "my_tools/add", "parameters": {}}}
    earlier = {
        "role": "assistant",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "x/y z", "arguments": ""}}],
    }
    naming = Naming(ModelRequest(model="m", messages=[earlier], tools=[offered]))
    assert naming.request.tools[0]["function"]["name"] == "my_tools__add"
    assert naming.request.messages[0]["tool_calls"][0]["function"]["name"] == "x__y_z"
    assert naming.restore(ToolRequest("1", "my_tools__add", "{}")) == ToolRequest("1", "my_tools/add", "{}")
    assert naming.restore(ToolRequest("1", "made__up", "{}")).name == "made__up"  # type: ignore[union-attr]
    assert len(model_tool_name("s/" + "x" * 200)) == 64


async def test_cancelling_a_call_cancels_it_at_the_server(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with running_servers(workshop=program()) as servers:
        await servers.prepare(ANY)
        calling = asyncio.create_task(call(servers, "workshop/hang", path=str(mark)))
        await until(lambda: mark.exists() and mark.read_text() == "begun")
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await until(lambda: mark.read_text() == "cancelled")
        assert await call(servers, "workshop/add", a=1, b=1) == "2"


async def test_a_server_that_dies_is_reported_and_restarted(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with running_servers(workshop=program(MARK=str(mark))) as servers:
        await servers.prepare(ANY)
        with pytest.raises(ToolFailed, match="not known whether the call took effect"):
            await call(servers, "workshop/die")
        await servers.prepare(ANY)
        assert await call(servers, "workshop/add", a=1, b=1) == "2"
        assert len(mark.read_text().split()) == 2


async def test_one_process_serves_all_replies_and_ends_at_exit(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with running_servers(workshop=program(MARK=str(mark))) as servers:
        await asyncio.gather(*(servers.prepare(ANY) for _ in range(5)))
        first = (await call(servers, "workshop/pid")).split()[0]
        assert mark.read_text().split() == [first]
    assert not alive(int(first))


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe holds the start back")
async def test_a_slow_server_is_missing_once_and_ready_the_next_time(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    servers = McpServers({"slow": program(GATE=str(gate)), "quick": program()}, patience=0.0)
    try:
        await servers.prepare(ANY)
        assert servers.tools == []
        await asyncio.to_thread(gate.write_bytes, b"go")
        servers._patience = 30
        await servers.prepare(ANY)
        assert {tool.name.partition("/")[0] for tool in servers.tools} == {"slow", "quick"}
    finally:
        await servers.close()


async def test_a_server_that_cannot_start_is_not_retried_at_once(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    fails = McpServer(command=sys.executable, args=["-c", f"open({str(mark)!r}, 'a').write('x')"])
    named = {"broken": fails, "missing": McpServer(command="no-such-program"), "workshop": program()}
    async with running_servers((3600.0, 3600.0), **named) as servers:
        await servers.prepare(ANY)
        await servers.prepare(ANY)
        assert {tool.name.partition("/")[0] for tool in servers.tools} == {"workshop"}
        assert mark.read_text() == "x"
        statuses = {status.name: status for status in await servers.check()}
        assert statuses["missing"].problem == "it failed to start: its program is not installed, or its folder does not exist"
        assert statuses["broken"].problem and statuses["workshop"].problem is None
        assert "workshop/add" in statuses["workshop"].tools


async def test_only_servers_that_the_agent_may_use_are_started(tmp_path: Path) -> None:
    marks = {name: tmp_path / name for name in ("one", "two")}
    async with running_servers(**{name: program(MARK=str(mark)) for name, mark in marks.items()}) as servers:
        await servers.prepare(Definition(name="reader", prompt="", tools=("read_file",)))
        await servers.prepare(Definition(name="denied", prompt="", permissions={"one/*": "deny", "two/*": "deny"}))
        assert not any(mark.exists() for mark in marks.values())
        await servers.prepare(Definition(name="single", prompt="", tools=("read_file", "one/add")))
        assert [name for name, mark in marks.items() if mark.exists()] == ["one"]


# -- over HTTP -------------------------------------------------------------------------------------------------------


async def test_tools_at_an_address_are_called_also_after_a_restart_of_the_server() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = McpServer(url=f"http://127.0.0.1:{port}/mcp", headers={"X-Key": "k"})
    async with running_servers(web=web) as servers:
        with serving(port):
            await reachable(port)
            await servers.prepare(ANY)
            assert tool(servers, "web/add").risk == "network"
            assert await call(servers, "web/add", a=2, b=3) == "5"
            with pytest.raises(ToolFailed, match="out of paint"):
                await call(servers, "web/refuse", reason="out of paint")
        with pytest.raises(ToolFailed):
            await call(servers, "web/add", a=2, b=3)
        with serving(port):
            await reachable(port)
            await servers.prepare(ANY)
            assert await call(servers, "web/add", a=2, b=3) == "5"


@pytest.mark.parametrize("kind", ["sse", "http"])
@pytest.mark.parametrize("status", [401, 404])
async def test_secrets_in_an_address_are_never_shown(
    kind: Literal["sse", "http"], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        web = McpServer(type=kind, url=f"http://bob:s3cret@127.0.0.1:{port}/hush/mcp?apiKey=whisper")
        async with running_servers(web=web) as servers:
            (found,) = await servers.check()
            with pytest.raises(ToolFailed) as failed:
                await servers._running["web", None, web.model_dump_json()].call("add", {}, LoneCall())
    assert found.state == "failed" and found.problem
    told = f"{found} {failed.value} {[record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]}"
    assert not [secret for secret in ("s3cret", "hush", "whisper") if secret in told], told


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


async def until(condition: Any) -> None:
    """Wait for another process by polling."""
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


class serving:  # noqa: N801
    """The server at an address, in a separate process."""

    def __init__(self, port: int) -> None:
        server = mcp_server()
        self._process = subprocess.Popen(
            [server["command"], *server["args"], str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


async def reachable(port: int) -> None:
    def connects() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await until(connects)


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
