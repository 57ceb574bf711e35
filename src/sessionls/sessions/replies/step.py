"""One step of a reply as it is read: its words as they come, and what is known of it at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sessionls.domain.model import Part, ReasoningPart, StopReason, TextPart, Usage
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.models import NativeReasoning, ToolRequest

__all__ = ["Step", "Words"]


@dataclass
class Step:
    """What came of one answer of the model, besides its words."""

    requests: list[ToolRequest] = field(default_factory=list)
    usage: Usage | None = None
    reason: StopReason = "unknown"
    native: NativeReasoning | None = None


class Words:
    """The words of one step as they come: each run of one kind becomes one of `parts`. `draft` is told of each piece: its kind,
    its text, and how much of that part was there when the step began. `unfinished` is a part in whose middle the reply stopped:
    the words go on in it.
    """

    def __init__(
        self,
        parts: list[Part],
        draft: Callable[[Literal["text", "reasoning"], str, int], None],
        unfinished: TextPart | None,
    ) -> None:
        self._parts = parts
        self._draft = draft
        self._kind: Literal["text", "reasoning"] | None = None
        self._pieces: list[str] = []
        self._base = 0
        if unfinished is not None:
            parts.pop()
            self._kind, self._pieces, self._base = "text", [unfinished.text], len(unfinished.text)

    def add(self, kind: Literal["text", "reasoning"], text: str) -> None:
        if not text:
            return
        text = replace_lone_surrogates(text)
        if kind != self._kind:
            self.end()
            self._kind = kind
        self._pieces.append(text)
        self._draft(kind, text, self._base)

    def end(self) -> None:
        if self._kind is not None:
            text = "".join(self._pieces)
            self._parts.append(TextPart(text=text) if self._kind == "text" else ReasoningPart(text=text))
            self._kind, self._pieces, self._base = None, [], 0
