"""Labels for the readable exports: authors, times, usage, contexts and findings."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sessionls.domain import uris
from sessionls.domain.budget import dollars, pause_explanation
from sessionls.domain.model import (
    AgentAuthor,
    Context,
    DiagnosticsContext,
    DiffContext,
    FileContext,
    Finding,
    ImageContext,
    Message,
    Participant,
    SelectionContext,
    Session,
    SessionContext,
    SymbolContext,
    TextContext,
    ToolPart,
    Usage,
)
from sessionls.domain.stop_reasons import incomplete
from sessionls.domain.visible import in_one_line, shown, without_escapes
from sessionls.sessions.prompt.blocks import SEVERITIES, diagnostic_lines, image_name, image_words, lines_of

__all__ = [
    "LONGEST_PROSE",
    "Body",
    "Outline",
    "about_context",
    "arguments_of",
    "called",
    "data_uri",
    "facts",
    "invoked",
    "outcome_of",
    "place_of",
    "readable",
    "severity_of",
    "status_of",
    "time_of",
    "title_of",
    "usage_of",
    "writer",
]

LONGEST_PROSE: Final = 50_000
"""The limit for rendering Markdown, in characters.

Longer texts are rather logs, and malicious Markdown takes minutes to parse.
"""

_REASON = 100  # characters of a call's error that are shown in its line
_MARKS = {"failed": "✗", "denied": "⊘"}


@dataclass(frozen=True, slots=True)
class Body:
    """The content of a context: a title of one line, and its text (None if it was not kept)."""

    title: str
    text: str | None
    language: str | None = None
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """The facts about messages at the top of an export: their number, and the agents that replied, in order.

    `masked` is how many keys and tokens were masked, which is known at the end. `unmasked`: the export was requested unmasked.
    """

    count: int
    agents: Sequence[str]
    masked: int = 0
    unmasked: bool = False


def readable(text: str) -> str:
    """The text in a form that is safe to show (see `visible.py`), without terminal colours, with LF line ends."""
    return shown(without_escapes(text).replace("\r\n", "\n").replace("\r", "\n"), prose=True)


def title_of(session: Session) -> str:
    return in_one_line(" ".join(readable(session.title).split())) or "Untitled session"


def time_of(stamp: str) -> str:
    """An RFC 3339 time in UTC, to the minute."""
    match = re.match(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)", stamp)
    return f"{match[1]} {match[2]} UTC" if match else stamp


def usage_of(usage: Usage) -> str:
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    text = f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out"
    return text if usage.cost is None else f"{text}, ${usage.cost:,.4f}"


def masked_sentence(outline: Outline) -> str:
    """A sentence about masked keys and tokens, empty if there are none."""
    number = outline.masked
    return (
        "" if not number else f"{number:,} {'key or token is' if number == 1 else 'keys and tokens are'} masked in this export."
    )


def facts(session: Session, outline: Outline) -> list[tuple[str, str]]:
    """The facts at the top of an export."""
    default = f"{session.agent} with {session.model}" if session.model else session.agent
    rows = [
        ("Created", time_of(session.created_at)),
        ("Last changed", time_of(session.updated_at)),
        ("State", session.state if session.state != "active" else None),
        ("Waits for permission", "; ".join(f"{question.agent}: {question.summary}" for question in session.asking or ())),
        (
            "Waits for",
            "; ".join(
                f"{need.participant.name}: {need.note or 'handed over'} ({need.by.name})"
                for need in session.needs or ()
                if need.kind == "handOver"
            ),
        ),
        ("Paused", pause_explanation(session)),
        ("Participants", ", ".join(map(_person, session.participants))),
        ("Agent", default),
        ("Agents that replied", ", ".join(outline.agents)),
        ("Messages", f"{outline.count:,}"),
        ("Used", usage_of(session.usage)),
        ("Budget", None if session.budget is None else dollars(session.budget)),
        ("Keys and tokens", "not masked" if outline.unmasked else None),
        ("Folders", ", ".join(uris.labels(session.workspace_folders))),
        ("Forked from", session.parent.session_id if session.parent else None),
        ("Session", session.id),
    ]
    return [(name, readable(value)) for name, value in rows if value]


def writer(message: Message) -> str:
    return in_one_line(message.author.name if isinstance(message.author, Participant) else message.author.agent)


def invoked(message: Message) -> str | None:
    """A reply's model, or the agent and model that a participant's message names."""
    if isinstance(message.author, AgentAuthor):
        return message.author.model
    names = [f"to {message.agent}" if message.agent else None, f"with {message.model}" if message.model else None]
    return " ".join(name for name in names if name) or None


def status_of(message: Message) -> str | None:
    """The status of an incomplete message, or of one with an incomplete answer."""
    if message.status == "complete":
        return incomplete(message)
    if message.error is not None:
        return f"{message.status}: {readable(message.error.message)}"
    return message.status


def about_context(context: Context, folders: Sequence[str]) -> Body:
    match context:
        case TextContext():
            return Body(_line(f"Text: {context.title}"), context.text, notice=context.notice)
        case SessionContext():
            which = f"Message {context.message_id} of session" if context.message_id else "Session"
            return Body(_line(f"{which}: {context.title or context.session_id}"), context.text, notice=context.notice)
        case ImageContext():
            return Body(_line(f"Image: {image_name(context, folders)}"), image_words(context), notice=context.notice)
        case DiffContext():
            return Body(_line(f"Changes since {context.base or 'HEAD'}"), context.text, "diff", context.notice)
        case DiagnosticsContext():
            title, text = f"Diagnostics: {uris.display(context.uri, folders)}", "\n".join(diagnostic_lines(context))
            return Body(_line(title), text, notice=context.notice)
        case SelectionContext() | SymbolContext() | FileContext():
            range_ = None if isinstance(context, FileContext) else context.range
            lines = "" if range_ is None else f", lines {lines_of(range_)}"
            kind = f"Symbol {context.name}" if isinstance(context, SymbolContext) else context.kind.capitalize()
            unsaved = ", unsaved" if context.dirty else ""
            title = f"{kind}: {uris.display(context.uri, folders)}{lines}{unsaved}"
            return Body(_line(title), context.text, context.language, context.notice)


def data_uri(context: ImageContext, images: Mapping[str, bytes]) -> str | None:
    """The image as a `data:` URI; None if its bytes are not in `images`."""
    data = images.get(context.sha256 or "")
    return None if data is None else f"data:{context.mime_type};base64,{base64.b64encode(data).decode()}"


def place_of(finding: Finding, folders: Sequence[str]) -> str:
    return f"{uris.display(finding.uri, folders)}:{finding.range.start.line + 1}"


def severity_of(finding: Finding) -> str:
    return SEVERITIES[finding.severity]


def outcome_of(part: ToolPart) -> str:
    """The status of a call in one line; for a failed or denied one with a mark and the beginning of its result."""
    if part.status not in _MARKS:
        return part.status
    first = next((line.strip() for line in readable(part.result or "").splitlines() if line.strip()), "")
    reason = first.rstrip(".:") if len(first) <= _REASON else f"{first[:_REASON]}…"
    return f"{_MARKS[part.status]} {part.status}{': ' if reason else ''}{in_one_line(reason)}"


def called(part: ToolPart) -> str:
    """The name of the tool, and an external agent's own description of the call."""
    return f"{part.name} ({part.title})" if part.title else part.name


def arguments_of(part: ToolPart) -> str:
    return json.dumps(part.arguments, indent=2, ensure_ascii=False)


def _person(participant: Participant) -> str:
    return f"{participant.name} <{participant.email}>" if participant.email else participant.name


def _line(text: str) -> str:
    return " ".join(readable(text).split())
