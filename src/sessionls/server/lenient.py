"""Reads the params of LSP's own methods leniently: a value that is not used here must not make a request fail.

Editors send values of newer and older specifications, and null for what they do not have. lsprotocol refuses a whole message
because of one unknown value, and reads null as the text "None". So each message is put into its strict form first: optional
fields and items of lists that cannot be read are left out, and a few required fields that are missing get a neutral value.
"""

from __future__ import annotations

import collections.abc
import enum
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from lsprotocol import types as lsp

from sessionls.domain import uris

__all__ = ["InvalidValues", "to_strict_form"]


class InvalidValues(Exception):
    """Required values cannot be read. `paths` are their paths, with the names of the wire."""

    def __init__(self, *paths: str) -> None:
        super().__init__(*paths)
        self.paths = paths


def to_strict_form(value: Any, kind: Any) -> Any:
    """The value in the strict form of that type of lsprotocol. Raises `InvalidValues`."""
    return _read(value, kind, "", diagnostic=False)


def _read(value: Any, kind: Any, path: str, *, diagnostic: bool) -> Any:
    origin = typing.get_origin(kind)
    if kind is Any or kind is object or kind in (lsp.LSPAny, lsp.LSPObject):
        return value
    if origin in (typing.Union, types.UnionType):
        return _read_union(value, typing.get_args(kind), path, diagnostic=diagnostic)
    if origin is typing.Literal:
        if value in typing.get_args(kind):
            return value
    elif origin is collections.abc.Sequence:
        if isinstance(value, list):
            return _read_items(value, typing.get_args(kind)[0], path, diagnostic=diagnostic)
    elif origin in (dict, collections.abc.Mapping):
        if isinstance(value, dict):
            return value
    elif origin is tuple:
        if isinstance(value, list):
            return value
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        if not isinstance(value, bool) and value in {member.value for member in kind}:
            return value
    elif isinstance(kind, type) and attrs.has(kind):
        if isinstance(value, dict):
            return _read_object(value, kind, path, diagnostic=diagnostic or kind is lsp.Diagnostic)
    elif kind is bool:
        if isinstance(value, bool):
            return value
    elif kind is int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    elif kind is str:
        if isinstance(value, str):
            return value
    elif kind is type(None):
        if value is None:
            return value
    else:
        return value
    raise InvalidValues(path)


def _read_union(value: Any, kinds: tuple[Any, ...], path: str, *, diagnostic: bool) -> Any:
    if value is None and type(None) in kinds:
        return None
    problem = InvalidValues(path)
    # An object is of the first type whose fields it has: a change with an invalid range does not replace the whole text.
    match = next((kind for kind in kinds if attrs.has(kind) and _has_required_fields(value, kind)), None)
    for kind in kinds if match is None else (match,):
        try:
            return _read(value, kind, path, diagnostic=diagnostic)
        except InvalidValues as error:
            # The error inside says more than that no type matches.
            if max(map(len, error.paths)) > len(path):
                problem = error
    raise problem


def _has_required_fields(value: Any, kind: Any) -> bool:
    needed = [_camel(field.name) for field in attrs.fields(kind) if field.default is attrs.NOTHING]
    return isinstance(value, dict) and all(value.get(name) is not None for name in needed)


def _read_items(value: list[Any], kind: Any, path: str, *, diagnostic: bool) -> list[Any]:
    items = []
    for number, item in enumerate(value):
        try:
            items.append(_read(item, kind, f"{path}.{number}", diagnostic=diagnostic))
        except InvalidValues:
            if kind not in _OPTIONAL_ITEMS and not _is_scalar(kind):
                raise
    return items


# From these lists, items that cannot be read are left out. (Of the changes to a document none may be missing.)
_OPTIONAL_ITEMS = (lsp.Diagnostic, lsp.DiagnosticRelatedInformation, lsp.WorkspaceFolder, lsp.FileEvent)


