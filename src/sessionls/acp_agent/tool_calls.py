"""Converts tool calls, edits and findings for clients: kinds, titles, locations, diffs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from acp import schema

from sessionls.domain import uris
from sessionls.domain.model import EditPart, Finding, ToolPart

__all__ = ["diffs_of", "finding_text", "kind_of", "locations_of", "patch_diffs", "status_of", "text_content", "title_of"]

Kind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"]
Status = Literal["pending", "in_progress", "completed", "failed"]

_KINDS: Mapping[str, Kind] = {
    "read_file": "read",
    "list_files": "search",
    "search": "search",
    "symbols": "search",
    "diagnostics": "read",
    "git_diff": "read",
    "git_log": "read",
    "git_show": "read",
    "edit_file": "edit",
    "create_file": "edit",
    "delete_file": "delete",
    "run_command": "execute",
    "scan": "search",
    "ask_agent": "think",
}
_EXTERNAL: Mapping[str, Kind] = {
    "read": "read",
    "edit": "edit",
    "delete": "delete",
    "move": "move",
    "search": "search",
    "execute": "execute",
    "think": "think",
    "fetch": "fetch",
    "switch_mode": "switch_mode",
}
_STATUS: Mapping[str, Status] = {
    "waiting": "pending",
    "running": "in_progress",
    "done": "completed",
    "failed": "failed",
    "denied": "failed",
}
_SEVERITIES = {1: "error", 2: "warning", 3: "info", 4: "hint"}
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_TITLE = 200  # characters
_TITLE_ARGUMENTS = ("path", "pattern", "command", "name", "agent", "query", "title", "url", "base")  # the most informative first

Content = schema.ContentToolCallContent | schema.FileEditToolCallContent


def kind_of(tool: str) -> Kind:
    """The kind of one of our tools, by name. A call of an external agent has its kind as its name."""
    return _KINDS.get(tool) or _EXTERNAL.get(tool, "other")


def status_of(part: ToolPart) -> Status:
    return _STATUS[part.status]


def title_of(part: ToolPart) -> str:
    """One line that describes the call."""
    if part.title:
        return part.title[:_TITLE]
    argument = next((str(part.arguments[name]) for name in _TITLE_ARGUMENTS if isinstance(part.arguments.get(name), str)), "")
    argument = uris.printable(" ".join(argument.split()))
    return f"{part.name} {argument}".strip()[:_TITLE]


def locations_of(part: ToolPart, folders: Sequence[str]) -> list[schema.ToolCallLocation]:
    """The file in the call's arguments, as an absolute path, with its line if there is one."""
    path = part.arguments.get("path", part.arguments.get("file"))
    line = next((part.arguments[name] for name in ("line", "start_line") if name in part.arguments), None)
    if not isinstance(path, str) or not path or "\0" in path:
        return []
    absolute = uris.to_path(path) if uris.is_uri(path) else _absolute(path, folders)
    if absolute is None:
        return []
    return [schema.ToolCallLocation(path=absolute, line=line if type(line) is int and line >= 0 else None)]


def _absolute(path: str, folders: Sequence[str]) -> str | None:
    roots = [root for uri in folders if (root := uris.to_path(uri)) is not None]
    if not roots:
        return None
    if len(roots) > 1:
        for label, root in zip(uris.labels(folders), roots, strict=False):
            if path.startswith(f"{label}/"):
                return str(Path(root, path[len(label) + 1 :]))
    return str(Path(roots[0], path))


def text_content(text: str) -> schema.ContentToolCallContent:
    return schema.ContentToolCallContent(type="content", content=schema.TextContentBlock(type="text", text=text))


def diffs_of(part: EditPart) -> list[Content]:
    """The hunks of an edit as diffs; a description if its patch was not kept."""
    path = uris.to_path(part.uri)
    if path is None or part.patch is None:
        return [text_content(part.summary)]
    found = patch_diffs(part.patch, path)
    return list(found) or [text_content(part.summary)]


def patch_diffs(patch: str, path: str) -> list[schema.FileEditToolCallContent]:
    """The hunks of a unified diff of one file."""
    created = patch.startswith("--- /dev/null")
    hunks: list[tuple[list[str], list[str]]] = []
    last: list[list[str]] = []  # the sides that the previous line belongs to
    for line in re.split(r"(?<=\n)", patch):
        if _HUNK.match(line):
            hunks.append(([], []))
        elif hunks and line[:1] in ("\\", " ", "-", "+"):
            old, new = hunks[-1]
            if line.startswith("\\"):  # no line end at the end of the file
                for side in last:
                    side[-1] = side[-1].removesuffix("\n")
                continue
            last = [old, new] if line[0] == " " else [old] if line[0] == "-" else [new]
            for side in last:
                side.append(line[1:])
    return [
        schema.FileEditToolCallContent(
            type="diff", path=path, old_text=None if created and not old else "".join(old), new_text="".join(new)
        )
        for old, new in hunks
    ]


def finding_text(finding: Finding) -> str:
    rule = f" ({finding.rule})" if finding.rule else ""
    fix = f"\n\nSuggestion:\n{finding.suggestion}" if finding.suggestion else ""
    return f"{_SEVERITIES[finding.severity]}: {finding.title}{rule}\n\n{finding.body}{fix}".strip()
