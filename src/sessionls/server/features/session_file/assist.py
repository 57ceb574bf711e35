"""Completion and hover in a session file: agents at the start of the next message, and words that add context."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types as lsp

from sessionls.domain import uris
from sessionls.domain.agent import Definition
from sessionls.domain.model import Agent, Position, Range
from sessionls.server.editor.convert import range_to_lsp
from sessionls.server.features.session_file import draft as drafts
from sessionls.server.features.session_file.marks import SessionText
from sessionls.sessions.prompt.blocks import fenced
from sessionls.sessions.workspace.positions import Encoding, Lines

__all__ = ["agent_at", "completions", "describe", "path_completions"]

_WORD = re.compile(r"[@#][^\s\"]*$")
_AGENT = re.compile(r"@([\w.-]+)")
_ENTRIES = 200
_PROMPT = 1500  # characters of an agent's prompt


def completions(
    found: SessionText, position: Position, encoding: Encoding, agents: Sequence[Agent]
) -> tuple[list[lsp.CompletionItem], str | None, Range | None]:
    """Completions for the word before the position, only in the next message. For a path, also the part of it that was typed."""
    lines = Lines(found.text, encoding)
    at = lines.offset(position)
    if found.draft is None or at < found.draft.start:
        return [], None, None
    line = lines.start(min(position.line, len(lines) - 1))
    word = _WORD.search(found.text, max(line, found.draft.start), at)
    if word is None:
        return [], None, None
    range_ = Range(start=lines.position(word.start()), end=lines.position(at))
    if word[0][0] == "@":
        if found.text[found.draft.start : word.start()].strip():
            return [], None, None  # only the first word names the agent
        names = [agent for agent in agents if agent.available]
        return (
            [_item(f"@{agent.name} ", agent.description, range_, lsp.CompletionItemKind.Constant) for agent in names],
            None,
            None,
        )
    for kind in ("#file:", "#diagnostics:"):
        if word[0].startswith(kind):
            return [], word[0], range_
    return [_item(label, detail, range_, lsp.CompletionItemKind.Reference) for label, detail in drafts.WORDS.items()], None, None


def path_completions(typed: str, range_: Range, folders: Sequence[str]) -> list[lsp.CompletionItem]:
    """Files and folders that complete `#file:PATH`. Touches the disk."""
    kind, _, path = typed.partition(":")
    folder, _, _name_start = path.rpartition("/")
    found = []
    for root in [Path(folder_path) for uri in folders if (folder_path := uris.to_path(uri)) is not None]:
        try:
            with os.scandir(root / folder) as entries:
                names = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))[:_ENTRIES]
        except (OSError, ValueError):
            continue
        for name, is_folder in names:
            label = f"{kind}:{folder}/{name}" if folder else f"{kind}:{name}"
            icon = lsp.CompletionItemKind.Folder if is_folder else lsp.CompletionItemKind.File
            if not re.search(r"[\s\"]", label):
                found.append(_item(f"{label}/" if is_folder else label, "", range_, icon))
    return found


def _item(label: str, detail: str, range_: Range, kind: lsp.CompletionItemKind) -> lsp.CompletionItem:
    return lsp.CompletionItem(
        label=label.strip(),
        detail=detail or None,
        kind=kind,
        filter_text=label.strip(),
        text_edit=lsp.TextEdit(range=range_to_lsp(range_), new_text=label),
    )


def agent_at(found: SessionText, position: Position, encoding: Encoding) -> tuple[str, Range] | None:
    """The agent whose name is at the position: after `@`, or in the heading of a reply."""
    lines = Lines(found.text, encoding)
    at = lines.offset(position)
    number = min(position.line, len(lines) - 1)
    line, start = lines.line(number), lines.start(number)
    section = found.section_at(at)
    heading = re.match(r"## ([\w.-]+)(?= · )", line) if section is not None and section.start == start else None
    for match in [*([heading] if heading else []), *_AGENT.finditer(line)]:
        if start + match.start() <= at <= start + match.end():
            range_ = Range(start=lines.position(start + match.start()), end=lines.position(start + match.end()))
            return match[1], range_
    return None


def describe(agent: Agent, definition: Definition | None) -> str:
    """Describes an agent in Markdown: its description, model, tools and prompt."""
    lines = [
        f"**{agent.name}**: {agent.description}",
        "",
        f"- Model: {agent.model}",
        f"- Tools: {', '.join(agent.tools) or 'none'}",
    ]
    if agent.problem:
        lines.append(f"- Cannot be invoked: {agent.problem}")
    if definition is not None and definition.prompt.strip():
        prompt = definition.prompt.strip()
        lines += ["", fenced(prompt if len(prompt) <= _PROMPT else f"{prompt[:_PROMPT]}…", "markdown")]
    return "\n".join(lines)
