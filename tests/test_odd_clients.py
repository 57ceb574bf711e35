"""Real clients send unusual values: nothing that the server does not use may cause a refusal."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types as lsp

from sessionls.server.editor.capabilities import Client, Configuration, EditSupport, Options
from sessionls.server.editor.lsp_editor import Documents, LspEditor
from sessionls.server.features.finding_actions import is_cursor
from sessionls.server.lenient import InvalidValues, to_strict_form
from sessionls.server.server import SessionServer
from sessionls.server.transport.protocol import make_converter

PLAIN: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}


class Wire:
    """A server without streams: its input and its responses."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.server = SessionServer()
        self.server.protocol.set_writer(self)

    def write(self, body: bytes) -> None:
        self.sent.append(json.loads(body))

    def close(self) -> None: ...

    def ask(self, method: str, params: Any = None) -> dict[str, Any]:
        self.server.protocol.receive(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
        return self.sent[-1]

    def tell(self, method: str, params: Any) -> None:
        self.server.protocol.receive(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())


async def initialized(**params: Any) -> Wire:
    wire = Wire()
    answer = wire.ask("initialize", {**PLAIN, **params})
    assert "result" in answer, answer
    return wire


def folders(wire: Wire) -> list[str]:
    documents = wire.server.protocol.workspace
    assert isinstance(documents, Documents)
    return list(LspEditor(documents, wire.server.protocol, wire.server._client).folders)


# -- initialize ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        None, [], "", False, True, 0, 5, "text", [1], {}, {"unknown": {"deep": [1]}},
        {"participant": None, "workspaceTrusted": None, "readOnly": None, "agent": None, "model": None, "databaseUrl": None},
        {"participant": {"name": "", "email": None}, "agent": "", "model": "", "databaseUrl": ""},
    ],
)  # fmt: skip
async def test_empty_options_are_accepted(options: Any) -> None:
    wire = await initialized(initializationOptions=options)
    assert wire.server._options == Options()
    assert not wire.server._bounds.trusted


async def test_valid_options_next_to_invalid_ones_are_used() -> None:
    options = {"agent": "review", "model": "", "workspaceTrusted": True, "participant": {"name": "Ada", "email": ""}, "x": 1}
    wire = await initialized(initializationOptions=options)
    assert wire.server._options == Options.model_validate(
        {"agent": "review", "workspaceTrusted": True, "participant": {"name": "Ada", "email": None}}
    )


EDITS = {"applyEdit": True, "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create", "delete"]}}


@pytest.mark.parametrize(
    "odd",
    [
        {"textDocument": {"documentSymbol": {"symbolKind": {"valueSet": [1, 99]}}}},
        {"textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["x", 3]}}}}},
        {"textDocument": {"publishDiagnostics": {"tagSupport": {"valueSet": [1, 2, 3]}}}},
        {"textDocument": {"completion": {"completionItem": {"documentationFormat": ["markdown", "html"]}}}},
        {"textDocument": {"completion": {"completionItem": None, "insertTextMode": 9, "contextSupport": "yes"}}},
        {"textDocument": {"foldingRange": {"rangeLimit": -1, "foldingRangeKind": {"valueSet": ["x"]}}}},
        {"textDocument": {"semanticTokens": {}}},
        {"textDocument": []},
        {"textDocument": None, "window": None, "general": None},
        {"general": {"positionEncodings": ["utf-7", None, "utf-8"], "staleRequestSupport": {}}},
        {"general": {"markdown": {}, "regularExpressions": None}},
        {"window": {"workDoneProgress": "yes", "showMessage": {"messageActionItem": 3}}},
        {"notebookDocument": {}},
        {"experimental": []},
        {"experimental": {"sessionls": None}},
        {"somethingNew": {"x": 1}},
    ],
)  # fmt: skip
async def test_invalid_capabilities_are_ignored_and_others_are_used(odd: dict[str, Any]) -> None:
    edits = {"documentChanges": True, "failureHandling": "new", "resourceOperations": ["create", "copy", "delete"]}
    workspace = {"applyEdit": True, "workspaceEdit": edits, "symbol": {"symbolKind": {"valueSet": [0]}}}
    wire = await initialized(capabilities={"workspace": workspace, **odd})
    assert wire.server._client.edits == EditSupport(applies=True, versions=True, creates=True, deletes=True)


@pytest.mark.parametrize("encodings", [["utf-7", None, "utf-8"], ["utf-8", 3], "utf-8", []])
async def test_unknown_encodings_are_ignored(encodings: Any) -> None:
    wire = await initialized(capabilities={"general": {"positionEncodings": encodings}})
    chosen = wire.sent[-1]["result"]["capabilities"]["positionEncoding"]
    assert chosen == ("utf-8" if isinstance(encodings, list) and "utf-8" in encodings else "utf-16")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"workspaceFolders": None}, []),
        ({"workspaceFolders": []}, []),
        ({"workspaceFolders": {}}, []),
        ({"workspaceFolders": [{"uri": "file:///work/a"}]}, ["file:///work/a"]),
        ({"workspaceFolders": [{"uri": "file:///work/a", "name": None}, {"name": "lost"}, None]}, ["file:///work/a"]),
        ({"workspaceFolders": None, "rootUri": "file:///work/a%20b"}, ["file:///work/a%20b"]),
        ({"rootPath": "/work/a b"}, ["file:///work/a%20b"]),
        ({"rootUri": "", "rootPath": ""}, []),
        ({"rootUri": "", "rootPath": "/work/a"}, ["file:///work/a"]),
        ({"rootUri": "/work/a"}, ["file:///work/a"]),
        ({"rootUri": "file://localhost/work/a"}, ["file://localhost/work/a"]),
        ({"rootUri": "file:///work/100%"}, ["file:///work/100%"]),
        ({"rootUri": "untitled:x"}, ["untitled:x"]),
        ({"rootUri": 3}, []),
        ({"rootUri": "file://[broken/a"}, []),
        ({"workspaceFolders": [{"uri": "file://[broken/a"}, {"uri": "file:///w"}]}, ["file://[broken/a", "file:///w"]),
    ],
)  # fmt: skip
async def test_folders_are_read_in_every_format(params: dict[str, Any], found: list[str]) -> None:
    assert folders(await initialized(**params)) == found


