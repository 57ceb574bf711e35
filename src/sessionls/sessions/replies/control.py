"""Lets a participant control replies: stop and resume them, change the queue, answer questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sessionls.domain import transitions
from sessionls.domain.change import Change
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Participant, Session
from sessionls.domain.permission import Answer
from sessionls.domain.questions import only_question
from sessionls.ports.store import Store
from sessionls.sessions.replies.prepared import PreparedReply, StartedReply, started_reply
from sessionls.sessions.replies.scheduler import Replies
from sessionls.sessions.replies.selection import Selection

__all__ = ["ReplyControl"]


@dataclass(frozen=True, slots=True)
class ReplyControl:
    """Controls the replies of any session for one participant."""

    store: Store
    replies: Replies
    selection: Selection
    participant: Participant

    async def cancel(self, session_id: str) -> Session:
        """Cancel the reply being written, or one that stopped. Waiting messages stay."""
        cancelled = await self.replies.change(session_id, lambda change: transitions.ask_cancel(change, self.participant))
        if cancelled is None:
            session = await self.replies.change(session_id, lambda change: transitions.cancel_stopped(change, self.participant))
            self.replies.wake(session_id)
            return session
        await self.replies.stop(session_id, "cancelled")
        return await self.store.session(session_id)

    async def withdraw(self, session_id: str, message_id: str) -> Session:
        """Withdraw a waiting message. Raises `MessageNotFound`, and `NotPermitted` once its reply has begun."""
        await self.store.entry(session_id, message_id)
        return await self.replies.change(session_id, lambda change: transitions.withdraw(change, message_id, self.participant))

    async def reorder(self, session_id: str, message_ids: Sequence[str]) -> Session:
        """Answer these waiting messages first, in this order. Those whose reply has begun are ignored.

        Raises `MessageNotFound`, and `NotPermitted` if none of them is waiting any longer.
        """
        for message_id in message_ids:
            await self.store.entry(session_id, message_id)
        return await self.replies.change(session_id, lambda change: transitions.reorder(change, message_ids, self.participant))

    async def send_now(self, session_id: str, message_id: str) -> Session:
        """Cancel the reply being written, or end a stopped one, and continue with this waiting message.

        The process that sent it answers it, or this one if that has ended.

        Raises `MessageNotFound`, `SessionPaused`, `SessionArchived`, and `NotPermitted` if it is no longer waiting.
        """
        await self.store.entry(session_id, message_id)
        stopped = await self.replies.change(session_id, lambda change: transitions.send_now(change, message_id, self.participant))
        if stopped is not None:
            await self.replies.stop(session_id, "cancelled")
        self.replies.attend(session_id)
        return await self.store.session(session_id)

    async def pause(self, session_id: str) -> Session:
        await self.replies.change(session_id, lambda change: transitions.pause(change, self.participant))
        await self.replies.stop(session_id, "paused")
        return await self.store.session(session_id)

    async def resume(self, session_id: str) -> Session:
        """Let the session accept messages again, and continue a stopped reply here."""
        restarted = None
        while restarted is None:
            state = await self.replies.change(session_id, transitions.live_state)
            prepared = None
            if state.resumable is not None:
                stopped = state.entry(state.resumable).message
                prepared = await self.selection.prepare_again(state, stopped)

            def restart(change: Change, prepared: PreparedReply | None = prepared) -> tuple[StartedReply | None, str | None]:
                started = transitions.restart(change, self.participant, prepared.start if prepared else None)
                return started_reply(change, prepared) if started and prepared else None, change.now.resumable

            restarted, resumable = await self.replies.change(session_id, restart)
            if resumable == state.resumable or resumable is None:
                break  # otherwise a reply has stopped in between, and has to continue, too
        if restarted is not None:
            self.replies.begin(restarted)
        else:
            self.replies.wake(session_id)
        return await self.store.session(session_id)

    async def answer(self, session_id: str, request_id: str | None, decision: Answer) -> None:
        """Answer a question for permission (None: the only open one). The first answer counts.

        Raises `NotPermitted` if it is too late, if no question is open, or if several are open and `request_id` is None.
        """

        def decide(change: Change) -> bool:
            chosen = request_id or only_question(transitions.live_state(change))
            return transitions.answer(change, chosen, decision, self.participant)

        if not await self.replies.change(session_id, decide):
            raise NotPermitted(
                "The question is no longer open: it was answered or withdrawn.", hint="There is nothing left to do."
            )
