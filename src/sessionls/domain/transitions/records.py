"""Changes of findings, reverted changes, summaries, forks and imports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionNotFound
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Message, ParentRef, Participant, Session, Usage
from sessionls.domain.roles import covers
from sessionls.domain.transitions.common import end_unfinished_calls, live_state, require_open

__all__ = ["change_finding", "compact", "fork", "import_messages", "record_fork", "record_revert"]


def change_finding(
    change: Change, finding_id: str, state: Literal["open", "fixed", "dismissed"], reason: str | None, by: Participant | None
) -> None:
    live_state(change)
    change.add(ev.FindingChanged, by=by, finding_id=finding_id, state=state, reason=reason)


def record_revert(change: Change, by: Participant, **fields: object) -> None:
    """Record that a participant reverted changes of agents (see the event)."""
    if change.state is None:
        raise SessionNotFound(change.session_id)
    change.add(ev.ChangesReverted, by=by, **fields)


def fork(
    change: Change, session: Session, identities: Iterable[str], place: int, copies: Sequence[Message], by: Participant
) -> Session:
    """Create the child. It shares its parent's messages up to `place`, and gets copies of messages that are unfinished there."""
    parent = session.parent
    assert isinstance(parent, ParentRef)
    change.add(ev.Created, seq=parent.seq + 1, by=by, session=session, identities=list(identities), placed=place)
    ids = {message.id: new_id() for message in copies}
    for original in copies:
        final = original.role == "participant" or original.status == "complete"
        message = original.model_copy(
            update={
                "id": ids[original.id],
                "session_id": session.id,
                "seq": change.now.next_seq,
                "reply_to": ids.get(original.reply_to or "", original.reply_to),
                "steered": original.steered
                and original.steered.model_copy(update={"message_id": ids.get(original.steered.message_id, "")}),
                "mentions": None,  # the mentioned people were notified in the parent
                "status": "complete" if final else "cancelled",
                "parts": original.parts if final else end_unfinished_calls(original.parts),
                "finished_at": change.at,
            }
        )
        if original.role == "participant":
            change.add(ev.MessageSent, by=original.author, message=message.model_copy(update={"finished_at": None}))
        else:
            assert isinstance(original.author, AgentAuthor)
            change.add(ev.ReplyFinished, by=ev.ByAgent(agent=original.author.agent), message=message)
    return change.now.session


def record_fork(change: Change, child_id: str, by: Participant) -> None:
    """Record in the parent that it was forked, if `by` may write there."""
    if change.state is not None and covers(change.role, "writer"):
        change.add(ev.Forked, by=by, child_id=child_id)


def import_messages(
    change: Change,
    session: Session,
    identities: Iterable[str],
    messages: Sequence[Message],
    by: Participant,
    *,
    known: int | None,
) -> tuple[Session, int]:
    """Import messages and replies, all final. `known`: how many messages the session has; None for a new session.

    Adds nothing if the session has changed since then. Returns the session, and how many messages were added.
    """
    if change.state is not None:
        require_open(live_state(change))
    if (None if change.state is None else change.now.session.message_count) != known:
        return change.now.session, 0
    if known is None:
        change.add(ev.Created, seq=1, by=by, session=session, identities=list(identities))
    for message in messages:
        dated = message.model_copy(update={"seq": change.now.next_seq, "created_at": change.at})
        if isinstance(dated.author, AgentAuthor):
            finished = dated.model_copy(update={"finished_at": change.at})
            change.add(ev.ReplyFinished, by=ev.ByAgent(agent=dated.author.agent), message=finished)
        else:
            change.add(ev.MessageSent, by=by, message=dated)
    return change.now.session, len(messages)


def compact(change: Change, through: int, through_seq: int, summary: str, usage: Usage | None, agent: str) -> Session:
    if change.state is None:
        raise SessionNotFound(change.session_id)
    change.add(ev.Compacted, by=ev.ByAgent(agent=agent), through=through, through_seq=through_seq, summary=summary, usage=usage)
    return change.now.session