def _is_scalar(kind: Any) -> bool:
    """Whether such values are scalars: texts, numbers, members of an enumeration."""
    members = typing.get_args(kind) or (kind,)
    return all(isinstance(member, type) and (issubclass(member, enum.Enum) or member in (str, int, bool)) for member in members)


def _read_object(value: Mapping[str, Any], kind: Any, path: str, *, diagnostic: bool) -> dict[str, Any]:
    read: dict[str, Any] = {}
    missing: list[str] = []
    for field in attrs.fields(kind):
        name = _camel(field.name)
        where = f"{path}.{name}".lstrip(".")
        if name in value:
            try:
                item = _read_code(value[name]) if kind is lsp.Diagnostic and name == "code" else value[name]
                result = _read(item, field.type, where, diagnostic=diagnostic)
                if field.validator is not None:
                    field.validator(None, field, result)
            except (InvalidValues, ValueError, TypeError) as error:
                problem = error if isinstance(error, InvalidValues) else InvalidValues(where)
            else:
                read[name] = result
                continue
        else:
            problem = InvalidValues(where)
        if field.default is not attrs.NOTHING:
            continue
        default = _DEFAULTS.get((kind, field.name)) or (_DIAGNOSTIC_DEFAULTS.get((kind, field.name)) if diagnostic else None)
        if default is None:
            missing += problem.paths
        else:
            read[name] = default({**value, **read})
    if missing:
        raise InvalidValues(*missing)
    return read


def _read_code(value: Any) -> Any:
    """A diagnostic's code; some clients send it as an object with its address, as in VS Code's API."""
    return value.get("value") if isinstance(value, dict) else value


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def _folder_name(folder: Mapping[str, Any]) -> str:
    uri = folder.get("uri")
    return uris.path_of(uri).rstrip("/").rpartition("/")[2] if isinstance(uri, str) else ""


def _text(_: Mapping[str, Any]) -> str:
    return ""


def _zero(_: Mapping[str, Any]) -> int:
    return 0


_START = {"line": 0, "character": 0}

# The value for a required field that is missing or cannot be read. `None` is for fields that may be null.
_DEFAULTS: Mapping[tuple[Any, str], Callable[[Mapping[str, Any]], Any]] = {
    (lsp.InitializeParams, "capabilities"): lambda _: {},
    (lsp.ClientInfo, "name"): _text,
    (lsp.WorkspaceFolder, "name"): _folder_name,
    (lsp.DidChangeWorkspaceFoldersParams, "event"): lambda _: {"added": [], "removed": []},
    (lsp.WorkspaceFoldersChangeEvent, "added"): lambda _: [],
    (lsp.WorkspaceFoldersChangeEvent, "removed"): lambda _: [],
    (lsp.DidChangeConfigurationParams, "settings"): lambda _: None,
    (lsp.DidChangeWatchedFilesParams, "changes"): lambda _: [],
    (lsp.FileEvent, "type"): lambda _: lsp.FileChangeType.Changed.value,
    (lsp.TextDocumentItem, "language_id"): _text,
    (lsp.TextDocumentItem, "version"): _zero,
    (lsp.VersionedTextDocumentIdentifier, "version"): _zero,
    (lsp.CodeActionParams, "context"): lambda _: {"diagnostics": []},
    (lsp.CodeActionContext, "diagnostics"): lambda _: [],
}
_DIAGNOSTIC_DEFAULTS: Mapping[tuple[Any, str], Callable[[Mapping[str, Any]], Any]] = {
    (lsp.Diagnostic, "message"): _text,
    (lsp.Diagnostic, "range"): lambda _: {"start": _START, "end": _START},
    (lsp.Range, "start"): lambda _: _START,
    (lsp.Range, "end"): lambda known: known["start"] if isinstance(known.get("start"), dict) else _START,
    (lsp.Position, "line"): _zero,
    (lsp.Position, "character"): _zero,
}
