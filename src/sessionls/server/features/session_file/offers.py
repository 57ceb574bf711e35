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


def offers(session_text: SessionText, session: Session, agents: Sequence[Agent], uri: str) -> Iterator[Offer]:
    """Everything that the file offers. The session's state determines what is offered, the text only where."""
    everywhere = (0, len(session_text.text))
    session_argument: dict[str, Any] = {"sessionId": session.id}
    if session_text.draft is not None:
        at = session_text.draft.line
        yield Offer(_send_title(session_text, session, agents), SEND_DRAFT, {"uri": uri}, at, *everywhere)
        if session.state == "paused" or session.stopped is not None:
            yield Offer("Resume", "sessionls.resume", session_argument, at, *everywhere)
        if session.replying:
            yield Offer("Pause", "sessionls.pause", session_argument, at, *everywhere)
        if session.replying or session.stopped is not None:
            yield Offer("Cancel the reply", "sessionls.cancel", session_argument, at, *everywhere)
    for question in session.asking or ():
        # Only at the question, and with No first: whoever presses Return without reading allows nothing.
        if (mark := session_text.questions.get(question.request_id)) is None:
            continue
        answers = [
            ("Deny", "deny"),
            ("Allow once", "once"),
            *([("Allow for this session", "session")] if question.scope else []),
        ]
        for title, decision in answers:
            argument = {"uri": uri, "requestId": question.request_id, "decision": decision}
            yield Offer(
                title, ANSWER_HERE, argument, mark.start, *everywhere, answers=f"{question.agent} asks: {question.summary}"
            )
    writing = set(session_text.writing)
    for section in session_text.sections:
        if section.message_id not in writing:
            argument = {**session_argument, "at": section.message_id}
            yield Offer("Fork here", FORK_HERE, argument, section.start, section.start, section.end)
    for finding_id, mark in session_text.findings.items():
        line = session_text.text.rfind("\n", 0, mark.start) + 1
        yield Offer("Open finding", OPEN_FINDING, {"findingId": finding_id}, line, line, mark.end)
    if session_text.earlier is not None:
        yield Offer("Insert earlier messages", EARLIER, {"uri": uri}, session_text.earlier.start, 0, session_text.earlier.end)


def _send_title(session_text: SessionText, session: Session, agents: Sequence[Agent]) -> str:
    assert session_text.draft is not None
    draft = drafts.read(session_text.draft.text)
    if draft.agent is None:
        return f"Send to {session.agent}"
    agent = next((known.name for known in agents if known.available and known.name.casefold() == draft.agent.casefold()), None)
    return f"Send to @{draft.agent}, which is not an agent here" if agent is None else f"Send to {agent}, this message only"
