"""A session that the client has open, and the context of its slash commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionls.acp_agent.permissions import Questions
from sessionls.acp_agent.view import SessionView
from sessionls.acp_agent.workspaces import OpenWorkspace
from sessionls.domain.errors import SessionlsError
from sessionls.domain.events import MessageSent, ReplyFinished
from sessionls.domain.model import ImageContext, Message
from sessionls.ports.store import EventNotice, Notice
from sessionls.sessions.service import Sessions

__all__ = ["OpenSession", "SessionCommands"]

_IMAGES = 32 << 20  # bytes of images that are shown at once


@dataclass
class OpenSession:
    """A session that the client has open. `held`: notices that arrived while its history was sent or images were read."""

    workspace: OpenWorkspace
    view: SessionView
    questions: Questions
    held: list[Notice] | None = field(default_factory=list)
    prompts: set[asyncio.Task[Any]] = field(default_factory=set)
    _releasing: asyncio.Task[None] | None = None

    def notice(self, notice: Notice) -> None:
        if self.held is not None:
            self.held.append(notice)
        elif self._images([*_messages_of(notice)]):
            self.held = [notice]
            self.release()
        else:
            self._show(notice)

    def release(self) -> None:
        """Show the held notices, in order. Images of messages are read first."""
        while self.held and not self._images([*_messages_of(self.held[0])]):
            self._show(self.held.pop(0))
        if self.held:
            self._releasing = asyncio.get_running_loop().create_task(self._release(), name="show notices")
        else:
            self.held = None

    async def read_images(self, messages: Sequence[Message]) -> None:
        """Read the images of these messages for the view, the newest first, up to a limit. It only names the from_others."""
        left = _IMAGES
        for context in reversed(self._images(messages)):
            left -= context.size or 0
            if left < 0:
                return
            if context.sha256 is not None:
                with contextlib.suppress(SessionlsError):
                    read = await self.workspace.sessions.image(self.view.session.id, context.sha256)
                    self.view.images[context.sha256] = read.data

    async def _release(self) -> None:
        while self.held:
            notice = self.held.pop(0)
            await self.read_images([*_messages_of(notice)])
            self._show(notice)
        self.held = None

    def _show(self, notice: Notice) -> None:
        self.view.notice(notice)
        self.questions.notice(notice)

    def _images(self, messages: Sequence[Message]) -> list[ImageContext]:
        """The images of messages that the client does not have."""
        from_others = [message for message in messages if message.id not in self.view.own]
        return [context for message in from_others for context in message.context or () if isinstance(context, ImageContext)]


def _messages_of(notice: Notice) -> Iterator[Message]:
    if isinstance(notice, EventNotice) and isinstance(notice.event, MessageSent):
        yield notice.event.message


@dataclass
class SessionCommands:
    """The context of a slash command (see `CommandContext`)."""

    sessions: Sessions
    session_id: str
    folders: Sequence[Path]
    opened: OpenSession

    def say(self, text: str) -> None:
        self.opened.view.say(text)

    def own(self, message_id: str) -> None:
        self.opened.view.own.add(message_id)

    async def resumed(self) -> Message | None:
        """Resume the session, and wait for the resumed reply, if any. Cancelling the wait cancels the reply."""
        finished: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def on_notice(notice: Notice) -> None:
            match notice:
                case EventNotice(event=ReplyFinished() as event) if event.session_id == self.session_id and not finished.done():
                    finished.set_result(event.message)
                case _:
                    pass

        stop = self.sessions.subscribe(on_notice)
        try:
            session = await self.sessions.resume(self.session_id)
            return await finished if session.replying or finished.done() else None
        except asyncio.CancelledError:
            with contextlib.suppress(SessionlsError):
                await asyncio.shield(self.sessions.cancel(self.session_id))
            raise
        finally:
            stop()
