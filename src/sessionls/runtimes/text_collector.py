"""Collects the streamed text of a reply."""

from __future__ import annotations

from typing import Literal

from sessionls.domain.model import ReasoningPart, TextPart
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.runtime import ReplySink

__all__ = ["TextCollector"]


class TextCollector:
    """Collects text deltas: consecutive deltas of one kind become one part of the reply. Its text is a draft until it ends.

    `unfinished` is the last part of a reply that stopped within it. New text of the same kind continues this part.
    """

    def __init__(self, sink: ReplySink, unfinished: TextPart | None = None) -> None:
        self._sink = sink
        self._kind: Literal["text", "reasoning"] | None = None
        self._pieces: list[str] = []
        self._base = 0
        if unfinished is not None:
            sink.parts.pop()
            self._kind, self._pieces, self._base = "text", [unfinished.text], len(unfinished.text)

    def add(self, kind: Literal["text", "reasoning"], text: str) -> None:
        if not text:
            return
        text = replace_lone_surrogates(text)
        if kind != self._kind:
            self.end()
            self._kind = kind
        self._pieces.append(text)
        self._sink.draft(kind, text, self._base)

    def end(self) -> None:
        """End the current part, if there is one."""
        if self._kind is not None:
            text = "".join(self._pieces)
            self._sink.parts.append(TextPart(text=text) if self._kind == "text" else ReasoningPart(text=text))
            self._kind, self._pieces, self._base = None, [], 0
