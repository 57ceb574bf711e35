"""A message or a reply."""

from __future__ import annotations

from typing import Literal

from sessionls.domain.model.base import Shown, Wire
from sessionls.domain.model.context import Context
from sessionls.domain.model.parts import Part, TextPart
from sessionls.domain.model.people import AgentAuthor, Participant
from sessionls.domain.model.usage import Usage

__all__ = ["Message", "MessageError", "MessageStatus", "Steered", "StopReason"]

MessageStatus = Literal["queued", "replying", "complete", "paused", "interrupted", "cancelled", "failed"]

# Why a step of a model ended. `length`: it reached its token limit; `content_filter`: the provider withheld the rest; `refusal`:
# the model declined; `error`: the provider failed; `unknown`: the provider gave no reason, or an unknown one.
StopReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "error", "unknown"]


class MessageError(Wire):
    """Why a reply failed: an error kind of the protocol, a message that says what is wrong, and a hint what to do. `reason` is
    the reason of `modelUnavailable`.
    """

    kind: str
    message: str
    hint: str | None = None
    reason: str | None = None


class Steered(Wire):
    """A message that steered a reply: its id, and the index of the part before which the reply received it."""

    message_id: str
    part: int


class Message(Wire):
    """One entry in a session, by a participant or by an agent.

    `seq` is the number of the event that added it to the session. `replyTo` is the id of the message that a reply answers. A
    participant's message is `complete` as soon as its reply has ended in any way. `stopReason` says why the model ended a
    `complete` reply: `stop`, it was done; `length`, it reached its limit of output tokens; `content_filter`, the provider
    withheld the rest; `refusal`, it declined; `error`, the provider failed; `unknown`, the provider did not say; `empty`, it
    gave no answer. `steps` counts the steps of a reply, including those of agents that its agent asked. `notices` tell people
    about problems: servers that did not start, tools that cannot be used. `mentions` are the ids of the
    participants whom it notifies; without an `agent` such a message is only for people, and gets no reply.
    """

    id: str
    session_id: str
    seq: int
    role: Literal["participant", "agent"]
    author: Participant | AgentAuthor
    agent: str | None = None
    model: str | None = None
    reply_to: str | None = None
    parts: list[Part] = []
    context: list[Context] | None = None
    status: MessageStatus
    delivery: Literal["steer"] | None = None
    steered: Steered | None = None
    usage: Usage | None = None
    steps: int | None = None
    error: MessageError | None = None
    stop_reason: StopReason | Literal["empty"] | None = None
    mentions: list[str] | None = None
    notices: list[Shown] | None = None
    created_at: str
    finished_at: str | None = None

    @property
    def text(self) -> str:
        """The text parts, joined by blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))
