"""Which agent writes a reply, with which runtime and which model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.errors import AgentUnavailable, ModelUnavailable, NotPermitted, SessionlsError
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, Context, ImageContext, Message, Session
from sessionls.domain.state import State
from sessionls.ports.agents import Agents
from sessionls.ports.models import Models
from sessionls.ports.runtime import AgentRuntime
from sessionls.sessions.replies.prepared import PreparedReply, message_error

__all__ = ["Selection"]


_NAMED = 3  # models in a hint


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
        self,
        session: Session,
        *,
        agent: str | None,
        model: str | None,
        reply_id: str | None = None,
        context: Sequence[Context] | None = None,
    ) -> PreparedReply:
        """Choose agent and model for one reply.

        The model: the message's; for the default agent the session's; the agent's own; else the default. A missing agent or
        model does not raise: it becomes the reply's error. So does one that does not accept the images in `context`.
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
            await self._check_images(definition, chosen, context or ())
        except SessionlsError as problem:
            requested = model or (session.model if name == session.agent else None)
            author = AgentAuthor(agent=name, model=requested or "", definition=definition.digest if definition else "")
            return PreparedReply(transitions.Start(reply_id, author, defaults, message_error(problem)), definition, problem)
        author = AgentAuthor(agent=name, model=chosen, definition=definition.digest)
        return PreparedReply(transitions.Start(reply_id, author, defaults), definition)

    async def _choose_model(self, runtime: AgentRuntime, preferences: Sequence[str]) -> str:
        """The model; for a runtime with its own model, the requested one, or nothing."""
        if runtime.abilities.own_model:
            return preferences[0] if preferences else ""
        return await self._models.choose(preferences)

    async def check_images(self, session: Session, message: Message) -> None:
        """Raise an error if the agent of a message is known not to accept its images."""
        if not any(isinstance(context, ImageContext) for context in message.context or ()):
            return
        prepared = await self.prepare(session, agent=message.agent, model=message.model)
        if prepared.definition is not None and prepared.problem is None:
            await self._check_images(prepared.definition, prepared.start.author.model, message.context or ())

    async def _check_images(self, definition: Definition, model: str, contexts: Sequence[Context]) -> None:
        images = [context for context in contexts if isinstance(context, ImageContext)]
        if not images:
            return
        runtime = self.runtime(definition)
        support = await runtime.image_support(definition, model or None)
        problems = (support.problem(image.size, image.width, image.height) for image in images)
        problem = next((problem for problem in problems if problem is not None), None)
        if problem is None:
            return
        if runtime.abilities.own_model:
            hint = "Send the message to another agent, or without the image."
            raise AgentUnavailable(definition.name, f"{problem}.", hint=hint)
        hint = "Send a smaller image."
        if support.accepted is False:
            names = [other.name for other in await self._models.list() if other.available and other.images]
            others = f"Models that accept them: {', '.join(names[:_NAMED])}." if names else "No configured model is known to."
            hint = f"{others} Choose another model for this message, or send it without the image."
        raise ModelUnavailable(f"{model} cannot be sent this message: {problem}.", hint=hint, reason="noImages", model=model)

    async def prepare_again(self, state: State, stopped: Message) -> PreparedReply:
        """Choose for a reply that continues: the same agent, and the same model unless that failed."""
        assert isinstance(stopped.author, AgentAuthor)
        question = state.open[stopped.reply_to].message if stopped.reply_to and stopped.reply_to in state.open else None
        model = question.model if question else None
        if stopped.status != "failed" and stopped.author.model:
            model = stopped.author.model
        prepared = await self.prepare(
            state.session,
            agent=stopped.author.agent,
            model=model,
            reply_id=stopped.id,
            context=question.context if question else None,
        )
        definition = prepared.definition
        if definition is None or prepared.problem is not None or self.runtime(definition).abilities.resume:
            return prepared
        problem = NotPermitted(f"A stopped reply of {definition.name} cannot be resumed.", hint="Send the message again.")
        return replace(prepared, start=replace(prepared.start, error=message_error(problem)), problem=problem)
