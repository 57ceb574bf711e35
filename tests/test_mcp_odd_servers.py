"""Misbehaving MCP servers: a mistake affects only the part that it is in, and is reported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odd_mcp import ANY, odd
from preloaded import mcp_server
from sessionls.ports.tools import ToolFailed
from sessionls.programs import McpServer
from sessionls.tools.mcp import McpServers
from sessionls.tools.mcp.config import own_server, read_folder, unique
from sessionls.tools.mcp.reading import result_text, usable_result
from sessionls.tools.mcp.schema import SchemaUnusable, tool_schema
from tool_calls import LoneCall

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def call(servers: McpServers, name: str) -> str:
    return await next(tool for tool in servers.tools if tool.name == f"odd/{name}").run({}, LoneCall())


# -- schemas ---------------------------------------------------------------------------------------------------------


NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
TREE = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}


@pytest.mark.parametrize(
    ("raw", "usable"),
    [
        ({}, NOTHING),
        (None, NOTHING),
        (True, NOTHING),
        ({"type": "object"}, NOTHING),
        ({"type": "object", "properties": None}, NOTHING),
        ({"type": "object", "properties": []}, NOTHING),
        ({"type": None}, NOTHING),
        (
            {"type": ["object", "null"], "properties": {"a": {"type": "string"}}},
            {**NOTHING, "properties": {"a": {"type": "string"}}},
        ),
        ({"properties": {"a": True, "b": False, "c": None, "d": "x"}}, {**NOTHING, "properties": {"a": {}, "c": {}, "d": {}}}),
        ({"properties": {"a": {}}, "required": None}, {**NOTHING, "properties": {"a": {}}}),
        ({"properties": {"a": {}}, "required": ["a", "gone", 3]}, {**NOTHING, "properties": {"a": {}}, "required": ["a"]}),
        ({"properties": {"a": {"type": "string", "required": True}}}, {**NOTHING, "properties": {"a": {"type": "string"}}}),
        ({"$schema": "x", "$id": "y", "additionalProperties": False}, {**NOTHING, "additionalProperties": False}),
        (
            {"properties": {"a": {"$ref": "#/$defs/A", "description": "d"}}, "$defs": {"A": {"type": "string"}}},
            {**NOTHING, "properties": {"a": {"type": "string", "description": "d"}}},
        ),
        ({"$ref": "#/definitions/A", "definitions": {"A": NUMBER}}, NUMBER),
        ({"properties": {"a": {"$ref": "https://example.org/x.json"}}}, {**NOTHING, "properties": {"a": {}}}),
        ({"properties": {"a": {"$ref": "#/$defs/gone"}}}, {**NOTHING, "properties": {"a": {}}}),
        (
            {"properties": {"t": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": TREE}},
            {
                **NOTHING,
                "properties": {"t": {"type": "object", "properties": {"children": {"type": "array", "items": {}}}}},
            },
        ),
        (
            {"anyOf": [{**NUMBER}, {"type": "object", "properties": {"m": {}, "n": {}}, "required": ["m", "n"]}]},
            {"properties": {"n": {"type": "integer"}, "m": {}}, "required": ["n"], "type": "object"},
        ),
        ({"anyOf": [NUMBER, {"type": "null"}]}, NUMBER),
        ({"allOf": [NUMBER, {"required": ["n"]}]}, NUMBER),
        (
            {"properties": {"type": {"type": "string"}, "required": {"type": "array", "items": True}}},
            {**NOTHING, "properties": {"type": {"type": "string"}, "required": {"type": "array"}}},
        ),
    ],
)
def test_an_unusual_schema_is_read_with_its_only_possible_meaning(raw: Any, usable: Mapping[str, Any]) -> None:
    assert tool_schema(raw) == usable


def wide(depth: int) -> dict[str, Any]:
    """Small as written, but huge when its references are replaced."""
    levels = {f"l{i}": {"properties": {c: {"$ref": f"#/$defs/l{i + 1}"} for c in "abcdefgh"}} for i in range(depth)}
    return {"$ref": "#/$defs/l0", "$defs": levels}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ([], "is not an object"),
        ("object", "is not an object"),
        (3, "is not an object"),
        ({"type": "string"}, "does not accept an object"),
        ({"type": ["array", "null"]}, "does not accept an object"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, "does not accept an object"),
        ({"properties": {str(i): {"description": "x" * 100} for i in range(500)}}, "is too large"),
        (wide(12), "is too large or too deep"),
    ],
)
def test_an_unusable_schema_is_explained(raw: Any, why: str) -> None:
    with pytest.raises(SchemaUnusable, match=re.escape(why)):
        tool_schema(raw)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**30)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["object", "#", "#/$defs/a", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "required", "$ref", "anyOf", "allOf", "items", "additionalProperties", "$defs", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON, JSON)
def test_an_invalid_tool_does_not_affect_others(odd: Any, page: Any) -> None:
    notes: list[str] = []
    replace_lone_surrogates = {"name": "sound", "inputSchema": NUMBER}
    whole = usable_result(
        "tools/list", {"tools": [odd, {"name": "odd", "inputSchema": odd, "title": page}, replace_lone_surrogates]}, notes.append
    )
    assert whole["tools"][-1] == replace_lone_surrogates
    named = [tool["name"] for tool in whole["tools"]]
    assert "odd" in named or any("the tool odd is left out: its schema" in note for note in notes)
    usable_result("tools/list", {"tools": page, "nextCursor": odd}, notes.append)
    assert isinstance(result_text({"content": page, "structuredContent": odd}), str)
    assert usable_result("tools/call", {"content": page, "isError": odd}, notes.append)["content"][0]["type"] == "text"
    assert usable_result("initialize", {"capabilities": odd, "serverInfo": page}, notes.append)["serverInfo"].keys() == {
        "name",
        "version",
    }


async def test_an_unusable_tool_is_reported_and_others_work(tmp_path: Path) -> None:
    tools = [
        {"name": "none", "inputSchema": {}},
        {"name": "null", "inputSchema": {"type": "object", "properties": None}},
        {"name": "missing"},
        {"name": "text", "inputSchema": {"type": "string"}},
        {"inputSchema": NUMBER},
        {
            "name": "fine",
            "inputSchema": NUMBER,
            "annotations": "no",
            "icons": 3,
            "outputSchema": [],
            "description": None,
            "_meta": 1,
        },
        "nonsense",
    ]
    async with odd(tmp_path, [{"tools": tools, "_meta": None}]) as servers:
        notices = await servers.prepare(ANY)
        assert [tool.name for tool in servers.tools] == ["odd/none", "odd/null", "odd/missing", "odd/fine"]
        assert notices == [
            (
                "MCP server odd: the tool text is left out: its schema does not accept an object; "
                "a tool without a name is left out."
            )
        ]
        (status,) = await servers.check()
        assert (status.state, status.notes) == (
            "up",
            ["the tool text is left out: its schema does not accept an object", "a tool without a name is left out"],
        )


@pytest.mark.parametrize(
    "initialize",
    [
        {"protocolVersion": "2024-11-05", "capabilities": None, "serverInfo": None},
        {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": True, "logging": 3},
            "serverInfo": {"name": "x"},
            "instructions": 5,
        },
        {"protocolVersion": "2025-11-25"},
    ],
)
async def test_invalid_server_information_is_accepted(tmp_path: Path, initialize: Any) -> None:
    async with odd(tmp_path, [{"tools": [{"name": "fine"}]}], initialize=initialize) as servers:
        assert await servers.prepare(ANY) == []
        assert [tool.name for tool in servers.tools] == ["odd/fine"]


# -- results ---------------------------------------------------------------------------------------------------------


TEXT = {"type": "text", "text": "seven"}


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"content": [TEXT]}, "seven"),  # the tool has an output schema
        ({"content": [TEXT], "structuredContent": {"other": 1}}, "seven"),
        ({"content": [], "structuredContent": {"n": 7}}, '{\n "n": 7\n}'),
        ({"structuredContent": [7]}, "[\n 7\n]"),
        ({"content": None}, "(done, no output)"),
        ({}, "(done, no output)"),
        ({"content": "seven"}, "seven"),
        ({"content": ["six", TEXT]}, "six\nseven"),
        ({"content": TEXT}, "seven"),
        ({"content": [{"text": "no type"}]}, "no type"),
        (
            {"content": [{"type": "resource", "resource": {"uri": "file:///a.txt", "text": "inside"}}]},
            "[resource file:///a.txt]\ninside",
        ),
        (
            {"content": [{"type": "resource", "resource": {"uri": "x:y", "mimeType": "application/pdf", "blob": "QUJD"}}]},
            "[resource x:y, application/pdf, about 3 bytes: not shown]",
        ),
        (
            {"content": [{"type": "resource_link", "uri": "x:y", "name": "log", "description": "of today"}]},
            "[resource log: x:y]\nof today",
        ),
        (
            {"content": [{"type": "audio", "data": "QUJD", "mimeType": "audio/wav"}]},
            "[audio, audio/wav, about 3 bytes: not shown]",
        ),
        ({"content": [{"type": "image"}]}, "[image: not shown]"),
        ({"content": [{"type": "video", "n": 1}, TEXT]}, '{"type": "video", "n": 1}\nseven'),
        ({"content": [TEXT], "isError": None, "_meta": 3}, "seven"),
    ],
)
async def test_results_are_read_in_every_format(tmp_path: Path, result: Any, text: str) -> None:
    tools = [{"name": "count", "outputSchema": NUMBER}]
    async with odd(tmp_path, [{"tools": tools}], {"count": result}) as servers:
        await servers.prepare(ANY)
        assert await call(servers, "count") == text


@pytest.mark.parametrize("failed", [True, "true", 1])
async def test_failures_are_recognized_in_every_format(tmp_path: Path, failed: Any) -> None:
    async with odd(tmp_path, [{"tools": [{"name": "count"}]}], {"count": {"content": [TEXT], "isError": failed}}) as servers:
        await servers.prepare(ANY)
        with pytest.raises(ToolFailed, match="seven"):
            await call(servers, "count")


# -- pages -----------------------------------------------------------------------------------------------------------


def page(name: str, cursor: Any) -> dict[str, Any]:
    return {"tools": [{"name": name}], "nextCursor": cursor}


@pytest.mark.parametrize(
    ("pages", "names", "asked"),
    [
        ([page("a", "")], ["a"], 1),
        ([page("a", None)], ["a"], 1),
        ([page("a", {"no": 1})], ["a"], 1),
        ([page("a", "same")], ["a"], 2),  # the last page repeats
        ([page("a", "x"), page("b", "y"), page("c", "x"), page("d", None)], ["a", "b", "c"], 3),
        ([page("a", 2), page("b", "")], ["a", "b"], 2),
    ],
)
async def test_listing_stops_at_a_repeated_page(tmp_path: Path, pages: list[Any], names: list[str], asked: int) -> None:
    async with odd(tmp_path, pages) as servers:
        await servers.prepare(ANY)
        assert [tool.name for tool in servers.tools] == [f"odd/{name}" for name in names]
        log = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        assert [one["method"] for one in log].count("tools/list") == asked


async def test_too_many_tools_are_cut_with_a_notice(tmp_path: Path) -> None:
    async with odd(tmp_path, [{"tools": [{"name": f"t{i}"} for i in range(130)]}]) as servers:
        assert await servers.prepare(ANY) == ["MCP server odd: only the first 128 of its tools are used."]
        assert len(servers.tools) == 128


# -- names -----------------------------------------------------------------------------------------------------------


async def test_tools_with_colliding_names_all_get_stable_names(tmp_path: Path) -> None:
    names = ["a.b", "a b", "a_b", "x" * 80, "x" * 79 + "y"]
    calls = {name: {"content": [{"type": "text", "text": name}]} for name in names}

    async def offered(*listed: str) -> dict[str, str]:
        async with odd(tmp_path, [{"tools": [{"name": name} for name in listed]}], calls) as servers:
            await servers.prepare(ANY)
            return {await tool.run({}, LoneCall()): tool.name for tool in servers.tools}

    told = await offered(*names)
    assert list(told) == names and told["a_b"] == "odd/a_b"
    assert len(set(told.values())) == 5
    assert all(re.fullmatch(r"odd/[A-Za-z0-9_-]+", name) and len(name.replace("/", "__")) <= 64 for name in told.values())
    assert await offered(*reversed(names)) == told  # in whatever order
    assert await offered("a_b", "a.b") == {name: told[name] for name in ("a_b", "a.b")}


def test_servers_with_colliding_names_all_get_stable_names(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text(
        json.dumps({"mcpServers": {name: {"command": name} for name in ("a.b", "a_b", "a b", "é", "ü")}})
    )
    found = {one.own_name: one.name for one in unique(read_folder(tmp_path, {}))}
    assert list(found) == ["a.b", "a_b", "a b", "é", "ü"] and found["a_b"] == "a_b" and found["é"] == "server"
    assert len(set(found.values())) == 5
    assert all(re.fullmatch(r"a_b(-[0-9a-f]{4})?|server(-[0-9a-f]{4})?", name) for name in found.values())
    # No server of a folder gets the name of one of the participant's own.
    own = own_server("a.b", McpServer(command="own"))
    both = unique([own, *read_folder(tmp_path, {})])
    assert both[0].name == "a_b" and len({one.name for one in both}) == 6


async def test_a_renamed_server_is_reported() -> None:
    servers = McpServers({"my tools": McpServer(**mcp_server())}, patience=30)
    try:
        (status,) = await servers.check()
        assert (status.name, status.notes) == ("my_tools", ["its name there is my tools"])
    finally:
        await servers.close()
