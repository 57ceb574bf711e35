"""What the subscribers in this process are told, and when: everything here runs on the event loop.

This process's own words reach them at once; what other processes do is handed over by `tail.py`. Whichever way words come, they
are told by their offset: a piece is told once, nothing that was told is told again, and what is missing when an event brings
the whole text is told before that event. So the deltas of a reply join to exactly its text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sessionls.domain.events import Event, ReplyFinished, ReplyStarted, StepFinished
from sessionls.domain.model import Part, ReasoningPart, TextPart
from sessionls.domain.state import with_drafts
from sessionls.ports.store import Delta, EventNotice, Notice, SessionNotice, Snapshot
from sessionls.store.drafts import Drafts

if TYPE_CHECKING:  # loading it takes the database's library
    from sessionls.store.tail import FeedBatch, FollowSnapshot

__all__ = ["Feed"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Told:
    """What was told of a part: the deltas join to `pieces`, `end` is their length in code points."""

    kind: Literal["text", "reasoning"]
    pieces: list[str]
    end: int

    @property
    def text(self) -> str:
        self.pieces = ["".join(self.pieces)]
        return self.pieces[0]


@dataclass(slots=True)
class _Followed:
    count: int = 0
    ready: bool = False
    seq: int = 0
    texts: dict[str, dict[int, _Told]] = field(default_factory=dict)


class Feed:
    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts
        self._callbacks: list[Callable[[Notice], None]] = []
        self._followed: dict[str, _Followed] = {}

    @property
    def subscribed(self) -> bool:
        return bool(self._callbacks)

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        self._callbacks.append(callback)

        def stop() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return stop

    def close(self) -> None:
        self._callbacks.clear()

    # -- following ---------------------------------------------------------------------------------------------------

    def follow(self, session_id: str) -> None:
        self._followed.setdefault(session_id, _Followed()).count += 1

    def unfollow(self, session_id: str) -> bool:
        """Says whether that was the last follow of the session."""
        followed = self._followed.get(session_id)
        if followed is None:
            return False
        followed.count -= 1
        if followed.count > 0:
            return False
        del self._followed[session_id]
        return True

    def start(self, found: FollowSnapshot) -> Snapshot:
        """Follow from here: what is told from now on goes on exactly where the snapshot ends."""
        state = found.state
        session_id = state.session.id
        replies: dict[str, list[Part]] = {}
        for message_id, saved in found.saved.items():
            drafted = self._drafts.get(session_id, message_id, saved)
            replies[message_id] = with_drafts(state.open[message_id].message.parts, drafted)
        followed = self._followed.get(session_id)
        if followed is not None:
            followed.seq = max(followed.seq, state.session.seq)
            if not followed.ready:
                followed.ready = True
                followed.texts = {message_id: _told(parts) for message_id, parts in replies.items()}
            else:  # somebody here knows the session already, perhaps with fewer words than were saved since
                for message_id, parts in replies.items():
                    for index, part in enumerate(parts):
                        self._complete(followed, session_id, message_id, index, part)
        messages = [
            message.model_copy(update={"parts": replies[message.id]}) if message.id in replies else message
            for message in found.page.messages
        ]
        return Snapshot(state.session, messages, state.present, state.session.seq, found.page.more, found.events)

    # -- telling -----------------------------------------------------------------------------------------------------

    def news(self, news: FeedBatch) -> None:
        """What the database's thread handed over, in that order."""
        for session_id, events in news.events:
            self.events(session_id, events)
        for chunk in news.chunks:
            self.draft(chunk)
        for notice in news.sessions:
            self.session(notice)

    def session(self, notice: SessionNotice) -> None:
        if notice.session is None:
            self._drafts.forget(notice.session_id)
            if (followed := self._followed.get(notice.session_id)) is not None:
                followed.ready = False
        self._tell(notice)

    def events(self, session_id: str, events: Iterable[Event]) -> None:
        followed = self._followed.get(session_id)
        for event in events:
            if followed is not None and followed.ready and event.seq > followed.seq:
                self._before(followed, event)
                followed.seq = event.seq
                self._tell(EventNotice(event))
            match event:
                case ReplyStarted():
                    self._drafts.started(event.message_id)
                case StepFinished():
                    self._drafts.clear(session_id, event.message_id)
                case ReplyFinished():
                    self._drafts.ended(session_id, event.message.id)
                case _:
                    pass

    def _before(self, followed: _Followed, event: Event) -> None:
        """Tell what followers lack of the words that the event holds."""
        match event:
            case ReplyStarted():
                # What went before is done with; a reply that goes on keeps what was told of it.
                followed.texts = {event.message_id: followed.texts.get(event.message_id, {})}
            case StepFinished():
                for index, part in enumerate(event.parts, event.index):
                    self._complete(followed, event.session_id, event.message_id, index, part)
            case ReplyFinished():
                for index, part in enumerate(event.message.parts):
                    self._complete(followed, event.session_id, event.message.id, index, part)
            case _:
                pass

    def _complete(self, followed: _Followed, session_id: str, message_id: str, index: int, part: Part) -> None:
        if not isinstance(part, TextPart | ReasoningPart):
            return
        parts = followed.texts.setdefault(message_id, {})
        told = parts.setdefault(index, _Told(part.kind, [], 0))
        if len(part.text) == told.end and part.text == told.text:
            return
        if told.kind != part.kind or not part.text.startswith(told.text):
            log.warning("the text of part %d of message %s does not go on from what was told of it", index, message_id)
            parts[index] = _Told(part.kind, [part.text], len(part.text))
            return
        rest = Delta(session_id, message_id, index, part.kind, told.end, part.text[told.end :])
        told.pieces.append(rest.text)
        told.end += len(rest.text)
        self._tell(rest)

    def draft(self, chunk: Delta) -> None:
        """A piece of a reply, of this process or of another: subscribers learn of it at once."""
        followed = self._followed.get(chunk.session_id)
        if followed is None or not followed.ready:
            return
        parts = followed.texts.setdefault(chunk.message_id, {})
        told = parts.setdefault(chunk.part, _Told(chunk.kind, [], 0))
        if chunk.offset > told.end:
            log.warning("a piece of message %s is missing before offset %d", chunk.message_id, chunk.offset)
            return
        text = chunk.text[told.end - chunk.offset :]
        if not text:
            return
        delta = Delta(chunk.session_id, chunk.message_id, chunk.part, told.kind, told.end, text)
        told.pieces.append(text)
        told.end += len(text)
        self._tell(delta)

    def _tell(self, notice: Notice) -> None:
        for callback in list(self._callbacks):
            try:
                callback(notice)
            except Exception:
                log.exception("a subscriber failed")


def _told(parts: Sequence[Part]) -> dict[int, _Told]:
    return {
        index: _Told(part.kind, [part.text], len(part.text))
        for index, part in enumerate(parts)
        if isinstance(part, TextPart | ReasoningPart)
    }
