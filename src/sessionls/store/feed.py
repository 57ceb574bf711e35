"""Notifies the subscribers in this process. Everything here runs on the event loop.

Drafts of this process reach subscribers at once; changes by other processes come from `tail.py`. Text is tracked by offset,
wherever it comes from: each piece is sent once, and if an event contains text that was not sent yet, that text is sent before the
event. So the deltas of a reply join to exactly its text.
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

if TYPE_CHECKING:  # it imports SQLAlchemy
    from sessionls.store.tail import FeedBatch, FollowSnapshot

__all__ = ["Feed"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _SentPart:
    """The text of a part that was sent: the deltas join to `pieces`, and `end` is their length in code points."""

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
    sent: dict[str, dict[int, _SentPart]] = field(default_factory=dict)


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
        """Returns whether that was the last follow of the session."""
        followed = self._followed.get(session_id)
        if followed is None:
            return False
        followed.count -= 1
        if followed.count > 0:
            return False
        del self._followed[session_id]
        return True

    def start(self, snapshot: FollowSnapshot) -> Snapshot:
        """Start to follow: later notices continue exactly where the snapshot ends."""
        state = snapshot.state
        session_id = state.session.id
        replies: dict[str, list[Part]] = {}
        for message_id, saved in snapshot.saved.items():
            drafted = self._drafts.get(session_id, message_id, saved)
            replies[message_id] = with_drafts(state.open[message_id].message.parts, drafted)
        followed = self._followed.get(session_id)
        if followed is not None:
            followed.seq = max(followed.seq, state.session.seq)
            if not followed.ready:
                followed.ready = True
                followed.sent = {message_id: _sent_parts(parts) for message_id, parts in replies.items()}
            else:  # the session is followed already: its followers may lack text that was saved since
                for message_id, parts in replies.items():
                    for index, part in enumerate(parts):
                        self._complete(followed, session_id, message_id, index, part)
        messages = [
            message.model_copy(update={"parts": replies[message.id]}) if message.id in replies else message
            for message in snapshot.page.messages
        ]
        session = state.session.model_copy(update={"present": snapshot.present or None})
        return Snapshot(session, messages, snapshot.present, state.session.seq, snapshot.page.more, snapshot.events)

    # -- notifying ---------------------------------------------------------------------------------------------------

    def publish(self, batch: FeedBatch) -> None:
        """Publish what the database thread read or committed, in that order."""
        for session_id, events in batch.events:
            self.events(session_id, events)
        for chunk in batch.chunks:
            self.draft(chunk)
        for notice in batch.sessions:
            self.session(notice)

    def session(self, notice: SessionNotice) -> None:
        if notice.session is None:
            self._drafts.forget(notice.session_id)
            if (followed := self._followed.get(notice.session_id)) is not None:
                followed.ready = False
        self._notify(notice)

    def events(self, session_id: str, events: Iterable[Event]) -> None:
        followed = self._followed.get(session_id)
        for event in events:
            if followed is not None and followed.ready and event.seq > followed.seq:
                self._send_missing(followed, event)
                followed.seq = event.seq
                self._notify(EventNotice(event))
            match event:
                case ReplyStarted():
                    self._drafts.started(event.message_id)
                case StepFinished():
                    self._drafts.clear(session_id, event.message_id)
                case ReplyFinished():
                    self._drafts.ended(session_id, event.message.id)
                case _:
                    pass

    def _send_missing(self, followed: _Followed, event: Event) -> None:
        """Send the text that the event contains and that followers do not have yet."""
        match event:
            case ReplyStarted():
                # Earlier replies have ended. A resumed reply keeps its sent text.
                followed.sent = {event.message_id: followed.sent.get(event.message_id, {})}
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
        parts = followed.sent.setdefault(message_id, {})
        sent = parts.setdefault(index, _SentPart(part.kind, [], 0))
        if len(part.text) == sent.end and part.text == sent.text:
            return
        if sent.kind != part.kind or not part.text.startswith(sent.text):
            log.warning("the text of part %d of message %s does not continue the text that was sent before", index, message_id)
            parts[index] = _SentPart(part.kind, [part.text], len(part.text))
            return
        delta = Delta(session_id, message_id, index, part.kind, sent.end, part.text[sent.end :])
        sent.pieces.append(delta.text)
        sent.end += len(delta.text)
        self._notify(delta)

    def draft(self, chunk: Delta) -> None:
        """Send a piece of a reply, written by this process or by another, to the subscribers at once."""
        followed = self._followed.get(chunk.session_id)
        if followed is None or not followed.ready:
            return
        parts = followed.sent.setdefault(chunk.message_id, {})
        sent = parts.setdefault(chunk.part, _SentPart(chunk.kind, [], 0))
        if chunk.offset > sent.end:
            log.warning("a piece of message %s is missing before offset %d", chunk.message_id, chunk.offset)
            return
        text = chunk.text[sent.end - chunk.offset :]
        if not text:
            return
        delta = Delta(chunk.session_id, chunk.message_id, chunk.part, sent.kind, sent.end, text)
        sent.pieces.append(text)
        sent.end += len(text)
        self._notify(delta)

    def _notify(self, notice: Notice) -> None:
        for callback in list(self._callbacks):
            try:
                callback(notice)
            except Exception:
                log.exception("a subscriber failed")


def _sent_parts(parts: Sequence[Part]) -> dict[int, _SentPart]:
    return {
        index: _SentPart(part.kind, [part.text], len(part.text))
        for index, part in enumerate(parts)
        if isinstance(part, TextPart | ReasoningPart)
    }
