"""Renders contexts for models, only from the stored context, so that the result is the same later and on another machine.

Every context is one block. Its text is in a fence that is longer than any run of that character in it, and lines of documents
are numbered, so that no text can end its block and imitate something else.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sessionls.domain import uris
from sessionls.domain.images import format_size
from sessionls.domain.model import (
    Context,
    DiagnosticsContext,
    DiffContext,
    FileContext,
    ImageContext,
    Range,
    SelectionContext,
    SessionContext,
    SymbolContext,
    TextContext,
)
from sessionls.sessions.workspace.positions import split_lines

__all__ = ["SEVERITIES", "diagnostic_lines", "fenced", "image_name", "image_words", "lines_of", "numbered", "render"]

SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}


def render(context: Context, folders: Sequence[str]) -> str:
    """The context as a model reads it; `folders` are the session's `workspace_folders`, for the path."""
    if isinstance(context, TextContext):
        return _block(
            context.kind, {"title": context.title, "notice": context.notice}, fenced(_escape_context_tags(context.text))
        )
    if isinstance(context, SessionContext):
        attributes = {"title": context.title, "id": context.session_id, "message": context.message_id, "notice": context.notice}
        return _block(context.kind, attributes, fenced(_escape_context_tags(context.text)) if context.text else "(empty)")
    if isinstance(context, ImageContext):
        name = image_name(context, folders)
        return _block(context.kind, {"name": name, "notice": context.notice}, f"({image_words(context)})")
    if isinstance(context, DiffContext):
        diff_attributes = {"base": context.base or "HEAD", "staged": "true" if context.staged else None, "notice": context.notice}
        return _block(context.kind, diff_attributes, "(empty)" if not context.text else fenced(context.text, "diff"))
    about: dict[str, str | None] = {"path": uris.display(context.uri, folders)}
    if isinstance(context, DiagnosticsContext):
        about |= {"lines": None if context.range is None else lines_of(context.range)}
        body = fenced("\n".join(diagnostic_lines(context)))
    else:
        if isinstance(context, SymbolContext):
            about["name"] = context.name
        body, about["lines"] = _source(context)
    about |= {
        "language": context.language,
        "unsaved": "true" if context.dirty else None,
        "version": None if context.version is None else str(context.version),
        "notice": context.notice,
    }
    return _block(context.kind, about, body)


def image_name(context: ImageContext, folders: Sequence[str]) -> str:
    """The name of an image for people and models."""
    return context.title or (uris.display(context.uri, folders) if context.uri is not None else "image")


def image_words(context: ImageContext) -> str:
    """The known facts about an image, such as `image/png, 640 by 480, 12 KB`."""
    pixels = f"{context.width} by {context.height}" if context.width and context.height else None
    size = None if context.size is None else format_size(context.size)
    return ", ".join(word for word in (context.mime_type, pixels, size) if word)


def fenced(text: str, language: str | None = None) -> str:
    """The text in a fence of Markdown (CommonMark 0.31.2, section 4.5) that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    info = language if language and re.fullmatch(r"[\w+#.-]{1,40}", language) else ""
    return f"{fence}{info}\n{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{fence}"


def numbered(lines: Iterable[tuple[int, str]]) -> str:
    """Lines of a document with their numbers: `  12 | code`. The given numbers are from 0, the shown ones from 1."""
    pairs = list(lines)
    width = max((len(str(number + 1)) for number, _ in pairs), default=1)
    return "\n".join(f"{number + 1:>{width}} | {line}" for number, line in pairs)


def _source(context: SelectionContext | FileContext | SymbolContext) -> tuple[str, str | None]:
    """The numbered text, and its line numbers."""
    range_ = None if isinstance(context, FileContext) else context.range
    if context.text is None:
        return "(not read)", None if range_ is None else lines_of(range_)
    first = 0 if range_ is None else range_.start.line
    if not context.text:
        return ("(empty)", None) if range_ is None else (f"(nothing selected: the cursor is on line {first + 1})", str(first + 1))
    lines = split_lines(context.text)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()  # the empty rest after the last line end
    shown = numbered(enumerate(lines, first))
    return fenced(shown, context.language), f"{first + 1}-{first + len(lines)}"


def diagnostic_lines(context: DiagnosticsContext) -> list[str]:
    """Each line followed by its diagnostics, in order."""
    lines = {line.number: line.text for line in context.lines or ()}
    width = max((len(str(number + 1)) for number in lines), default=1)
    diagnostics: dict[int, list[str]] = {}
    for diagnostic in context.diagnostics or ():
        start = _start_line(diagnostic)
        diagnostics.setdefault(start, []).append(f"{'^':>{width}} {_diagnostic(diagnostic)} (line {start + 1})")
    shown: list[str] = []
    for number in sorted({*lines, *diagnostics}):
        if number in lines:
            shown.append(f"{number + 1:>{width}} | {lines[number]}")
        shown += diagnostics.get(number, ())
    return shown or ["No diagnostics."]


def _diagnostic(diagnostic: dict[str, Any]) -> str:
    severity = diagnostic.get("severity")
    level = SEVERITIES.get(severity, "error") if isinstance(severity, int) else "error"
    code = diagnostic.get("code")
    origin = "/".join(str(name) for name in (diagnostic.get("source"), code) if isinstance(name, str | int))
    message = diagnostic.get("message")
    text = message.get("value") if isinstance(message, dict) else message
    return uris.printable(f"{level}{f' [{origin}]' if origin else ''}: {' '.join(str(text).split())}")


def _start_line(diagnostic: dict[str, Any]) -> int:
    try:
        return int(diagnostic["range"]["start"]["line"])
    except (KeyError, TypeError, ValueError):
        return 0


def lines_of(range_: Range) -> str:
    """The lines that a range touches, from 1: a range that ends at the start of a line does not touch that line."""
    last = range_.end.line if range_.end.character or range_.end.line == range_.start.line else range_.end.line - 1
    return f"{range_.start.line + 1}-{last + 1}"


def _block(kind: str, about: dict[str, str | None], body: str) -> str:
    attributes = "".join(
        f' {name}="{html.escape(uris.printable(value))}"' for name, value in about.items() if value is not None and value != ""
    )
    return f'<context kind="{kind}"{attributes}>\n{body}\n</context>'


def _escape_context_tags(text: str) -> str:
    """Escape what looks like the end of the block in text without line numbers."""
    return re.sub(r"<(?=\s*+/?\s*+context\b)", r"<\\", text, flags=re.IGNORECASE)
