"""Open questions for permission: which there are, in words for those who can answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Message, OpenQuestion, Participant, Session
from sessionls.domain.results import QuestionList, SessionQuestion
from sessionls.domain.state import State

__all__ = ["how_to_answer", "only_question", "open_questions", "scope_words", "waiting_words"]


def open_questions(sessions: Iterable[Session]) -> QuestionList:
    """The open questions of these sessions, in their order."""
    return QuestionList(
        questions=[
            SessionQuestion(session_id=session.id, title=session.title, question=question)
            for session in sessions
            for question in session.asking or ()
        ]
    )


def only_question(state: State) -> str:
    """The id of the one open question. Raises `NotPermitted` where there is none, or more than one."""
    if not state.asking:
        raise NotPermitted("No question is open in this session.", hint="It was answered or withdrawn; there is nothing to do.")
    if len(state.asking) > 1:
        raise NotPermitted(
            f"{len(state.asking)} questions are open in this session.",
            hint="Name one of them by its request id: the session lists them in `asking`.",
            requestIds=[question.request_id for question in state.asking],
        )
    return state.asking[0].request_id


def scope_words(scope: str) -> str:
    """What "allow for this session" covers."""
    return f"Allowed for this session, it covers: {scope}, in replies to messages of whoever allows it."


def waiting_words(question: OpenQuestion, messages: Sequence[Message]) -> str:
    """Who waits for what: the agent, for an answer, to go on with its reply to somebody."""
    by_id = {message.id: message for message in messages}
    reply = by_id.get(question.message_id)
    asked = by_id.get(reply.reply_to) if reply is not None and reply.reply_to else None
    whose = f" to {asked.author.name}" if asked is not None and isinstance(asked.author, Participant) else ""
    return f"{question.agent} waits for permission to go on with its reply{whose}. Any participant can answer."


def how_to_answer(session_id: str, request_id: str) -> str:
    """The command for a terminal."""
    return f"sessionls answer {session_id[-8:]} {request_id[-8:]} once|session|deny"
