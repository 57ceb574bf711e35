"""The next message that a person wrote: its agent, its context, and its text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.errors import AgentNotFound, InvalidParams
from sessionls.domain.model import (
    Agent,
    Context,
    DiagnosticsContext,
    DiffContext,
    FileContext,
    ImageContext,
    Position,
    Range,
    SelectionContext,
)
from sessionls.ports.editor import Buffers
from sessionls.sessions.workspace.positions import Lines

__all__ = ["AGENT", "WORD", "WORDS", "Draft", "range_reference", "read", "resolve"]

AGENT = re.compile(r"@([\w.-]+)(?=\s|$)\s*")
"""The first word: the agent of this message."""
WORD = re.compile(r"(?<!\S)#(?:diff(?::\S+)?|staged|(?:file|diagnostics):(?:\"[^\"\n]+\"|\S+))(?!\S)")
"""A word that adds context."""
WORDS = {
    "#file:": "a file, an image, or some lines of a file: #file:src/app.py or #file:src/app.py:10-20",
    "#diagnostics:": "the editor's diagnostics of a file",
    "#diff": "the uncommitted changes; #diff:REVISION: the changes since that revision",
    "#staged": "the staged changes",
}
"""These words, for completion."""
_FILE_RANGE = re.compile(r"(.+?):(\d{1,8})(?::(\d{1,8}))?(?:-(\d{1,8})(?::(\d{1,8}))?)?")
_IMAGE = re.compile(r"\.(?:png|jpe?g|webp|gif)$", re.IGNORECASE)
_LINE_END = (1 << 31) - 1
_LARGEST = 4 << 20  # bytes: columns are counted only in files up to this size


@dataclass(frozen=True, slots=True)
class Draft:
    """`text` is sent: without the agent at its start, but with the words that add context."""

    agent: str | None
    text: str
    words: Sequence[str]


def read(draft: str) -> Draft:
    """Read a draft. Everything except the agent at the start and the words for context is text."""
    text = draft.strip()
    agent = None
    if (match := AGENT.match(text)) is not None:
        agent, text = match[1], text[match.end() :]
    return Draft(agent, text.strip(), list(dict.fromkeys(WORD.findall(text))))


def known_agent(name: str, agents: Sequence[Agent]) -> str:
    """The agent with that name, regardless of case. Raises `AgentNotFound`."""
    names = [agent.name for agent in agents if agent.available]
    same_case = [known for known in names if known == name]
    any_case = [known for known in names if known.casefold() == name.casefold()]
    if found := [*same_case, *any_case]:
        return found[0]
    raise AgentNotFound(name, names)


async def resolve(words: Sequence[str], folders: Sequence[str], editor: Buffers) -> list[Context]:
    """The context that the words add. Raises `InvalidParams` for a file that is neither on disk nor open."""
    return [await asyncio.to_thread(_context, word, folders, editor) for word in words]


def range_reference(uri: str, range_: Range | None, editor: Buffers) -> str:
    """The word for a file or a part of it; with columns (characters, from 1) if the part is not whole lines."""
    path = uris.display(uri, editor.folders)
    if path == uri:
        path = uris.to_path(uri) or uri
    if range_ is not None:
        buffer = editor.buffer(uri)
        lines = Lines("" if buffer is None else buffer.text, editor.encoding)
        first, last = range_.start, range_.end
        if first.character == 0 and last.character == 0 and last.line > first.line:
            path += f":{first.line + 1}-{last.line}"
        elif buffer is None or (first.character == 0 and lines.offset(last) == lines.offset(_end_of_line(last.line))):
            path += f":{first.line + 1}-{last.line + 1}"
        else:
            start, end = (
                lines.offset(position) - lines.offset(Position(line=position.line, character=0)) for position in (first, last)
            )
            path += f":{first.line + 1}:{start + 1}-{last.line + 1}:{end + 1}"
    return f'#file:"{path}"' if re.search(r"[\s\"]", path) else f"#file:{path}"


def _context(word: str, folders: Sequence[str], editor: Buffers) -> Context:
    kind, _, path = word[1:].partition(":")
    path = path.strip('"')
    if kind == "diff":
        return DiffContext(base=path or None)
    if kind == "staged":
        return DiffContext(staged=True)
    if (uri := _file(path, folders, editor)) is not None:
        if kind == "diagnostics":
            return DiagnosticsContext(uri=uri)
        return ImageContext(uri=uri) if _IMAGE.search(path) else FileContext(uri=uri)
    file_range = _FILE_RANGE.fullmatch(path)
    if kind == "file" and file_range is not None and (uri := _file(file_range[1], folders, editor)) is not None:
        return SelectionContext(uri=uri, range=_range(file_range, uri, editor))
    raise InvalidParams(f"There is no file {path}.", fields=["text"], hint=f"Correct {word}, or remove it from the message.")


def _range(file_range: re.Match[str], uri: str, editor: Buffers) -> Range:
    first, last = sorted(max(int(file_range[at] or file_range[2]), 1) - 1 for at in (2, 4))
    start, end = Position(line=first, character=0), _end_of_line(last)
    if file_range[3] is None:
        return Range(start=start, end=end)
    buffer = editor.buffer(uri)
    lines = Lines(_text_of(uri) if buffer is None else buffer.text, editor.encoding)

    def at(line: int, column: str) -> Position:
        begin = lines.offset(Position(line=line, character=0))
        return lines.position(min(begin + max(int(column), 1) - 1, lines.offset(_end_of_line(line))))

    start = at(first, file_range[3])
    end = end if file_range[5] is None else at(last, file_range[5])
    first_position, last_position = sorted((start, end), key=lambda position: position.as_pair)
    return Range(start=first_position, end=last_position)


def _text_of(uri: str) -> str:
    path = uris.to_path(uri)
    try:
        return "" if path is None else Path(path).read_bytes()[:_LARGEST].decode("utf-8", "replace")
    except OSError:
        return ""


def _end_of_line(line: int) -> Position:
    return Position(line=line, character=_LINE_END)


def _file(path: str, folders: Sequence[str], editor: Buffers) -> str | None:
    """The URI of the file that a path means: absolute, in a folder, or after the label of one of several folders."""
    if "\0" in path or not path:
        return None
    paths = [Path(path)]
    if not paths[0].is_absolute():
        roots = [root for folder in folders if (root := uris.to_path(folder)) is not None]
        paths = [Path(root, path) for root in roots]
        if len(folders) > 1:
            for folder, label in zip(folders, uris.labels(folders), strict=True):
                if path.startswith(f"{label}/") and (root := uris.to_path(folder)) is not None:
                    paths.append(Path(root, path[len(label) + 1 :]))
    try:
        return next((uris.from_path(file) for file in paths if file.is_file() or editor.buffer(uris.from_path(file))), None)
    except OSError:
        return None
