"""A session that the client has open, and the context of its slash commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionls.acp_agent.permissions import Questions
from sessionls.acp_agent.view import SessionView
from sessionls.acp_agent.workspaces import OpenWorkspace
from sessionls.domain.errors import SessionlsError
from sessionls.domain.events import ReplyFinished
from sessionls.domain.model import Message
from sessionls.ports.store import EventNotice, Notice
from sessionls.sessions.service import Sessions

__all__ = ["OpenSession", "SessionCommands"]


@dataclass
class OpenSession:
    """A session that the client has open. `held` are notices that arrived while its history was being sent."""

    workspace: OpenWorkspace
    view: SessionView
    questions: Questions
    held: list[Notice] | None = field(default_factory=list)
    prompts: set[asyncio.Task[Any]] = field(default_factory=set)

    def notice(self, notice: Notice) -> None:
        if self.held is not None:
            self.held.append(notice)
            return
        self.view.notice(notice)
        self.questions.notice(notice)

    def release(self) -> None:
        held, self.held = self.held or [], None
        for notice in held:
            self.notice(notice)


@dataclass
class SessionCommands:
    """The context of a slash command (see `CommandContext`)."""

    sessions: Sessions
    session_id: str
    folders: Sequence[Path]
    one: OpenSession

    def say(self, text: str) -> None:
        self.one.view.say(text)

    def own(self, message_id: str) -> None:
        self.one.view.own.add(message_id)

    async def resumed(self) -> Message | None:
        """Resume the session, and wait for the resumed reply, if any. Cancelling the wait cancels the reply."""
        finished: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def learn(notice: Notice) -> None:
            match notice:
                case EventNotice(event=ReplyFinished() as event) if event.session_id == self.session_id and not finished.done():
                    finished.set_result(event.message)
                case _:
                    pass

        stop = self.sessions.subscribe(learn)
        try:
            session = await self.sessions.resume(self.session_id)
            return await finished if session.replying or finished.done() else None
        except asyncio.CancelledError:
            with contextlib.suppress(SessionlsError):
                await asyncio.shield(self.sessions.cancel(self.session_id))
            raise
        finally:
            stop()
