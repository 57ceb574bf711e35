"""The marks in a session file, which divide its text into messages.

A mark is an HTML comment with a checksum that depends on the session: a mark copied from the file of another session is ignored.
Text that sessionls writes into the file never contains a mark (`without_marks`), so a reply cannot begin a message.
A person can type copies of marks: only the first heading of a message counts, and a mark for the next message counts until
that message was sent.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "Draft",
    "Kind",
    "Mark",
    "Section",
    "SessionText",
    "earlier_mark",
    "finding_mark",
    "message_mark",
    "new_nonce",
    "next_mark",
    "parse",
    "question_mark",
    "without_marks",
    "writing_mark",
]

Kind = Literal["message", "next", "writing", "question", "finding", "earlier"]

_MARK = re.compile(
    r"<!-- sessionls (message|next|writing|question|finding|earlier)((?: [\w.-]{1,200}){0,3}) ([0-9a-f]{8})"
    r"(?: \| [^<>\n]{0,600})? -->"
)
_BEGINS = re.compile(r"<(?=!--\s*sessionls\b)")
_HEADING = re.compile(r"#{1,6}[ \t]+Next message[ \t]*$")


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: its kind, its fields, and its position in the text (code points)."""

    kind: Kind
    fields: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """One message in the file: from the start of its heading's line to the next message."""

    message_id: str
    seq: int
    start: int
    end: int
    heading_end: int


@dataclass(frozen=True, slots=True)
class Draft:
    """The next message. `line`: the start of its heading's line; `heading`: the start of the heading that we wrote.

    Everything after `start` is the message.
    """

    nonce: str
    line: int
    heading: int
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionText:
    """A session file, divided by its marks."""

    text: str
    session_id: str
    sections: Sequence[Section]
    draft: Draft | None
    writing: Mapping[str, tuple[Mark, int, int]] = field(default_factory=dict)
    """For each incomplete reply: its mark, and the last part and code point of it in the file."""
    questions: Mapping[str, Mark] = field(default_factory=dict)
    findings: Mapping[str, Mark] = field(default_factory=dict)
    earlier: Mark | None = None

    @property
    def newest(self) -> int:
        """The highest `seq` of the messages in the file."""
        return max((section.seq for section in self.sections), default=0)

    def section(self, message_id: str) -> Section | None:
        return next((section for section in self.sections if section.message_id == message_id), None)

    def section_at(self, offset: int) -> Section | None:
        return next((section for section in self.sections if section.start <= offset < section.end), None)


def parse(text: str, session_id: str) -> SessionText:
    """Read the marks of a session's file. Accepts any text and takes linear time."""
    marks = list(_marks(text, session_id))
    headings: dict[str, Mark] = {}
    sent: set[str] = set()
    for mark in marks:
        if mark.kind == "message" and len(mark.fields) >= 2 and mark.fields[0].isdecimal() and mark.fields[1] not in headings:
            headings[mark.fields[1]] = mark
            sent.update(mark.fields[2:])
    open_ = [mark for mark in marks if mark.kind == "next" and len(mark.fields) == 1 and mark.fields[0] not in sent]
    last = max((mark.start for mark in headings.values()), default=-1)
    begins = next((mark for mark in open_ if mark.start > last), open_[-1] if open_ else None)
    limit = len(text) if begins is None else begins.start
    draft = None if begins is None else _draft(text, begins)
    above = [mark for mark in marks if mark.start < limit]
    return SessionText(
        text,
        session_id,
        _sections(text, [mark for mark in headings.values() if mark.start < limit], draft),
        draft,
        {mark.fields[0]: (mark, int(mark.fields[1]), int(mark.fields[2])) for mark in above if _is_writing(mark)},
        _first(above, "question"),
        _first(above, "finding"),
        next((mark for mark in above if mark.kind == "earlier"), None),
    )


def _marks(text: str, session_id: str) -> Iterator[Mark]:
    for found in _MARK.finditer(text):
        kind: Kind = found[1]  # type: ignore[assignment]  # the pattern allows only these
        fields = tuple(found[2].split())
        if found[3] == _check(session_id, kind, fields):
            yield Mark(kind, fields, found.start(), found.end())


def _sections(text: str, headings: Sequence[Mark], draft: Draft | None) -> list[Section]:
    starts = [_line_start(text, mark.start) for mark in headings]
    ends = [*starts[1:], *([len(text) if draft is None else draft.line] if starts else [])]
    return [
        Section(mark.fields[1], int(mark.fields[0]), start, end, mark.end)
        for mark, start, end in zip(headings, starts, ends, strict=True)
    ]


def _draft(text: str, mark: Mark) -> Draft:
    line = _line_start(text, mark.start)
    heading = _HEADING.search(text, line, mark.start)
    return Draft(mark.fields[0], line, mark.start if heading is None else heading.start(), mark.end, text[mark.end :])


def _is_writing(mark: Mark) -> bool:
    return (
        mark.kind == "writing"
        and len(mark.fields) == 3
        and all(field.isdecimal() and len(field) < 12 for field in mark.fields[1:])
    )


def _first(marks: Sequence[Mark], kind: Kind) -> dict[str, Mark]:
    found: dict[str, Mark] = {}
    for mark in marks:
        if mark.kind == kind and len(mark.fields) == 1:
            found.setdefault(mark.fields[0], mark)
    return found


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def without_marks(text: str) -> str:
    """Returns the text without anything that could be read as a mark."""
    return _BEGINS.sub("< ", text)


def new_nonce() -> str:
    """A random name for the next message, which is not sent yet."""
    return secrets.token_hex(4)


def message_mark(session_id: str, seq: int, message_id: str, nonce: str | None = None) -> str:
    """`nonce`: the name under which the message was written."""
    return _mark(session_id, "message", (str(seq), message_id, *([nonce] if nonce else [])))


def next_mark(session_id: str, nonce: str) -> str:
    return _mark(session_id, "next", (nonce,))


def writing_mark(session_id: str, message_id: str, part: int, offset: int, status: str) -> str:
    return _mark(session_id, "writing", (message_id, str(part), str(offset)), status)


def question_mark(session_id: str, request_id: str) -> str:
    return _mark(session_id, "question", (request_id,))


def finding_mark(session_id: str, finding_id: str) -> str:
    return _mark(session_id, "finding", (finding_id,))


def earlier_mark(session_id: str) -> str:
    return _mark(session_id, "earlier", ())


def _mark(session_id: str, kind: Kind, fields: tuple[str, ...], words: str = "") -> str:
    shown = re.sub(r"[<>\s]+|--+", " ", words).strip()[:500]
    middle = f" | {shown}" if shown else ""
    return f"<!-- sessionls {' '.join((kind, *fields))} {_check(session_id, kind, fields)}{middle} -->"


def _check(session_id: str, kind: str, fields: tuple[str, ...]) -> str:
    return hashlib.sha256(" ".join((session_id, kind, *fields)).encode("utf-8", "replace")).hexdigest()[:8]