@pytest.mark.parametrize(
    "params",
    [
        {"trace": "compact"},
        {"trace": None},
        {"clientInfo": {"version": "1"}},
        {"clientInfo": None},
        {"clientInfo": {"name": None}},
        {"processId": "12"},
        {"processId": 1.5},
        {"locale": 3},
        {"workDoneToken": None},
        {"workDoneToken": {}},
        {"capabilities": None},
        {"capabilities": []},
    ],
)
async def test_other_invalid_fields_of_initialize_are_accepted(params: dict[str, Any]) -> None:
    await initialized(**params)


async def test_initialize_without_capabilities_is_enough() -> None:
    wire = Wire()
    assert "result" in wire.ask("initialize", {})


# -- requests and notifications --------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [[], None, {}, [{}]])
async def test_params_may_be_an_empty_list(params: Any) -> None:
    wire = await initialized()
    read = wire.server.protocol._read_params
    assert read("session/list", params) == read("session/list", {})
    assert isinstance(read("initialized", params), lsp.InitializedParams)
    assert read("session/get", [{"sessionId": "x"}]).session_id == "x"


@pytest.mark.parametrize("method", ["textDocument/rename", "workspace/somethingNew", "shutdown/later", "$/odd"])
async def test_an_unknown_request_is_refused_with_its_name(method: str) -> None:
    wire = await initialized()
    assert wire.ask(method, [])["error"]["code"] == -32601


@pytest.mark.parametrize("method", ["textDocument/willSave", "$/odd", "workspace/odd", "telemetry/event", "window/odd"])
async def test_an_unknown_notification_is_ignored(method: str) -> None:
    wire = await initialized()
    before = len(wire.sent)
    wire.tell(method, {"any": 1})
    assert len(wire.sent) == before


@pytest.mark.parametrize(
    "settings",
    [None, [], "", 3, {}, {"sessionls": None}, {"sessionls": []}, {"other": 1}, {"sessionls": {"workspaceTrusted": None}}],
)
def test_empty_settings_change_nothing(settings: Any) -> None:  # fmt: skip
    changed = Configuration.model_validate(settings).sessionls
    assert (changed.workspace_trusted, changed.read_only) == (None, None)


RANGE = {"start": {"line": 1, "character": 2}, "end": {"line": 1, "character": 5}}
START = {"line": 0, "character": 0}
FINE = {"range": RANGE, "message": "fine", "severity": 2, "source": "other"}


