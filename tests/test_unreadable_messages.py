"""Unreadable messages, or messages with values out of range: each request is answered, and the server keeps running."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionls.server.transport.framing import frame
from sessionls.server.transport.json import MessageHead, head_of, oversized_numbers
from test_framing import RawServer, Start, start

__all__ = ["start"]

BIG = 1 << 64


@pytest.fixture
async def server(start: Start) -> RawServer:
    server = await start()
    await server.initialize()
    server.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
    return server


async def lives(server: RawServer) -> bool:
    return bool((await server.ask("session/list", {"limit": 1}, "alive"))["result"]["sessions"] == [])


# -- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("session/list", {"limit": BIG}, "limit"),
        ("session/open", {"sessionId": "x", "after": BIG}, "after"),
        ("session/create", {"budget": 10**400}, "budget"),
        (
            "session/message",
            {
                "sessionId": "x",
                "text": "y",
                "context": [
                    {
                        "kind": "selection",
                        "uri": "file:///a",
                        "range": {"start": {"line": BIG, "character": 0}, "end": {"line": BIG, "character": 0}},
                    }
                ],
            },
            "context.0.range.start.line",
        ),
        (
            "workspace/executeCommand",
            {
                "command": "sessionls.askAbout",
                "arguments": [
                    {
                        "agent": "code",
                        "uri": "file:///a",
                        "range": {"start": {"line": BIG, "character": 0}, "end": {"line": BIG, "character": 0}},
                    }
                ],
            },
            "range.start.line",
        ),
    ],
)
async def test_a_number_of_more_than_64_bits_is_an_error_that_names_it(
    server: RawServer, method: str, params: Any, field: str
) -> None:
    error = (await server.ask(method, params))["error"]
    assert error["code"] == -32602 and field in error["data"]["fields"]
    assert await lives(server)


async def test_a_large_number_in_an_unused_field_is_accepted(server: RawServer) -> None:
    assert "result" in await server.ask("session/list", {"limit": 1, "later": [BIG]})


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, 0, True, 1.5])
def test_numbers_in_the_valid_range_are_accepted(number: float) -> None:
    assert list(oversized_numbers({"a": [number]})) == []


def test_numbers_outside_the_valid_range_are_refused() -> None:
    assert dict(oversized_numbers({"a": [2**63, {"b": -(2**63) - 1}], "c": float("inf")})).keys() == {"a.0", "a.1.b", "c"}


# -- depth and syntax ------------------------------------------------------------------------------------------------

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":7,"method":"session/list","params":{"a":%b}}' % DEEP,
        b'{"params":{"a":%b},"jsonrpc":"2.0", "method":"session/list", "id": 7 }' % DEEP,
        b'{"jsonrpc":"2.0","id":7,"method":"session/list","params":{"limit":NaN}}',
        b'{"jsonrpc":"2.0","id":7,"method":"session/list","params":{"limit":%b}}' % (b"9" * 5_000),
        b'{"jsonrpc":"2.0","id":7,"method":"session/list","params":{"a":"\\ud83d","b":%b}}' % DEEP,
        b'{"jsonrpc":"2.0","id":7,"method":"session/list","params":{"a":"\\ud83d","b":%b}}' % (b"[" * 400 + b"]" * 400),
        b'{"jsonrpc":"2.0","id":7,"method":"session/list","params":{},}',
    ],
    ids=["deep", "deep, id last", "NaN", "5,000 digits", "deep, half a pair", "not quite so deep, half a pair", "a comma"],
)
async def test_an_unreadable_request_is_answered_with_its_id(server: RawServer, body: bytes) -> None:
    server.stdin.write(frame(body))
    answer = await server.receive()
    assert (answer["id"], answer["error"]["code"]) == (7, -32700)
    assert await lives(server)


async def test_an_unreadable_message_without_id_is_answered_without_one(server: RawServer) -> None:
    for body in (b"{", DEEP, b"\xff", b'{"jsonrpc":"2.0","method":"x","params":%b}' % DEEP):
        server.stdin.write(frame(body))
        answer = await server.receive()
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)
    assert await lives(server)


NESTED = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["id", "method", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    msg_id=st.one_of(st.integers(0, 2**31), st.text(max_size=12)),
    params=NESTED,
    order=st.permutations(["jsonrpc", "id", "method", "params"]),
    indent=st.sampled_from([None, 2]),
)
def test_the_id_is_found_anywhere_in_the_message(msg_id: int | str, params: Any, order: list[str], indent: int | None) -> None:
    message = {"jsonrpc": "2.0", "id": msg_id, "method": "a/b", "params": params}
    body = json.dumps({name: message[name] for name in order}, indent=indent).encode()
    assert head_of(body) == MessageHead(msg_id, "a/b")


@given(st.binary(max_size=200))
def test_any_bytes_are_handled(body: bytes) -> None:
    head_of(body)


# -- notifications ---------------------------------------------------------------------------------------------------

NEVER = {"textDocument": {"uri": "file:///never", "version": 1}}


async def test_each_invalid_notification_is_one_line_in_the_log(server: RawServer) -> None:
    bad: list[tuple[str, Any]] = [
        ("textDocument/didOpen", []),
        ("textDocument/didOpen", {}),
        ("textDocument/didOpen", None),
        ("textDocument/didOpen", {"textDocument": {"uri": "http://[", "languageId": "x", "version": 1, "text": ""}}),
        ("textDocument/didChange", {**NEVER, "contentChanges": [{"text": "x"}]}),
        ("textDocument/didChange", {"textDocument": 5, "contentChanges": "x"}),
        ("textDocument/didClose", NEVER),
        ("textDocument/didSave", []),
        ("notebookDocument/didChange", {"notebookDocument": {"uri": "x", "version": 1}, "change": {}}),
        ("workspace/didChangeWorkspaceFolders", []),
        ("workspace/didChangeConfiguration", []),
        ("$/setTrace", {"value": 5}),
        ("$/cancelRequest", []),
        ("window/workDoneProgress/cancel", {"token": BIG}),
        ("session/list", {}),
        ("no/such", []),
    ]
    for method, params in bad:
        server.send({"jsonrpc": "2.0", "method": method, "params": params})
    assert await lives(server)
    await server.ask("shutdown")
    server.send({"jsonrpc": "2.0", "method": "exit"})
    code, _, logged = await server.ended()
    assert code == 0 and "Traceback" not in logged and 'File "' not in logged
    assert all("WARNING" in line for line in logged.splitlines()), logged
    assert "'textDocument/didChange': KeyError: 'file:///never'" in logged
