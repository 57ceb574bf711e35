"""Pause, resume and cancel."""

from __future__ import annotations

from sessionls.domain import events as ev
from sessionls.domain.budget import budget_error, is_used_up
from sessionls.domain.change import Change
from sessionls.domain.errors import SessionArchived
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Message, Participant, Session
from sessionls.domain.transitions.common import Start, end_reply, live_state, own, start_reply, unstarted_reply

__all__ = ["ask_cancel", "cancel_stopped", "cancel_waiting", "pause", "pause_for_budget", "restart"]


def pause(change: Change, by: Participant) -> Session:
    """Pause the session. The process that writes a reply notices the event and stops it."""
    state = live_state(change)
    if state.session.state == "archived":
        raise SessionArchived(change.session_id)
    if state.session.state == "active":
        change.add(ev.Paused, by=by)
    return change.now.session


def restart(change: Change, by: Participant, begin: Start | None) -> bool:
    """Resume the session and its stopped reply. Returns whether there was such a reply.

    `begin.reply_id` is the reply that the caller is prepared to continue.
    """
    state = live_state(change)
    if state.session.state == "archived":
        raise SessionArchived(change.session_id)
    if is_used_up(state.session):
        raise budget_error(state.session)
    if state.session.state == "paused" or state.resumable is not None:
        change.add(ev.Resumed, by=by)
    state = change.now
    if begin is None or state.resumable != begin.reply_id or state.reply is not None:
        return False
    if begin.error is not None:
        end_reply(change, state.entry(begin.reply_id).message, "failed", error=begin.error)
        return False
    reply_to = state.entry(begin.reply_id).message.reply_to
    assert reply_to is not None
    start_reply(change, begin, reply_to)
    return True


def pause_for_budget(change: Change, reply_id: str) -> bool:
    """Before a request to a model: pause the session if its budget is used up. Returns whether it is paused."""
    author = own(change, reply_id).message.author
    session = change.now.session
    if session.state == "active" and is_used_up(session):
        assert isinstance(author, AgentAuthor)
        change.add(ev.Paused, by=ev.ByAgent(agent=author.agent), reason="budget")
    return change.now.session.state == "paused"


def ask_cancel(change: Change, by: Participant, message_id: str | None = None) -> str | None:
    """Ask the writer of the current reply to cancel it. With `message_id`, only if it answers that message.

    Returns the id of that reply, if any.
    """
    state = live_state(change)
    if state.reply is None or message_id not in (None, state.entry(state.reply).message.reply_to):
        return None
    change.add(ev.CancelAsked, by=by, message_id=state.reply)
    return state.reply


def cancel_stopped(change: Change, by: Participant) -> Session:
    """Cancel a stopped reply that could be resumed."""
    state = live_state(change)
    if state.reply is None and state.resumable is not None:
        end_reply(change, state.entry(state.resumable).message, "cancelled", by=by, error=None)
    return change.now.session


def cancel_waiting(change: Change, message_id: str, by: Participant) -> Message | None:
    """Cancel a queued message. It gets an empty, cancelled reply of the agent that would have answered it."""
    state = live_state(change)
    entry = state.open.get(message_id)
    if entry is None or entry.message.status != "queued":
        return None
    agent = entry.message.agent or state.session.agent
    model = entry.message.model or (state.session.model if agent == state.session.agent else None)
    author = AgentAuthor(agent=agent, model=model or "", definition="")
    change.release(message_id)
    return end_reply(change, unstarted_reply(change, message_id, new_id(), author), "cancelled", by=by)
