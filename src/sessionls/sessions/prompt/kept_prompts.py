"""Caches the prompt of a session between replies, so that only new messages are read and rendered.

The messages before one with a reply never change, so a cached prompt stays valid. Prompts are built in a thread, because the
first one takes time in proportion to the session's length.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from sessionls.ports.store import Store, Transcript
from sessionls.sessions.prompt.transcript import Prompt, TranscriptOptions, for_model

__all__ = ["Prompts"]

_KEPT = 8  # prompts
_KEPT_SIZE = 32 << 20  # characters of all prompts together


@dataclass(frozen=True, slots=True)
class _CachedPrompt:
    """The prompt of the messages after position `begin` up to `through`; `summary` stands for the earlier ones."""

    begin: int
    summary: str | None
    through: int
    prompt: Prompt


class Prompts:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str, bool, bool], _CachedPrompt] = OrderedDict()

    async def get(self, session_id: str, position: int, options: TranscriptOptions, *, named: bool) -> Prompt:
        """The messages for a model up to the `position` of a message with a reply, without the system message.

        `named`: begin each message with its author.
        """
        key = (session_id, options.agent, options.tools, named)
        kept = self._kept.get(key)
        if kept is not None and kept.through > position:
            kept = None
        after = 0 if kept is None else kept.through
        transcript = await self._store.transcript(session_id, through=position, after=after)
        if kept is not None and (kept.begin, kept.summary) != (transcript.begin, transcript.summary):
            kept = None  # older messages have been summarised
            if after > transcript.begin:
                transcript = await self._store.transcript(session_id, through=position)
        prompt = await asyncio.to_thread(_extend, kept, transcript, options, named)
        self._keep(key, _CachedPrompt(transcript.begin, transcript.summary, position, prompt))
        return prompt

    def _keep(self, key: tuple[str, str, bool, bool], kept: _CachedPrompt) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and (len(self._kept) > _KEPT or self._size() > _KEPT_SIZE):
            self._kept.popitem(last=False)

    def _size(self) -> int:
        return sum(kept.prompt.size for kept in self._kept.values())


def _extend(kept: _CachedPrompt | None, transcript: Transcript, options: TranscriptOptions, named: bool) -> Prompt:
    if kept is None:
        return Prompt.of(for_model(transcript.entries, options, summary=transcript.summary, named=named))
    return kept.prompt.followed_by(for_model(transcript.entries, options, named=named))
