"""A session as a read-only document of the server's own: `workspace/textDocumentContent` (LSP 3.18).

Each time the client asks, it gets a whole page. It is told to ask again seldom enough that what is sent stays in proportion to
what is new: when a message begins or ends, when a question is asked or answered, and while words come when they are three times
as many as before, or half the page.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from sessionls.domain import events as ev
from sessionls.domain.errors import InvalidParams, SessionlsError
from sessionls.domain.model import Position, Range
from sessionls.ports.store import Delta, EventNotice, Notice
from sessionls.server.editor.convert import range_to_lsp
from sessionls.sessions.workspace.positions import Lines

if TYPE_CHECKING:
    from sessionls.server.handlers import RequestContext

__all__ = ["SCHEME", "SessionDocuments", "document_uri", "session_of"]

log = logging.getLogger("sessionls")

SCHEME = "sessionls"
_DOCUMENT = re.compile(rf"{SCHEME}:/*(?P<id>[0-9a-zA-Z-]+)(?:/before/(?P<before>[0-9a-zA-Z-]+))?\.md")
_LINK = re.compile(rf"{SCHEME}:/[0-9a-zA-Z/-]+\.md")
_GAP = 0.25  # seconds between two refreshes at least
# What may come many times in a reply; everything else is shown at once.
_FREQUENT = ev.StepFinished | ev.ToolCalled | ev.ToolFinished | ev.AgentWorked | ev.Edited | ev.FindingReported | ev.Spent
_EVENT_SIZE = 200  # characters that such an event shows, about


def document_uri(session_id: str, before: str | None = None) -> str:
    """The URI of a session as a Markdown document, or of a page of earlier messages."""
    return f"{SCHEME}:/{session_id}.md" if before is None else f"{SCHEME}:/{session_id}/before/{before}.md"


def session_of(uri: str) -> str | None:
    """The id of the session whose document that is."""
    match = _DOCUMENT.fullmatch(uri)
    return match["id"] if match else None


@dataclass
class _Shown:
    """What the client has of a session's document: the size of the page, how much of a message it was told of, and how much
    was written since.
    """

    size: int = 0
    told: int = 0
    new: int = 0
    landmark: bool = False
    timer: asyncio.TimerHandle | None = None

    def count(self) -> None:
        """The client asks for the page now, or is told to."""
        self.told = 0 if self.landmark else self.told + self.new
        self.new, self.landmark = 0, False

    @property
    def is_due(self) -> bool:
        return self.landmark or (self.new > 0 and (self.new >= 3 * self.told or self.new * 2 >= self.size))


class SessionDocuments:
    """`begin` starts work that nobody waits for."""

    def __init__(self, request: RequestContext, begin: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._request = request
        self._begin = begin
        self._shown: dict[str, _Shown] = {}

    async def content(self, uri: str) -> str:
        """The text of a page. Of the newest one the client is told from now on when it has changed.

        A document that cannot be shown says why: an empty one would look like an empty session.
        """
        match = _DOCUMENT.fullmatch(uri)
        if match is None:
            raise InvalidParams(f"{uri!r} is not the document of a session.", fields=["uri"])
        session_id, before = match["id"], match["before"]
        shown = _Shown() if before is not None else self._shown.setdefault(session_id, _Shown())
        shown.count()  # before it is read, so that no change is missed
        try:
            text, first = await self._request.sessions.document(session_id, before=before)
        except SessionlsError as error:
            self._shown.pop(session_id, None)
            return f"# This session cannot be shown\n\n{error.message} {error.hint}\n"
        if first is not None:
            title, line, rest = text.partition("\n")
            text = f"{title}{line}\nEarlier messages: {document_uri(session_id, first)}\n{rest}"
        shown.size = len(text)
        return text

    def links(self, text: str) -> list[lsp.DocumentLink]:
        """The links to earlier pages in a document's text."""
        lines = Lines(text, self._request.editor.encoding)
        places: list[tuple[Position, Position, str]] = [
            (lines.position(one.start()), lines.position(one.end()), one[0]) for one in _LINK.finditer(text)
        ]
        return [lsp.DocumentLink(range=range_to_lsp(Range(start=start, end=end)), target=uri) for start, end, uri in places]

    def on_notice(self, notice: Notice) -> None:
        """Count what is new in a document that the client has, and tell the client when it is much."""
        session_id = notice.event.session_id if isinstance(notice, EventNotice) else notice.session_id
        shown = self._shown.get(session_id)
        if shown is None or not self._request.client.reads_content:
            return
        if isinstance(notice, Delta):
            shown.new += len(notice.text)
        elif isinstance(notice, EventNotice) and isinstance(notice.event, _FREQUENT):
            shown.new += _EVENT_SIZE
        elif isinstance(notice, EventNotice) or notice.session is None:
            shown.landmark = True
        if shown.timer is None and shown.is_due:
            shown.timer = asyncio.get_running_loop().call_later(_GAP, self._refresh, session_id, shown)

    def _refresh(self, session_id: str, shown: _Shown) -> None:
        shown.timer = None
        shown.count()
        self._begin(self._refreshed(session_id))

    async def _refreshed(self, session_id: str) -> None:
        asked = lsp.TextDocumentContentRefreshParams(uri=document_uri(session_id))
        try:
            await self._request.protocol.send_request_async(lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, asked)
        except JsonRpcException as error:
            log.warning("The client did not refresh a session: %s", error.message)
