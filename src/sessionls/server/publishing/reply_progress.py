"""`$/progress` while a reply is written: work done, which a person can cancel, and the text as it comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Self

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain import events as ev
from sessionls.domain.ids import new_id
from sessionls.domain.model import Message
from sessionls.ports.store import Delta, EventNotice, Notice
from sessionls.server.publishing.text_coalescer import TextCoalescer
from sessionls.server.transport.protocol import SessionProtocol, cancel_once

if TYPE_CHECKING:
    from sessionls.sessions.service import Sessions

__all__ = ["PartialText", "ReplyProgress", "Token", "reporting"]

Token = int | str


class PartialText:
    """Sends pieces of text to the request with this token.

    Use it as a context around the request's work: the last piece is sent before the answer.
    """

    def __init__(self, protocol: SessionProtocol, token: Token | None) -> None:
        self._protocol = protocol
        self._token = token
        self._pieces = TextCoalescer(self._send)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pieces.flush()
        self._pieces.close()

    def add(self, text: str) -> None:
        if self._token is not None:
            self._pieces.add(text)

    def _send(self, text: str) -> None:
        assert self._token is not None
        self._protocol.notify(lsp.PROGRESS, lsp.ProgressParams(token=self._token, value={"text": text}))


class ReplyProgress:
    """Reports progress of the reply to one message, from `on_notice`. Use it as a context around the wait for that reply.

    `work` is the client's token for work done; without one, `begins_progress` lets the server begin progress itself. `partial`
    is the token for pieces of the text, which join to the text of the reply.
    """

    def __init__(
        self,
        protocol: SessionProtocol,
        message_id: str,
        title: str,
        work: Token | None,
        partial: Token | None,
        *,
        begins_progress: bool,
    ) -> None:
        self.message_id = message_id
        self._protocol = protocol
        self._title = title
        self._work = work
        self._partial: PartialText | None = None if partial is None else PartialText(protocol, partial)
        self._begins_progress = begins_progress and work is None
        self._begun = False
        self._creating: asyncio.Task[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._reply_id: str | None = None
        self._sent = ""
        self._part = -1

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._work is not None:
            self._begin(self._work)
        elif self._begins_progress:
            self._creating = asyncio.create_task(self._create())
        return self

    def __exit__(self, *_: object) -> None:
        if self._partial is not None:
            self._partial.__exit__()
        if self._creating is not None:
            self._creating.cancel()
        if self._begun and self._work is not None:
            self._protocol.progress.end(self._work, lsp.WorkDoneProgressEnd())
            self._protocol.progress.tokens.pop(self._work, None)  # pygls itself keeps tokens forever

    def finish(self, reply: Message) -> None:
        """The reply has ended: send the rest of its text."""
        if self._partial is not None and reply.text.startswith(self._sent):
            self._send_text(reply.text[len(self._sent) :])

    async def _create(self) -> None:
        token = new_id()
        create = self._protocol.send_request_async(
            lsp.WINDOW_WORK_DONE_PROGRESS_CREATE, lsp.WorkDoneProgressCreateParams(token=token)
        )
        with contextlib.suppress(JsonRpcException):  # the client declines
            await create
            self._work = token
            self._begin(token)

    def _begin(self, token: Token) -> None:
        self._begun = True
        self._protocol.progress.begin(token, lsp.WorkDoneProgressBegin(title=self._title, cancellable=True))
        self._protocol.progress.tokens[token].add_done_callback(lambda _: self._cancel())

    def _cancel(self) -> None:
        if self._task is not None:
            cancel_once(self._task)

    def on_notice(self, notice: Notice) -> None:
        """Handle a notice of the feed."""
        if isinstance(notice, Delta):
            if notice.message_id == self._reply_id and notice.kind == "text" and self._partial is not None:
                self._on_text(notice)
            return
        if not isinstance(notice, EventNotice):
            return
        match notice.event:
            case ev.ReplyStarted(reply_to=self.message_id) as started:
                self._reply_id = started.message_id
                self._report(started.model)
            case ev.MessageSteered(message_id=self.message_id) as steered:
                self._reply_id = steered.reply_id
                self._partial = None  # that reply began before this message
            case ev.PermissionAsked() as asked if asked.message_id == self._reply_id:
                self._report(f"waits for permission: {asked.summary}")
            case ev.ToolCalled() as called if called.message_id == self._reply_id:
                self._report(called.part.name)
            case _:
                pass

    def _report(self, message: str) -> None:
        if self._begun and self._work is not None:
            self._protocol.progress.report(self._work, lsp.WorkDoneProgressReport(message=message, cancellable=True))

    def _on_text(self, delta: Delta) -> None:
        # The text of a message is its text parts joined by blank lines.
        if delta.part == self._part:
            text = delta.text
        elif delta.offset == 0:
            text = delta.text if self._part < 0 else f"\n\n{delta.text}"
        else:
            return  # its beginning was missed; `finish` sends the whole text
        self._part = delta.part
        self._send_text(text)

    def _send_text(self, text: str) -> None:
        if text and self._partial is not None:
            self._sent += text
            self._partial.add(text)


@contextlib.asynccontextmanager
async def reporting(sessions: Sessions, session_id: str, progress: ReplyProgress) -> AsyncIterator[None]:
    """Meanwhile the client sees the progress of that session's reply, also if it has not opened the session."""
    async with sessions.following(session_id):
        unsubscribe = sessions.subscribe(progress.on_notice)
        try:
            with progress:
                yield
        finally:
            unsubscribe()
