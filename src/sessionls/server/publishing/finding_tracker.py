"""Findings in the editor's list of problems: shown where their code is now, and `fixed` when it is gone.

Known here are the open findings of the sessions of the open folders, and where each one's code is. A text is looked at again when
it changes: an open buffer a moment after an edit, a file when the client says that it changed on disk. Code that is gone from a
buffer is not shown; the finding is `fixed` only when that text is also the one on disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lsprotocol import types as lsp

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.events import Edited
from sessionls.domain.model import Finding, Range
from sessionls.ports.editor import Buffer
from sessionls.ports.store import EventNotice, Notice, SessionNotice
from sessionls.sessions.workspace.anchors import Places
from sessionls.sessions.workspace.files import LARGEST
from sessionls.sessions.workspace.positions import Encoding
from sessionls.sessions.workspace.workspace import Workspace

if TYPE_CHECKING:
    from sessionls.ports.editor import Editor
    from sessionls.server.editor.file_watchers import Watching
    from sessionls.sessions.service import Sessions

__all__ = ["GONE", "SOURCE", "Findings", "Shown", "to_lsp"]

log = logging.getLogger("sessionls")

SOURCE = "sessionls"
GONE = "Its code was changed."
"""Why a finding is fixed by itself."""

_EDIT_GAP = 0.15  # seconds after an edit before the text is looked at
_FEED_GAP = 0.05  # seconds after a change of a session before the store is asked
_AGAIN = 5.0  # seconds until what failed is tried again
_BODY = 600  # characters of a finding's body in the message of its diagnostic


Comparable = tuple[tuple[int | str, ...], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding and the range in which its code is now."""

    finding: Finding
    range: Range


@dataclass
class _Document:
    """The findings of one document: those that are open, those that became fixed here by themselves, and where they are.

    `published` is what the client was told last: under which URI, and which diagnostics.
    """

    open: dict[str, Finding] = field(default_factory=dict)
    gone: dict[str, Finding] = field(default_factory=dict)
    places: dict[str, Range] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    published: tuple[str, Comparable] | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    """`settled`: it is what is on disk."""

    uri: str
    text: str
    version: int | None
    settled: bool


