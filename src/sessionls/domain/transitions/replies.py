"""Messages and the replies to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import AgentAuthor, Message, MessageError, Part, Participant, Usage
from sessionls.domain.roles import covers, require_role
from sessionls.domain.state import Drafted, State, with_drafts
from sessionls.domain.stop_reasons import ReplyStopReason
from sessionls.domain.titles import UNTITLED, title_of
from sessionls.domain.transitions.common import (
    Runner,
    Start,
    WriterGone,
    end_reply,
    end_unfinished_calls,
    live_state,
    own,
    require_open,
    settle,
    start_reply,
    unstarted_reply,
)
from sessionls.domain.transitions.queue import set_order, waiting_message, withdraw

__all__ = ["add_notices", "comment", "finish", "interrupt", "next_waiting", "send", "start", "step"]


def send(change: Change, message: Message, start_with: Start | None, replaces: str | None = None) -> bool:
    """Accept a message. If nothing else is going on, start its reply in the same transaction. Returns whether it started.

    `replaces` is a queued message of the same author, whose position in the queue this message takes.
    """
    state = live_state(change)
    require_open(state)
    require_role(change.role, "replyStarted", change.session_id)
    order = [entry.message.id for entry in state.queue]
    if replaces is not None:
        if waiting_message(state, replaces).author != message.author:
            raise NotPermitted("Somebody else wrote the message.", hint="Only its author can change it. Withdraw it instead.")
        withdraw(change, replaces, message.author)
        order[order.index(replaces)] = message.id
    settle(change, by=message.author)
    if state.session.message_count == 0 and state.session.title == UNTITLED:
        change.add(ev.Renamed, by=message.author, title=title_of(message.text))
    message = message.model_copy(update={"seq": change.now.next_seq, "created_at": change.at})
    change.add(ev.MessageSent, by=message.author, message=message)
    change.claim(message.id)
    if replaces is not None:
        set_order(change, order, message.author)
    author = message.author.id if isinstance(message.author, Participant) else ""
    return start_with is not None and start(change, message.id, start_with, Runner(author))


def comment(change: Change, message: Message) -> Message:
    """Add a message that no agent answers. It gets its place immediately."""
    require_open(live_state(change))
    fields = {"seq": change.now.next_seq, "created_at": change.at, "status": "complete"}
    change.add(ev.MessageSent, by=message.author, message=message.model_copy(update=fields))
    return change.touched[message.id].message


def next_waiting(change: Change, runner: Runner) -> Message | None:
    """The message that this process should answer now, if any: the first in the queue.

    A process answers its own messages. It answers a message of a process that is gone only if `runner` may. Otherwise that
    message keeps waiting for its author, and later messages do not wait for it.
    """
    state = live_state(change)
    if state.reply is not None or state.session.state != "active" or not covers(change.role, "writer"):
        return None
    if state.resumable is not None and state.entry(state.resumable).message.status != "failed":
        return None  # a stopped reply must be resumed, cancelled or settled first
    for entry in state.queue:
        claim = change.claims.get(entry.message.id)
        if claim is not None and claim.process == change.process:
            return entry.message
        if claim is not None and claim.alive:
            return None  # another process answers it next
        if runner.may_answer(entry.message):
            return entry.message
    return None


def start(change: Change, message_id: str, begin: Start, runner: Runner) -> bool:
    """Start the reply to a queued message if it is next. If no agent can write it, add a failed reply."""
    waiting = next_waiting(change, runner)
    session = change.now.session
    if waiting is None or waiting.id != message_id or begin.defaults != (session.agent, session.model):
        return False
    change.release(message_id)
    if begin.error is not None:
        reply = unstarted_reply(change, message_id, begin.reply_id, begin.author)
        end_reply(change, reply, "failed", error=begin.error)
        return True
    start_reply(change, begin, message_id)
    return True


def step(
    change: Change,
    reply_id: str,
    index: int,
    parts: Sequence[Part],
    usage: Usage | None,
    steps: int | None = None,
    *,
    runner: Runner | None,
) -> list[Message]:
    """End a step of the reply. Returns the messages that were sent to steer it, and that `runner`, who runs the reply, may
    answer. Other messages get a separate reply. With None the reply accepts no messages now.
    """
    own(change, reply_id)
    change.add(ev.StepFinished, message_id=reply_id, index=index, parts=list(parts), usage=usage, steps=steps)
    return [] if runner is None else _steer(change, reply_id, index + len(parts), runner)


def _steering_messages(state: State, runner: Runner) -> list[Message]:
    """The queued messages that may steer a reply of that runner."""
    waiting = [entry.message for entry in state.queue]
    return [message for message in waiting if message.delivery == "steer" and runner.may_answer(message)]


def _steer(change: Change, reply_id: str, part: int, runner: Runner) -> list[Message]:
    author = change.now.entry(reply_id).message.author
    by = ev.ByAgent(agent=author.agent) if isinstance(author, AgentAuthor) else author
    steering: list[Message] = []
    for message in _steering_messages(change.now, runner):
        change.add(ev.MessageSteered, by=by, message_id=message.id, reply_id=reply_id, part=part)
        change.release(message.id)
        steering.append(change.touched[message.id].message)
    return steering


def add_notices(change: Change, reply_id: str, notices: Sequence[str]) -> None:
    """Add notices to the reply, without duplicates."""
    if list(notices) != (own(change, reply_id).message.notices or []):
        change.add(ev.ReplyNoticed, message_id=reply_id, notices=list(notices))


def finish(
    change: Change,
    reply_id: str,
    status: Literal["complete", "paused", "interrupted", "cancelled", "failed"],
    parts: Sequence[Part],
    usage: Usage | None,
    error: MessageError | None = None,
    stop_reason: ReplyStopReason | None = None,
    steps: int | None = None,
    *,
    runner: Runner | None,
) -> Message | list[Message]:
    """End or stop the reply. If messages to steer it have arrived, or the session was resumed before the reply had paused, the
    reply continues instead, and these messages are returned. `runner` is as in `step`.
    """
    entry = own(change, reply_id)
    steered = runner is not None and status == "complete" and bool(_steering_messages(change.now, runner))
    resumed = status == "paused" and change.now.session.state == "active"
    if steered or resumed:
        return step(change, reply_id, 0, parts, usage, steps, runner=runner)
    kept = end_unfinished_calls(parts) if status == "failed" else list(parts)
    steps = entry.message.steps if steps is None else steps
    return end_reply(change, entry.message, status, parts=kept, usage=usage, error=error, stop_reason=stop_reason, steps=steps)


def interrupt(change: Change, drafted: Sequence[Drafted]) -> bool:
    """Mark the reply of a process that is gone as interrupted, and keep the text that it had written."""
    try:
        live_state(change)
    except WriterGone:
        assert change.state is not None and change.state.reply is not None
        reply = change.state.entry(change.state.reply).message
        end_reply(change, reply, "interrupted", parts=with_drafts(reply.parts, drafted))
        return True
    return False
