"""Drafts: the text of replies that this process is writing and that no event contains yet."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Literal

from sessionls.domain.state import Drafted
from sessionls.ports.store import Delta

__all__ = ["Drafts", "Saved"]

_REMEMBERED = 1000  # ended replies


@dataclass(frozen=True, slots=True)
class Saved:
    """The state of a reply in the database while it is being written: the process that writes it, and the saved drafts."""

    process: str | None
    drafted: list[Drafted]


@dataclass(slots=True)
class _Part:
    kind: Literal["text", "reasoning"]
    offset: int
    pieces: list[str] = field(default_factory=list)
    end: int = 0


class Drafts:
    """Used on the event loop. Only `unsaved` and `_to_save_again` are shared: the loop appends, the database thread takes."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.unsaved: deque[Delta] = deque()
        self._to_save_again: deque[Delta] = deque()
        self.cleared = 0  # how often drafts were removed because an event now contains them
        self._texts: dict[tuple[str, str], dict[int, _Part]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._taken: list[Delta] = []

    @property
    def pending(self) -> bool:
        """Whether there is something to save."""
        return bool(self.unsaved or self._to_save_again)

    def add(
        self, session_id: str, message_id: str, part: int, kind: Literal["text", "reasoning"], text: str, base: int
    ) -> Delta | None:
        """Add `text` to the part. Returns the piece with its offset, or None if there is nothing to add."""
        if not text or message_id in self._ended:
            return None
        try:
            text.encode()
        except UnicodeEncodeError:  # replace a lone surrogate with one character, so that the offsets stay right
            text = text.encode(errors="replace").decode()
        parts = self._texts.setdefault((session_id, message_id), {})
        grown = parts.get(part)
        if grown is None:
            grown = parts[part] = _Part(kind, base, end=base)
        chunk = Delta(session_id, message_id, part, grown.kind, grown.end, text)
        grown.pieces.append(text)
        grown.end += len(text)
        self.unsaved.append(chunk)
        return chunk

    def get(self, session_id: str, message_id: str, saved: Saved) -> list[Drafted]:
        """The drafts of that reply: all of them if this process writes it, else those that the other process saved."""
        parts = self._texts.get((session_id, message_id))
        if parts is None or saved.process != self.process:
            return saved.drafted
        return [Drafted(n, part.kind, part.offset, "".join(part.pieces)) for n, part in sorted(parts.items())]

    def clear(self, session_id: str, message_id: str) -> None:
        """Remove the drafts of a reply whose text is in an event now."""
        if self._texts.pop((session_id, message_id), None) is not None:
            self.cleared += 1

    def started(self, message_id: str) -> None:
        self._ended.pop(message_id, None)

    def ended(self, session_id: str, message_id: str) -> None:
        """Note that the reply ended. Later drafts of it are dropped."""
        self.clear(session_id, message_id)
        self._ended[message_id] = None
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def forget(self, session_id: str) -> None:
        """Remove all drafts of a deleted session."""
        for key in [key for key in self._texts if key[0] == session_id]:
            self.ended(*key)

    def save_again(self) -> None:
        """Save all drafts once more: a server that crashed may have lost some that it had accepted."""
        for (session_id, message_id), parts in self._texts.items():
            for index, part in parts.items():
                self._to_save_again.append(Delta(session_id, message_id, index, part.kind, part.offset, "".join(part.pieces)))

    # -- in the database thread --------------------------------------------------------------------------------------

    def take(self) -> list[Delta]:
        """Take all unsaved drafts, with the pieces of a part joined. Call `saved` or `give_back` afterwards."""
        while self._to_save_again:
            self._taken.append(self._to_save_again.popleft())
        joined: dict[tuple[str, str, int], tuple[Delta, list[str]]] = {}
        while self.unsaved:  # only this thread takes
            chunk = self.unsaved.popleft()
            joined.setdefault((chunk.session_id, chunk.message_id, chunk.part), (chunk, []))[1].append(chunk.text)
        self._taken += [
            Delta(first.session_id, first.message_id, first.part, first.kind, first.offset, "".join(texts))
            for first, texts in joined.values()
        ]
        return self._taken

    def saved(self) -> set[str]:
        """Call this after the commit. Returns the sessions whose drafts were saved."""
        sessions = {chunk.session_id for chunk in self._taken}
        self._taken = []
        return sessions

    def give_back(self) -> None:
        """Call this after a rollback: the next transaction saves these drafts."""
        self.unsaved.extendleft(reversed(self._taken))
        self._taken = []
