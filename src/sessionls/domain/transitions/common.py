"""Shared by several transitions: the errors for a lost claim, and how a reply starts and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sessionls.domain import events as ev
from sessionls.domain.budget import pause_explanation
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionArchived, SessionNotFound, SessionPaused
from sessionls.domain.model import AgentAuthor, Message, MessageError, Part, Participant, ToolPart
from sessionls.domain.roles import covers
from sessionls.domain.state import Entry, State

__all__ = [
    "UNKNOWN_OUTCOME",
    "ClaimLost",
    "Runner",
    "Start",
    "WriterGone",
    "end_reply",
    "end_unfinished_calls",
    "live_state",
    "own",
    "require_open",
    "settle",
    "start_reply",
    "unstarted_reply",
]


UNKNOWN_OUTCOME = (
    "The call was running when the reply was interrupted. It is not known whether it took effect: check before you repeat it."
)


class ClaimLost(Exception):
    """Another process took over the reply because this one's lease had expired, or the session was deleted."""


class WriterGone(Exception):
    """The process that wrote the session's reply is gone. The reply must be marked as interrupted first."""


@dataclass(frozen=True, slots=True)
class Start:
    """The agent and model for a reply and the definition's digest, or the error if no agent can write it.

    `defaults` are the session's agent and model at the time of this choice. If they have changed, it must be made again.
    """

    reply_id: str
    author: AgentAuthor
    defaults: tuple[str, str | None]
    error: MessageError | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """The participant in whose process a reply would be written: with their keys, their workspace and their permissions.

    `for_others`: they said that messages of other participants may be answered there, too.
    """

    participant_id: str
    for_others: bool = False

    def may_answer(self, message: Message) -> bool:
        """Whether that message may be answered in this participant's process."""
        return self.for_others or (isinstance(message.author, Participant) and message.author.id == self.participant_id)


def live_state(change: Change) -> State:
    """The session's state. Raises `WriterGone` if the process that wrote its reply is gone."""
    if change.state is None:
        raise SessionNotFound(change.session_id)
    state = change.state
    if state.reply is not None and covers(change.role, "writer"):  # (others can only look at it)
        claim = change.claims.get(state.reply)
        if claim is None or not (claim.alive or claim.process == change.process):
            raise WriterGone
    return state


def own(change: Change, reply_id: str) -> Entry:
    """The reply that this process writes. Raises `ClaimLost`."""
    claim = change.claims.get(reply_id)
    if change.state is None or change.state.reply != reply_id or claim is None or claim.process != change.process:
        raise ClaimLost
    return change.state.entry(reply_id)


def require_open(state: State) -> None:
    if state.session.state == "paused":
        raise SessionPaused(state.session.id, pause_explanation(state.session))
    if state.session.state == "archived":
        raise SessionArchived(state.session.id)


def settle(change: Change, by: Participant | AgentAuthor) -> None:
    """Make a stopped reply final, because somebody continues without resuming it."""
    state = change.now
    if state.resumable is None:
        return
    reply = state.entry(state.resumable).message
    if reply.status != "failed":  # a failed reply is final as soon as the next one starts
        end_reply(change, reply, "cancelled", by=by if isinstance(by, Participant) else None)


def start_reply(change: Change, begin: Start, message_id: str) -> None:
    author = begin.author
    change.add(
        ev.ReplyStarted,
        by=ev.ByAgent(agent=author.agent),
        message_id=begin.reply_id,
        reply_to=message_id,
        agent=author.agent,
        model=author.model,
        definition=author.definition,
    )
    change.claim(begin.reply_id)


def unstarted_reply(change: Change, message_id: str, reply_id: str, author: AgentAuthor) -> Message:
    return Message(
        id=reply_id,
        session_id=change.session_id,
        seq=change.now.next_seq,
        role="agent",
        author=author,
        reply_to=message_id,
        status="queued",
        created_at=change.at,
    )


def end_reply(
    change: Change,
    reply: Message,
    status: Literal["complete", "paused", "interrupted", "cancelled", "failed"],
    *,
    by: Participant | None = None,
    **fields: object,
) -> Message:
    message = reply.model_copy(update={"status": status, "finished_at": change.at, **fields})
    if status == "cancelled":
        message = message.model_copy(update={"parts": end_unfinished_calls(message.parts)})
    assert isinstance(message.author, AgentAuthor)
    change.add(ev.ReplyFinished, by=by or ev.ByAgent(agent=message.author.agent), message=message)
    change.release(reply.id)
    return message


def end_unfinished_calls(parts: Sequence[Part]) -> list[Part]:
    """The parts with all unfinished calls marked as ended."""

    def end(part: Part) -> Part:
        if not isinstance(part, ToolPart) or part.status not in ("waiting", "running"):
            return part
        result = UNKNOWN_OUTCOME if part.status == "running" else "The reply ended before this call was made."
        return part.model_copy(update={"status": "failed", "result": result})

    return [end(part) for part in parts]
