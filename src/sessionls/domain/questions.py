"""Open permission requests, and texts about them for the people who can answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Message, OpenQuestion, Participant, Session
from sessionls.domain.results import QuestionList, SessionQuestion
from sessionls.domain.state import State

__all__ = ["answer_command", "only_question", "open_questions", "scope_explanation", "waiting_explanation"]


def open_questions(sessions: Iterable[Session]) -> QuestionList:
    """The open permission requests of these sessions, in order."""
    return QuestionList(
        questions=[
            SessionQuestion(session_id=session.id, title=session.title, question=question)
            for session in sessions
            for question in session.asking or ()
        ]
    )


def only_question(state: State) -> str:
    """The id of the only open question. Raises `NotPermitted` if there is none or more than one."""
    if not state.asking:
        raise NotPermitted("No question is open in this session.", hint="It was already answered or withdrawn.")
    if len(state.asking) > 1:
        raise NotPermitted(
            f"{len(state.asking)} questions are open in this session.",
            hint="Pass the request id of one of them, from the session's `asking`.",
            requestIds=[question.request_id for question in state.asking],
        )
    return state.asking[0].request_id


def scope_explanation(scope: str) -> str:
    """Explains what "allow for this session" covers."""
    return f"Allowing it for this session covers: {scope}, in replies to your messages."


def waiting_explanation(question: OpenQuestion, messages: Sequence[Message]) -> str:
    """Says which agent waits for permission, and whose message it is answering."""
    by_id = {message.id: message for message in messages}
    reply = by_id.get(question.message_id)
    answered = by_id.get(reply.reply_to) if reply is not None and reply.reply_to else None
    addressee = f" to {answered.author.name}" if answered is not None and isinstance(answered.author, Participant) else ""
    return f"{question.agent} waits for permission to continue its reply{addressee}. Any participant can answer."


def answer_command(session_id: str, request_id: str) -> str:
    """The command to answer in a terminal."""
    return f"sessionls answer {session_id[-8:]} {request_id[-8:]} once|session|deny"