@pytest.mark.parametrize(
    ("odd", "read"),
    [
        ({**FINE, "severity": 0}, {"range": RANGE, "message": "fine", "source": "other"}),
        ({**FINE, "severity": "error"}, {"range": RANGE, "message": "fine", "source": "other"}),
        ({**FINE, "code": "E501"}, {**FINE, "code": "E501"}),
        ({**FINE, "code": {"value": "E501", "target": "https://example.org"}}, {**FINE, "code": "E501"}),
        ({**FINE, "code": None, "tags": None, "relatedInformation": None, "codeDescription": None, "data": None}, FINE),
        ({**FINE, "tags": [1, 9]}, {**FINE, "tags": [1]}),
        ({**FINE, "tags": 1}, FINE),
        ({**FINE, "relatedInformation": [{"message": "no location"}]}, {**FINE, "relatedInformation": []}),
        ({**FINE, "codeDescription": {}}, FINE),
        ({**FINE, "message": None}, {**FINE, "message": ""}),
        ({"message": "nowhere"}, {"range": {"start": START, "end": START}, "message": "nowhere"}),
        ({**FINE, "range": {"start": RANGE["start"]}}, {**FINE, "range": {"start": RANGE["start"], "end": RANGE["start"]}}),
        ({**FINE, "range": {"start": {"line": 3}, "end": {"line": -1, "character": 1.0}}},
         {**FINE, "range": {"start": {"line": 3, "character": 0}, "end": {"line": 0, "character": 1}}}),
        (None, None),
        ("text", None),
    ],
)  # fmt: skip
def test_an_invalid_diagnostic_of_another_server_does_not_affect_others(odd: Any, read: Any) -> None:
    params = {"textDocument": {"uri": "file:///a"}, "range": RANGE, "context": {"diagnostics": [odd, FINE], "triggerKind": 7}}
    kept = to_strict_form(params, lsp.CodeActionParams)
    found = make_converter().unstructure(make_converter().structure(kept, lsp.CodeActionParams).context.diagnostics)
    # Null values are left out on the wire.
    plain = [{key: value for key, value in one.items() if value is not None} for one in found]
    assert plain == ([] if read is None else [read]) + [FINE]


def test_an_unreadable_edit_is_never_guessed() -> None:
    document = {"uri": "file:///a", "version": None}
    for change in ({"range": {}, "text": "x"}, {"range": {"start": START}, "text": "x"}, {"text": None}, None):
        with pytest.raises(InvalidValues):
            to_strict_form({"textDocument": document, "contentChanges": [change, {"text": "y"}]}, lsp.DidChangeTextDocumentParams)
    whole = to_strict_form(
        {"textDocument": document, "contentChanges": [{"range": None, "text": "x"}]}, lsp.DidChangeTextDocumentParams
    )
    assert whole == {"textDocument": {"uri": "file:///a", "version": 0}, "contentChanges": [{"text": "x"}]}
    with pytest.raises(InvalidValues):
        to_strict_form({"textDocument": {"uri": "file:///a", "text": None}}, lsp.DidOpenTextDocumentParams)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["uri", "name", "range", "start", "line", "valueSet", "x", "textDocument"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
FULL: dict[str, Any] = {
    "processId": 1,
    "clientInfo": {"name": "x", "version": "1"},
    "rootUri": "file:///r",
    "trace": "off",
    "workspaceFolders": [{"uri": "file:///w", "name": "w"}],
    "capabilities": {
        "workspace": {**EDITS, "symbol": {"symbolKind": {"valueSet": [1]}}},
        "textDocument": {"codeAction": {"dynamicRegistration": True}},
        "window": {"workDoneProgress": True, "showDocument": {"support": True}},
        "general": {"positionEncodings": ["utf-8"]},
        "experimental": {"sessionls": {"events": True}},
    },
}


def paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = value.items() if isinstance(value, dict) else ()
    return [path] * bool(path) + [one for key, item in inner for one in paths(item, (*path, key))]


@settings(deadline=None)
@given(st.sampled_from(paths(FULL)), JSON)
def test_an_invalid_value_in_initialize_does_not_affect_the_rest(path: tuple[str, ...], odd: Any) -> None:
    given_: Any = json.loads(json.dumps(FULL))
    place = given_
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = odd
    params = make_converter().structure(to_strict_form(given_, lsp.InitializeParams), lsp.InitializeParams)
    client = Client.of(params.capabilities)
    if path[0] != "workspaceFolders":
        assert params.workspace_folders and params.workspace_folders[0].uri == "file:///w"
    if path[0] != "capabilities":
        assert client.edits.deletes and client.progress and client.events and client.shows_documents
    elif path[1:2] == ("workspace",):
        assert client.progress and client.events and client.shows_documents
    elif len(path) > 1:
        assert client.edits.deletes


@settings(deadline=None)
@given(JSON, JSON, st.sampled_from(list(lsp.METHOD_TO_TYPES)))
def test_any_message_is_accepted_or_refused(odd: Any, other: Any, method: str) -> None:
    kind = lsp.METHOD_TO_TYPES[method][2]
    for params in (odd, {"textDocument": odd, "range": other, "context": {"diagnostics": [odd]}, "uri": "x", "event": other}):
        if kind is not None:
            with contextlib.suppress(InvalidValues):
                make_converter().structure(to_strict_form(params, kind), cast("type[Any]", kind))


# -- documents -------------------------------------------------------------------------------------------------------


def an_editor(uri: str, text: str = "") -> LspEditor:
    documents = Documents(None, lsp.TextDocumentSyncKind.Incremental, [], "utf-16")
    documents.put_text_document(lsp.TextDocumentItem(uri=uri, language_id="x", version=1, text=text))
    return LspEditor(documents, None, Client())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("opened", "asked"),
    [
        ("file:///w/a b.py", "file:///w/a%20b.py"),
        ("file://localhost/w/a.py", "file:///w/a.py"),
        ("file:///w/a.py", "file://localhost/w/a.py"),
        ("file:/w/a.py", "file:///w/a.py"),
        ("FILE:///w/a.py", "file:///w/a.py"),
        ("file:///c%3A/w/a.py", "file:///C:/w/a.py"),
        ("file:///w/x/../a.py", "file:///w/a.py"),
        ("untitled:Untitled-1", "untitled:Untitled-1"),
        ("vscode-notebook-cell:/w/a.ipynb#X1", "vscode-notebook-cell:/w/a.ipynb#X1"),
    ],
)
def test_an_open_document_is_found_however_its_uri_is_spelled(opened: str, asked: str) -> None:
    editor = an_editor(opened, "text")
    found = editor.buffer(asked)
    assert found is not None and found.text == "text"
    editor.record_diagnostics(opened, [dict(FINE)])
    assert [one["message"] for one in editor.diagnostics(asked)] == ["fine"]
    assert editor.buffer(f"{asked}x") is None


