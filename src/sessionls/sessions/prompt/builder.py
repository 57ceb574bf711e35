"""Builds the prompt for a reply: instructions and transcript, within the model's context window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sessionls.domain import transitions
from sessionls.domain.agent import SKILL_TOOL, Definition
from sessionls.domain.change import Change
from sessionls.domain.model import Context, Session, Usage
from sessionls.domain.results import WindowUse
from sessionls.ports.agents import Agents
from sessionls.ports.models import Models
from sessionls.ports.store import Store, Transcript
from sessionls.ports.tools import Tool
from sessionls.sessions.prompt import compaction
from sessionls.sessions.prompt.blocks import render
from sessionls.sessions.prompt.compaction import Account
from sessionls.sessions.prompt.kept_prompts import Prompts
from sessionls.sessions.prompt.transcript import ModelMessages, TranscriptOptions, estimate_tokens, instructions
from sessionls.sessions.prompt.window import DEFAULT_WINDOW, FULL

__all__ = ["PromptBuilder"]

_KEPT = 0.4  # of the window: the share of the newest messages after that


class PromptBuilder:
    def __init__(self, *, store: Store, models: Models, agents: Agents) -> None:
        self._store = store
        self._models = models
        self._agents = agents
        self._prompts = Prompts(store)

    def options(self, definition: Definition, session: Session, *, tools: bool) -> TranscriptOptions:
        return TranscriptOptions(definition.name, tools, _renderer(session))

    def instructions(self, definition: Definition, tools: Sequence[Tool], names: Sequence[str] = ()) -> str:
        """The system message for an agent with these tools in a session of these participants (empty if another agent asks it).

        Skills are only mentioned to an agent that has the tool to read them.
        """
        skilled = any(tool.name == SKILL_TOOL for tool in tools)
        skills = self._agents.skill_instructions(definition) if skilled else ""
        workspace = "\n\n".join(text for text in (self._agents.instructions(), skills) if text)
        return instructions(definition, workspace, names)

    async def build(
        self,
        session: Session,
        definition: Definition,
        model: str,
        position: int,
        tools: Sequence[Tool],
        account: Account,
        *,
        tighter: bool,
    ) -> ModelMessages:
        """The system message and all messages up to that position, compacted first if they would not fit (or do not: `tighter`).
        The usage of that goes to `account`.
        """
        names = [participant.name for participant in session.participants]
        options = self.options(definition, session, tools=bool(tools))
        system = {"role": "system", "content": self.instructions(definition, tools, names)}
        messages = await self._prompts.get(session.id, position, options, named=len(names) > 1)
        window = self._models.window(model)
        fixed = estimate_tokens([system, *({"tool": dict(tool.schema)} for tool in tools)]) + (definition.max_tokens or 0)
        if tighter or (window is not None and estimate_tokens(messages) + fixed > window * FULL):
            budget = int((window or DEFAULT_WINDOW) * _KEPT / (2 if tighter else 1)) - fixed
            if tighter:  # its window may be smaller than the known value
                budget = min(budget, estimate_tokens(messages) // 4)
            transcript = await self._store.transcript(session.id, through=position)
            if await self.compact(session, transcript, options, model, max(budget, 0), account):
                messages = await self._prompts.get(session.id, position, options, named=len(names) > 1)
        return messages.preceded_by(system)

    async def measure(self, session: Session, definition: Definition, model: str, position: int) -> WindowUse:
        """How much of the window all messages up to that position use."""
        names = [participant.name for participant in session.participants]
        options = self.options(definition, session, tools=definition.tools != ())
        messages = await self._prompts.get(session.id, position, options, named=len(names) > 1)
        system = {"role": "system", "content": self.instructions(definition, (), names)}
        transcript = await self._store.transcript(session.id, through=position, after=position)
        window = self._models.window(model) if model else None
        return WindowUse(
            model=model,
            used=estimate_tokens(messages.preceded_by(system)),
            window=window,
            summarised_at=None if window is None else int(window * FULL),
            summarised=transcript.begin if transcript.summary else 0,
            summary=transcript.summary,
        )

    async def compact(
        self,
        session: Session,
        transcript: Transcript,
        options: TranscriptOptions,
        model: str,
        budget: int,
        account: Account,
        usage: Callable[[], Usage | None] = lambda: None,
    ) -> bool:
        """Summarise all but what fits in `budget` tokens. Returns whether there was anything to summarise. `usage` is the usage
        of the summary, if it does not count for a reply.
        """
        count = compaction.split(transcript.entries, options, budget)
        if count == 0:
            return False
        older = transcript.entries[:count]
        summary = await compaction.summarise(self._models, model, older, options, transcript.summary, account)

        def decide(change: Change) -> None:
            transitions.compact(change, summary.through, summary.through_seq, summary.text, usage(), session.agent)

        await self._store.change(session.id, decide)
        return True


def _renderer(session: Session) -> Callable[[Context], str]:
    return lambda context: render(context, session.workspace_folders)
