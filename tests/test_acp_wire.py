"""`sessionls acp` writes only lines of JSON-RPC of limited length, whatever the client sends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_client import GUARDED_ACP
from sessionls.acp_agent import transport
from sessionls.acp_agent.tool_calls import patch_diffs
from sessionls.acp_agent.transport import lines
from sessionls.stdio import BrokenStream
from sessionls.tools.patching import patch


def reader(data: bytes, step: int) -> Callable[[int], bytes]:
    rest = bytearray(data)

    def read(size: int) -> bytes:
        piece = bytes(rest[: min(size, step)])
        del rest[: len(piece)]
        return piece

    return read


@given(
    st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"")), max_size=10), st.integers(1, 20), st.booleans()
)
def test_messages_are_complete_however_the_bytes_arrive(messages: list[bytes], step: int, ends: bool) -> None:
    data = b"\n".join(messages) + (b"\n" if ends else b"")
    wanted = [line for message in messages if (line := message.strip())]
    assert list(lines(reader(data, step))) == wanted


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_too_long_ends_the_stream(monkeypatch: pytest.MonkeyPatch, end: bytes) -> None:
    monkeypatch.setattr(transport, "MAX_LINE", 100)
    with pytest.raises(BrokenStream, match="longer than"):
        list(lines(reader(b"{}\n" + b"x" * 101 + end, 1000)))


@given(st.text("ab\n", max_size=40), st.text("ab\n", max_size=40))
def test_the_diffs_of_a_patch_contain_its_changes(old: str, new: str) -> None:
    """Replacing the old texts with the new ones, in order, gives the new text."""
    text, position = old, 0
    for diff in patch_diffs(patch("a.txt", old, new), "/a.txt"):
        assert diff.old_text is not None
        at = text.index(diff.old_text, position)
        text = text[:at] + diff.new_text + text[at + len(diff.old_text) :]
        position = at + len(diff.new_text)
    if old != new and len(old.splitlines()) <= 6:  # one hunk at most: nothing is found in a wrong place
        assert text == new


class Wire:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data + b"\n")

    def request(self, method: str, **params: Any) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())

    async def answer(self) -> dict[str, Any]:
        """The next message that is not a notification. Every line must be a message."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while True:
                message = json.loads(await self.process.stdout.readline())
                assert message["jsonrpc"] == "2.0"
                if "id" in message:
                    assert isinstance(message, dict)
                    return message


@pytest.fixture
async def wire(fresh_home: Path) -> AsyncIterator[Wire]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*GUARDED_ACP, stdin=pipe, stdout=pipe, env=dict(os.environ), cwd=fresh_home)
    yield Wire(process)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    async with asyncio.timeout(60):
        await process.stdout.read()
        assert await process.wait() == 0


async def test_an_invalid_request_is_answered_and_the_next_one_is_served(wire: Wire) -> None:
    for data, code in [
        (b"{", -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        (b'{"id": 1, "method": "initialize"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "initialize"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "session/new", "params": {}}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "initialize"}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": [1]}', -32602),
        (b"[" * 100_000, -32700),
    ]:
        wire.send(data)
        error = (await wire.answer())["error"]
        assert (error["code"], data[:60]) == (code, data[:60])
    wire.send(b'{"jsonrpc": "2.0", "id": 5, "result": {}}')  # an answer to nothing
    wire.send(b'{"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "no-such-session"}}')
    wire.send(b'{"jsonrpc": "2.0", "method": "nothing"}')
    wire.request("initialize", protocolVersion=7, _meta={"session_id": [1]})
    assert (await wire.answer())["result"]["protocolVersion"] == 1


async def test_meta_data_of_a_client_changes_no_parameter(wire: Wire, tmp_path: Path) -> None:
    wire.request("initialize", protocolVersion=1)
    await wire.answer()
    wire.request("session/new", cwd=str(tmp_path), mcpServers=[], _meta={"cwd": "/nowhere", "odd-key": 1})
    assert (await wire.answer())["result"]["sessionId"]
