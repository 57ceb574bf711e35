"""Messages on the byte stream: a real server process with headers and bodies of all kinds."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from server_client import GUARDED_SERVER
from sessionls.server.transport.framing import MAX_BODY, MAX_HEADER, BrokenStream, frame, frames

PATIENCE = 30.0


# -- the reader alone ------------------------------------------------------------------------------------------------------


def read_all(data: bytes, step: int) -> list[bytes]:
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    return list(frames(lambda size: pieces.pop(0) if pieces else b""))


@pytest.mark.parametrize("step", [1, 2, 7, 1 << 20])
def test_messages_are_complete_however_the_bytes_arrive(step: int) -> None:
    bodies = [b"{}", b"", "é€😀".encode(), b"x" * 5000]
    assert read_all(b"".join(map(frame, bodies)), step) == bodies


def test_header_names_are_case_insensitive_and_unknown_fields_are_ignored() -> None:
    data = b"content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-LENGTH:   2 \r\n\r\n{}"
    assert read_all(data, 3) == [b"{}"]


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: two\r\n\r\n{}",
        b"Content-Length: 2, 2\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Type: text/plain\r\n\r\n{}",
        b"no header at all\r\n\r\n",
        b"\r\n\r\n",
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"x" * (MAX_HEADER + 100),
        b"x: " + b"y" * (MAX_HEADER + 100) + b"\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 5\r\n\r\n{}",
        b"Content-Len",
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 16])
def test_a_broken_stream_is_reported(data: bytes, step: int) -> None:
    with pytest.raises(BrokenStream):
        read_all(data, step)


def test_a_large_content_length_reserves_no_memory() -> None:
    asked: list[int] = []

    def read(size: int) -> bytes:
        asked.append(size)
        return b"Content-Length: %d\r\n\r\n" % MAX_BODY if len(asked) == 1 else b""

    with pytest.raises(BrokenStream):
        list(frames(read))
    assert max(asked) <= 1 << 20


# -- a real process --------------------------------------------------------------------------------------------------------

Start = Callable[[], Awaitable["RawServer"]]


class RawServer:
    """A server process and its bytes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout and process.stderr
        self.process, self.stdin, self.stdout, self.stderr = process, process.stdin, process.stdout, process.stderr

    def send(self, message: Any) -> None:
        self.stdin.write(frame(json.dumps(message).encode()))

    async def receive(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            header = await self.stdout.readuntil(b"\r\n\r\n")
            return json.loads(await self.stdout.readexactly(int(header.split(b":")[1])))

    async def ask(self, method: str, params: Any = None, msg_id: int | str = 1) -> Any:
        self.send({"jsonrpc": "2.0", "id": msg_id, "method": method, "params": params})
        return await self.receive()

    async def initialize(self) -> None:
        answer = await self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, msg_id="init")
        assert answer["result"]["serverInfo"]["name"] == "sessionls"

    async def ended(self) -> tuple[int, bytes, str]:
        """The exit code, the last output, and the log."""
        async with asyncio.timeout(PATIENCE):
            rest, logged = await asyncio.gather(self.stdout.read(), self.stderr.read())
            return await self.process.wait(), rest, logged.decode()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[RawServer] = []

    async def run(*command: str) -> RawServer:
        pipe = asyncio.subprocess.PIPE
        server = RawServer(
            await asyncio.create_subprocess_exec(*(command or GUARDED_SERVER), stdin=pipe, stdout=pipe, stderr=pipe)
        )
        servers.append(server)
        return server

    yield run
    for server in servers:
        if server.process.returncode is None:
            server.process.kill()
        server.stdin.close()
        await server.process.wait()


async def test_exit_after_shutdown_ends_with_0_and_a_silent_stderr(start: Start) -> None:
    server = await start()
    await server.initialize()
    assert (await server.ask("shutdown"))["result"] is None
    server.send({"jsonrpc": "2.0", "method": "exit"})
    assert await server.ended() == (0, b"", "")


async def test_exit_without_shutdown_ends_with_1(start: Start) -> None:
    server = await start()
    await server.initialize()
    server.send({"jsonrpc": "2.0", "method": "exit"})
    assert (await server.ended())[0] == 1


async def test_exit_before_initialize_ends_with_1(start: Start) -> None:
    server = await start()
    server.send({"jsonrpc": "2.0", "method": "exit"})
    assert (await server.ended())[0] == 1


async def test_a_client_that_is_gone_ends_the_server_with_1(start: Start) -> None:
    server = await start()
    await server.initialize()
    server.stdin.close()
    code, rest, _ = await server.ended()
    assert (code, rest) == (1, b"")


