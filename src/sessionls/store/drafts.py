"""What is being drafted in this process: the words of replies being written that are in no event yet."""

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
    """What the database has of a reply being written: the process that writes it, and what that saved."""

    process: str | None
    drafted: list[Drafted]


@dataclass(slots=True)
class _Part:
    kind: Literal["text", "reasoning"]
    offset: int
    pieces: list[str] = field(default_factory=list)
    end: int = 0


class Drafts:
    """Kept on the event loop. Only `unsaved` is shared: the loop appends to it, the database's thread takes from it."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.unsaved: deque[Delta] = deque()
        self.cleared = 0  # how often words left here for an event
        self._texts: dict[tuple[str, str], dict[int, _Part]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._taken: list[Delta] = []

    def add(
        self, session_id: str, message_id: str, part: int, kind: Literal["text", "reasoning"], text: str, base: int
    ) -> Delta | None:
        """Note that the part grew by `text`; gives the piece with its offset. None where there is nothing to note."""
        if not text or message_id in self._ended:
            return None
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair is no text; its place stays, so that offsets go on right
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
        """What was drafted of that reply: of this process's own the newest word, of another's what it saved."""
        parts = self._texts.get((session_id, message_id))
        if parts is None or saved.process != self.process:
            return saved.drafted
        return [Drafted(n, part.kind, part.offset, "".join(part.pieces)) for n, part in sorted(parts.items())]

    def clear(self, session_id: str, message_id: str) -> None:
        """The reply's words are in an event now."""
        if self._texts.pop((session_id, message_id), None) is not None:
            self.cleared += 1

    def started(self, message_id: str) -> None:
        self._ended.pop(message_id, None)

    def ended(self, session_id: str, message_id: str) -> None:
        """The reply takes no more words: what a slow writer still drafts is dropped."""
        self.clear(session_id, message_id)
        self._ended[message_id] = None
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def forget(self, session_id: str) -> None:
        """The session is gone."""
        for key in [key for key in self._texts if key[0] == session_id]:
            self.ended(*key)

    # -- in the database's thread --------------------------------------------------------------------------------------

    def take(self) -> list[Delta]:
        """Take what is not saved yet, the pieces of a part joined. `saved` or `give_back` follows."""
        joined: dict[tuple[str, str, int], tuple[Delta, list[str]]] = {}
        while self.unsaved:  # only this thread takes
            chunk = self.unsaved.popleft()
            joined.setdefault((chunk.session_id, chunk.message_id, chunk.part), (chunk, []))[1].append(chunk.text)
        self._taken += [
            Delta(first.session_id, first.message_id, first.part, first.kind, first.offset, "".join(texts))
            for first, texts in joined.values()
        ]
        return self._taken

    def saved(self) -> None:
        """The transaction is committed."""
        self._taken = []

    def give_back(self) -> None:
        """The transaction is undone: what was taken is saved with the next one."""
        self.unsaved.extendleft(reversed(self._taken))
        self._taken = []
