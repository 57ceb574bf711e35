"""The code lenses and code actions of a session file, with their positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sessionls.domain.model import Agent, Session
from sessionls.server.features.session_file import draft as drafts
from sessionls.server.features.session_file.marks import SessionText

__all__ = [
    "ANSWER_HERE",
    "EARLIER",
    "FORK_HERE",
    "OPEN_FINDING",
    "SEND_DRAFT",
    "Offer",
    "offers",
]

SEND_DRAFT, FORK_HERE, ANSWER_HERE = "sessionls.sendDraft", "sessionls.forkHere", "sessionls.answerHere"
EARLIER, OPEN_FINDING = "sessionls.earlier", "sessionls.openFinding"


@dataclass(frozen=True, slots=True)
class Offer:
    """A command at an offset of the text. It is a code action in the text from `start` to `end`."""

    title: str
    command: str
    argument: dict[str, Any]
    at: int
    start: int
    end: int
    answers: str | None = None
    """For an answer to a question: the question's summary."""


def offers(found: SessionText, session: Session, agents: Sequence[Agent], uri: str) -> Iterator[Offer]:
    """Everything that the file offers. The session's state determines what is offered, the text only where."""
    whole = (0, len(found.text))
    this: dict[str, Any] = {"sessionId": session.id}
    if found.draft is not None:
        at = found.draft.line
        yield Offer(_send_title(found, session, agents), SEND_DRAFT, {"uri": uri}, at, *whole)
        if session.state == "paused" or session.stopped is not None:
            yield Offer("Resume", "sessionls.resume", this, at, *whole)
        if session.replying:
            yield Offer("Pause", "sessionls.pause", this, at, *whole)
        if session.replying or session.stopped is not None:
            yield Offer("Cancel the reply", "sessionls.cancel", this, at, *whole)
    for question in session.asking or ():
        # Only at the question, and with No first: whoever presses Return without reading allows nothing.
        if (mark := found.questions.get(question.request_id)) is None:
            continue
        answers = [("Deny", "deny"), ("Allow once", "once"), *([("Allow for this session", "session")] if question.scope else [])]
        for title, decision in answers:
            argument = {"uri": uri, "requestId": question.request_id, "decision": decision}
            yield Offer(title, ANSWER_HERE, argument, mark.start, *whole, answers=f"{question.agent} asks: {question.summary}")
    writing = set(found.writing)
    for section in found.sections:
        if section.message_id not in writing:
            argument = {**this, "at": section.message_id}
            yield Offer("Fork here", FORK_HERE, argument, section.start, section.start, section.end)
    for finding_id, mark in found.findings.items():
        line = found.text.rfind("\n", 0, mark.start) + 1
        yield Offer("Open finding", OPEN_FINDING, {"findingId": finding_id}, line, line, mark.end)
    if found.earlier is not None:
        yield Offer("Insert earlier messages", EARLIER, {"uri": uri}, found.earlier.start, 0, found.earlier.end)


def _send_title(found: SessionText, session: Session, agents: Sequence[Agent]) -> str:
    assert found.draft is not None
    written = drafts.read(found.draft.text)
    if written.agent is None:
        return f"Send to {session.agent}"
    known = next((one.name for one in agents if one.available and one.name.casefold() == written.agent.casefold()), None)
    return f"Send to @{written.agent}, which is not an agent here" if known is None else f"Send to {known}, this message only"
