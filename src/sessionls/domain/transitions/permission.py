"""Permission requests and their answers."""

from __future__ import annotations

from collections.abc import Sequence

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Participant
from sessionls.domain.permission import Answer, Question
from sessionls.domain.results import KeptPermission
from sessionls.domain.roles import covers
from sessionls.domain.state import Grant, State
from sessionls.domain.transitions.common import live_state, own

__all__ = ["answer", "ask"]


def ask(change: Change, reply_id: str, question: Question, writer: Participant, kept: Sequence[KeptPermission] = ()) -> bool:
    """Add a permission request to the log. If a grant for the session or a `kept` permission covers it, it is answered
    immediately.

    `writer` is the participant whose process writes the reply.
    """
    own(change, reply_id)
    if _is_granted(change.now, reply_id, question, writer, kept):
        return True
    change.add(
        ev.PermissionAsked,
        by=ev.ByAgent(agent=question.agent),
        request_id=question.request_id,
        message_id=reply_id,
        tool=question.tool,
        summary=question.summary,
        risk=question.risk,
        detail=question.detail,
        scope=question.scope,
    )
    return False


def _is_granted(state: State, reply_id: str, question: Question, writer: Participant, kept: Sequence[KeptPermission]) -> bool:
    """Whether the writer granted it, for the session or permanently, and the reply answers only the writer's own messages.

    A reply works with the files, keys and programs of the person who runs it. So a grant never gives access to another
    participant's machine, and another participant's message (one that somebody resumes, or that steers the reply) never uses it.
    """
    reply = state.entry(reply_id).message
    answered = [
        entry.message
        for entry in state.open.values()
        if entry.message.id == reply.reply_to or (entry.message.steered and entry.message.steered.message_id == reply_id)
    ]
    answers_only_writer = bool(answered) and all(
        isinstance(message.author, Participant) and message.author.id == writer.id for message in answered
    )
    if not answers_only_writer:
        return False
    folders = state.session.workspace_folders
    return Grant(writer.id, question.scope) in state.granted or (
        question.scope != "" and any(permission.covers(question.tool, question.scope, folders) for permission in kept)
    )


def answer(change: Change, request_id: str, decision: Answer, by: Participant | None) -> bool:
    """Answer a permission request. Only the first answer counts; returns whether this was the first.

    Owners may answer, and the people whose machine is affected: who asked the agent, and who runs the reply.
    """
    state = live_state(change)
    question = next((candidate for candidate in state.asking if candidate.request_id == request_id), None)
    if question is None:
        return False
    if by is not None and not covers(change.role, "owner") and not _is_affected(change, question.message_id, by):
        raise NotPermitted(
            "Only owners of the session and the person who asked the agent may answer this.",
            hint="Ask one of them to answer.",
            sessionId=change.session_id,
        )
    change.add(ev.PermissionAnswered, by=by, request_id=request_id, decision=decision)
    return True


def _is_affected(change: Change, reply_id: str, participant: Participant) -> bool:
    """Whether the reply answers the participant, or is written in this process."""
    claim = change.claims.get(reply_id)
    reply_to = change.now.entry(reply_id).message.reply_to
    answered_entry = change.now.open.get(reply_to or "")
    author = None if answered_entry is None else answered_entry.message.author
    is_author = isinstance(author, Participant) and author.id == participant.id
    return is_author or (claim is not None and claim.process == change.process)
