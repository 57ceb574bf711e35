"""The structure of a session file for the editor: messages as symbols, folding ranges, and links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lsprotocol import types as lsp

from sessionls.domain import uris
from sessionls.domain.model import Range
from sessionls.server.editor.convert import range_to_lsp
from sessionls.server.features.session_file.marks import SessionText
from sessionls.server.features.session_file.rendering import FOLDED
from sessionls.sessions.workspace.positions import Encoding, Lines

__all__ = ["folds", "links", "symbols"]

_FENCE = re.compile(r"(`{3,})[\w+#.-]*")
_COMMENT = re.compile(r"\s*<!-- sessionls .*")
_PATH = re.compile(
    r"(?<![\w/.:-])(?:\"([^\"\n]{1,300})\"|([\w.~/\\+@%-]{1,300}))(?::(\d{1,7})(?:[:-]\d{1,7})*|, lines? (\d{1,7}))?"
)
_SESSION = re.compile(r"\bsession:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_LINKS = 1000
_CANDIDATES = 5000
_TALLEST = 5000  # lines of a fence: folded text is cut before it is written


def symbols(found: SessionText, encoding: Encoding) -> list[lsp.DocumentSymbol]:
    """One symbol for each message, and one for the next message."""
    lines = Lines(found.text, encoding)
    made = []
    places = [(section.start, section.end) for section in found.sections]
    if found.draft is not None:
        places.append((found.draft.line, len(found.text)))
    for start, end in places:
        first = lines.position(start).line
        title = _COMMENT.sub("", lines.line(first)).lstrip("# \t") or "Message"
        last = lines.position(max(start, end - 1))
        whole = Range(start=lines.position(start), end=lines.position(end) if end == len(found.text) else last)
        head = Range(start=lines.position(start), end=lines.position(start + len(lines.line(first))))
        detail = next((text for line in range(first + 1, last.line + 1) if (text := lines.line(line).strip())), "")
        made.append(
            lsp.DocumentSymbol(
                name=title,
                detail=detail[:80],
                kind=lsp.SymbolKind.String,
                range=range_to_lsp(whole),
                selection_range=range_to_lsp(head),
            )
        )
    return made


def folds(found: SessionText) -> list[lsp.FoldingRange]:
    """Folds messages, and in them reasoning, tool calls, patches and context."""
    lines = Lines(found.text, "utf-32")
    made = []
    for section in found.sections:
        first, last = lines.position(section.start).line, lines.position(max(section.start, section.end - 1)).line
        while last > first and not lines.line(last).strip():
            last -= 1
        if last > first:
            made.append(lsp.FoldingRange(start_line=first, end_line=last, kind=lsp.FoldingRangeKind.Region))
        made += [
            lsp.FoldingRange(start_line=a, end_line=b, kind=lsp.FoldingRangeKind.Comment) for a, b in _blocks(lines, first, last)
        ]
    return made


def _blocks(lines: Lines, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Folds lines that begin with `FOLDED` together with the fences that follow."""
    at = first
    while at <= last:
        start = at
        at += 1
        if not lines.line(start).startswith(FOLDED):
            continue
        while at <= last and (fence := _FENCE.fullmatch(lines.line(at))) is not None:
            end = next((number for number in range(at + 1, min(last, at + _TALLEST) + 1) if lines.line(number) == fence[1]), None)
            if end is None:
                break
            at = end + 1
        if at - 1 > start:
            yield start, at - 1


def links(found: SessionText, folders: Sequence[str], encoding: Encoding) -> list[tuple[Range, str | None, str | None]]:
    """Ranges with their link targets: the URI of a file, or the id of a session. Touches the disk."""
    lines = Lines(found.text, encoding)
    made: list[tuple[Range, str | None, str | None]] = [
        (Range(start=lines.position(link.start()), end=lines.position(link.end())), None, link[1])
        for link in _SESSION.finditer(found.text)
    ]
    roots = [Path(path) for folder in folders if (path := uris.to_path(folder)) is not None]
    known: dict[str, str | None] = {}
    for count, match in enumerate(_candidates(found.text)):
        if count > _CANDIDATES or len(made) > _LINKS:
            break
        path = (match[1] or match[2]).rstrip(".,")
        if path not in known:
            known[path] = _existing(path, roots)
        if (uri := known[path]) is not None:
            number = match[3] or match[4]
            range_ = Range(start=lines.position(match.start()), end=lines.position(match.end()))
            made.append((range_, f"{uri}#L{number}" if number else uri, None))
    return made


def _candidates(text: str) -> Iterator[re.Match[str]]:
    """Whether a word looks like a path: it has a slash or a suffix."""
    return (path for path in _PATH.finditer(text) if re.search(r"[^/.][/.][^/.]", path[1] or path[2]))


def _existing(path: str, roots: Sequence[Path]) -> str | None:
    try:
        given = Path(path)
        places = [given] if given.is_absolute() else [root / given for root in roots]
        return next((uris.from_path(path) for path in places if path.is_file()), None)
    except (OSError, ValueError):
        return None
