"""The feed's notices on their way to the client: `session/event`, `session/delta` and `session/changed`.

Only what the client has open reaches it, from the answer to its `session/open` on. Words of a reply are sent as they come;
those that come faster than the client can be told are joined, never lost.
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
from sessionls.server.schema.params import DeltaParams, SessionChangedParams

__all__ = ["Hold", "Notices"]

_DELTA_GAP = 0.004  # seconds between two deltas of one session
_CHANGED_GAP = 0.05  # seconds between two rounds of `session/changed`
_HIGH = 1 << 20  # bytes waiting for the client above which words are joined until it has caught up
_BATCH = 100  # notices sent before the loop gets its turn


@dataclass
class Hold:
    """An open under way: its session's notices wait until the answer is out."""

    release: Callable[[], None]
    opened: Opened | None = None


@dataclass
class _Held:
    """What waits for the answers of all opens under way of one session. `known`: it was open here before."""

    known: bool
    holds: list[Hold] = field(default_factory=list)
    queue: deque[EventNotice | Delta] = field(default_factory=deque)


@dataclass
class _Words:
    """Words of one session that wait to be sent as one delta, and the timer that sends them."""

    timer: asyncio.TimerHandle
    first: Delta | None = None
    pieces: list[str] = field(default_factory=list)
    end: int = 0


class Notices:
    """`send` writes a notification. `scope` is that of the open folders, as far as it is known."""

    def __init__(self, send: Callable[[str, Wire], None], backlog: Callable[[], int], scope: Callable[[], Scope]) -> None:
        self._send = send
        self._backlog = backlog
        self._scope = scope
        self._open: set[str] = set()
        self._held: dict[str, _Held] = {}
        self._words: dict[str, _Words] = {}
        self._changed: dict[str, SessionNotice] = {}
        self._changed_timer: asyncio.TimerHandle | None = None

    def __call__(self, notice: Notice) -> None:
        """Take a notice of the feed. Called on the event loop."""
        if isinstance(notice, SessionNotice):
            self._session(notice)
            return
        session_id = notice.event.session_id if isinstance(notice, EventNotice) else notice.session_id
        if (held := self._held.get(session_id)) is not None:
            held.queue.append(notice)
        elif session_id in self._open:
            self._pass(session_id, notice)

    # -- opening and closing ---------------------------------------------------------------------------------------------

    def hold(self, session_id: str) -> Hold:
        """Keep back a session's notices until `release`: the answer that carries `opened` has been written, or failed."""
        held = self._held.setdefault(session_id, _Held(known=session_id in self._open))
        hold = Hold(release=lambda: self._release(session_id, hold))
        held.holds.append(hold)
        return hold

    def close(self, session_id: str) -> None:
        self._open.discard(session_id)
        self._drop_words(session_id)
        if (held := self._held.get(session_id)) is not None:
            held.known = False  # who is coming back already is told from the next answer on

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
        """Send what was kept back, in order, giving the loop its turn now and then."""
        held = self._held[session_id]
        if held.holds:
            return
        if session_id in self._open:
            for _ in range(min(_BATCH, len(held.queue))):
                self._pass(session_id, held.queue.popleft())
            if held.queue:
                asyncio.get_running_loop().call_soon(self._drain_again, session_id)
                return
        del self._held[session_id]

    def _drain_again(self, session_id: str) -> None:
        if session_id in self._held:
            self._drain(session_id)

    # -- events and words ------------------------------------------------------------------------------------------------

    def _pass(self, session_id: str, notice: EventNotice | Delta) -> None:
        if isinstance(notice, Delta):
            self._grow(session_id, notice)
        else:
            self._flush(session_id)  # an event comes after the words that were before it
            self._send("session/event", notice.event)

    def _grow(self, session_id: str, delta: Delta) -> None:
        words = self._words.get(session_id)
        if words is None:
            self._send_delta(delta)
            self._words[session_id] = _Words(self._later(session_id))
            return
        first = words.first
        if first is not None and (first.message_id, first.part, first.kind, words.end) != (
            delta.message_id,
            delta.part,
            delta.kind,
            delta.offset,
        ):
            self._flush(session_id)
            first = None
        if first is None:
            words.first, words.pieces = delta, []
        words.pieces.append(delta.text)
        words.end = delta.offset + len(delta.text)

    def _later(self, session_id: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(_DELTA_GAP, self._on_time, session_id)

    def _on_time(self, session_id: str) -> None:
        words = self._words[session_id]
        if words.first is None:
            del self._words[session_id]
            return
        if self._backlog() < _HIGH:
            self._flush(session_id)
        words.timer = self._later(session_id)

    def _flush(self, session_id: str) -> None:
        words = self._words.get(session_id)
        if words is not None and words.first is not None:
            self._send_delta(replace(words.first, text="".join(words.pieces)))
            words.first, words.pieces = None, []

    def _drop_words(self, session_id: str) -> None:
        if (words := self._words.pop(session_id, None)) is not None:
            words.timer.cancel()

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
        elif notice.session_id not in self._open and not self._scope().meets(notice.scope):
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
            told = SessionChangedParams(session=notice.session, deleted=None if notice.session else session_id)
            self._send("session/changed", told)
        self._changed_timer = asyncio.get_running_loop().call_later(_CHANGED_GAP, self._send_changed)


def _is_later(notice: EventNotice | Delta, opened: Opened) -> bool:
    """Whether the notice tells of something that is not in the answer."""
    if isinstance(notice, EventNotice):
        return notice.event.seq > opened.seq
    reply = next((message for message in reversed(opened.messages) if message.id == notice.message_id), None)
    if reply is None or notice.part >= len(reply.parts):
        return True
    part = reply.parts[notice.part]
    return not isinstance(part, TextPart | ReasoningPart) or notice.offset >= len(part.text)
