"""Exports a session as Markdown for reading, JSON for programs, or HTML for browsers and printing."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sessionls.domain import questions
from sessionls.domain.model import (
    AgentAuthor,
    EditPart,
    FindingPart,
    ImageContext,
    Message,
    OpenQuestion,
    Part,
    PlanPart,
    ReasoningPart,
    Session,
    TextPart,
    ToolPart,
)
from sessionls.domain.uris import display
from sessionls.domain.visible import as_json
from sessionls.sessions.export import labels
from sessionls.sessions.export.labels import Outline
from sessionls.sessions.prompt.blocks import fenced

__all__ = ["Document", "Format", "Outline", "render", "render_page"]

_EXCHANGE = 2  # messages: a participant's and its reply

Format = Literal["markdown", "json", "html"]


@dataclass
class Document:
    """An export in pieces: `begin`, then `messages` for each page of messages, then `end`.

    Slow for long messages: do not use it in the event loop.
    """

    session: Session
    format: Format
    outline: Outline
    _started: bool = field(default=False, init=False)
    _written: list[Message] = field(default_factory=list, init=False)
    """The messages without their parts, for the authors in open questions."""

    def begin(self) -> str:
        match self.format:
            case "json":
                unmasked = '"unmasked": true,\n  ' if self.outline.unmasked else ""
                return f'{{\n  {unmasked}"session": {_json(self.session.wire(), "  ")},\n  "messages": ['
            case "html":
                from sessionls.sessions.export.html import head

                return head(self.session, self.outline)
            case "markdown":
                return "\n\n".join(_head(self.session, self.outline))

    def messages(self, messages: Sequence[Message], images: Mapping[str, bytes] | None = None) -> str:
        """`images` are the bytes of the messages' images, by their hash; without them, only the names of images are shown."""
        images = images or {}
        folders = self.session.workspace_folders
        if self.session.asking:
            self._written += [message.model_copy(update={"parts": [], "context": None}) for message in messages]
        match self.format:
            case "json":
                pieces = [f"\n    {_json(_with_data(message, images).wire(), '    ')}" for message in messages]
                comma = "," if self._started and pieces else ""
                self._started = self._started or bool(pieces)
                return comma + ",".join(pieces)
            case "html":
                from sessionls.sessions.export.html import article

                return "".join(f"{article(message, folders, images)}\n" for message in messages)
            case "markdown":
                return "".join("\n\n".join(["", "---", *_message(message, folders, images)]) for message in messages)

    def end(self) -> str:
        match self.format:
            case "json":
                masked = f',\n  "masked": {self.outline.masked}' if self.outline.masked else ""
                return f"\n  ]{masked}\n}}\n" if self._started else f"]{masked}\n}}\n"
            case "html":
                from sessionls.sessions.export.html import tail

                return tail(labels.masked_sentence(self.outline))
            case "markdown":
                questions = [
                    ["", "---", *_question(self.session, question, self._written)] for question in self.session.asking or ()
                ]
                masked = labels.masked_sentence(self.outline)
                pieces = [*questions, ["", "---", f"*{masked}*"]] if masked else questions
                return "".join("\n\n".join(piece) for piece in pieces) + "\n"


def render(session: Session, messages: Sequence[Message], format: Format) -> str:  # noqa: A002
    """The session with these messages as one text."""
    agents = dict.fromkeys(message.author.agent for message in messages if isinstance(message.author, AgentAuthor))
    document = Document(session, format, Outline(len(messages), list(agents)))
    return "".join((document.begin(), document.messages(messages), document.end()))


def render_page(session: Session, messages: Sequence[Message], more: bool, size: int) -> tuple[str, str | None]:
    """The last of these messages as Markdown, and the id of the first one shown if there are `more` or one of these is omitted.

    The newest message and its reply are always complete; only earlier ones count against `size` (characters).
    """
    folders = session.workspace_folders
    shown: list[Message] = []
    left = size
    for message in reversed(messages):
        left -= len("\n\n".join(_message(message, folders, {})))
        if left < 0 and len(shown) >= _EXCHANGE:
            break
        shown.insert(0, message)
    agents = dict.fromkeys(message.author.agent for message in shown if isinstance(message.author, AgentAuthor))
    document = Document(session, "markdown", Outline(session.message_count, list(agents)))
    text = "".join((document.begin(), document.messages(shown), document.end()))
    return text, shown[0].id if shown and (more or len(shown) < len(messages)) else None


def _json(data: object, indent: str) -> str:
    return as_json(data).replace("\n", f"\n{indent}")


def _head(session: Session, outline: Outline) -> Iterator[str]:
    yield f"# {_inline(labels.title_of(session))}"
    yield "\n".join(f"- {name}: {_inline(value)}" for name, value in labels.facts(session, outline))
    if not outline.count:
        yield "This session has no messages yet."


def _question(session: Session, question: OpenQuestion, messages: Sequence[Message]) -> Iterator[str]:
    yield f"## Permission: {_inline(question.summary)}"
    yield _inline(questions.waiting_explanation(question, messages))
    if question.detail:
        yield fenced(labels.readable(question.detail))
    if question.scope:
        yield _inline(questions.scope_explanation(question.scope))
    yield f"To answer: `{questions.answer_command(session.id, question.request_id)}`, or a code action in this document."


