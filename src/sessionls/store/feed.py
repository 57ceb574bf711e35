"""What the subscribers in this process are told, and when: everything here runs on the event loop.

This process's own words reach them at once; what other processes do is handed over by `tail.py`. Whichever way words come, they
are told by their offset: a piece is told once, nothing that was told is told again, and what is missing when an event brings
the whole text is told before that event. So the deltas of a reply join to exactly its text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sessionls.domain.events import Event, ReplyFinished, ReplyStarted, StepFinished
from sessionls.domain.model import Part, ReasoningPart, TextPart
from sessionls.domain.state import with_drafts
from sessionls.ports.store import Delta, EventNotice, Notice, SessionNotice, Snapshot
from sessionls.store.drafts import Chunk, Drafts

if TYPE_CHECKING:  # loading it takes the database's library
    from sessionls.store.tail import FeedBatch, FollowSnapshot

__all__ = ["Feed"]

log = logging.getLogger(__name__)

_GATHER = 0.004  # seconds: pieces that come faster are told together


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
    waiting: list[Delta] = field(default_factory=list)  # pieces of one part that will be told together
    told_at: float = 0.0


class Feed:
    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts
        self._callbacks: list[Callable[[Notice], None]] = []
        self._followed: dict[str, _Followed] = {}
        self._timer: asyncio.TimerHandle | None = None

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
        for session_id in list(self._followed):
            self._tell_waiting(session_id)
        if self._timer is not None:
            self._timer.cancel()
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
        self._tell_waiting(session_id)
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
            self._tell_waiting(session_id)
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
            self._grow(chunk, at_once=True)
        for notice in news.sessions:
            self.session(notice)

    def session(self, notice: SessionNotice) -> None:
        if notice.session is None:
            self._drafts.forget(notice.session_id)
            if (followed := self._followed.get(notice.session_id)) is not None:
                self._tell_waiting(notice.session_id)
                followed.ready = False
        self._tell(notice)

    def events(self, session_id: str, events: Iterable[Event]) -> None:
        followed = self._followed.get(session_id)
        for event in events:
            if followed is not None and followed.ready and event.seq > followed.seq:
                self._tell_waiting(session_id)
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

    def draft(self, chunk: Chunk) -> None:
        """A piece that this process writes: at once, or together with others when they come fast."""
        self._grow(chunk, at_once=False)

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

    def _grow(self, chunk: Chunk, *, at_once: bool) -> None:
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
        if at_once:
            self._tell_waiting(chunk.session_id)
            self._tell(delta)
        else:
            self._gather(followed, delta)

    # -- gathering ---------------------------------------------------------------------------------------------------

    def _gather(self, followed: _Followed, delta: Delta) -> None:
        now = asyncio.get_running_loop().time()
        if followed.waiting and _part(followed.waiting[0]) != _part(delta):
            self._tell_waiting(delta.session_id)
        if not followed.waiting and now - followed.told_at >= _GATHER:
            followed.told_at = now
            self._tell(delta)
            return
        followed.waiting.append(delta)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for session_id in list(self._followed):
            self._tell_waiting(session_id)

    def _tell_waiting(self, session_id: str) -> None:
        followed = self._followed.get(session_id)
        if followed is None or not followed.waiting:
            return
        first = followed.waiting[0]
        text = "".join(delta.text for delta in followed.waiting)
        followed.waiting.clear()
        followed.told_at = asyncio.get_running_loop().time()
        self._tell(Delta(session_id, first.message_id, first.part, first.kind, first.offset, text))

    def _tell(self, notice: Notice) -> None:
        for callback in list(self._callbacks):
            try:
                callback(notice)
            except Exception:
                log.exception("a subscriber failed")


def _part(delta: Delta) -> tuple[str, int]:
    return delta.message_id, delta.part


def _told(parts: Sequence[Part]) -> dict[int, _Told]:
    return {
        index: _Told(part.kind, [part.text], len(part.text))
        for index, part in enumerate(parts)
        if isinstance(part, TextPart | ReasoningPart)
    }
