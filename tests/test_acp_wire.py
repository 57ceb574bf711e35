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
from model_server import ModelServer
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
async def wire(fresh_home: Path, provider: ModelServer) -> AsyncIterator[Wire]:
    """A running `sessionls acp`. Prompts go to the `provider`: without one, the embedded model would take a minute."""
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


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


async def test_odd_parameters_are_refused_in_plain_words_and_the_next_request_is_served(wire: Wire, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    wire.request("initialize", protocolVersion=1)
    await wire.answer()
    wire.request("session/new", cwd=str(tmp_path), mcpServers=[])
    session = (await wire.answer())["result"]["sessionId"]

    def link(uri: str) -> dict[str, Any]:
        return {"sessionId": session, "prompt": [{"type": "resource_link", "name": "x", "uri": uri}]}

    here = {"cwd": str(tmp_path), "mcpServers": []}
    odd: list[tuple[str, dict[str, Any]]] = [
        ("session/new", {**here, "cwd": "/" + "x" * 5_000}),
        ("session/new", {**here, "cwd": "/\ud800"}),
        ("session/new", {**here, "cwd": "/a\0b"}),
        ("session/new", {**here, "additionalDirectories": ["/" + "y" * 300]}),
        *[("session/load", {**here, "sessionId": one}) for one in ("", "../x", "a" * 10_000, "a\0b", "\ud800", "%", "'; --")],
        ("session/list", {"cwd": str(tmp_path), "cursor": "no cursor"}),
        ("session/list", {"cursor": "\0\ud800"}),
        ("session/prompt", {"sessionId": session, "prompt": []}),
        ("session/prompt", link("http://[")),
        ("session/prompt", link("file://[::1/x")),
        ("session/prompt", link("file:///dev/zero")),
        ("session/prompt", link((tmp_path / "pipe").as_uri())),
        ("session/prompt", link("file:///" + "x" * 5_000)),
        ("session/prompt", link("file:///a%00b")),
        ("session/set_mode", {"sessionId": session, "modeId": "no such mode"}),
        ("session/set_mode", {"sessionId": session, "modeId": "a\0b"}),
        ("session/set_config_option", {"sessionId": session, "configId": "model", "value": "a\0b" * 1_000}),
        ("session/set_config_option", {"sessionId": session, "configId": "agent", "value": True, "type": "boolean"}),
        ("session/delete", {"sessionId": "a\0b"}),
        ("session/fork", {**here, "sessionId": "a\0b"}),
        ("session/close", {"sessionId": "a\0b"}),
        ("session/resume", {"sessionId": 1, "_meta": _nested(200)}),
    ]
    for method, params in odd:
        wire.request(method, **params)
        answer = await wire.answer()
        assert "unexpected" not in answer.get("error", {}).get("message", ""), (method, str(params)[:200], answer)
        assert "error" in answer or method == "session/prompt", (method, str(params)[:200], answer)
    wire.send(b'{"jsonrpc": "2.0", "id": NaN, "method": "session/list", "params": {}}')
    assert (await wire.answer())["error"]["code"] == -32700
    wire.request("session/list", cwd=str(tmp_path))
    assert [one["sessionId"] for one in (await wire.answer())["result"]["sessions"]] == [session]


async def test_every_prompt_and_cancel_of_many_at_once_is_answered(wire: Wire, tmp_path: Path) -> None:
    wire.request("initialize", protocolVersion=1)
    await wire.answer()
    wire.request("session/new", cwd=str(tmp_path), mcpServers=[])
    session = (await wire.answer())["result"]["sessionId"]
    prompt = {"sessionId": session, "prompt": [{"type": "text", "text": "/rename More"}]}
    ids = [*range(100, 160), *["same"] * 5]
    for one in ids:
        wire.send(json.dumps({"jsonrpc": "2.0", "id": one, "method": "session/prompt", "params": prompt}).encode())
        wire.send(json.dumps({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}).encode())
    answered = [(await wire.answer())["id"] for _ in ids]
    assert sorted(map(str, answered)) == sorted(map(str, ids))