def test_a_closed_document_is_forgotten() -> None:
    editor = an_editor("file:///w/a.py", "text")
    editor.record_diagnostics("file:///w/a.py", [dict(FINE)])
    editor._documents.remove_text_document("file://localhost/w/a.py")  # with another spelling: it is still open
    assert editor.buffer("file:///w/a.py") is not None
    editor._documents.remove_text_document("file:///w/a.py")
    editor.document_closed("file://localhost/w/a.py")
    assert editor.buffer("file:///w/a.py") is None and editor.buffer("file://localhost/w/a.py") is None
    assert list(editor.diagnostics("file:///w/a.py")) == []


TEXT = "ab\r\n\U0001f469\u200d\U0001f680e\u0301\U0001f1e9\U0001f1ea\n\nlast"


@pytest.mark.parametrize(
    ("place", "cursor"),
    [
        ((0, 0, 0, 0), True),
        ((0, 0, 0, 1), True),  # a block cursor stands on a character
        ((0, 2, 1, 0), True),  # on a line end of two
        ((1, 0, 1, 5), True),  # on one of three code points
        ((1, 5, 1, 7), True),  # on a letter with its accent
        ((1, 7, 1, 11), True),  # on a flag
        ((2, 0, 3, 0), True),  # on an empty line
        ((0, 1, 0, 0), True),  # the wrong way round
        ((0, 0, 0, 2), False),
        ((0, 1, 1, 0), False),
        ((1, 0, 1, 7), False),
        ((0, 0, 3, 4), False),
    ],
)
def test_a_range_of_one_character_is_a_cursor(place: tuple[int, int, int, int], cursor: bool) -> None:
    editor = an_editor("file:///w/a.py", TEXT)
    line, character, last, end = place
    range_ = lsp.Range(start=lsp.Position(line, character), end=lsp.Position(last, end))
    context = lsp.CodeActionContext(diagnostics=[])
    params = lsp.CodeActionParams(lsp.TextDocumentIdentifier("file:///w/a.py"), range_, context)
    assert is_cursor(editor, params) is cursor


def test_a_folder_without_a_name_has_that_of_its_path(tmp_path: Path) -> None:
    read = to_strict_form(
        {**PLAIN, "workspaceFolders": [{"uri": "file:///w/a%20b/"}, {"uri": "vscode-remote://h/x"}]}, lsp.InitializeParams
    )
    assert [one["name"] for one in read["workspaceFolders"]] == ["a b", "x"]
