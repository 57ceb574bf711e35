"""The callers in this process that wait for the reply to a message, in whatever process it is written."""

from __future__ import annotations

import asyncio

from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Message

__all__ = ["Waiters"]


class Waiters:
    """A future for each message; the reply to it, or to the reply that it steered, is the result."""

    def __init__(self) -> None:
        self._futures: dict[str, asyncio.Future[Message]] = {}
        self._sessions: dict[str, str] = {}  # message → its session
        self._steering: dict[str, list[str]] = {}  # reply → messages that wait for it because they steered it

    @property
    def sessions(self) -> set[str]:
        """The sessions with waiting callers."""
        return set(self._sessions.values())

    def expect(self, session_id: str, message_id: str) -> asyncio.Future[Message]:
        """A future of the reply to that message, ended or stopped."""
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._futures[message_id] = future
        self._sessions[message_id] = session_id

        def forget(ended: asyncio.Future[Message]) -> None:
            self._futures.pop(message_id, None)
            self._sessions.pop(message_id, None)
            if not ended.cancelled():
                ended.exception()  # avoids a warning if nobody waits any longer

        future.add_done_callback(forget)
        return future

    def steered(self, message_id: str, reply_id: str) -> None:
        """The message steered a reply in progress, and gets no separate one."""
        if message_id in self._futures:
            self._steering.setdefault(reply_id, []).append(message_id)

    def reply_ended(self, reply: Message) -> None:
        for message_id in self._messages_of(reply):
            future = self._futures.get(message_id)
            if future is not None and not future.done():
                future.set_result(reply)

    def reply_lost(self, reply: Message, problem: SessionlsError) -> None:
        """The end of the reply cannot be observed: fail its waiters."""
        for message_id in self._messages_of(reply):
            self.fail(message_id, problem)

    def fail(self, message_id: str, problem: SessionlsError) -> None:
        """The message gets no reply: fail its waiter."""
        future = self._futures.get(message_id)
        if future is not None and not future.done():
            future.set_exception(problem)

    def fail_session(self, session_id: str, problem: SessionlsError) -> None:
        for message_id in [message_id for message_id, session in self._sessions.items() if session == session_id]:
            self.fail(message_id, problem)

    def fail_all(self, problem: SessionlsError) -> None:
        for message_id in list(self._futures):
            self.fail(message_id, problem)

    def _messages_of(self, reply: Message) -> list[str]:
        return [reply.reply_to or "", *self._steering.pop(reply.id, ())]
