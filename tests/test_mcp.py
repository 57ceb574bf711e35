"""Real MCP servers over stdio and HTTP: when they start and end, and what agents get from them."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from mcp_calls import ANY, alive, call, program, tool
from preloaded import mcp_server
from sessionls.domain.agent import Definition
from sessionls.models.naming import Naming, model_tool_name
from sessionls.ports.models import ModelRequest, ToolRequest
from sessionls.ports.tools import ToolFailed
from sessionls.programs import McpServer
from sessionls.tools.base import RESULT_LIMIT
from sessionls.tools.mcp import McpServers
from sessionls.tools.mcp.server import RETRY_SECONDS
from tool_calls import LoneCall


@asynccontextmanager
async def running_servers(retry_seconds: tuple[float, float] = RETRY_SECONDS, /, **named: McpServer) -> AsyncIterator[McpServers]:
    servers = McpServers(named, patience=30, retry_seconds=retry_seconds)
    try:
        yield servers
    finally:
        await servers.close()


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


async def until(condition: Any) -> None:
    """Wait for another process by polling."""
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


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