def _with_data(message: Message, images: Mapping[str, bytes]) -> Message:
    """The message with the bytes of its images, in base64."""
    if not images or not message.context:
        return message
    context = [
        item.model_copy(update={"data": base64.b64encode(images[item.sha256]).decode()})
        if isinstance(item, ImageContext) and item.sha256 is not None and item.sha256 in images
        else item
        for item in message.context
    ]
    return message.model_copy(update={"context": context})


def _message(message: Message, folders: Sequence[str], images: Mapping[str, bytes]) -> Iterator[str]:
    heading = [
        f"**{_inline(labels.writer(message))}**",
        _inline(labels.invoked(message) or ""),
        labels.time_of(message.created_at),
    ]
    yield f"## {' · '.join(word for word in heading if word)}"
    for part in message.parts:
        yield from _part(part, folders)
    for context in message.context or ():
        about = labels.about_context(context, folders)
        if isinstance(context, ImageContext):
            uri = labels.data_uri(context, images)
            yield "\n\n".join([f"**{_inline(about.title)}** ({_inline(about.text or '')})", *([f"![]({uri})"] if uri else [])])
            continue
        notice = "" if about.notice is None else f"*{_inline(about.notice)}*\n\n"
        text = "The text was not kept." if about.text is None else fenced(labels.readable(about.text), about.language)
        yield _folded(about.title, f"{notice}{text}")
    for notice in message.notices or ():
        yield f"> {_inline(labels.readable(notice))}"
    if (status := labels.status_of(message)) is not None:
        yield f"> **{_inline(status[:1].upper() + status[1:])}**"
    if message.usage is not None:
        yield f"*{labels.usage_of(message.usage)}*"


def _part(part: Part, folders: Sequence[str]) -> Iterator[str]:
    match part:
        case TextPart():
            if part.text.strip():
                yield contained(labels.readable(part.text))
        case ReasoningPart() if not part.text.strip():
            pass
        case ReasoningPart():
            yield _folded("Reasoning", contained(labels.readable(part.text)))
        case ToolPart():
            result = "" if part.result is None else f"\n\n{fenced(labels.readable(part.result))}"
            yield _folded(
                f"Tool {labels.called(part)}: {labels.outcome_of(part)}",
                f"{fenced(labels.readable(labels.arguments_of(part)), 'json')}{result}",
            )
        case FindingPart():
            finding = part.finding
            rule = f" ({finding.rule})" if finding.rule else ""
            state = "" if finding.state == "open" else f", {finding.state}"
            location = _inline(labels.place_of(finding, folders))
            yield f"**{labels.severity_of(finding).capitalize()}{_inline(rule)}: {_inline(finding.title)}** — {location}{state}"
            yield contained(labels.readable(finding.body))
            if finding.suggestion is not None:
                yield f"Suggestion:\n\n{fenced(labels.readable(finding.suggestion))}"
        case EditPart():
            done = "Edited" if part.applied else "Not applied"
            yield f"**{done}: {_inline(display(part.uri, folders))}** — {_inline(part.summary)}"
        case PlanPart():
            marks = {"pending": "[ ] ", "inProgress": "[ ] *now:* ", "completed": "[x] "}
            yield "\n".join(["**Plan**", "", *(f"- {marks[entry.status]}{_inline(entry.content)}" for entry in part.entries)])


def contained(text: str) -> str:
    """A message's Markdown, confined to the message: tags are shown as text, and an open fence is closed."""
    if len(text) > labels.LONGEST_PROSE:
        return fenced(text)
    from markdown_it import MarkdownIt

    lines = text.rstrip().split("\n")
    # The parser decides what is code: there a tag is text already.
    tokens = MarkdownIt("commonmark", {"html": False}).parse("\n".join([*lines, "", "# end"]))
    code = [token for token in tokens if token.type in ("fence", "code_block") and token.map is not None]
    kept = {number for token in code if token.map is not None for number in range(*token.map)}
    shown = [line if number in kept else _without_tags(line) for number, line in enumerate(lines)]
    if code and code[-1] is tokens[-1]:  # it would continue after the message
        shown.append(code[-1].markup)
    return "\n".join(shown)


def _without_tags(line: str) -> str:
    """The line with each `<` escaped that could begin HTML, except in links and code spans."""
    pieces = re.split(r"(`+[^`]*`+)", line)
    pieces[::2] = [re.sub(r"(?<!\\)<(?=[A-Za-z/!?])(?!(?:https?://|mailto:)[^<>\s]*>)", r"\\<", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _folded(title: str, body: str) -> str:
    return f"<details>\n<summary>{_escaped_line(title)}</summary>\n\n{body}\n\n</details>"


def _escaped_line(text: str) -> str:
    import html

    return html.escape(" ".join(labels.readable(text).split()))


def _inline(text: str) -> str:
    """Text of one line, escaped for Markdown."""
    return re.sub(r"([\\`*_\[\]<>#|&~])", r"\\\1", " ".join(labels.readable(text).split()))
