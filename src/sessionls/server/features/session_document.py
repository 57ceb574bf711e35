"""A session as a read-only document of the server's own: `workspace/textDocumentContent` (LSP 3.18).

A client reads the whole page each time. It is asked to read it again seldom enough that the bytes sent stay in proportion to
those that are new: when a message begins or ends, when a question is asked or answered, and during a reply when the text since
the last refresh is three times as long as the text before it, or half as long as the page.
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
# Events that may occur many times in a reply. Any other is reported at once.
_FREQUENT = ev.StepFinished | ev.ToolCalled | ev.ToolFinished | ev.AgentWorked | ev.Edited | ev.FindingReported | ev.Spent
_EVENT_SIZE = 200  # characters that such an event adds to the page, roughly


def document_uri(session_id: str, before: str | None = None) -> str:
    """The URI of a session as a Markdown document, or of a page of earlier messages."""
    return f"{SCHEME}:/{session_id}.md" if before is None else f"{SCHEME}:/{session_id}/before/{before}.md"


def session_of(uri: str) -> str | None:
    """The id of the session whose document that is."""
    match = _DOCUMENT.fullmatch(uri)
    return match["id"] if match else None


@dataclass
class _PageState:
    """The page of a session that the client has: its size, how much of the current message was reported to the client, and
    how much has been added since.
    """

    size: int = 0
    reported: int = 0
    new: int = 0
    is_important: bool = False
    timer: asyncio.TimerHandle | None = None

    def count(self) -> None:
        """The client reads the page now, or is asked to."""
        self.reported = 0 if self.is_important else self.reported + self.new
        self.new, self.is_important = 0, False

    @property
    def is_due(self) -> bool:
        return self.is_important or (self.new > 0 and (self.new >= 3 * self.reported or self.new * 2 >= self.size))


class SessionDocuments:
    """`run_in_background` starts work that nobody waits for."""

    def __init__(self, request: RequestContext, run_in_background: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._request = request
        self._run_in_background = run_in_background
        self._pages: dict[str, _PageState] = {}

    async def content(self, uri: str) -> str:
        """The text of a page. From now on, the client is told when the newest page has changed.

        A document that cannot be shown says why: an empty one would look like an empty session.
        """
        match = _DOCUMENT.fullmatch(uri)
        if match is None:
            raise InvalidParams(f"{uri!r} is not the document of a session.", fields=["uri"])
        session_id, before = match["id"], match["before"]
        page = _PageState() if before is not None else self._pages.setdefault(session_id, _PageState())
        page.count()  # before the page is read, so that no change is missed
        try:
            text, first = await self._request.sessions.document(session_id, before=before)
        except SessionlsError as error:
            self._pages.pop(session_id, None)
            return f"# This session cannot be shown\n\n{error.message} {error.hint}\n"
        if first is not None:
            title, line, rest = text.partition("\n")
            text = f"{title}{line}\nEarlier messages: {document_uri(session_id, first)}\n{rest}"
        page.size = len(text)
        return text

    def links(self, text: str) -> list[lsp.DocumentLink]:
        """The links to earlier pages in a document's text."""
        lines = Lines(text, self._request.editor.encoding)
        links: list[tuple[Position, Position, str]] = [
            (lines.position(link.start()), lines.position(link.end()), link[0]) for link in _LINK.finditer(text)
        ]
        return [lsp.DocumentLink(range=range_to_lsp(Range(start=start, end=end)), target=uri) for start, end, uri in links]

    def on_notice(self, notice: Notice) -> None:
        """Count what is new in a document that the client has, and tell the client when it is much."""
        session_id = notice.event.session_id if isinstance(notice, EventNotice) else notice.session_id
        page = self._pages.get(session_id)
        if page is None or not self._request.client.reads_content:
            return
        if isinstance(notice, Delta):
            page.new += len(notice.text)
        elif isinstance(notice, EventNotice) and isinstance(notice.event, _FREQUENT):
            page.new += _EVENT_SIZE
        elif isinstance(notice, EventNotice) or notice.session is None:
            page.is_important = True
        if page.timer is None and page.is_due:
            page.timer = asyncio.get_running_loop().call_later(_GAP, self._refresh, session_id, page)

    def _refresh(self, session_id: str, page: _PageState) -> None:
        page.timer = None
        page.count()
        self._run_in_background(self._send_refresh(session_id))

    async def _send_refresh(self, session_id: str) -> None:
        params = lsp.TextDocumentContentRefreshParams(uri=document_uri(session_id))
        try:
            await self._request.protocol.send_request_async(lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, params)
        except JsonRpcException as error:
            log.warning("The client did not refresh a session: %s", error.message)
