"""A message to people: it mentions participants, and no agent answers it."""

from __future__ import annotations

from sessionls.domain import events as ev
from sessionls.domain.change import Change
from sessionls.domain.model import Message
from sessionls.domain.titles import UNTITLED, title_of
from sessionls.domain.transitions.common import live_state, require_open
from sessionls.domain.transitions.queue import waiting_message, withdraw

__all__ = ["mention"]


def mention(change: Change, message: Message, replaces: str | None = None) -> None:
    """Add the message. It gets its place immediately, also while a reply is being written, and gets no reply.

    `replaces` is a waiting message of the same author, which is withdrawn.
    """
    state = live_state(change)
    require_open(state)
    if replaces is not None and waiting_message(state, replaces).author == message.author:
        withdraw(change, replaces, message.author)
    if state.session.message_count == 0 and state.session.title == UNTITLED:
        change.add(ev.Renamed, by=message.author, title=title_of(message.text))
    fields = {"seq": change.now.next_seq, "created_at": change.at, "status": "complete"}
    change.add(ev.MessageSent, by=message.author, message=message.model_copy(update=fields))
