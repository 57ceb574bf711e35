"""Reads the definitions of MCP servers in the participant's settings and in workspace folders.

A folder defines them in `.sessionls/mcp.json`, `.mcp.json` or `.vscode/mcp.json`, each with its own format. If several define the
same name, the first counts. Reading starts no server.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, ConfigDict, Field, ValidationError

from sessionls.programs import McpServer

__all__ = ["FILES", "Key", "Named", "own_server", "read_folder", "server_name", "unique"]

FILES = (".sessionls/mcp.json", ".mcp.json", ".vscode/mcp.json")
Key = tuple[str, Path | None, str | None]
_LIMIT = 256 << 10  # bytes of a file
_NAME = 32  # characters


class _Foreign(McpServer):
    """A definition for other programs, which may have fields that we do not know."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    type: Literal["stdio", "http", "streamable-http", "sse"] | None = Field(
        default=None, validation_alias=AliasChoices("type", "transport")
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A server definition and its source. `folder` is the workspace folder that defines it, None for the participant's own.

    `problem`: why it cannot be used, for a person. `own_name` is its name in the source; None if the whole file is invalid.
    """

    name: str
    server: McpServer | None
    source: str
    folder: Path | None = None
    problem: str | None = None
    own_name: str | None = None

    @property
    def key(self) -> Key:
        """Identifies this server, also among servers of the same name with different settings."""
        return self.name, self.folder, None if self.server is None else self.server.model_dump_json()


def server_name(name: str) -> str:
    """A name that model APIs accept as part of a tool's name, without `__`, which separates server and tool there."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_-")
    return plain[:_NAME].rstrip("_-") or "server"


def own_server(name: str, server: McpServer, environ: Mapping[str, str] | None = None) -> Named:
    """A server of the participant's settings, with variables replaced, so that keys can be in the environment."""
    value = server.model_dump(exclude_none=True)
    return _one(name, value, "the settings", None, os.environ if environ is None else environ)


def read_folder(folder: Path, environ: Mapping[str, str] | None = None) -> list[Named]:
    """The servers that a workspace folder defines. Reads the disk, so call it in a thread."""
    environ = os.environ if environ is None else environ
    found: dict[str, Named] = {}
    for name in FILES:
        for server in _read_file(folder, name, environ):
            found.setdefault(server.own_name or server.source, server)
    return list(found.values())


def _read_file(folder: Path, name: str, environ: Mapping[str, str]) -> Iterator[Named]:
    path = folder / name
    try:
        if not path.is_file():
            return
        with path.open("rb") as stream:
            raw = stream.read(_LIMIT)
        # A file that was cut is not valid JSON.
        data = json.loads(_without_comments(raw.decode("utf-8-sig")))
    except (OSError, ValueError, RecursionError):
        yield Named(server_name(name), None, name, folder, "the file is not valid JSON, or is too large")
        return
    servers = data.get("mcpServers", data.get("servers", {})) if isinstance(data, dict) else None
    if not isinstance(servers, dict):
        yield Named(
            server_name(name), None, name, folder, "the file defines no servers: it needs an object mcpServers or servers"
        )
        return
    for key, value in servers.items():
        yield _one(key, value, name, folder, environ)


def _one(own_name: str, value: Any, source: str, folder: Path | None, environ: Mapping[str, str]) -> Named:
    missing: list[str] = []
    name = server_name(own_name)
    try:
        server = _Foreign.model_validate(_filled(value, folder, environ, missing))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        words = str(first["msg"]).removeprefix("Value error, ")
        return Named(name, None, source, folder, f"{where}: {words}" if where else words, own_name)
    if missing:
        return Named(name, None, source, folder, "; ".join(dict.fromkeys(missing)), own_name)
    return Named(name, server, source, folder, own_name=own_name)


_VARIABLE = re.compile(r"\$\{([^{}]*)\}")


def _filled(value: Any, folder: Path | None, environ: Mapping[str, str], missing: list[str]) -> Any:
    """The value with its variables replaced: `${workspaceFolder}`, `${env:X}`, `${X}` and `${X:-default}`."""
    if isinstance(value, dict):
        return {key: _filled(item, folder, environ, missing) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, folder, environ, missing) for item in value]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        word = match[1]
        if word == "workspaceFolder" and folder is not None:
            return str(folder)
        if word == "workspaceFolderBasename" and folder is not None:
            return folder.name
        if word == "userHome":
            return str(Path.home())
        if word == "pathSeparator":
            return os.sep
        if word.startswith("input:"):
            missing.append(f"it asks for an input ({word[6:]}), which is not supported: use ${{env:…}}")
            return ""
        name, _, default = word.removeprefix("env:").partition(":-")
        if name in environ:
            return environ[name]
        if ":-" in word:
            return default
        if re.fullmatch(r"\w+", name):
            missing.append(f"the environment variable {name} is not set")
            return ""
        missing.append(f"unknown variable {match[0]}")
        return ""

    return _VARIABLE.sub(fill, value)


# An unclosed string or comment extends to the end, so that every character is scanned only once.
_STRING = r'"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z)'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_LAST_COMMA = re.compile(rf"({_STRING})|,(?=\s*+[}}\]])", re.DOTALL)


def _without_comments(text: str) -> str:
    """Remove comments and trailing commas, which editors allow in JSON."""
    plain = _COMMENT.sub(lambda match: match[1] or " ", text)
    return _LAST_COMMA.sub(lambda match: match[1] or "", plain)


def unique(servers: Sequence[Named]) -> list[Named]:
    """Give each server a unique name. Servers of the participant come first, then those of each folder.

    If several names are shortened to the same name, the server whose original name that is keeps it, else the first. Others get a
    suffix that depends only on their original name, so that a rule for one server never applies to another. A server with the
    same original name in another folder gets a number.
    """
    names: dict[int, str] = {}
    taken: dict[str, str | None] = {}
    sources = list(dict.fromkeys(server.folder for server in servers))
    order = sorted(
        enumerate(servers), key=lambda pair: (sources.index(pair[1].folder), pair[1].own_name not in (None, pair[1].name))
    )
    for index, server in order:
        name, number = server.name, 2
        if name in taken and taken[name] != server.own_name:
            name = _marked(server)
        base = name
        while name in taken:
            name = f"{base[: _NAME - 3]}-{number}"
            number += 1
        taken[name] = server.own_name
        names[index] = name
    return [replace(server, name=names[index]) for index, server in enumerate(servers)]


def _marked(server: Named) -> str:
    mark = hashlib.sha256((server.own_name or "").encode("utf-8", "replace")).hexdigest()[:4]
    return f"{server.name[: _NAME - 5]}-{mark}"