class Findings:
    """`notify` sends a notification; `watching` asks the client to watch files on disk."""

    def __init__(
        self,
        sessions: Sessions,
        editor: Editor,
        notify: Callable[[str, Any], None],
        watching: Watching | None = None,
    ) -> None:
        self._sessions = sessions
        self._editor = editor
        self._workspace = Workspace(editor)
        self._notify = notify
        self._watching = watching
        self._documents: dict[str, _Document] = {}
        self._buffers: dict[str, str] = {}  # the URIs of open documents as the client spells them
        self._saved: dict[str, int | None] = {}  # the version that was saved last
        self._states: dict[str, str] = {}  # of the sessions that were heard of
        self._rev: int | None = None
        self._stale = False
        self._all = True  # whether all findings are to be asked for, and not only what changed
        self._due: dict[str, bool] = {}  # documents to look at, and whether to look at the disk, too
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    # -- life ------------------------------------------------------------------------------------------------------------

    def start(self, opened: Iterable[str]) -> None:
        """Show what is known, in the background. `opened` are the documents that are open already."""
        for uri in opened:
            self._buffers[uris.uri_key(uri)] = uri
        self._worker = asyncio.create_task(self._work(), name="findings")
        self.reload()

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        if self._watching is not None:
            self._watching.close()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    # -- what happens ----------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Ask for all findings again: the open folders are others."""
        self._all = True
        self._refresh_soon(0)

    def on_notice(self, notice: Notice) -> None:
        """Take a notice of the feed: every change of a finding is a change of its session."""
        if isinstance(notice, EventNotice) and isinstance(notice.event, Edited) and notice.event.applied:
            self._look_at(uris.uri_key(notice.event.uri), disk=True)
        if not isinstance(notice, SessionNotice):
            return
        state = "deleted" if notice.session is None else notice.session.state
        hidden = state in ("deleted", "archived")
        before = self._states.get(notice.session_id)
        self._states[notice.session_id] = state
        if hidden != (before in ("deleted", "archived")) or before is None:
            self._all = True  # its findings come or go, whenever they last changed
        self._refresh_soon(_FEED_GAP)

    def opened(self, uri: str) -> None:
        key = uris.uri_key(uri)
        self._buffers[key] = uri
        if not self._editor.folders:
            self.reload()
        self._look_at(key)

    def changed(self, uri: str) -> None:
        key = uris.uri_key(uri)
        if key in self._documents and key not in self._timers:
            self._timers[key] = asyncio.get_running_loop().call_later(_EDIT_GAP, self._on_time, key)

    def saved(self, uri: str) -> None:
        key = uris.uri_key(uri)
        buffer = self._editor.buffer(uri)
        self._saved[key] = None if buffer is None else buffer.version
        self._look_at(key, disk=True)

    def closed(self, uri: str) -> None:
        key = uris.uri_key(uri)
        self._buffers.pop(key, None)
        self._saved.pop(key, None)
        self._look_at(key, disk=True)

    def changed_on_disk(self, changed: Iterable[str]) -> None:
        for uri in changed:
            self._look_at(uris.uri_key(uri), disk=True)

    # -- what is asked ---------------------------------------------------------------------------------------------------

    def at(self, uri: str, range_: Range) -> list[Shown]:
        """The findings shown in that document that touch the range."""
        document = self._documents.get(uris.uri_key(uri))
        return [] if document is None else [one for one in document.shown if _touch(one.range, range_)]

    def now(self, finding: Finding) -> Finding:
        """The finding with the range in which its code is now, where that is known."""
        document = self._documents.get(uris.uri_key(finding.uri))
        place = None if document is None else document.places.get(finding.id)
        return finding if place is None or finding.state != "open" else finding.model_copy(update={"range": place})

    # -- working ---------------------------------------------------------------------------------------------------------

    def _refresh_soon(self, seconds: float) -> None:
        if "" not in self._timers:
            self._timers[""] = asyncio.get_running_loop().call_later(seconds, self._on_time, "")

    def _on_time(self, key: str) -> None:
        del self._timers[key]
        if key:
            self._look_at(key)
        else:
            self._stale = True
            self._wake.set()

    def _look_at(self, key: str, *, disk: bool = False) -> None:
        if key in self._documents:
            self._due[key] = disk or self._due.get(key, False)
            self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._stale:
                    self._stale = False
                    await self._refresh()
                while self._due:
                    await self._look_next()
            except Exception as error:
                if not isinstance(error, SessionlsError):
                    log.exception("The findings could not be shown")
                self._all = True
                self._refresh_soon(_AGAIN)

    async def _look_next(self) -> None:
        key = next(iter(self._due))
        disk = self._due.pop(key)
        try:
            await self._look(key, disk=disk)
        except Exception:
            self._due[key] = disk  # to be tried again, after the others
            raise

    async def _refresh(self) -> None:
        """Take over what the store knows that is not known here."""
        whole, self._all = self._all, False
        self._rev, found = await self._sessions.changed_findings(None if whole else self._rev)
        if whole:
            listed = {finding.id for finding in found}
            for key, document in self._documents.items():
                if dropped := [known for known in document.open if known not in listed]:
                    for finding_id in dropped:
                        del document.open[finding_id]
                    self._due.setdefault(key, False)
        for finding in found:
            self._take(finding)
        if self._watching is None:
            return
        self._watching([next(iter(each.values())).uri for one in self._documents.values() if (each := {**one.open, **one.gone})])

    def _take(self, finding: Finding) -> None:
        key = uris.uri_key(finding.uri)
        if key not in self._buffers and not self._editor.folders:
            return  # with no folder open, only what is open counts
        document = self._documents.setdefault(key, _Document())
        if finding.state == "open":
            document.gone.pop(finding.id, None)
            if document.open.get(finding.id) == finding:
                return
            document.open[finding.id] = finding
            self._due[key] = self._due.get(key, False) or key not in self._buffers
        else:
            document.open.pop(finding.id, None)
            if finding.state == "dismissed":
                document.gone.pop(finding.id, None)
            self._due.setdefault(key, False)

    async def _look(self, key: str, *, disk: bool) -> None:
        """Find the document's findings in its text, show them, and settle those whose code went or came back."""
        document = self._documents[key]
        known = sorted({**document.gone, **document.open}.values(), key=lambda one: one.range.start.line)
        text = await self._text(key, known[0].uri, disk=disk) if known else None
        if text is None:
            document.shown = []
            self._publish(document, known[0].uri if known else "", None)
            if not known:
                del self._documents[key]
            return
        wanted = [(finding, document.places.get(finding.id, finding.range)) for finding in known]
        places = await asyncio.to_thread(_locate, text.text, wanted, self._editor.encoding)
        document.places.update(places)
        document.shown = [Shown(one, places[one.id]) for one in document.open.values() if one.id in places]
        self._publish(document, text.uri, text.version)
        if text.settled:
            await self._settle(document, places)

    async def _settle(self, document: _Document, places: Mapping[str, Range]) -> None:
        for finding in [one for one in document.open.values() if one.id not in places]:
            document.gone[finding.id] = document.open.pop(finding.id)
            await self._sessions.update_finding(finding.id, "fixed", reason=GONE)
        for finding in [one for one in document.gone.values() if one.id in places]:
            del document.gone[finding.id]
            if not any(_same(finding, one) and places.get(one.id) == places[finding.id] for one in document.open.values()):
                await self._sessions.update_finding(finding.id, "open", reason="Its code came back.")

    async def _text(self, key: str, uri: str, *, disk: bool) -> _Text | None:
        """The document's text now; None where it cannot be read here."""
        buffer = self._buffer(key)
        if buffer is not None and not disk:
            return _Text(buffer.uri, buffer.text, buffer.version, settled=self._is_saved(key, buffer))
        try:
            document = await self._workspace.read(buffer.uri if buffer is not None else uri, limit=LARGEST)
        except NotPermitted:
            return None
        except InvalidParams:
            return _Text(uri, "", None, settled=True) if await self._is_missing(uri) else None
        if not document.buffer:
            return _Text(uri, document.text, None, settled=True)
        buffer = self._buffer(key)
        saved = not document.dirty or (buffer is not None and self._is_saved(key, buffer) and buffer.version == document.version)
        return _Text(document.uri, document.text, document.version, settled=saved)

    def _buffer(self, key: str) -> Buffer | None:
        return None if (uri := self._buffers.get(key)) is None else self._editor.buffer(uri)

    def _is_saved(self, key: str, buffer: Buffer) -> bool:
        return buffer.version is not None and self._saved.get(key) == buffer.version

    async def _is_missing(self, uri: str) -> bool:
        """Whether the file was deleted: it is not there, and its folder is."""
        try:
            place = await self._workspace.resolve(uri)
        except SessionlsError:
            return False
        return await asyncio.to_thread(lambda: not os.path.lexists(place.path) and place.root.is_dir())

    # -- showing ---------------------------------------------------------------------------------------------------------

    def _publish(self, document: _Document, uri: str, version: int | None) -> None:
        shown = sorted(document.shown, key=lambda one: (one.range.start.line, one.range.start.character, one.finding.id))
        diagnostics = [_diagnostic(one) for one in shown]
        # lsprotocol's own classes are not compared: they are imported without that, for speed.
        now = tuple(sorted(map(_comparable, diagnostics)))
        before = document.published
        if before is not None and before[0] != uri and before[1]:  # it is called by another name now
            self._send(before[0], [], None)
        # At first there may still be on show what the process before this one told: that nothing is left is told as well.
        told = None if before is None else before[1] if before[0] == uri else ()
        if uri and now != told:
            self._send(uri, diagnostics, version)
        document.published = (uri, now)

    def _send(self, uri: str, diagnostics: Sequence[lsp.Diagnostic], version: int | None) -> None:
        params = lsp.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=version)
        self._notify(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)


