"""The runtime that calls a model in steps, and runs the tools that it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

from sessionls.domain.agent import Definition
from sessionls.domain.permission import Policy
from sessionls.domain.stop_reasons import ReplyStopReason, stop_explanation
from sessionls.ports.models import ImageSupport, Models
from sessionls.ports.runtime import AgentQuestion, ReplySink, ReplyToWrite, RuntimeAbilities
from sessionls.ports.store import Store
from sessionls.runtimes.asking import ASK_AGENT, AskAgent, AskingAgent, may_ask
from sessionls.runtimes.loop.prompt_images import PromptImages
from sessionls.runtimes.loop.tool_loop import Loop
from sessionls.runtimes.tool_runner import ToolRunner
from sessionls.sessions.prompt.builder import PromptBuilder
from sessionls.sessions.prompt.compaction import Account
from sessionls.sessions.prompt.transcript import ModelMessages, plain

__all__ = ["LoopRuntime"]


class LoopRuntime:
    """The default runtime."""

    name = "loop"
    abilities = RuntimeAbilities()

    def __init__(self, *, store: Store, models: Models, prompts: PromptBuilder, policy: Policy) -> None:
        self._store = store
        self._models = models
        self._prompts = prompts
        self._policy = policy
        self._images = PromptImages(store)

    async def image_support(self, definition: Definition, model: str | None) -> ImageSupport:  # noqa: ARG002
        return ImageSupport() if model is None else await self._models.image_support(model)

    async def write(self, reply: ReplyToWrite, sink: ReplySink) -> ReplyStopReason | None:
        assert reply.model is not None
        definition = reply.definition
        runner = ToolRunner(sink, self._policy, definition, reply.session.id, reply.reply.id, reply.tools)
        can_ask = may_ask(definition)
        loop = Loop(
            models=self._models,
            runner=runner,
            reply=reply.reply,
            model=reply.model,
            options=self._prompts.options(definition, reply.session, tools=can_ask or bool(reply.tools)),
            earlier=_Earlier(self._store, self._prompts, reply, runner),
            images=self._images,
        )
        if can_ask:
            names = frozenset({ASK_AGENT, *(tool.name for tool in reply.tools)})
            asking = AskingAgent(reply, sink, definition, self._policy, names, runner.writing)
            runner.tools = [*reply.tools, AskAgent(asking)]
        return await loop.run()

    async def answer(self, question: AgentQuestion, sink: ReplySink) -> str:
        other, reply = question.agent, question.reply
        definition = other.definition
        tools = [tool for tool in other.tools if question.tools is None or tool.name in question.tools]
        messages: ModelMessages = [
            {"role": "system", "content": self._prompts.instructions(definition, tools)},
            {"role": "user", "content": f"The agent `{question.asking.name}` asks:\n\n{question.text}"},
        ]

        async def earlier(account: Account, tighter: bool) -> tuple[ModelMessages, bool]:  # noqa: ARG001
            return messages, False  # there is no history to compact

        runner = ToolRunner(sink, question.policy, definition, reply.session.id, reply.reply.id, tools, question.writing)
        loop = Loop(
            models=self._models,
            runner=runner,
            reply=reply.reply.model_copy(update={"author": other.author, "parts": [], "usage": None, "steps": None}),
            model=other.author.model,
            options=self._prompts.options(definition, reply.session, tools=True),
            earlier=earlier,
            images=self._images,
        )
        if may_ask(definition, question.tools, question.depth):
            names = frozenset({ASK_AGENT, *(tool.name for tool in tools)})
            asking = AskingAgent(reply, sink, definition, question.policy, names, question.writing, question.depth)
            runner.tools = [*tools, AskAgent(asking)]
        reason = await loop.run()
        answer = plain([part for part in sink.parts if part.kind != "tool"])
        problem = stop_explanation(reason)
        return "\n\n".join(text for text in (answer, problem and f"({problem})") if text)


@dataclass
class _Earlier:
    """The messages before a reply (see `tool_loop.Earlier`). They are the same for each step."""

    store: Store
    prompts: PromptBuilder
    reply: ReplyToWrite
    runner: ToolRunner
    _names: tuple[str, ...] | None = field(default=None, init=False)
    _messages: ModelMessages = field(default_factory=list, init=False)

    async def __call__(self, account: Account, tighter: bool) -> tuple[ModelMessages, bool]:
        # A participant who steered the reply may have joined after it began.
        reply = self.reply
        session = await self.store.session(reply.session.id) if self.runner.sink.steered else reply.session
        names = tuple(participant.name for participant in session.participants)
        if tighter or names != self._names:
            assert reply.model is not None
            self._messages = await self.prompts.build(
                session, reply.definition, reply.model, reply.position, self.runner.tools, account, tighter=tighter
            )
            self._names = names
        return self._messages, len(names) > 1
