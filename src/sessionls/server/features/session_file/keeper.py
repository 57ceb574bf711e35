"""Keeps the session files that are open in the editor up to date, with edits that add new content."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sessionls.domain import events as ev
from sessionls.domain import uris
from sessionls.domain.errors import NotPermitted, SessionlsError
from sessionls.domain.model import Message, Participant, Position, Range, Session
from sessionls.ports.editor import Buffer, DocumentChange
from sessionls.ports.store import Delta, EventNotice, Notice
from sessionls.server.editor.document_events import DocumentListener
from sessionls.server.features.session_file.files import SessionFiles
from sessionls.server.features.session_file.marks import SessionText, new_nonce, parse
from sessionls.server.features.session_file.planning import Replacement, apply, end_of_draft, plan, plan_earlier, plan_reference
from sessionls.server.features.session_file.rendering import head, next_heading
from sessionls.sessions.workspace.positions import Lines

if TYPE_CHECKING:
    from sessionls.server.handlers import RequestContext

__all__ = ["OpenFile", "SessionFileKeeper"]

log = logging.getLogger("sessionls")

PAGE = 50  # messages in a new file, and in each page of earlier messages
_RECENT = 12  # messages that are read for an update
_EVENT_GAP = 0.05  # seconds from an event to the edit
_TEXT_GAP = 1.0  # seconds between two edits while a reply is written
_TRIES = 8
_RETRY = 0.1  # seconds until a refused edit is tried again


@dataclass
class OpenFile:
    """A session file that is open in the editor."""

    uri: str
    session_id: str
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    gap: float = _EVENT_GAP
    behind: bool = True
    """Whether the file still lacks something."""
    answers: dict[str, str] = field(default_factory=dict)
    sent: str | None = None
    """The draft at the time when it was sent."""
    shown: dict[str, float] = field(default_factory=dict)
    """When each open question was added to the buffer."""
    offered: tuple[object, ...] = ()
    written: tuple[int | None, str] | None = None
    """If the editor cannot apply edits: the version of its buffer, and what we have written to the file since."""
    worker: asyncio.Task[None] | None = None


class SessionFileKeeper(DocumentListener):
    """`show_message` tells a person why a file cannot be updated; `changed` is called when a file's code actions change."""

    def __init__(
        self, request: RequestContext, files: SessionFiles, show_message: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self._request = request
        self._sessions = request.sessions
        self._files = files
        self._show_message = show_message
        self._changed = changed
        self._open: dict[str, OpenFile] = {}

    def start(self) -> None:
        """Start with the documents that are already open."""
        for uri in self._request.editor.open_documents():
            self.document_opened(uri)

    async def close(self) -> None:
        workers = [file.worker for file in self._open.values() if file.worker is not None]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def of(self, uri: str) -> OpenFile | None:
        return self._open.get(uris.uri_key(uri))

    def of_session(self, session_id: str) -> OpenFile | None:
        return next((file for file in self._open.values() if file.session_id == session_id), None)

    def shows(self, session_id: str) -> bool:
        """Whether the session's file is open and kept up to date."""
        return self._request.client.edits.applies and self.of_session(session_id) is not None

    @property
    def open_sessions(self) -> list[str]:
        """The sessions whose files are open, in the order in which they were opened."""
        return [file.session_id for file in self._open.values()]

    # -- events ----------------------------------------------------------------------------------------------------

    def document_opened(self, uri: str) -> None:
        session_id, key = self._files.session_of(uri), uris.uri_key(uri)
        if session_id is None or key in self._open:
            return
        opened = self._open[key] = OpenFile(uri, session_id)
        opened.wake.set()
        opened.worker = asyncio.create_task(self._keep(opened), name="session file")

    def document_closed(self, uri: str) -> None:
        if (closed := self._open.pop(uris.uri_key(uri), None)) is not None and closed.worker is not None:
            closed.worker.cancel()

    def document_changed(self, uri: str) -> None:
        if (opened := self.of(uri)) is not None and opened.behind:
            self._wake(opened, _EVENT_GAP)

    def document_saved(self, uri: str) -> None:
        self.document_changed(uri)

    def on_notice(self, notice: Notice) -> None:
        """Handle a notice of the feed."""
        if isinstance(notice, Delta | EventNotice):
            session_id = notice.session_id if isinstance(notice, Delta) else notice.event.session_id
            for opened in self._open.values():
                if opened.session_id == session_id:
                    self._note(opened, notice)
        elif notice.session is None:
            if (gone := self.of_session(notice.session_id)) is not None:
                self._show_message(
                    f"The session of {Path(uris.path_of(gone.uri)).name} was deleted. Keep or remove the file as you like."
                )
            else:
                job = asyncio.get_running_loop().run_in_executor(None, self._files.remove, notice.session_id)
                job.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _note(self, opened: OpenFile, notice: Delta | EventNotice) -> None:
        if isinstance(notice, Delta):
            self._wake(opened, _TEXT_GAP)
            return
        if isinstance(event := notice.event, ev.PermissionAnswered):
            words = {"once": "Allowed once", "session": "Allowed for this session", "deny": "Denied"}[event.decision]
            by = f" by {event.by.name}" if isinstance(event.by, Participant) else ""
            opened.answers[event.request_id] = f"*{words}{by}.*"
        self._wake(opened, _EVENT_GAP)

    def _wake(self, opened: OpenFile, gap: float) -> None:
        opened.gap = min(gap, opened.gap) if opened.wake.is_set() else gap
        opened.behind = True
        opened.wake.set()

    # -- creating --------------------------------------------------------------------------------------------------------

    async def create(self, session: Session) -> Path:
        """The session's file. If there is none yet, writes it with the newest messages and a heading for the next one."""
        path = await asyncio.to_thread(self._files.path, session)
        if not await asyncio.to_thread(path.exists):
            page = await self._sessions.history(session.id, limit=PAGE)
            text = await asyncio.to_thread(self._new, session, page.messages, more=page.more)
            with contextlib.suppress(FileExistsError):  # another editor was faster
                await asyncio.to_thread(self._files.create, path, text)
        return path

    async def add_to_draft(self, session: Session, reference: str) -> tuple[Path, Position]:
        """Add a reference to the next message in the session's file, and return the position after it.

        Raises `NotPermitted` if the file cannot be changed now.
        """
        path = await self.create(session)
        opened = self.of_session(session.id)
        for _ in range(_TRIES):
            buffer = None if opened is None else self._request.editor.buffer(opened.uri)
            text = await (
                asyncio.to_thread(self._files.read, path) if opened is None or buffer is None else self._base(opened, buffer)
            )
            if text is None:
                break
            found = await asyncio.to_thread(parse, text, session.id)
            edits = plan_reference(found, reference)
            after = apply(text, edits)
            if not edits or (
                await asyncio.to_thread(self._files.replace, path, text, after)
                if opened is None or buffer is None
                else await self.edit(opened, text, buffer.version, edits)
            ):
                return path, Lines(after, self._request.editor.encoding).position(end_of_draft(parse(after, session.id)))
            await asyncio.sleep(_RETRY)
        raise NotPermitted(f"{path.name} cannot be changed now.", hint="Save the file, and try again.")

    def _new(self, session: Session, messages: Sequence[Message], *, more: bool) -> str:
        text = head(session, earlier=more) + f"{next_heading(session.id, new_nonce())}\n\n"
        nobody = Participant(id="", name="")
        while edits := plan(parse(text, session.id), session, messages, nobody):  # the second round adds questions
            text = apply(text, edits)
        return text

    # -- updating ---------------------------------------------------------------------------------------------------------

    async def _keep(self, opened: OpenFile) -> None:
        try:
            async with self._sessions.following(opened.session_id):
                while True:
                    await opened.wake.wait()
                    await asyncio.sleep(opened.gap)
                    opened.wake.clear()
                    await self._update(opened)
        except SessionlsError as error:
            self._open.pop(uris.uri_key(opened.uri), None)
            self._show_message(f"{Path(uris.path_of(opened.uri)).name} cannot be updated. {error.message} {error.hint}")
        except Exception:
            self._open.pop(uris.uri_key(opened.uri), None)
            log.exception("A session file could not be kept up to date")

    async def _update(self, opened: OpenFile) -> None:
        for _ in range(_TRIES):
            buffer = self._request.editor.buffer(opened.uri)
            if buffer is None:
                return
            text = await self._base(opened, buffer)
            if text is None:
                return  # there are unsaved changes; the update continues when they are saved
            found = await asyncio.to_thread(parse, text, opened.session_id)
            session = await self._sessions.get(opened.session_id)
            messages = await self._messages(session, found)
            edits = await asyncio.to_thread(self._plan, opened, found, session, messages)
            if not edits:
                opened.behind = False
                self._after(opened, session, found)
                return
            if await self.edit(opened, text, buffer.version, edits):
                opened.sent = None
            else:
                await asyncio.sleep(_RETRY)
        log.warning("A session file could not be changed; it is tried again after the next change")

    def _plan(self, opened: OpenFile, found: SessionText, session: Session, messages: Sequence[Message]) -> Sequence[Replacement]:
        return plan(found, session, messages, self._sessions.participant, answers=opened.answers, sent=opened.sent)

    def _after(self, opened: OpenFile, session: Session, found: SessionText) -> None:
        at = asyncio.get_running_loop().time()
        opened.shown = {request_id: opened.shown.get(request_id, at) for request_id in found.questions}
        offered = (session.state, session.replying, session.stopped, session.agent, *opened.shown, found.newest)
        if offered != opened.offered:
            opened.offered = offered
            self._changed()

    async def _messages(self, session: Session, found: SessionText) -> list[Message]:
        """The messages that the file may lack: from its newest one on."""
        page = await self._sessions.history(session.id, limit=_RECENT if found.sections else PAGE)
        messages = page.messages
        needed = set(list(found.writing)[-1:])  # only the newest reply can still grow
        while page.more and messages and found.sections:
            here = {message.id for message in messages}
            if (messages[0].seq <= found.newest and needed <= here) or len(messages) > 500:
                break
            page = await self._sessions.history(session.id, before=messages[0].id, limit=PAGE)
            messages = [*page.messages, *messages]
        return list(messages)

    async def earlier(self, uri: str) -> bool:
        """Put earlier messages before the first one of the file. Returns whether it succeeded."""
        opened = self.of(uri)
        buffer = self._request.editor.buffer(uri)
        if opened is None or buffer is None or (text := await self._base(opened, buffer)) is None:
            return False
        found = await asyncio.to_thread(parse, text, opened.session_id)
        first = found.sections[0].message_id if found.sections else None
        page = await self._sessions.history(opened.session_id, before=first, limit=PAGE)
        session = await self._sessions.get(opened.session_id)
        edits = await asyncio.to_thread(lambda: plan_earlier(found, session, page.messages, more=page.more))
        return not edits or await self.edit(opened, text, buffer.version, edits)

    # -- writing ---------------------------------------------------------------------------------------------------------

    async def _base(self, opened: OpenFile, buffer: Buffer) -> str | None:
        """The text to edit: the buffer's. None if edits go to the file, but the buffer has unsaved changes."""
        if self._request.client.edits.applies:
            return buffer.text
        on_disk = await asyncio.to_thread(self._files.read, self._path(opened))
        if on_disk == buffer.text:
            return on_disk
        if opened.written is not None and opened.written == (buffer.version, on_disk):
            return on_disk  # the editor has not yet read our last edit, and nobody has typed since
        return None

    async def edit(self, opened: OpenFile, text: str, version: int | None, edits: Sequence[Replacement]) -> bool:
        """Make the edits in the buffer, or in the file if the editor cannot apply edits. Returns whether it succeeded."""
        if not self._request.client.edits.applies:
            after = apply(text, edits)
            done = await asyncio.to_thread(self._files.replace, self._path(opened), text, after)
            if done:
                opened.written = (version, after)
            return done
        editor = self._request.editor
        lines = Lines(text, editor.encoding)
        made = [(Range(start=lines.position(edit.start), end=lines.position(edit.end)), edit.new) for edit in edits]
        buffer = editor.buffer(opened.uri)
        if buffer is None or buffer.text != text:
            return False
        outcome = await editor.apply("sessionls", [DocumentChange(buffer.uri, version=buffer.version, edits=made)])
        if outcome.applied:
            await self._reported(opened, apply(text, edits))
        return outcome.applied

    async def _reported(self, opened: OpenFile, expected: str) -> None:
        """Wait until the editor has reported the whole change, because the next edits are based on its text.

        Neovim reports the first of several edits at once and the others 150 ms later. A person may type meanwhile.
        """
        for _ in range(100):
            buffer = self._request.editor.buffer(opened.uri)
            if buffer is None or buffer.text == expected:
                return
            await asyncio.sleep(0.01)  # editors report changes at any time

    def _path(self, opened: OpenFile) -> Path:
        return Path(uris.to_path(opened.uri) or "")
