"""Summarizes the older part of a session for its model, and measures how much of the model's context window it uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.budget import SessionAccount
from sessionls.domain.model import Session
from sessionls.domain.results import WindowUse
from sessionls.domain.state import State
from sessionls.ports.models import Models
from sessionls.ports.store import Store
from sessionls.sessions.prompt.builder import PromptBuilder
from sessionls.sessions.replies.scheduler import Replies
from sessionls.sessions.replies.selection import Selection

__all__ = ["Compacting"]


@dataclass(frozen=True, slots=True)
class Compacting:
    """`in_background` finishes work that nobody waits for."""

    store: Store
    replies: Replies
    selection: Selection
    models: Models
    prompts: PromptBuilder
    in_background: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]

    async def compact(self, session_id: str) -> Session:
        """Summarize all but the newest message and its reply. The cost of a failed attempt counts, too."""
        state, definition, model = await self._select(session_id)
        transcript = await self.store.transcript(session_id, through=state.settled)
        options = self.prompts.options(definition, state.session, tools=False)
        account = SessionAccount(state.session)
        if model is None:
            model = await self.models.choose(())
        try:
            await self.prompts.compact(state.session, transcript, options, model, 0, account, lambda: account.usage)
        except BaseException:
            if (usage := account.usage) is not None:
                spending = self.replies.change(session_id, lambda change: transitions.spend(change, usage))
                await asyncio.shield(self.in_background(spending))
            raise
        return await self.store.session(session_id)

    async def window(self, session_id: str) -> WindowUse:
        state, definition, model = await self._select(session_id)
        return await self.prompts.measure(state.session, definition, model or "", state.settled)

    async def _select(self, session_id: str) -> tuple[State, Definition, str | None]:
        """The session, the definition of its agent, and its model; None for an agent with its own model."""
        state = await self.replies.change(session_id, transitions.live_state)
        prepared = await self.selection.prepare(state.session, agent=None, model=None)
        if prepared.problem is not None or prepared.definition is None:
            assert prepared.problem is not None
            raise prepared.problem
        own_model = self.selection.runtime(prepared.definition).abilities.own_model
        return state, prepared.definition, None if own_model else prepared.start.author.model
