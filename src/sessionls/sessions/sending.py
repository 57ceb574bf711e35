"""Sends messages, and waits for their replies. Comments and messages to people get no reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted, recreate_error
from sessionls.domain.model import Message, Participant, Session
from sessionls.domain.results import AnsweredExchange, Exchange
from sessionls.ports.store import Store
from sessionls.sessions.composing import ComposedMessage, Composer, Outgoing
from sessionls.sessions.replies.prepared import PreparedReply, StartedReply, started_reply
from sessionls.sessions.replies.scan import prepare_scan
from sessionls.sessions.replies.scheduler import Replies
from sessionls.sessions.replies.selection import Selection

__all__ = ["Sending"]


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A message in the log: its reply if it started immediately, and the number of the event."""

    started: StartedReply | None
    seq: int


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends the messages of one participant. `in_background` finishes work that nobody waits for."""

    store: Store
    replies: Replies
    selection: Selection
    participant: Participant
    composer: Composer
    in_background: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]

    async def message(self, session_id: str, outgoing: Outgoing, scan: Mapping[str, Any] | None = None) -> AnsweredExchange:
        """Send a message to an agent, and wait for its reply (see `Sessions.message`)."""
        return await self._send_and_wait(await self.composer.message(session_id, outgoing), outgoing.replaces, scan)

    async def send(self, session_id: str, outgoing: Outgoing) -> Exchange:
        """Send a message to an agent, or to the participants that it mentions (see `Sessions.send`)."""
        composed = await self.composer.message(session_id, outgoing)
        if not composed.message.mentions or outgoing.agent is not None or outgoing.delivery != "queue":
            return await self._send_and_wait(composed, outgoing.replaces, None)

        def add(change: Change) -> None:
            change.images.update(composed.images)
            transitions.mention(change, composed.message, outgoing.replaces)

        await self.replies.change(session_id, add)
        return Exchange(message=(await self.store.entry(session_id, composed.message.id)).message)

    async def comment(self, session_id: str, outgoing: Outgoing) -> Message:
        """Add a message that no agent answers."""
        composed = await self.composer.comment(session_id, outgoing)

        def add(change: Change) -> Message:
            change.images.update(composed.images)
            return transitions.comment(change, composed.message)

        return await self.replies.change(session_id, add)

    async def _send_and_wait(
        self, composed: ComposedMessage, replaces: str | None, scan: Mapping[str, Any] | None
    ) -> AnsweredExchange:
        """The message in the log, with its reply. Raises the error of a reply that failed."""
        session, message = composed.session, composed.message
        await self.selection.check_images(session, message)
        prepared = await self._prepare(session, message, scan)
        reply_ended = self.replies.expect(session.id, message.id)
        acceptance, accepted = asyncio.ensure_future(self._accept(composed, prepared, replaces)), None
        try:
            accepted = await asyncio.shield(acceptance)
            reply = await self._wait_for_reply(session.id, accepted, reply_ended)
        except asyncio.CancelledError:
            giving_up = self._give_up(message, acceptance, begin=accepted is None)
            await asyncio.shield(self.in_background(giving_up))
            raise
        finally:
            reply_ended.cancel()
        entry = await self.store.entry(session.id, message.id)
        _raise_failure(message, reply)
        return AnsweredExchange(message=entry.message, reply=reply)

    async def _prepare(self, session: Session, message: Message, scan: Mapping[str, Any] | None) -> PreparedReply | None:
        """The reply if it can start immediately. Otherwise the message waits in the queue."""
        if session.state == "active" and not session.replying and not session.queued:
            if scan is not None:
                return prepare_scan(session, scan)
            return await self.selection.prepare(session, agent=message.agent, model=message.model)
        if scan is not None:
            raise NotPermitted("Nothing can be scanned in this session now.", hint="Wait for its reply, or begin a new session.")
        return None

    async def _accept(self, composed: ComposedMessage, prepared: PreparedReply | None, replaces: str | None) -> _Accepted:
        def send(change: Change) -> _Accepted:
            change.images.update(composed.images)
            started = transitions.send(change, composed.message, prepared.start if prepared else None, replaces)
            return _Accepted(started_reply(change, prepared) if started and prepared else None, change.now.session.seq)

        return await self.replies.change(composed.message.session_id, send)

    async def _wait_for_reply(self, session_id: str, accepted: _Accepted, reply_ended: asyncio.Future[Message]) -> Message:
        if (started := accepted.started) is not None:
            if started.prepared.problem is not None:
                return started.reply
            self.replies.begin(started)
            return await reply_ended
        # It waits in the queue, or steers a reply that may be written elsewhere.
        self.replies.attend(session_id)
        await self.replies.follow(session_id, accepted.seq)
        try:
            return await reply_ended
        finally:
            self.store.unfollow(session_id)

    async def _give_up(self, message: Message, acceptance: asyncio.Future[_Accepted], *, begin: bool) -> None:
        """Cancel a reply that nobody waits for any longer, also if the message was just being accepted (`begin`)."""
        started = (await acceptance).started
        if begin and started is not None and started.prepared.problem is None:
            self.replies.begin(started)
        await self.replies.cancel_message(message.session_id, message.id, self.participant)


def _raise_failure(message: Message, reply: Message) -> None:
    """If the reply failed, raise its error, with the ids of both."""
    if reply.status == "failed" and reply.error is not None:
        raise recreate_error(
            reply.error.kind,
            reply.error.message,
            reply.error.hint or "Resume the session to try again.",
            sessionId=message.session_id,
            messageId=message.id,
            replyId=reply.id,
        )