async def test_a_client_that_is_gone_after_shutdown_ends_the_server_with_0(start: Start) -> None:
    server = await start()
    await server.initialize()
    await server.ask("shutdown")
    server.stdin.close()
    assert (await server.ended())[0] == 0


@pytest.mark.parametrize(
    "broken",
    [
        b"Content-Length: 99999999999\r\n\r\n",
        b"Content-Length: many\r\n\r\n{}",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"x" * 100_000,
    ],
    ids=["a huge body", "no number", "HTTP", "an endless header"],
)
async def test_an_unreadable_stream_is_answered_and_ends_the_server_with_1(start: Start, broken: bytes) -> None:
    server = await start()
    await server.initialize()
    server.stdin.write(broken)
    answer = await server.receive()
    assert answer["id"] is None and answer["error"]["code"] == -32700
    assert answer["error"]["data"]["kind"] == "parseError"
    code, rest, logged = await server.ended()
    assert (code, rest) == (1, b"")
    assert logged.count("\n") == 1 and "cannot be read" in logged


async def test_malformed_json_is_answered_and_the_server_continues(start: Start) -> None:
    server = await start()
    await server.initialize()
    for body, msg_id in (
        (b"{", None),
        (b"\xff\xff", None),
        (b'{"jsonrpc":"2.0","id":1,"method":"session/list","params":[' + b"[" * 5000, 1),
    ):
        server.stdin.write(frame(body))
        answer = await server.receive()
        assert (answer["id"], answer["error"]["code"]) == (msg_id, -32700)
    assert (await server.ask("shutdown"))["result"] is None


async def test_a_message_that_is_not_a_request_is_an_invalid_request(start: Start) -> None:
    server = await start()
    await server.initialize()
    cases: list[tuple[Any, Any]] = [
        ([{"jsonrpc": "2.0", "id": 1, "method": "session/list"}], None),
        ([], None),
        (7, None),
        ("text", None),
        (None, None),
        ({}, None),
        ({"jsonrpc": "2.0", "id": 4}, 4),
        ({"jsonrpc": "1.0", "id": 4, "method": "session/list"}, 4),
        ({"id": 4, "method": "session/list"}, 4),
        ({"jsonrpc": "2.0", "id": 4, "method": 7}, 4),
        ({"jsonrpc": "2.0", "id": None, "method": "session/list"}, None),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "session/list"}, None),
        ({"jsonrpc": "2.0", "id": {"a": 1}, "method": "session/list"}, None),
        ({"jsonrpc": "2.0", "id": True, "method": "session/list"}, None),
    ]
    for message, msg_id in cases:
        server.send(message)
        answer = await server.receive()
        assert (answer["id"], answer["error"]["code"], answer["error"]["data"]["kind"]) == (msg_id, -32600, "invalidRequest")
    assert (await server.ask("shutdown"))["result"] is None


async def test_stdout_carries_nothing_but_the_protocol(start: Start) -> None:
    noisy = (
        "import sys, sessionls.server.transport.protocol as p\n"
        "old = p.SessionProtocol._request\n"
        "def noisy(self, *a):\n"
        "    print('noise'); sys.stdout.flush()\n"
        "    import subprocess; subprocess.run([sys.executable, '-c', 'print(\"child\", repr(input if 0 else 1))'])\n"
        "    old(self, *a)\n"
        "p.SessionProtocol._request = noisy\n"
        "from sessionls.server.app import main; main()"
    )
    server = await start(sys.executable, "-c", noisy)  # type: ignore[call-arg]
    await server.initialize()
    await server.ask("shutdown")
    server.send({"jsonrpc": "2.0", "method": "exit"})
    code, rest, logged = await server.ended()
    assert (code, rest) == (0, b"")
    assert logged.count("noise") == 2 and logged.count("child") == 2


async def test_a_client_that_does_not_read_is_disconnected(start: Start) -> None:
    small = "import sessionls.stdio as s\ns.MAX_BACKLOG = 1 << 20\nfrom sessionls.server.app import main; main()"
    server = await start(sys.executable, "-c", small)  # type: ignore[call-arg]
    await server.initialize()
    transport = server.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    transport.pause_reading()
    flood = frame(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x" * 100_000}).encode())
    try:
        async with asyncio.timeout(PATIENCE):
            while server.process.returncode is None:
                server.stdin.write(flood)
                await server.stdin.drain()
    except (ConnectionError, BrokenPipeError):
        pass
    transport.resume_reading()
    async with asyncio.timeout(PATIENCE):
        logged = (await server.stderr.read()).decode()
        assert await server.process.wait() == 1
    assert "does not read" in logged
