"""What a person wrote as the next message: to whom it goes, what it is about, and its text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
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
    Position,
    Range,
    SelectionContext,
)

__all__ = ["AGENT", "WORD", "WORDS", "Written", "place_word", "read", "resolve"]

AGENT = re.compile(r"@([\w.-]+)(?=\s|$)\s*")
"""The agent of this one message: the first word."""
WORD = re.compile(r"(?<!\S)#(?:diff(?::\S+)?|staged|(?:file|diagnostics):(?:\"[^\"\n]+\"|\S+))(?!\S)")
"""A word that hands over context."""
WORDS = {
    "#file:": "a file, or lines of it: #file:src/app.py or #file:src/app.py:10-20",
    "#diagnostics:": "what is wrong in a file, as the editor knows it",
    "#diff": "the uncommitted changes; #diff:REVISION since that revision",
    "#staged": "the staged changes",
}
"""These words, for completion."""
_PLACE = re.compile(r"(.+?):(\d{1,8})(?::(\d{1,8}))?(?:-(\d{1,8})(?::(\d{1,8}))?)?")
_LINE_END = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Written:
    """`text` is what is sent: without the agent at its head, and with the words that stand for context."""

    agent: str | None
    text: str
    words: Sequence[str]


def read(draft: str) -> Written:
    """Read a draft. Everything that is no agent at the head and no word for context is text."""
    text = draft.strip()
    agent = None
    if (found := AGENT.match(text)) is not None:
        agent, text = found[1], text[found.end() :]
    return Written(agent, text.strip(), list(dict.fromkeys(WORD.findall(text))))


def known_agent(name: str, agents: Sequence[Agent]) -> str:
    """The agent of that name, in any case of its letters. Raises `AgentNotFound`."""
    names = [agent.name for agent in agents if agent.available]
    for found in [one for one in names if one == name] + [one for one in names if one.casefold() == name.casefold()]:
        return found
    raise AgentNotFound(name, names)


async def resolve(words: Sequence[str], folders: Sequence[str], is_open: Callable[[str], bool]) -> list[Context]:
    """What the words hand over. Raises `InvalidParams` for a file that is neither on disk nor open."""
    return [await asyncio.to_thread(_context, word, folders, is_open) for word in words]


def place_word(uri: str, range_: Range | None, folders: Sequence[str]) -> str:
    """The word for a file, or for a part of it: with columns where it is not whole lines."""
    path = uris.display(uri, folders)
    if path == uri:
        path = uris.to_path(uri) or uri
    if range_ is not None:
        first, last = range_.start, range_.end
        if first.character == 0 and last.character == 0 and last.line > first.line:
            path += f":{first.line + 1}-{last.line}"
        else:
            path += f":{first.line + 1}:{first.character + 1}-{last.line + 1}:{last.character + 1}"
    return f'#file:"{path}"' if re.search(r"[\s\"]", path) else f"#file:{path}"


def _context(word: str, folders: Sequence[str], is_open: Callable[[str], bool]) -> Context:
    kind, _, given = word[1:].partition(":")
    given = given.strip('"')
    if kind == "diff":
        return DiffContext(base=given or None)
    if kind == "staged":
        return DiffContext(staged=True)
    if (uri := _file(given, folders, is_open)) is not None:
        return DiagnosticsContext(uri=uri) if kind == "diagnostics" else FileContext(uri=uri)
    place = _PLACE.fullmatch(given)
    if kind == "file" and place is not None and (uri := _file(place[1], folders, is_open)) is not None:
        return SelectionContext(uri=uri, range=_range(place))
    raise InvalidParams(f"There is no file {given}.", fields=["text"], hint=f"Correct {word}, or remove it from the message.")


def _range(place: re.Match[str]) -> Range:
    first, last = max(int(place[2]), 1), max(int(place[4] or place[2]), 1)
    start = Position(line=first - 1, character=max(int(place[3] or 1), 1) - 1)
    if place[5] is not None:
        end = Position(line=last - 1, character=max(int(place[5]), 1) - 1)
    else:
        end = Position(line=max(first, last) - 1, character=_LINE_END)
    if start.as_pair > end.as_pair:
        start, end = end, start
    return Range(start=start, end=end)


def _file(given: str, folders: Sequence[str], is_open: Callable[[str], bool]) -> str | None:
    """The URI of the file that a path means: absolute, in a folder, or after the label of one of several folders."""
    if "\0" in given or not given:
        return None
    paths = [Path(given)]
    if not paths[0].is_absolute():
        roots = [path for folder in folders if (path := uris.to_path(folder)) is not None]
        paths = [Path(root, given) for root in roots]
        if len(folders) > 1:
            for folder, label in zip(folders, uris.labels(folders), strict=True):
                if given.startswith(f"{label}/") and (root := uris.to_path(folder)) is not None:
                    paths.append(Path(root, given[len(label) + 1 :]))
    try:
        return next((uris.from_path(path) for path in paths if path.is_file() or is_open(uris.from_path(path))), None)
    except OSError:
        return None
