"""Which agent writes a reply, with which runtime and which model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable, NotPermitted, SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Message, Session
from sessionls.domain.state import State
from sessionls.ports.agents import Agents
from sessionls.ports.models import Models
from sessionls.ports.runtime import AgentRuntime
from sessionls.sessions.replies.prepared import PreparedReply, message_error

__all__ = ["Selection"]


class Selection:
    def __init__(self, agents: Agents, models: Models, runtimes: Iterable[AgentRuntime]) -> None:
        self._agents = agents
        self._models = models
        self._runtimes = {runtime.name: runtime for runtime in runtimes}

    def runtime(self, definition: Definition) -> AgentRuntime:
        """The runtime of that agent. Raises `AgentUnavailable`."""
        if definition.runtime not in self._runtimes:
            raise AgentUnavailable(
                definition.name, f"there is no runtime {definition.runtime!r}.", hint="Choose another agent, or update sessionls."
            )
        return self._runtimes[definition.runtime]

    async def prepare(
        self, session: Session, *, agent: str | None, model: str | None, reply_id: str | None = None
    ) -> PreparedReply:
        """Choose agent and model for one reply.

        The model: the message's; for the default agent the session's; the agent's own; else the default. A missing agent or
        model does not raise: it becomes the reply's error.
        """
        name = agent or session.agent
        reply_id = reply_id or new_id()
        defaults = (session.agent, session.model)
        definition: Definition | None = None
        try:
            definition = self._agents.get(name)
            if model is not None:
                preferences: Sequence[str] = (model,)
            elif name == session.agent and session.model is not None:
                preferences = (session.model,)
            else:
                preferences = definition.models
            chosen = await self._choose_model(self.runtime(definition), preferences)
        except SessionlsError as problem:
            wanted = model or (session.model if name == session.agent else None)
            author = AgentAuthor(agent=name, model=wanted or "", definition=definition.digest if definition else "")
            return PreparedReply(transitions.Start(reply_id, author, defaults, message_error(problem)), definition, problem)
        author = AgentAuthor(agent=name, model=chosen, definition=definition.digest)
        return PreparedReply(transitions.Start(reply_id, author, defaults), definition)

    async def _choose_model(self, runtime: AgentRuntime, preferences: Sequence[str]) -> str:
        """The model; for a runtime with its own model, the requested one, or nothing."""
        if runtime.abilities.own_model:
            return preferences[0] if preferences else ""
        return await self._models.choose(preferences)

    async def prepare_again(self, state: State, stopped: Message) -> PreparedReply:
        """Choose for a reply that continues: the same agent, and the same model unless that failed."""
        assert isinstance(stopped.author, AgentAuthor)
        asked = state.open[stopped.reply_to].message if stopped.reply_to and stopped.reply_to in state.open else None
        model = asked.model if asked else None
        if stopped.status != "failed" and stopped.author.model:
            model = stopped.author.model
        prepared = await self.prepare(state.session, agent=stopped.author.agent, model=model, reply_id=stopped.id)
        definition = prepared.definition
        if definition is None or prepared.problem is not None or self.runtime(definition).abilities.resume:
            return prepared
        problem = NotPermitted(f"A reply of {definition.name} that stopped cannot go on.", hint="Send the message again.")
        return replace(prepared, start=replace(prepared.start, error=message_error(problem)), problem=problem)
