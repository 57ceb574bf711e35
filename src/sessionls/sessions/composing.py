"""Composes a message from a participant's input: resolves its context and its mentions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sessionls.domain.ids import new_id
from sessionls.domain.mentions import find_mentions
from sessionls.domain.model import Context, Message, Participant, Session, TextPart
from sessionls.domain.roles import reachable
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.agents import Agents
from sessionls.ports.editor import Editor
from sessionls.ports.store import Store
from sessionls.sessions.context import resolver as contexts
from sessionls.sessions.context.images import MessageImages
from sessionls.sessions.context.nearby import instructions_for
from sessionls.sessions.context.other_sessions import OtherSessions
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["ComposedMessage", "Composer", "Outgoing"]

_AGENT_WINS = "@{} means the agent with that name. To mention the participant, write their full name or id."


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A participant's input.

    `agent` and `model` default to those of the session. `message_id` is the new message's id. `replaces` is a waiting message
    of the same participant, whose position in the queue this one takes.
    """

    text: str
    agent: str | None = None
    model: str | None = None
    context: Sequence[Context] = ()
    delivery: Literal["queue", "steer"] = "queue"
    message_id: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class ComposedMessage:
    """A message that is not in the log yet, its session, and the bytes of its images by hash."""

    session: Session
    message: Message
    images: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes the messages of one participant. `others` are the sessions that a message can have as its context."""

    store: Store
    agents: Agents
    workspace: Workspace
    editor: Editor
    participant: Participant
    others: OtherSessions

    async def message(self, session_id: str, outgoing: Outgoing) -> ComposedMessage:
        """A message for an agent or, if it mentions participants, for them. Raises `AgentNotFound`, `AgentUnavailable`, and
        `NotPermitted` and `InvalidParams` for its context.
        """
        session = await self.store.session(session_id)
        agent = None if outgoing.agent is None else self.agents.get(outgoing.agent).name
        if outgoing.replaces is not None:
            await self.store.entry(session_id, outgoing.replaces)
        people, agent_names = self._find_mentions(session, outgoing.text)
        message, images = await self._new_message(session_id, outgoing)
        fields = {
            "agent": agent,
            "model": outgoing.model,
            "delivery": "steer" if outgoing.delivery == "steer" else None,
            "mentions": [person.id for person in people] or None,
            "notices": [_AGENT_WINS.format(name) for name in agent_names] or None,
        }
        return ComposedMessage(session, message.model_copy(update=fields), images)

    async def comment(self, session_id: str, outgoing: Outgoing) -> ComposedMessage:
        """A message that no agent answers."""
        session = await self.store.session(session_id)
        people, _ = self._find_mentions(session, outgoing.text)
        message, images = await self._new_message(session_id, outgoing)
        return ComposedMessage(session, message.model_copy(update={"mentions": [person.id for person in people] or None}), images)

    def _find_mentions(self, session: Session, text: str) -> tuple[Sequence[Participant], Sequence[str]]:
        """The other participants that the text mentions (see `reachable`), and the mentioned names that belong to agents."""
        others = [person for person in reachable(session) if person.id != self.participant.id]
        return find_mentions(text, others, {agent.name.casefold() for agent in self.agents.list()}) if others else ((), ())

    async def _new_message(self, session_id: str, outgoing: Outgoing) -> tuple[Message, Mapping[str, bytes]]:
        """A message of this participant, and the bytes of its images."""
        images = MessageImages(self.workspace, lambda digest: self.store.image(session_id, digest))
        stored = None
        if outgoing.context:
            stored = await contexts.resolve(outgoing.context, self.workspace, self.editor, sessions=self.others, images=images)
        if stored:
            stored += await instructions_for(stored, self.workspace, self.agents)
        message = Message(
            id=outgoing.message_id or new_id(),
            session_id=session_id,
            seq=0,
            role="participant",
            author=self.participant,
            parts=[TextPart(text=replace_lone_surrogates(outgoing.text))],
            context=stored,
            status="queued",
            created_at="",
        )
        return message, images.collected
