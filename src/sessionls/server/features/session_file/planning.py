"""Computes the edits that bring a session file up to date. Pure, so that tests can use any text of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessionls.domain.model import Message, Participant, Session
from sessionls.server.features.session_file import draft as drafts
from sessionls.server.features.session_file import rendering
from sessionls.server.features.session_file.marks import SessionText, new_nonce

__all__ = ["Replacement", "apply", "end_of_draft", "is_sent_draft", "plan", "plan_earlier", "plan_reference"]


@dataclass(frozen=True, slots=True)
class Replacement:
    """Replace the text from `start` to `end` (code points) with `new`. A person's text is never replaced."""

    start: int
    end: int
    new: str


def plan(
    found: SessionText,
    session: Session,
    messages: Sequence[Message],
    participant: Participant,
    *,
    answers: Mapping[str, str] | None = None,
    sent: str | None = None,
) -> list[Replacement]:
    """Returns the edits, in order, that add the missing parts of these messages (oldest first).

    When a person's next message was sent, its text stays in place: its heading changes, and a place for a new next message is
    added. `answers`: the texts that replace answered questions; `sent`: the draft at the time when it was sent.
    """
    edits = [*_continue_replies(found, session, messages), *_questions(found, session, answers or {})]
    known = {section.message_id for section in found.sections}
    new = [message for message in messages if message.id not in known and message.seq > found.newest]
    edits += _add(found, session, new, participant, sent)
    if "\r\n" in found.text:
        edits = [Replacement(edit.start, edit.end, edit.new.replace("\n", "\r\n")) for edit in edits]
    return _merge_adjacent(sorted(edits, key=lambda edit: (edit.start, edit.end)))


def _merge_adjacent(edits: Sequence[Replacement]) -> list[Replacement]:
    """Merges adjacent edits, because editors disagree on the order of edits at one position."""
    joined: list[Replacement] = []
    for edit in edits:
        if joined and joined[-1].end == edit.start:
            before = joined.pop()
            edit = Replacement(before.start, edit.end, before.new + edit.new)  # noqa: PLW2901
        joined.append(edit)
    return joined


def plan_earlier(found: SessionText, session: Session, messages: Sequence[Message], *, more: bool) -> list[Replacement]:
    """Returns the edits that put earlier messages before the first one of the file. Without `more`, they also remove the note
    about earlier messages.
    """
    known = {section.message_id for section in found.sections}
    text = "".join(rendering.section(session, message) for message in messages if message.id not in known)
    first = found.sections[0].start if found.sections else found.draft.line if found.draft else len(found.text)
    edits = [Replacement(first, first, text)] if text else []
    if found.earlier is not None and not more and found.earlier.end <= first:
        edits.insert(0, Replacement(found.earlier.start, found.earlier.end, ""))
    return edits


def plan_reference(found: SessionText, reference: str) -> list[Replacement]:
    """Returns the edits that add a reference to the end of the next message, unless it contains it."""
    if found.draft is None or reference in found.draft.text:
        return []
    if not found.draft.text.strip():
        return [Replacement(found.draft.start, len(found.text), f"\n\n{reference} ")]
    at = end_of_draft(found)
    return [Replacement(at, at, f" {reference} ")]


def end_of_draft(found: SessionText) -> int:
    """The end of the next message, without trailing blank lines (code points)."""
    if found.draft is None:
        return len(found.text)
    written = found.draft.text.rstrip("\r\n")
    return found.draft.start + len(written) if written.strip() else len(found.text)


def apply(text: str, edits: Sequence[Replacement]) -> str:
    """Applies these edits, which are in order and do not overlap, to the text."""
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*pieces, text[at:]])


def is_sent_draft(message: Message, text: str, participant: Participant) -> bool:
    """Whether the message is what this participant wrote in this draft."""
    written = drafts.read(text)
    return (
        message.role == "participant"
        and isinstance(message.author, Participant)
        and message.author.id == participant.id
        and bool(written.text)
        and message.text == written.text
    )


def _continue_replies(found: SessionText, session: Session, messages: Sequence[Message]) -> list[Replacement]:
    edits = []
    by_id = {message.id: message for message in messages}
    for message_id, (mark, part, offset) in found.writing.items():
        if (message := by_id.get(message_id)) is None:
            continue
        text, to_part, to_offset = rendering.rest_of(session, message, part, offset)
        if not rendering.is_ended(message):
            text += rendering.continuation_mark(session, message, to_part, to_offset)
        else:
            text = text.rstrip("\n")
        if text != found.text[mark.start : mark.end]:
            edits.append(Replacement(mark.start, mark.end, text))
    return edits


def _questions(found: SessionText, session: Session, answers: Mapping[str, str]) -> list[Replacement]:
    edits = []
    asking = {question.request_id: question for question in session.asking or ()}
    for request_id, mark in found.questions.items():
        if request_id not in asking:
            edits.append(Replacement(mark.start, mark.end, answers.get(request_id, "*No longer open.*")))
    for request_id, question in asking.items():
        if request_id not in found.questions and question.message_id in found.writing:
            at = found.writing[question.message_id][0].start
            edits.append(Replacement(at, at, f"\n{rendering.question_block(session.id, question)}\n\n"))
    return edits


def _add(
    found: SessionText, session: Session, new: Sequence[Message], participant: Participant, sent: str | None
) -> list[Replacement]:
    """Returns the edits that add whole messages."""
    edits: list[Replacement] = []
    draft, text = found.draft, found.text
    at = len(text) if draft is None else draft.line
    tail: list[str] = [] if draft is not None or not text or text.endswith("\n\n") else ["\n\n"]
    after_draft = ""
    open_ = draft
    for message in new:
        if open_ is not None and (end := _end_of_sent(message, open_.text, participant, sent)) is not None:
            # The person's text stays in place, and becomes a message.
            title = rendering.heading(session.id, message, open_.nonce)
            if tail:
                edits.append(Replacement(at, at, "".join(tail)))
            edits.append(Replacement(open_.heading, open_.start, title))
            at, tail = open_.start + end, ["\n\n"]
            if about := rendering.contexts(session, message):
                tail.append(f"{about}\n\n")
            after_draft = rendering.next_heading(session.id, new_nonce())
            open_ = None
            continue
        whole = rendering.section(session, message)
        asked = None if message.reply_to is None else found.section(message.reply_to)
        if asked is not None and (draft is None or asked.end < draft.line):
            edits.append(Replacement(asked.end, asked.end, whole))
        else:
            tail.append(whole)
    if draft is None:
        tail.append(f"{rendering.next_heading(session.id, new_nonce())}\n\n")
    if after_draft:
        tail.append(after_draft if text[at:] else f"{after_draft}\n\n")
    if tail:
        edits.append(Replacement(at, at, "".join(tail)))
    return edits


def _end_of_sent(message: Message, draft: str, participant: Participant, sent: str | None) -> int | None:
    """The end of the message in the draft, if it was written there: text typed since then belongs to the next message."""
    whole = draft.rstrip()
    if sent is not None and is_sent_draft(message, sent, participant) and draft.startswith(sent):
        return len(sent)
    return len(whole) if is_sent_draft(message, draft, participant) else None
