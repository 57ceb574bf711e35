"""The `Editor` port over LSP: open buffers as the client has them, workspace folders, the negotiated encoding."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lsprotocol import types as lsp
from pygls.workspace import TextDocument, Workspace

from sessionls.domain import uris
from sessionls.domain.model import Range
from sessionls.domain.permission import Answer, Question
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.server.editor.convert import range_from_lsp
from sessionls.server.editor.document_events import DocumentListener
from sessionls.server.editor.permission_prompts import Typing, ask
from sessionls.server.editor.workspace_edits import change_documents
from sessionls.server.schema.params import Saved, SaveParams
from sessionls.sessions.workspace.file_edits import write_changes
from sessionls.sessions.workspace.positions import Encoding, Lines

if TYPE_CHECKING:
    from sessionls.server.editor.capabilities import Client
    from sessionls.server.transport.protocol import SessionProtocol

__all__ = ["Documents", "LspEditor"]

log = logging.getLogger("sessionls")

_SAVE_SECONDS = 30.0  # that an editor may take, with the formatters that it runs
_DIAGNOSED_DOCUMENTS = 500  # documents whose diagnostics are kept
_DIAGNOSTICS = 500  # of one document


class Documents(Workspace):
    """pygls' documents, changed exactly as the specification says.

    pygls treats form feeds, U+2028 and others as line ends, and loses a character if a change begins past the end of the last
    line: the text would differ from the editor's.
    """

    @classmethod
    def copy_of(cls, other: Workspace) -> Documents:
        return cls(other.root_uri, lsp.TextDocumentSyncKind.Incremental, list(other.folders.values()), other.position_encoding)

    def __init__(self, *arguments: Any) -> None:
        self._spellings: dict[str, str] = {}  # of each open document, the key that pygls has for it
        super().__init__(*arguments)

    @property
    def encoding(self) -> Encoding:
        return lsp.PositionEncodingKind(self.position_encoding or "utf-16").value

    def put_text_document(self, text_document: lsp.TextDocumentItem, notebook_uri: str | None = None) -> None:
        super().put_text_document(text_document, notebook_uri)
        self._spellings[uris.uri_key(text_document.uri)] = unquote(text_document.uri)

    def remove_text_document(self, doc_uri: str) -> None:
        super().remove_text_document(doc_uri)
        if self._spellings.get(key := uris.uri_key(doc_uri)) == unquote(doc_uri):
            del self._spellings[key]

    def find(self, uri: str) -> TextDocument | None:
        """The open document with that URI, in any spelling of it."""
        open_: Mapping[str, TextDocument] = self.text_documents
        document = open_.get(unquote(uri))
        return document if document is not None else open_.get(self._spellings.get(uris.uri_key(uri), ""))

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> TextDocument:
        return _Document(
            doc_uri, source=source, version=version, language_id=language_id, position_codec=self.position_codec
        ).in_encoding(self.encoding)


class _Document(TextDocument):
    _encoding: Encoding = "utf-16"

    def in_encoding(self, encoding: Encoding) -> _Document:
        self._encoding = encoding
        return self

    def _apply_incremental_change(self, change: lsp.TextDocumentContentChangePartial) -> None:
        text = self._source or ""
        lines = Lines(text, self._encoding)
        range_ = range_from_lsp(change.range)
        start = lines.offset(range_.start)
        end = max(start, lines.offset(range_.end))
        self._source = text[:start] + change.text + text[end:]


class LspEditor(DocumentListener):
    """The client's editor, as the client describes it. Reads nothing from disk."""

    def __init__(self, documents: Documents, protocol: SessionProtocol, client: Client) -> None:
        self._documents = documents
        self._protocol = protocol
        self._client = client
        self._diagnostics: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        self._editing: set[str] = set()  # documents that are being edited for an agent
        self.typing = Typing()
        self.shows_session: Callable[[str], bool] = lambda _: False
        """Whether a session's file is open in the editor, where its questions can be read and answered."""

    @property
    def encoding(self) -> Encoding:
        return self._documents.encoding

    @property
    def folders(self) -> Sequence[str]:
        """The workspace folders; for a client without them, its root."""
        folders = [folder.uri for folder in self._documents.folders.values()]
        return folders or ([self._documents.root_uri] if self._documents.root_uri else [])

    def buffer(self, uri: str) -> Buffer | None:
        document = self._documents.find(uri)
        if document is None:
            return None
        # Some editors send every line end as a line feed. None of those can save for us.
        return Buffer(document.uri, document.source, document.version, document.language_id, line_ends=self._client.saves)

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:
        """The diagnostics that the client sent last. (A server cannot ask a client for those of other servers.)"""
        return self._diagnostics.get(uris.uri_key(uri), ())

    def document_changed(self, uri: str) -> None:
        if uris.uri_key(uri) not in self._editing:  # otherwise it is our own edit, not a person typing
            self.typing.typed()

    def document_closed(self, uri: str) -> None:
        """Drop the diagnostics of the document: the client no longer reports them."""
        self._diagnostics.pop(uris.uri_key(uri), None)

    def record_diagnostics(self, uri: str, diagnostics: Sequence[Mapping[str, Any]], within: Range | None = None) -> None:
        """Keep the diagnostics that the client sent: all of the document, or those that touch a range of it."""
        key = uris.uri_key(uri)
        kept = [] if within is None else [item for item in self._diagnostics.get(key, ()) if not _touches(item, within)]
        # Our own come back with every code action; findings are asked for separately.
        kept += [dict(item) for item in diagnostics if item.get("source") != "sessionls"]
        self._diagnostics[key] = kept[:_DIAGNOSTICS]
        self._diagnostics.move_to_end(key)
        while len(self._diagnostics) > _DIAGNOSED_DOCUMENTS:
            self._diagnostics.popitem(last=False)

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:
        on_disk = [change for change in changes if self._writes_file(change, confirm=confirm)]
        in_editor = [change for change in changes if change not in on_disk]
        if in_editor:
            # These first: the editor may refuse them, and then nothing must have changed.
            edited = {uris.uri_key(change.uri) for change in in_editor}
            self._editing |= edited
            try:
                outcome = await change_documents(self._protocol, self._client, self.buffer, label, in_editor, confirm=confirm)
            finally:
                self._editing -= edited
            if not outcome.applied or not on_disk:
                return outcome
        if on_disk:
            folders = [Path(path) for uri in self.folders if (path := uris.to_path(uri)) is not None]
            return await asyncio.shield(asyncio.to_thread(write_changes, folders, on_disk, self.encoding))
        return EditOutcome(applied=True)

    def _writes_file(self, change: DocumentChange, *, confirm: bool) -> bool:
        """Whether to write a file that is not open directly to disk.

        A client that cannot save on request would leave the edit in a hidden buffer that nobody sees and no program reads. If
        the person is to confirm the change in the editor, it goes through the editor anyway.
        """
        support = self._client.edits
        if self._client.saves or not support.applies or (confirm and support.annotations):
            return False
        written = change.kind == "edit" or (change.kind == "create" and support.creates)
        return written and self.buffer(change.uri) is None

    def open_documents(self) -> Sequence[str]:
        return [document.uri for document in self._documents.text_documents.values()]

    async def save(self, uris: Sequence[str]) -> frozenset[str]:
        if not self._client.saves:
            return frozenset()
        buffers = {uri: self.buffer(uri) for uri in uris}
        versions = {uri: buffer.version for uri, buffer in buffers.items() if buffer is not None and buffer.version is not None}
        params = SaveParams(uris=list(uris), versions=versions or None)
        try:
            async with asyncio.timeout(_SAVE_SECONDS):
                answer: Saved = await self._protocol.ask_client("document/save", params)
        except Exception as error:  # noqa: BLE001  # whatever the client answers, the documents are then not saved
            log.warning("The client did not save documents: %s", error)
            return frozenset()
        return frozenset(answer.saved) & frozenset(uris)

    async def ask(self, question: Question) -> Answer | None:
        shown = self.shows_session(question.session_id)
        return await ask(self._protocol, self._client, self.typing, question, shown=shown)


def _touches(diagnostic: Mapping[str, Any], within: Range) -> bool:
    """Whether a diagnostic has a line in common with a range."""
    try:
        lines = diagnostic["range"]["start"]["line"], diagnostic["range"]["end"]["line"]
        return bool(lines[0] <= within.end.line and lines[1] >= within.start.line)
    except (KeyError, TypeError):
        return True
