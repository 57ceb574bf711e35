"""Where the code of each open finding is now; a finding is `fixed` when its code is gone.

The tracker knows the open findings of the sessions of the open folders, and the current range of each. It checks a document
again when its text changes: a buffer shortly after an edit, a file when the client says that it changed on disk. A finding whose
code is gone from a buffer is not shown; it becomes `fixed` only when the file on disk has the same text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.domain.events import Edited
from sessionls.domain.model import Finding, Range
from sessionls.ports.store import EventNotice, Notice, SessionNotice
from sessionls.server.editor.document_events import DocumentListener
from sessionls.server.publishing.document_texts import DocumentTexts
from sessionls.server.publishing.finding_diagnostics import DiagnosticsPublisher, LocatedFinding
from sessionls.sessions.workspace.anchors import AnchorIndex
from sessionls.sessions.workspace.positions import Encoding

if TYPE_CHECKING:
    from sessionls.ports.editor import Editor
    from sessionls.server.editor.disk_watcher import DiskWatcher
    from sessionls.server.editor.file_watchers import FileWatchers
    from sessionls.sessions.service import Sessions

__all__ = ["CODE_CHANGED", "FindingTracker"]

log = logging.getLogger("sessionls")

CODE_CHANGED = "Its code was changed."
"""The reason of a finding that was fixed because its code is gone."""
_CODE_RETURNED = "Its code came back."

_EDIT_DELAY = 0.15  # seconds from an edit until the document is checked
_FEED_DELAY = 0.05  # seconds from a change of a session until the store is asked
_RETRY_DELAY = 5.0  # seconds until something that failed is tried again


@dataclass
class _Document:
    """The findings of one document: the open ones, those whose code is gone, and the current range of each."""

    open: dict[str, Finding] = field(default_factory=dict)
    gone: dict[str, Finding] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)
    located: list[LocatedFinding] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        return sorted({**self.gone, **self.open}.values(), key=lambda finding: finding.range.start.line)


class FindingTracker(DocumentListener):
    """`watchers` watches files on disk, or asks the client to."""

    def __init__(
        self,
        sessions: Sessions,
        editor: Editor,
        publisher: DiagnosticsPublisher,
        watchers: FileWatchers | DiskWatcher | None = None,
    ) -> None:
        self._sessions = sessions
        self._editor = editor
        self._texts = DocumentTexts(editor)
        self._publisher = publisher
        self._watchers = watchers
        self._documents: dict[str, _Document] = {}
        self._states: dict[str, str] = {}  # the last known state of each session
        self._rev: int | None = None
        self._reload_all = True  # whether the next refresh asks for all findings, and not only for those that changed
        self._refresh_needed = False
        self._refresh_timer: asyncio.TimerHandle | None = None
        self._queue: dict[str, bool] = {}  # documents to check, and whether to compare the buffer with the file
        self._edit_timers: dict[str, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    # -- life cycle ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load and show the findings in the background."""
        self._worker = asyncio.create_task(self._work(), name="findings")
        self.reload()

    async def close(self) -> None:
        if self._refresh_timer is not None:
            self._refresh_timer.cancel()
        for timer in self._edit_timers.values():
            timer.cancel()
        if self._watchers is not None:
            self._watchers.close()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    # -- queries ---------------------------------------------------------------------------------------------------------

    def at(self, uri: str, range_: Range) -> list[LocatedFinding]:
        """The findings shown in that document that touch the range."""
        document = self._documents.get(uris.uri_key(uri))
        return [] if document is None else [located for located in document.located if located.range.touches(range_)]

    def with_current_range(self, finding: Finding) -> Finding:
        """The finding with the range in which its code is now, if that is known."""
        document = self._documents.get(uris.uri_key(finding.uri))
        range_ = None if document is None else document.ranges.get(finding.id)
        return finding if range_ is None or finding.state != "open" else finding.model_copy(update={"range": range_})

    # -- notices ---------------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Ask for all findings again: the open folders have changed."""
        self._reload_all = True
        self._refresh_soon(0)

    def on_notice(self, notice: Notice) -> None:
        """Handle a notice of the feed: every change of a finding is a change of its session."""
        if isinstance(notice, EventNotice) and isinstance(notice.event, Edited) and notice.event.applied:
            self._check_soon(uris.uri_key(notice.event.uri), compare_disk=True)
        if not isinstance(notice, SessionNotice):
            return
        state = "deleted" if notice.session is None else notice.session.state
        hidden = state in ("deleted", "archived")
        before = self._states.get(notice.session_id)
        self._states[notice.session_id] = state
        if hidden != (before in ("deleted", "archived")) or before is None:
            self._reload_all = True  # all its findings appear or disappear, whenever they last changed
        self._refresh_soon(_FEED_DELAY)

    def document_opened(self, uri: str) -> None:
        if not self._editor.folders:
            self.reload()
        self._check_soon(uris.uri_key(uri))

    def document_changed(self, uri: str) -> None:
        key = uris.uri_key(uri)
        if key in self._documents and key not in self._edit_timers:
            self._edit_timers[key] = asyncio.get_running_loop().call_later(_EDIT_DELAY, self._on_edit_timer, key)

    def document_saved(self, uri: str) -> None:
        self._texts.saved(uri)
        self._check_soon(uris.uri_key(uri), compare_disk=True)

    def document_closed(self, uri: str) -> None:
        self._texts.closed(uri)
        self._check_soon(uris.uri_key(uri), compare_disk=True)

    def files_changed(self, changed: Iterable[str]) -> None:
        for uri in changed:
            self._check_soon(uris.uri_key(uri), compare_disk=True)

    # -- the worker ------------------------------------------------------------------------------------------------------

    def _refresh_soon(self, seconds: float) -> None:
        if self._refresh_timer is None:
            self._refresh_timer = asyncio.get_running_loop().call_later(seconds, self._on_refresh_timer)

    def _on_refresh_timer(self) -> None:
        self._refresh_timer = None
        self._refresh_needed = True
        self._wake.set()

    def _on_edit_timer(self, key: str) -> None:
        del self._edit_timers[key]
        self._check_soon(key)

    def _check_soon(self, key: str, *, compare_disk: bool = False) -> None:
        if key in self._documents:
            self._queue[key] = compare_disk or self._queue.get(key, False)
            self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._refresh_needed:
                    self._refresh_needed = False
                    await self._refresh()
                while self._queue:
                    await self._check_next()
            except Exception as error:
                if not isinstance(error, SessionlsError):
                    log.exception("The findings could not be shown")
                self._reload_all = True
                self._refresh_soon(_RETRY_DELAY)

    async def _check_next(self) -> None:
        key = next(iter(self._queue))
        compare_disk = self._queue.pop(key)
        try:
            await self._check(key, compare_disk=compare_disk)
        except Exception:
            self._queue[key] = compare_disk  # try it again, after the others
            raise

    # -- findings of the store -------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        """Load the findings that are new or changed in the store."""
        everything, self._reload_all = self._reload_all, False
        self._rev, loaded = await self._sessions.changed_findings(None if everything else self._rev)
        if everything:
            self._drop_all_but({finding.id for finding in loaded})
        for finding in loaded:
            self._take(finding)
        if self._watchers is not None:
            self._watchers(findings[0].uri for document in self._documents.values() if (findings := document.findings()))

    def _drop_all_but(self, listed: set[str]) -> None:
        for key, document in self._documents.items():
            dropped = [known for known in document.open if known not in listed]
            for finding_id in dropped:
                del document.open[finding_id]
            if dropped:
                self._queue.setdefault(key, False)

    def _take(self, finding: Finding) -> None:
        key, opened = uris.uri_key(finding.uri), self._editor.buffer(finding.uri) is not None
        if not opened and not self._editor.folders:
            return  # with no folder open, only open documents count
        document = self._documents.setdefault(key, _Document())
        if finding.state == "open":
            document.gone.pop(finding.id, None)
            if document.open.get(finding.id) == finding:
                return
            document.open[finding.id] = finding
            self._queue[key] = self._queue.get(key, False) or not opened
        else:
            document.open.pop(finding.id, None)
            if finding.state == "dismissed":
                document.gone.pop(finding.id, None)
            self._queue.setdefault(key, False)

    # -- one document ----------------------------------------------------------------------------------------------------

    async def _check(self, key: str, *, compare_disk: bool) -> None:
        """Locate the document's findings in its text, show them, and update those whose code is gone or came back."""
        document = self._documents[key]
        findings = document.findings()
        if not findings:
            document.located = []
            self._publisher.withdraw(key)
            del self._documents[key]
            return
        text = await self._texts.read(findings[0].uri, compare_disk=compare_disk)
        if text is None:
            document.located = []
            self._publisher.publish(key, findings[0].uri, [], None)
            return
        wanted = [(finding, document.ranges.get(finding.id, finding.range)) for finding in findings]
        ranges = await asyncio.to_thread(_locate, text.text, wanted, self._editor.encoding)
        document.ranges.update(ranges)
        document.located = [
            LocatedFinding(finding, ranges[finding.id]) for finding in document.open.values() if finding.id in ranges
        ]
        self._publisher.publish(key, text.uri, document.located, text.version)
        if text.on_disk:
            await self._update_states(document, ranges)

    async def _update_states(self, document: _Document, ranges: Mapping[str, Range]) -> None:
        for finding in [known for known in document.open.values() if known.id not in ranges]:
            document.gone[finding.id] = document.open.pop(finding.id)
            await self._sessions.update_finding(finding.id, "fixed", reason=CODE_CHANGED)
        for finding in [known for known in document.gone.values() if known.id in ranges]:
            del document.gone[finding.id]
            if not any(
                _is_same(finding, other) and ranges.get(other.id) == ranges[finding.id] for other in document.open.values()
            ):
                await self._sessions.update_finding(finding.id, "open", reason=_CODE_RETURNED)


def _locate(text: str, wanted: Sequence[tuple[Finding, Range]], encoding: Encoding) -> dict[str, Range]:
    """The current range of each finding whose code is still in the text, by the finding's id."""
    index = AnchorIndex(text, encoding)
    ranges: dict[str, Range] = {}
    for finding, near in sorted(wanted, key=lambda item: item[1].start.line):
        range_ = near if finding.anchor is None else index.locate(finding.anchor, near)
        if range_ is not None:
            ranges[finding.id] = range_
    return ranges


def _is_same(one: Finding, other: Finding) -> bool:
    return one.rule == other.rule if one.rule else one.title == other.title
