"""Renders messages for a session file. A reply in the file only grows: written text is never written again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sessionls.domain.model import (
    AgentAuthor,
    EditPart,
    FindingPart,
    Message,
    OpenQuestion,
    Part,
    PlanPart,
    ReasoningPart,
    Session,
    TextPart,
    ToolPart,
)
from sessionls.domain.questions import scope_explanation
from sessionls.domain.uris import display
from sessionls.domain.visible import in_one_line
from sessionls.server.features.session_file import marks
from sessionls.sessions.export import labels
from sessionls.sessions.prompt.blocks import fenced

__all__ = [
    "FOLDED",
    "contexts",
    "continuation_mark",
    "head",
    "heading",
    "is_ended",
    "next_heading",
    "question_block",
    "rest_of",
    "section",
]

FOLDED = "▸ "
"""The start of the line above folded text: reasoning, tools, context."""

_LONGEST = 4000  # characters of a tool's result, a context or a patch
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TITLE = re.compile(r"( {0,3})(#{1,6})(?=[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_WRITING = {
    "replying": "the reply is being written",
    "queued": "the reply is being written",
    "paused": "paused: resume it with a code action",
    "interrupted": "interrupted: resume it with a code action",
}


def head(session: Session, *, earlier: bool) -> str:
    """The top of a new file. It contains nothing that changes."""
    lines = [f"# {_line(labels.title_of(session))}", ""]
    facts = [f"Session {session.id}", f"begun {labels.time_of(session.created_at)}"]
    if session.parent is not None:
        facts.append(f"forked from session:{session.parent.session_id}")
    lines += [", ".join(facts) + ".", ""]
    if earlier:
        lines += [f"Earlier messages are not in this file. {marks.earlier_mark(session.id)}", ""]
    return "\n".join(lines) + "\n"


def next_heading(session_id: str, nonce: str) -> str:
    return f"## Next message {marks.next_mark(session_id, nonce)}"


def heading(session_id: str, message: Message, nonce: str | None = None) -> str:
    """The line that begins a message."""
    author = message.author
    words = [labels.writer(message), author.model if isinstance(author, AgentAuthor) else None]
    words.append(labels.time_of(message.created_at))
    shown = " · ".join(_line(word) for word in words if word)
    return f"## {shown} {marks.message_mark(session_id, message.seq, message.id, nonce)}"


def section(session: Session, message: Message) -> str:
    """A whole message with its heading. An incomplete reply ends with the mark at which it continues."""
    body, part, offset = rest_of(session, message, 0, 0)
    if not is_ended(message):
        body += continuation_mark(session, message, part, offset)
    return f"{heading(session.id, message)}\n\n{body.strip(chr(10))}\n\n"


def rest_of(session: Session, message: Message, part: int, offset: int) -> tuple[str, int, int]:
    """Returns the text of a message after that code point of that part, and the new position.

    Returns only whole lines of a text that is still being written.
    """
    ended = is_ended(message)
    pieces: list[str] = []
    parts = message.parts
    if part > len(parts) or (offset and (part == len(parts) or not _reaches(parts[part], offset))):
        pieces.append("\n\n*The text above was discarded: the reply restarts here.*\n")
        part, offset = min(part, len(parts)), 0
    while part < len(parts):
        piece, last = parts[part], part == len(parts) - 1
        if isinstance(piece, TextPart):
            text, reached = _rest_of_text(piece.text, offset, whole=ended or not last)
            if text:
                pieces.append(text if offset else f"\n{text}")
            if not ended and last:
                return "".join(pieces), part, reached
        elif _changes(piece, last=last) and not ended:
            break
        else:
            pieces += [f"\n{block}\n" for block in _blocks(session, piece)]
        part, offset = part + 1, 0
    if ended:
        pieces += [f"\n{block}\n" for block in _tail(session, message)]
    return "".join(pieces), part, offset


def is_ended(message: Message) -> bool:
    """Whether nothing will be added to the message."""
    return message.role == "participant" or message.status in ("complete", "cancelled")


def continuation_mark(session: Session, message: Message, part: int, offset: int) -> str:
    """The mark at which a reply continues."""
    status = _WRITING.get(message.status) or labels.status_of(message) or message.status
    return marks.writing_mark(session.id, message.id, part, offset, status)


def question_block(session_id: str, question: OpenQuestion) -> str:
    """An open request for permission, with everything that a person must know before allowing it."""
    mark = marks.question_mark(session_id, question.request_id)
    lines = [f"**Permission: {_line(question.agent)} asks: {_line(question.summary)}** {mark}"]
    if question.detail:
        lines += ["", marks.without_marks(fenced(labels.readable(question.detail)))]
    if question.scope:
        lines += ["", _line(scope_explanation(question.scope))]
    return "\n".join(lines)


# -- text ----------------------------------------------------------------------------------------------------------------


def _reaches(part: Part, offset: int) -> bool:
    return isinstance(part, TextPart) and len(part.text) >= offset


def _rest_of_text(text: str, start: int, *, whole: bool) -> tuple[str, int]:
    """The text from `start` on, as written in the file, and its end: without `whole`, it ends at its last line break."""
    end = len(text) if whole else max(text.rfind("\n", start) + 1, start)
    if not text.strip():
        return "", end
    confined = _Confined()
    for line in _lines(text[:start]):
        confined.add(line)
    shown = [confined.add(line) for line in _lines(text[start:end])]
    if whole and confined.fence is not None:
        shown.append(confined.fence)
    return "".join(f"{line}\n" for line in shown), end


def _lines(text: str) -> list[str]:
    if not text:
        return []
    return labels.readable(text).removesuffix("\n").split("\n")


class _Confined:
    """Lines of Markdown that cannot leave their message: headings are below the message's heading, fences are closed, marks are
    removed.
    """

    def __init__(self) -> None:
        self.fence: str | None = None
        self._blank = True

    def add(self, line: str) -> str:
        found = _FENCE.match(line)
        blank, self._blank = self._blank, not line.strip()
        if self.fence is not None:
            if found and found[1][0] == self.fence[0] and len(found[1]) >= len(self.fence) and not found[2].strip():
                self.fence = None
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            self.fence = found[1]
        elif _UNDERLINE.fullmatch(line) and not blank:
            line = f"\n{line}"  # otherwise the line above would be a heading
        else:
            line = _TITLE.sub(lambda match: f"{match[1]}{'#' * min(6, len(match[2]) + 2)}", line, count=1)
        return marks.without_marks(line)


def _line(text: str) -> str:
    return marks.without_marks(in_one_line(" ".join(labels.readable(text).split())))


# -- blocks --------------------------------------------------------------------------------------------------------------


def _changes(part: Part, *, last: bool) -> bool:
    """Whether the part may still change."""
    if isinstance(part, ToolPart):
        return part.status in ("waiting", "running")
    return last and isinstance(part, ReasoningPart | PlanPart)


def _blocks(session: Session, part: Part) -> Iterator[str]:
    folders = session.workspace_folders
    match part:
        case ReasoningPart() if part.text.strip():
            yield _folded("Reasoning", part.text)
        case ToolPart():
            texts = [labels.arguments_of(part)] + ([] if part.result is None else [part.result])
            yield _folded(f"Tool {labels.called(part)}: {labels.outcome_of(part)}", *texts)
        case FindingPart():
            finding = part.finding
            rule = f" ({finding.rule})" if finding.rule else ""
            where = _line(labels.place_of(finding, folders))
            title = f"{labels.severity_of(finding).capitalize()}{rule}: {finding.title}"
            yield f"**{_line(title)}** at {where} {marks.finding_mark(session.id, finding.id)}"
            if finding.body.strip():
                yield _rest_of_text(finding.body, 0, whole=True)[0].rstrip("\n")
            if finding.suggestion is not None:
                yield _folded("Suggestion", finding.suggestion)
        case EditPart():
            done = "Edited" if part.applied else "Not applied"
            yield f"**{done}: {_line(display(part.uri, folders))}**: {_line(part.summary)}"
            if part.patch:
                yield _folded("Patch", part.patch, language="diff")
        case PlanPart():
            boxes = {"pending": "[ ]", "inProgress": "[ ] *now:*", "completed": "[x]"}
            yield "\n".join(["**Plan**", "", *(f"- {boxes[entry.status]} {_line(entry.content)}" for entry in part.entries)])
        case _:
            pass


def contexts(session: Session, message: Message) -> str:
    """The context of the message."""
    blocks = []
    for context in message.context or ():
        about = labels.about_context(context, session.workspace_folders)
        title = about.title if about.notice is None else f"{about.title} ({about.notice})"
        blocks.append(_folded(title, about.text or "No text was stored.", language=about.language))
    return "\n\n".join(blocks)


def _tail(session: Session, message: Message) -> Iterator[str]:
    if about := contexts(session, message):
        yield about
    for notice in message.notices or ():
        yield f"> {_line(notice)}"
    if message.role == "agent" and (status := labels.status_of(message)) is not None:
        yield f"> **{_line(status[:1].upper() + status[1:])}**"
    if message.usage is not None:
        yield f"*{labels.usage_of(message.usage)}*"


def _folded(title: str, *texts: str, language: str | None = None) -> str:
    fences: Sequence[str] = [fenced(_cut(labels.readable(text)), language) for text in texts]
    return "\n".join([f"{FOLDED}{_line(title)}", *(marks.without_marks(fence) for fence in fences)])


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}\n… {len(text) - _LONGEST:,} more characters are not shown here."