def _locate(text: str, wanted: Sequence[tuple[Finding, Range]], encoding: Encoding) -> dict[str, Range]:
    places = Places(text, encoding)
    found: dict[str, Range] = {}
    for finding, near in sorted(wanted, key=lambda one: one[1].start.line):
        place = near if finding.anchor is None else places.locate(finding.anchor, near)
        if place is not None:
            found[finding.id] = place
    return found


def _same(one: Finding, other: Finding) -> bool:
    return one.rule == other.rule if one.rule else one.title == other.title


def _diagnostic(shown: Shown) -> lsp.Diagnostic:
    finding = shown.finding
    body = finding.body if len(finding.body) <= _BODY else f"{finding.body[:_BODY]}…"
    return lsp.Diagnostic(
        range=to_lsp(shown.range),
        severity=lsp.DiagnosticSeverity(finding.severity),
        source=SOURCE,
        code=finding.rule,
        code_description=_page(finding.help) if finding.rule else None,
        message=f"{finding.title}\n{body}".strip(),
        data={"sessionId": finding.session_id, "findingId": finding.id},
    )


def _comparable(diagnostic: lsp.Diagnostic) -> tuple[int | str, ...]:
    """What a person sees of a diagnostic, and which finding it is."""
    start, end = diagnostic.range.start, diagnostic.range.end
    address = diagnostic.code_description.href if diagnostic.code_description else ""
    place = (start.line, start.character, end.line, end.character, int(diagnostic.severity or 0))
    data: Any = diagnostic.data
    return (*place, str(diagnostic.code), diagnostic.message, address, *(str(value) for value in data.values()))


def to_lsp(range_: Range) -> lsp.Range:
    return lsp.Range(
        start=lsp.Position(line=range_.start.line, character=range_.start.character),
        end=lsp.Position(line=range_.end.line, character=range_.end.character),
    )


def _page(address: str | None) -> lsp.CodeDescription | None:
    if address is None or urlsplit(address).scheme not in ("http", "https"):
        return None
    return lsp.CodeDescription(href=address)


def _touch(one: Range, other: Range) -> bool:
    def key(place: Any) -> tuple[int, int]:
        return place.line, place.character

    return key(one.start) <= key(other.end) and key(other.start) <= key(one.end)
