"""LSP's types are completed when they are used, and then equal those of lsprotocol."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

_BOTH = """
import json, sys
if sys.argv[1] == "lazily":
    from sessionls.server.lsp_types import import_lsp_types
    import_lsp_types()
from lsprotocol import types
from lsprotocol.converters import get_converter
"""

_FIELDS = """
import attrs
get_converter()  # resolves the annotations
fields = {
    name: [[field.name, str(field.type), repr(field.default), field.kw_only] for field in attrs.fields(cls)]
    for name, cls in types.ALL_TYPES_MAP.items()
    if isinstance(cls, type) and attrs.has(cls)
}
print(json.dumps(fields))
"""

_ROUND_TRIP = """
converter = get_converter()
read = [converter.structure(value, getattr(types, name)) for name, value in json.loads(sys.argv[2])]
print(json.dumps([converter.unstructure(one) for one in read]))
"""

_MESSAGES = [
    ("Position", {"line": 1, "character": 2}),
    (
        "InitializeParams",
        {
            "processId": None,
            "rootUri": "file:///folder",
            "capabilities": {"textDocument": {"codeAction": {"dataSupport": True}}, "general": {"positionEncodings": ["utf-8"]}},
            "workspaceFolders": [{"uri": "file:///folder", "name": "folder"}],
        },
    ),
    (
        "WorkspaceEdit",
        {
            "documentChanges": [
                {"kind": "create", "uri": "file:///new"},
                {
                    "textDocument": {"uri": "file:///new", "version": None},
                    "edits": [
                        {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}, "newText": "x"}
                    ],
                },
            ]
        },
    ),
    (
        "CodeAction",
        {"title": "Fix", "kind": "quickfix", "command": {"title": "Fix", "command": "fix", "arguments": [{"any": ["thing"]}]}},
    ),
    (
        "Diagnostic",
        {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}, "message": "m", "code": 3},
    ),
    (
        "DidChangeTextDocumentParams",
        {"textDocument": {"uri": "file:///a", "version": 2}, "contentChanges": [{"text": "whole"}]},
    ),
]


def _run(how: str, code: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", _BOTH + code, how, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_every_type_has_the_fields_of_lsprotocol() -> None:
    lazily = _run("lazily", _FIELDS)
    assert len(lazily) > 400
    assert lazily == _run("at once", _FIELDS)


def test_messages_are_read_and_written_as_with_lsprotocol() -> None:
    messages = json.dumps(_MESSAGES)
    lazily = _run("lazily", _ROUND_TRIP, messages)
    assert lazily[0] == _MESSAGES[0][1]
    assert lazily == _run("at once", _ROUND_TRIP, messages)


@pytest.mark.parametrize(("name", "value"), [("Position", {"line": "one", "character": 2}), ("CodeAction", {})])
def test_invalid_messages_are_refused(name: str, value: dict[str, Any]) -> None:
    code = """
converter = get_converter()
name, value = json.loads(sys.argv[2])
try:
    converter.structure(value, getattr(types, name))
except Exception as error:
    print(json.dumps(type(error).__name__))
else:
    print(json.dumps(None))
"""
    refused = _run("lazily", code, json.dumps([name, value]))
    assert refused is not None
    assert refused == _run("at once", code, json.dumps([name, value]))


def test_few_types_are_built_at_the_start() -> None:
    code = """
import sessionls.server.server
from sessionls.server import lsp_types
from sessionls.server.transport.protocol import make_converter
make_converter().structure(json.loads(sys.argv[2]), types.InitializeParams)
print(len(lsp_types.completed()))
"""
    assert _run("lazily", code, json.dumps(_MESSAGES[1][1])) < 50
