"""The queue of messages that wait for their replies."""

from __future__ import annotations

from collections.abc import Sequence

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import AgentAuthor, Message, Participant, Session
from sessionls.domain.state import State
from sessionls.domain.transitions.common import live_state, require_open, settle

__all__ = ["reorder", "send_now", "set_order", "waiting_message", "withdraw"]


def waiting_message(state: State, message_id: str) -> Message:
    """The message. Raises an error if it is not queued any more."""
    entry = state.open.get(message_id)
    if entry is None or entry.message.status != "queued":
        raise NotPermitted(
            "The message is not queued any more: its reply has begun.",
            hint="Cancel the reply instead, or fork the session before the message.",
            messageId=message_id,
        )
    return entry.message


def withdraw(change: Change, message_id: str, by: Participant | AgentAuthor) -> Session:
    """Remove a queued message. Those who wait for its reply notice the event."""
    waiting_message(live_state(change), message_id)
    change.add(ev.MessageWithdrawn, by=by, message_id=message_id)
    change.release(message_id)
    return change.now.session


def reorder(change: Change, message_ids: Sequence[str], by: Participant) -> Session:
    """Move these messages to the front of the queue, in this order. Ignores messages that are no longer queued, but raises an
    error if none is queued any more.
    """
    queued = [entry.message.id for entry in live_state(change).queue]
    moved = [message_id for message_id in dict.fromkeys(message_ids) if message_id in queued]
    if not moved:
        waiting_message(change.now, message_ids[0])
    set_order(change, [*moved, *(message_id for message_id in queued if message_id not in moved)], by)
    return change.now.session


def send_now(change: Change, message_id: str, by: Participant) -> str | None:
    """Answer a queued message next: the current reply is cancelled, or a stopped one is made final.

    If the process that sent it is gone, this process answers it with the keys of `by`, who asked for it. Returns the id of the
    reply that its writer has to stop, if any. Does nothing if the message is already being answered.
    """
    state = live_state(change)
    require_open(state)
    entry = state.open.get(message_id)
    if entry is not None and entry.message.role == "participant" and entry.message.status == "replying":
        return None
    message = waiting_message(state, message_id)
    others = [entry.message.id for entry in state.queue if entry.message.id != message_id]
    set_order(change, [message_id, *others], by, now=message_id if message.delivery else None)
    claim = change.claims.get(message_id)
    if claim is None or not claim.alive:
        change.claim(message_id)
    settle(change, by=by)
    if state.reply is not None:
        change.add(ev.CancelAsked, by=by, message_id=state.reply)
    return state.reply


def set_order(change: Change, message_ids: Sequence[str], by: Participant | AgentAuthor, now: str | None = None) -> None:
    if now is not None or list(message_ids) != [entry.message.id for entry in change.now.queue]:
        change.add(ev.QueueOrdered, by=by, message_ids=list(message_ids), now=now)
