"""The feed's notices on their way to the client: `session/event`, `session/delta` and `session/changed`.

A client gets the notices of the sessions that it has open, from the response to its `session/open` on. The text of a reply is
sent as it arrives; pieces that arrive faster than the client can read them are joined, never lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sessionls.domain.model import ReasoningPart, TextPart, Wire
from sessionls.domain.results import Opened
from sessionls.domain.scope import Scope
from sessionls.ports.store import Delta, EventNotice, Notice, SessionNotice
from sessionls.server.publishing.text_coalescer import TextCoalescer
from sessionls.server.schema.params import DeltaParams, SessionChangedParams

__all__ = ["Hold", "SessionNotifications"]

_CHANGED_GAP = 0.05  # seconds between two rounds of `session/changed`
_HIGH = 1 << 20  # bytes waiting for the client above which text is joined until it has caught up
_BATCH = 100  # notices sent before the event loop runs other tasks


@dataclass
class Hold:
    """A `session/open` in progress: the session's notices wait until its response is sent."""

    release: Callable[[], None]
    opened: Opened | None = None


@dataclass
class _Held:
    """The notices of one session that wait for the responses to `session/open`. `known`: it was open here before."""

    known: bool
    holds: list[Hold] = field(default_factory=list)
    queue: deque[EventNotice | Delta] = field(default_factory=deque)


class _Text:
    """Text of one session that waits to be sent as one delta: pieces of one part, each where the one before it ends."""

    def __init__(self, send: Callable[[Delta], None], ready: Callable[[], bool]) -> None:
        self.pieces = TextCoalescer(self._send, ready)
        self._send_delta = send
        self._first: Delta | None = None
        self._end = 0

    def add(self, delta: Delta) -> None:
        first = self._first
        if first is not None and (first.message_id, first.part, first.kind, self._end) != (
            *(delta.message_id, delta.part, delta.kind),
            delta.offset,
        ):
            self.pieces.flush()
        if self._first is None:
            self._first = delta
        self._end = delta.offset + len(delta.text)
        self.pieces.add(delta.text)

    def _send(self, text: str) -> None:
        assert self._first is not None
        first, self._first = self._first, None
        self._send_delta(replace(first, text=text))


class SessionNotifications:
    """`send` writes a notification. `scope` is that of the open folders, if it is known."""

    def __init__(self, send: Callable[[str, Wire], None], backlog: Callable[[], int], scope: Callable[[], Scope]) -> None:
        self._send = send
        self._backlog = backlog
        self._scope = scope
        self._open: set[str] = set()
        self._held: dict[str, _Held] = {}
        self._texts: dict[str, _Text] = {}
        self._changed: dict[str, SessionNotice] = {}
        self._changed_timer: asyncio.TimerHandle | None = None

    def __call__(self, notice: Notice) -> None:
        """Handle a notice of the feed. Called on the event loop."""
        if isinstance(notice, SessionNotice):
            self._session(notice)
            return
        session_id = notice.event.session_id if isinstance(notice, EventNotice) else notice.session_id
        if (held := self._held.get(session_id)) is not None:
            held.queue.append(notice)
        elif session_id in self._open:
            self._forward(session_id, notice)

    # -- opening and closing ---------------------------------------------------------------------------------------------

    def hold(self, session_id: str) -> Hold:
        """Hold a session's notices until `release`, which is called when the response with `opened` was written or failed."""
        held = self._held.setdefault(session_id, _Held(known=session_id in self._open))
        hold = Hold(release=lambda: self._release(session_id, hold))
        held.holds.append(hold)
        return hold

    def close(self, session_id: str) -> None:
        self._open.discard(session_id)
        self._drop_text(session_id)
        if (held := self._held.get(session_id)) is not None:
            held.known = False  # a client that is opening it again gets what follows the next response

    def _release(self, session_id: str, hold: Hold) -> None:
        held = self._held[session_id]
        if hold.opened is not None:
            if session_id not in self._open and not held.known:
                held.queue = deque(notice for notice in held.queue if _is_later(notice, hold.opened))
            held.known = True
            self._open.add(session_id)
        held.holds.remove(hold)
        if not held.holds:
            self._drain(session_id)

    def _drain(self, session_id: str) -> None:
        """Send the held notices, in order, and yield to the event loop now and then."""
        held = self._held[session_id]
        if held.holds:
            return
        if session_id in self._open:
            for _ in range(min(_BATCH, len(held.queue))):
                self._forward(session_id, held.queue.popleft())
            if held.queue:
                asyncio.get_running_loop().call_soon(self._drain_again, session_id)
                return
        del self._held[session_id]

    def _drain_again(self, session_id: str) -> None:
        if session_id in self._held:
            self._drain(session_id)

    # -- events and text -------------------------------------------------------------------------------------------------

    def _forward(self, session_id: str, notice: EventNotice | Delta) -> None:
        if isinstance(notice, Delta):
            self._add_text(session_id, notice)
        else:
            self._flush(session_id)  # an event comes after the text that was before it
            self._send("session/event", notice.event)

    def _add_text(self, session_id: str, delta: Delta) -> None:
        text = self._texts.get(session_id)
        if text is None:
            text = self._texts[session_id] = _Text(self._send_delta, lambda: self._backlog() < _HIGH)
        text.add(delta)

    def _flush(self, session_id: str) -> None:
        if (text := self._texts.get(session_id)) is not None:
            text.pieces.flush()

    def _drop_text(self, session_id: str) -> None:
        if (text := self._texts.pop(session_id, None)) is not None:
            text.pieces.close()

    def _send_delta(self, delta: Delta) -> None:
        self._send(
            "session/delta",
            DeltaParams(
                session_id=delta.session_id,
                message_id=delta.message_id,
                part=delta.part,
                kind=delta.kind,
                offset=delta.offset,
                text=delta.text,
            ),
        )

    # -- lists -----------------------------------------------------------------------------------------------------------

    def _session(self, notice: SessionNotice) -> None:
        if notice.session is None:
            self.close(notice.session_id)
        elif notice.session_id not in self._open and not self._scope().overlaps(notice.scope):
            return
        self._changed[notice.session_id] = notice
        if self._changed_timer is None:
            self._send_changed()

    def _send_changed(self) -> None:
        self._changed_timer = None
        if not self._changed:
            return
        for session_id in list(self._changed)[:_BATCH]:
            notice = self._changed.pop(session_id)
            changed = SessionChangedParams(
                session=notice.session,
                deleted=None if notice.session else session_id,
                access_lost=True if notice.access_lost else None,
            )
            self._send("session/changed", changed)
        self._changed_timer = asyncio.get_running_loop().call_later(_CHANGED_GAP, self._send_changed)


def _is_later(notice: EventNotice | Delta, opened: Opened) -> bool:
    """Whether the notice is about something that is not in the response."""
    if isinstance(notice, EventNotice):
        return notice.event.seq > opened.seq
    reply = next((message for message in reversed(opened.messages) if message.id == notice.message_id), None)
    if reply is None or notice.part >= len(reply.parts):
        return True
    part = reply.parts[notice.part]
    return not isinstance(part, TextPart | ReasoningPart) or notice.offset >= len(part.text)
